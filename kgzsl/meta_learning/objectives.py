"""What an episode asks for: that the rows of hidden classes come out right, or that they tell these classes apart."""

from __future__ import annotations

import torch
from torch.nn import functional

from kgzsl.types import Float, Tensor

__all__ = ["HiddenRanking"]


class HiddenRanking:
    """Cross entropy of true weights against predicted ones, ``mean -log softmax(t' P / temperature)``.

    Each true row, without the mean of all, plays an image of its class and is scored by the predicted rows of the
    episode's hidden classes; all are of length one. The last number of a row, its bias, is left out of both: an image
    has none, and biases differ more than any weight, so that a learner would be busy with them.

    Args:
        temperature: of the scores, greater than 0.

    Example:
        >>> rows = torch.tensor([[1.0, 0.0, 5.0], [0.0, 1.0, -5.0]])
        >>> float(HiddenRanking(1.0).loss(rows, rows).exp())  # 1 + exp(-2 / sqrt(2))
        1.243...
    """

    def __init__(self, temperature: float = 0.05) -> None:
        self.temperature = temperature

    def loss(self, predicted: Float[Tensor, "R O"], target: Float[Tensor, "R O"]) -> Float[Tensor, ""]:
        """Return the mean over classes."""
        true = functional.normalize(target[:, :-1], dim=1)
        images = functional.normalize(true - true.mean(dim=0), dim=1)
        scores = images @ functional.normalize(predicted[:, :-1], dim=1).T / self.temperature
        return functional.cross_entropy(scores, torch.arange(len(target), device=scores.device))

"""Kernel regression whose hyper-parameters are learned from episodes, by gradients through its closed form.

The rows of hidden classes follow from those of the shown ones by one linear solve, and every step of it can be
differentiated. So widths, shares and ridge need no grid, however many kernels there are.
The same goes for how much of the mean of the shown rows a prediction keeps: what is far from all that is shown looks
like the mean, which tells no class of a hidden branch from another.

References:
    Bertinetto, Henriques, Torr, Vedaldi: Meta-Learning with Differentiable Closed-Form Solvers, ICLR 2019.
    Patacchiola, Turner, Crowley, O'Boyle, Storkey: Bayesian Meta-Learning for the Few-Shot Setting via Deep Kernels,
    NeurIPS 2020.

Deviation of both: no network is learned; with some hundreds of classes it learns them by heart (see the decision
record 0017).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from kgzsl.kernels import prediction_weights
from kgzsl.types import Float, Int, Tensor

__all__ = ["KernelLearner", "around_mean"]


class KernelLearner(nn.Module):
    """``k = sum_i share_i mean_p exp(-(1 - cos_ip) / width_i) + sum_j share_j fixed_j``, and the regression on it.

    Args:
        cosines: for each kernel with a width, the cosines of each text among the K classes.
        fixed: kernels without anything to learn, (K, K).
        widths: of the former, to begin with.
        shares: of all, to begin with; those with a width first. They sum to one.
        ridge: variance of the noise, to begin with.
        mean: how much of the mean of the shown rows is in a prediction, to begin with; 1 is plain regression.
    """

    def __init__(
        self,
        cosines: Sequence[Sequence[Float[Tensor, "K K"]]],
        fixed: Sequence[Float[Tensor, "K K"]],
        *,
        widths: Sequence[float],
        shares: Sequence[float],
        ridge: float,
        mean: float = 1.0,
    ) -> None:
        super().__init__()
        self._cosines, self._fixed = [list(texts) for texts in cosines], list(fixed)
        self.log_widths = nn.Parameter(torch.tensor(list(widths)).log())
        self.share_logits = nn.Parameter(torch.tensor(list(shares)).log())
        self.log_ridge = nn.Parameter(torch.tensor(ridge).log())
        self.log_mean = nn.Parameter(torch.tensor(mean).log())

    @property
    def widths(self) -> list[float]:
        """What was learned of the widths."""
        return [float(value) for value in self.log_widths.detach().double().exp()]

    @property
    def shares(self) -> list[float]:
        """What was learned of the shares; they sum to one."""
        return [float(value) for value in functional.softmax(self.share_logits.detach().double(), dim=0)]

    @property
    def ridge(self) -> float:
        """What was learned of the ridge."""
        return float(self.log_ridge.detach().double().exp())

    @property
    def mean(self) -> float:
        """What was learned of the share of the mean."""
        return float(self.log_mean.detach().double().exp())

    def kernel(self, rows: Int[Tensor, "R"], columns: Int[Tensor, "A"]) -> Float[Tensor, "R A"]:
        """Return how alike classes are, by their positions."""
        shares = functional.softmax(self.share_logits, dim=0)
        block = (rows[:, None], columns[None])
        parts = [
            torch.stack([torch.exp((cosine[block] - 1) / width) for cosine in texts]).mean(dim=0)
            for texts, width in zip(self._cosines, self.log_widths.exp())
        ]
        parts += [kernel[block] for kernel in self._fixed]
        return torch.stack([share * part for share, part in zip(shares, parts)]).sum(dim=0)

    def predict(
        self,
        shown: Int[Tensor, "A"],
        rows: Float[Tensor, "A O"],
        hidden: Int[Tensor, "B"],
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "B O"]:
        """Return the regression of the shown rows at the hidden classes, of length one."""
        whole = self.kernel(torch.cat([shown, hidden]), shown) / self.log_ridge.exp()
        weights = prediction_weights(whole[: len(shown)], whole[len(shown) :], 1.0)
        return functional.normalize(weights @ around_mean(rows, self.log_mean.exp()), dim=1)


def around_mean(rows: Float[Tensor, "A O"], share: Float[Tensor, ""] | float) -> Float[Tensor, "A O"]:
    """Return rows that differ as those given do, around a share of their mean.

    Example:
        >>> around_mean(torch.tensor([[1.0, 2.0], [3.0, 2.0]]), 0.5).tolist()
        [[0.0, 1.0], [2.0, 1.0]]
    """
    return rows - (1 - share) * rows.mean(dim=0)

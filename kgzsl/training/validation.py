"""How good predicted classifiers of held-out seen classes are, with no image at all."""

from __future__ import annotations

from torch.nn import functional

from kgzsl.types import Float, Tensor

__all__ = ["CRITERIA", "compare_classifiers"]

CRITERIA = ("cosine", "hit1", "reciprocal_rank")


def compare_classifiers(predicted: Float[Tensor, "R O"], target: Float[Tensor, "R O"]) -> dict[str, float]:
    """Compare predicted with true classifiers of the same held-out classes.

    Each true classifier plays the part of an image of its class and is scored by the predicted ones. Higher is better:

    - ``cosine``: mean cosine between the predicted and the true row.
    - ``hit1``: share of true rows for which the predicted row of the same class scores best.
    - ``reciprocal_rank``: mean of 1 / rank of the predicted row of the same class, ties pessimistic.

    Args:
        predicted: (R, O).
        target: (R, O), the same classes in the same order.
    """
    predicted, target = functional.normalize(predicted.float(), dim=1), functional.normalize(target.float(), dim=1)
    centred = functional.normalize(target - target.mean(dim=0), dim=1)
    scores = centred @ predicted.T  # (R images, R classes)
    own = scores.diagonal()[:, None]
    ranks = (scores >= own).sum(dim=1).clamp(min=1)
    return {
        "cosine": float((predicted * target).sum(dim=1).mean()),
        "hit1": float((ranks == 1).float().mean()),
        "reciprocal_rank": float((1.0 / ranks).mean()),
    }

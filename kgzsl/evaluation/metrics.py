"""Metrics as pure functions of ranks or hits; everything in percent, ties never in favour of a prediction.

References:
    A. Frome et al., DeViSE: A deep visual-semantic embedding model, NeurIPS 2013 (flat Hit@k).
    Y. Xian et al., Zero-shot learning: a comprehensive evaluation, TPAMI 2019 (per-class accuracy, H).
"""

from __future__ import annotations

import torch

from kgzsl.types import Array, Bool, Float, Int, Tensor

__all__ = ["chance", "harmonic_mean", "hit_macro", "hit_micro", "per_class_accuracy"]


def hit_micro(ranks: Int[Tensor, "N"], k: int) -> float:
    """Return Hit@k over images: ``100 |{i : rank_i <= k}| / N``.

    Example:
        >>> hit_micro(torch.tensor([1, 2, 3, 1]), 1)
        50.0
    """
    return 100.0 * float((ranks <= k).double().mean())


def hit_macro(ranks: Int[Tensor, "N"], labels: Int[Tensor, "N"], k: int) -> float:
    """Return Hit@k as the mean over classes of the class's own Hit@k.

    Example:
        >>> hit_macro(torch.tensor([1, 1, 1, 2]), torch.tensor([0, 0, 0, 1]), 1)
        50.0
    """
    return float(per_class_accuracy(ranks <= k, labels).mean())


def per_class_accuracy(hits: Bool[Tensor, "N"], labels: Int[Tensor, "N"]) -> Float[Array, "U"]:
    """Return the share of hits of each class that has an image, in the order of the class numbers, in percent."""
    _, number, images = torch.unique(labels, return_inverse=True, return_counts=True)
    counts = torch.zeros(len(images), dtype=torch.float64).index_add_(0, number, hits.double())
    accuracy: Array = (100.0 * counts / images).numpy()
    return accuracy


def harmonic_mean(seen: float, unseen: float) -> float:
    """Return ``H = 2 s u / (s + u)``, 0 where both are 0.

    Example:
        >>> harmonic_mean(60.0, 30.0)
        40.0
    """
    return 2 * seen * unseen / (seen + unseen) if seen + unseen else 0.0


def chance(num_candidates: int, k: int) -> float:
    """Return the Hit@k of guessing, micro and macro alike: ``100 min(k / C, 1)``.

    Example:
        >>> chance(20, 5)
        25.0
    """
    return 100.0 * min(k / num_candidates, 1.0)

"""Metrics as pure functions of ranks or hits; everything in percent, ties never in favour of a prediction.

References:
    A. Frome et al., DeViSE: A deep visual-semantic embedding model, NeurIPS 2013 (flat Hit@k).
    Y. Xian et al., Zero-shot learning: a comprehensive evaluation, TPAMI 2019 (per-class accuracy, H).
    B. Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics 1979.
"""

from __future__ import annotations

import numpy as np
import torch

from kgzsl.types import Array, Bool, Float, Int, Tensor

__all__ = [
    "bootstrap_interval",
    "chance",
    "harmonic_mean",
    "hit_macro",
    "hit_micro",
    "per_class_accuracy",
    "tolerant_hits",
    "tree_distances_of_leaders",
]

MAX_RESAMPLES = 4_000_000
"""Resampled class counts held at a time (32 MB)."""


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
    hit_counts, image_counts = _class_counts(hits, labels)
    accuracy: Array = 100.0 * hit_counts / image_counts
    return accuracy


def _class_counts(hits: Bool[Tensor, "N"], labels: Int[Tensor, "N"]) -> tuple[Array, Array]:
    """Count hits and images of each class that has an image."""
    _, number, images = torch.unique(labels, return_inverse=True, return_counts=True)
    counts = torch.zeros(len(images), dtype=torch.float64).index_add_(0, number, hits.double())
    return counts.numpy(), images.numpy()


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


def bootstrap_interval(
    hits: Bool[Tensor, "N"], labels: Int[Tensor, "N"], *, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Return the interval of micro Hit over draws of the classes with replacement.

    Each draw takes as many classes as there are and weighs each by how often it was taken (w_c):
    ``100 sum_c w_c hits_c / sum_c w_c images_c``. Images of one class rise and fall together, so an interval over
    images would be too narrow.

    Args:
        hits: (N,) which images were right.
        labels: (N,) class number of each image.
        draws: how many draws.
        seed: of the draws.
        level: share of the draws inside the interval.

    Returns:
        Lower and upper end in percent.
    """
    hit_counts, image_counts = _class_counts(hits, labels)
    num_classes = len(image_counts)
    generator = np.random.default_rng(seed)
    step = max(1, MAX_RESAMPLES // num_classes)
    shares = []
    for start in range(0, draws, step):
        count = min(step, draws - start)
        taken = generator.multinomial(num_classes, np.full(num_classes, 1 / num_classes), size=count)  # (draws, U)
        shares.append(100.0 * (taken @ hit_counts) / (taken @ image_counts))
    low, high = np.quantile(np.concatenate(shares), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def tolerant_hits(leaders: Bool[Tensor, "N C"], related: Bool[Tensor, "N C"]) -> Bool[Tensor, "N"]:
    """Tell which images are right when ancestors and descendants of the class count as the class.

    Args:
        leaders: the candidates with the best score; see `kgzsl.evaluation.ranking.leaders`.
        related: for each image the candidates that are its class, an ancestor or a descendant of it.

    Returns:
        (N,), true where every leader is related: one stranger among tied leaders makes it wrong.
    """
    return ~(leaders & ~related).any(dim=1)


def tree_distances_of_leaders(leaders: Bool[Tensor, "N C"], distances: Int[Tensor, "N C"]) -> Int[Tensor, "N"]:
    """Return the undirected distance from each image's class to its prediction; of tied ones the greatest.

    Args:
        leaders: the candidates with the best score.
        distances: for each image the distance of its class to each candidate, -1 where there is no path.

    Returns:
        (N,), -1 where a leader cannot be reached.
    """
    farthest = torch.where(leaders, distances, 0).amax(dim=1)
    lost = (leaders & (distances < 0)).any(dim=1)
    return torch.where(lost, -1, farthest)

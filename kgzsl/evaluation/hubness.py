"""Hubness: candidates that are among the best of far too many images, as happens in spaces of many dimensions.

References:
    M. Radovanovic, A. Nanopoulos, M. Ivanovic: Hubs in space: popular nearest neighbors in high-dimensional data,
    JMLR 2010.
    G. Dinu, A. Lazaridou, M. Baroni: Improving zero-shot learning by mitigating the hubness problem, ICLR workshops
    2015.
"""

from __future__ import annotations

import torch

from kgzsl.classes import ClassIndex
from kgzsl.evaluation.ranking import top_k
from kgzsl.types import Float, Int, Tensor

__all__ = ["HUB_SIZES", "Occurrences", "skewness"]

HUB_SIZES = (1, 10)
"""The k of the k best in which occurrences are counted."""


class Occurrences:
    """Counts how often each candidate is among the k best, chunk by chunk.

    Ties go to the candidate whose class id comes first, the same for every image and whatever the order of the
    candidates: a scorer that gives all the same score makes hubs.

    Args:
        index: the candidates.
        sizes: the k that are counted; those greater than the number of candidates are left out.
    """

    def __init__(self, index: ClassIndex, sizes: tuple[int, ...] = HUB_SIZES) -> None:
        self._order = torch.from_numpy(index.rows(sorted(index)))
        self._counts = {k: torch.zeros(len(index), dtype=torch.int64) for k in sizes if k < len(index)}

    def add(self, scores: Float[Tensor, "N C"]) -> None:
        """Count the k best of each image."""
        if not self._counts:
            return
        best = top_k(scores[:, self._order], max(self._counts))
        for k, counts in self._counts.items():
            counts += torch.bincount(best[:, :k].flatten(), minlength=len(counts))

    def skewness(self) -> dict[int, float]:
        """Return the skewness of the counts N_k, by k: about 0 where all candidates come up alike; hubs raise it."""
        return {k: skewness(counts) for k, counts in self._counts.items()}


def skewness(counts: Int[Tensor, "C"]) -> float:
    """Return ``mean((n - m)^3) / mean((n - m)^2)^1.5`` with m the mean; 0 where all counts are equal.

    Example:
        >>> skewness(torch.tensor([0, 0, 0, 4]))
        1.1547005383792515
    """
    deviations = counts.double() - counts.double().mean()
    variance = float(deviations.square().mean())
    return float((deviations**3).mean()) / variance**1.5 if variance > 0 else 0.0

"""Intervals over classes: images of one class rise and fall together, so classes are drawn, not images.

References:
    B. Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics 1979.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from kgzsl.types import Array, Bool, Float, Int, Tensor

__all__ = ["Bootstrap", "ClassDraws", "bootstrap_interval", "interval_of"]

MAX_RESAMPLES = 4_000_000
"""Resampled class counts that are computed with at a time (32 MB)."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How the intervals are drawn: how often, and from which seed."""

    draws: int = 1000
    seed: int = 0


class ClassDraws:
    """Draws of the classes of some images with replacement, as many classes a draw as there are.

    Args:
        labels: (N,) class number of each image.
        draws: how many draws.
        seed: of the draws; one number, or several.
    """

    def __init__(self, labels: Int[Tensor, "N"], draws: int = 1000, seed: int | tuple[int, ...] = 0) -> None:
        _, number, images = torch.unique(labels, return_inverse=True, return_counts=True)
        self.number: Array = number.numpy()
        self.images: Array = images.numpy()
        classes = len(self.images)
        generator, self.step = np.random.default_rng(seed), max(1, MAX_RESAMPLES // max(classes, len(labels)))
        shares, starts = np.full(classes, 1 / classes), range(0, draws, self.step)
        drawn = [generator.multinomial(classes, shares, size=min(self.step, draws - first)) for first in starts]
        self.taken: Array = np.concatenate([part.astype(np.int32) for part in drawn])

    def parts(self) -> Iterator[Float[Array, "_ U"]]:
        """Yield how often each class was taken (w_c), some draws at a time."""
        for start in range(0, len(self.taken), self.step):
            yield self.taken[start : start + self.step].astype(np.float64)

    def sums(self, values: Float[Tensor, "N"] | Bool[Tensor, "N"]) -> Float[Array, "U"]:
        """Return the sum of a value of each image over the images of each class."""
        return np.bincount(self.number, weights=values.double().numpy(), minlength=len(self.images))

    def micro(self, values: Float[Tensor, "N"] | Bool[Tensor, "N"], level: float = 0.95) -> tuple[float, float]:
        """Return the interval of a mean over images: ``sum_c w_c sum_c / sum_c w_c images_c``."""
        sums = self.sums(values)
        return interval_of(np.concatenate([(w @ sums) / (w @ self.images) for w in self.parts()]), level)

    def macro(self, values: Float[Tensor, "N"] | Bool[Tensor, "N"], level: float = 0.95) -> tuple[float, float]:
        """Return the interval of a mean over classes of their own means: ``sum_c w_c mean_c / sum_c w_c``."""
        means = self.sums(values) / self.images
        return interval_of(np.concatenate([(w @ means) / len(means) for w in self.parts()]), level)


def interval_of(drawn: Float[Array, "_"], level: float = 0.95) -> tuple[float, float]:
    """Return the ends between which a share of the drawn figures lies."""
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap_interval(
    hits: Bool[Tensor, "N"], labels: Int[Tensor, "N"], *, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Return the interval of micro Hit over draws of the classes with replacement.

    Each draw takes as many classes as there are and weighs each by how often it was taken (w_c):
    ``100 sum_c w_c hits_c / sum_c w_c images_c``. An interval over images would be too narrow.

    Args:
        hits: (N,) which images were right.
        labels: (N,) class number of each image.
        draws: how many draws.
        seed: of the draws.
        level: share of the draws inside the interval.

    Returns:
        Lower and upper end in percent.
    """
    low, high = ClassDraws(labels, draws, seed).micro(hits, level)
    return 100.0 * low, 100.0 * high

"""The figures of the generalised setting: U, S and H at a gamma, the area under the curve, and what an oracle reaches.

References:
    W.-L. Chao, S. Changpinyo, B. Gong, F. Sha: An empirical study and analysis of generalized zero-shot learning for
    object recognition in the wild, ECCV 2016.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kgzsl.evaluation.bootstrap import Bootstrap, ClassDraws, interval_of
from kgzsl.evaluation.metrics import harmonic_mean
from kgzsl.evaluation.seen_unseen import WEIGHINGS, SeenUnseen, best_gamma, harmonic_means
from kgzsl.types import Array, Float, Tensor

__all__ = ["Generalised", "GeneralisedPoint", "generalised"]

DIGITS = 4
DEFAULT = Bootstrap()


@dataclass(frozen=True, slots=True)
class GeneralisedPoint:
    """One point of the curve of seen and unseen accuracy (means over classes), in percent.

    Args:
        gamma: what seen classes give up, in the units of the scores.
        seen: S.
        unseen: U.
    """

    gamma: float
    seen: float
    unseen: float

    @property
    def harmonic_mean(self) -> float:
        """H of S and U."""
        return harmonic_mean(self.seen, self.unseen)

    def to_json(self) -> dict[str, Any]:
        """Return the point as plain values."""
        named = {"gamma": self.gamma, "seen": self.seen, "unseen": self.unseen, "harmonic_mean": self.harmonic_mean}
        return {name: round(value, DIGITS) for name, value in named.items()}


@dataclass(frozen=True, slots=True)
class Generalised:
    """How images of seen and of unseen classes fare against both, in percent.

    Args:
        calibration: where gamma comes from: ``none``, ``given``, ``cv`` or ``oracle`` (chosen on the test set itself).
        point: gamma and what it reaches.
        oracle: the best gamma on the test set and what that reaches; no result, but what a choice is held against.
        ausuc: area under the curve by weighing, ``class`` and ``image``.
        intervals: 95 % bootstrap interval over classes of ``seen``, ``unseen``, ``harmonic_mean``, ``ausuc_class``
            and ``ausuc_image``; seen and unseen classes are drawn apart, gamma stays.
        curves: what the figures were taken from.
    """

    calibration: str
    point: GeneralisedPoint
    oracle: GeneralisedPoint
    ausuc: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    curves: SeenUnseen = field(compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return all figures as plain values, without the curve."""
        return {
            "calibration": self.calibration,
            **self.point.to_json(),
            "ausuc_per_class": round(self.ausuc["class"], DIGITS),
            "ausuc_per_image": round(self.ausuc["image"], DIGITS),
            "intervals": {
                name: [round(low, DIGITS), round(high, DIGITS)] for name, (low, high) in self.intervals.items()
            },
            "oracle": self.oracle.to_json(),
        }

    def curve_rows(self) -> list[dict[str, float]]:
        """Return every point of the curve: gamma and the accuracies of both weighings, gamma rising."""
        first, second = (self.curves.curve(weighing) for weighing in WEIGHINGS)  # of the same breaks
        columns = (first.gammas, first.seen, first.unseen, second.seen, second.unseen)
        names = ("gamma", "seen_per_class", "unseen_per_class", "seen_per_image", "unseen_per_image")
        return [dict(zip(names, map(float, row))) for row in zip(*columns)]


def generalised(images: SeenUnseen, gamma: float, calibration: str, bootstrap: Bootstrap = DEFAULT) -> Generalised:
    """Measure seen against unseen.

    Args:
        images: what was kept of the scored images.
        gamma: what seen classes give up.
        calibration: where gamma comes from; with ``oracle`` the best one is taken in its stead.
        bootstrap: how the intervals are drawn.
    """
    curves = {weighing: images.curve(weighing) for weighing in WEIGHINGS}
    best, _ = best_gamma([curves["class"]])
    oracle = GeneralisedPoint(best, *images.at(best))
    point = oracle if calibration == "oracle" else GeneralisedPoint(gamma, *images.at(gamma))
    ausuc = {weighing: curve.area for weighing, curve in curves.items()}
    return Generalised(calibration, point, oracle, ausuc, _intervals(images, point.gamma, bootstrap), images)


def _intervals(images: SeenUnseen, gamma: float, bootstrap: Bootstrap) -> dict[str, tuple[float, float]]:
    kinds = (images.of_seen, ~images.of_seen)
    both = [ClassDraws(images.labels[kind], bootstrap.draws, (bootstrap.seed, n)) for n, kind in enumerate(kinds)]
    hits = images.hits(gamma)
    means = [draws.sums(hits[kind]) / draws.images for draws, kind in zip(both, kinds)]
    drawn: dict[str, list[Array]] = {name: [] for name in ("seen", "unseen", "harmonic_mean", "ausuc_class")}
    drawn["ausuc_image"] = []
    step = min(draws.step for draws in both)
    order = _Order(images, both, kinds)
    for start in range(0, bootstrap.draws, step):
        taken = [draws.taken[start : start + step].astype(np.float64) for draws in both]
        seen, unseen = (100 * w @ mean / len(mean) for w, mean in zip(taken, means))
        for name, values in (("seen", seen), ("unseen", unseen), ("harmonic_mean", harmonic_means(seen, unseen))):
            drawn[name].append(values)
        for weighing in WEIGHINGS:
            drawn[f"ausuc_{weighing}"].append(order.areas(taken, weighing))
    return {name: interval_of(np.concatenate(values)) for name, values in drawn.items()}


class _Order:
    """The images that are best of their kind, sorted by gap, with the class that each is drawn with."""

    def __init__(self, images: SeenUnseen, both: list[ClassDraws], kinds: tuple[Tensor, ...]) -> None:
        self._both = both
        right, gaps = images.right.numpy(), images.gaps.numpy()
        self.breaks = np.unique(gaps[right])
        self._rows = []
        for draws, kind in zip(both, kinds):
            mine = right[kind.numpy()]
            place = np.searchsorted(self.breaks, gaps[kind.numpy()][mine])
            self._rows.append((draws.number[mine], place))

    def areas(self, taken: list[Float[Array, "R _"]], weighing: str) -> Float[Array, "R"]:
        """Return the area under the curve of each of R draws."""
        moved = []
        for draws, (number, place), w in zip(self._both, self._rows, taken):
            scale = 1 / (w.shape[1] * draws.images) if weighing == "class" else 1 / (w @ draws.images)[:, None]
            per_class = w * scale  # (R, U): what an image of each class counts
            shares = np.zeros((len(self.breaks), len(w)))
            np.add.at(shares, place, per_class[:, number].T)
            moved.append(shares)
        lost, won = moved
        after = np.cumsum(lost[::-1], axis=0)[::-1] - lost  # seen accuracy behind each break
        areas: Array = 100 * (won * after).sum(axis=0)
        return areas

"""Seen against unseen: what every calibration of the seen classes would bring, exactly, from one number an image.

Calibrated stacking takes gamma from the scores of seen classes. An image whose class is the best of its own kind (seen
or unseen) stays right as long as that kind wins, which depends on its *gap* alone,

    b = best seen score - best unseen score:    seen image right <=> gamma < b,    unseen image right <=> gamma > b,

and an image whose class is not the best of its own kind is wrong for every gamma. Ties are wrong. Sorted by gap, the
images give the whole curve of both accuracies in O(N log N).

References:
    W.-L. Chao, S. Changpinyo, B. Gong, F. Sha: An empirical study and analysis of generalized zero-shot learning for
    object recognition in the wild, ECCV 2016 (calibrated stacking, AUSUC).
    Y. Xian et al., Zero-shot learning: a comprehensive evaluation, TPAMI 2019 (per-class accuracy, H).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from kgzsl.errors import InputFileError
from kgzsl.types import Array, Bool, Float, Int, Tensor

__all__ = ["WEIGHINGS", "SeenUnseen", "SeenUnseenCurve", "best_gamma", "gaps_of_scores", "harmonic_means"]

WEIGHINGS = ("class", "image")
"""Accuracies as the mean over classes of each class's own, or over images."""


def gaps_of_scores(
    scores: Float[Tensor, "N C"], own: Int[Tensor, "N"], seen: Bool[Tensor, "C"]
) -> tuple[Float[Tensor, "N"], Bool[Tensor, "N"]]:
    """Return the gap of each image, and whether its class is strictly the best of its own kind.

    Args:
        scores: (N, C), higher is better; both kinds must have a column.
        own: (N,) column of the class of each image.
        seen: (C,) which columns are seen classes.

    Returns:
        Gaps in double precision, and what is right. A score that is not a finite number makes its image wrong.

    Example:
        >>> scores, seen = torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([True, True, False])
        >>> gaps_of_scores(scores, torch.tensor([2]), seen)
        (tensor([1.], dtype=torch.float64), tensor([True]))
    """
    best_seen = scores[:, seen].amax(dim=1).double()
    best_unseen = scores[:, ~seen].amax(dim=1).double()
    own_score = scores.gather(1, own[:, None])
    beaten = (~(scores < own_score) & (seen == seen[own][:, None])).sum(dim=1) > 1  # by others of its own kind
    gaps = best_seen - best_unseen
    finite = torch.isfinite(gaps) & torch.isfinite(own_score[:, 0])
    return torch.where(finite, gaps, 0.0), ~beaten & finite


@dataclass(frozen=True, slots=True, eq=False)
class SeenUnseenCurve:
    """Both accuracies as gamma sweeps from favouring seen classes to favouring unseen ones, in percent.

    Between two neighbouring breaks nothing changes; a gamma at a break ties an image, which is then wrong.

    Args:
        breaks: (M,) the gaps at which an accuracy changes, rising.
        seen: (M+1,) accuracy of seen images before the first break, between breaks, after the last; falling.
        unseen: (M+1,) accuracy of unseen images; rising.
    """

    breaks: Float[Array, "M"]
    seen: Float[Array, "_"]
    unseen: Float[Array, "_"]

    @property
    def gammas(self) -> Float[Array, "_"]:
        """One gamma for each point: the middle between its breaks, a step outside at both ends."""
        if not len(self.breaks):
            return np.zeros(1)
        step = max((self.breaks[-1] - self.breaks[0]) / 20, 1e-3)
        edges = np.concatenate([[self.breaks[0] - 2 * step], self.breaks, [self.breaks[-1] + 2 * step]])
        middles: Array = (edges[1:] + edges[:-1]) / 2
        return middles

    @property
    def area(self) -> float:
        """AUSUC in percent: the area under the curve, unseen accuracy across and seen accuracy up.

        As the curve is made of steps and a tie is wrong, this is the sum over pairs of a seen and an unseen image,
        both best of their kind, of the product of their weights where the gap of the seen one is the greater.
        """
        return float((np.diff(self.unseen) * self.seen[1:]).sum() / 100)


@dataclass(frozen=True, slots=True, eq=False)
class SeenUnseen:
    """What is kept of images of seen and of unseen classes, scored against both.

    Args:
        gaps: (N,) best seen score - best unseen score, finite.
        right: (N,) whether the class of the image is strictly the best of its own kind.
        labels: (N,) number of the class of the image.
        of_seen: (N,) whether that class is seen.

    Raises:
        InputFileError: there is no image of a seen class, or none of an unseen one.
    """

    gaps: Float[Tensor, "N"]
    right: Bool[Tensor, "N"]
    labels: Int[Tensor, "N"]
    of_seen: Bool[Tensor, "N"]

    def __post_init__(self) -> None:
        if not bool(self.of_seen.any()) or bool(self.of_seen.all()):
            kind = "unseen" if bool(self.of_seen.any()) else "seen"
            raise InputFileError(f"Seen against unseen needs images of both; there is none of an {kind} class.")

    def weights(self, weighing: str) -> Float[Array, "N"]:
        """Return what each image counts; those of seen classes sum to 1, and so do those of unseen ones.

        Args:
            weighing: ``class``: ``1 / (classes x images of the class)``; ``image``: ``1 / images``.
        """
        if weighing not in WEIGHINGS:
            raise InputFileError(f"Accuracies are weighed by {' or '.join(WEIGHINGS)}, found {weighing!r}.")
        weights = np.empty(len(self.gaps))
        for kind in (self.of_seen, ~self.of_seen):
            _, number, images = torch.unique(self.labels[kind], return_inverse=True, return_counts=True)
            each = 1 / (len(images) * images[number].double()) if weighing == "class" else 1 / kind.sum().double()
            weights[kind.numpy()] = each.numpy()
        return weights

    def curve(self, weighing: str = "class") -> SeenUnseenCurve:
        """Return both accuracies for every gamma."""
        right, of_seen = self.right.numpy(), self.of_seen.numpy()
        breaks, place = np.unique(self.gaps.numpy()[right], return_inverse=True)
        shares = 100 * self.weights(weighing)[right]
        lost = np.bincount(place, weights=shares * of_seen[right], minlength=len(breaks))
        won = np.bincount(place, weights=shares * ~of_seen[right], minlength=len(breaks))
        seen = np.concatenate([np.cumsum(lost[::-1])[::-1], [0.0]])
        return SeenUnseenCurve(breaks, seen, np.concatenate([[0.0], np.cumsum(won)]))

    def at(self, gamma: float, weighing: str = "class") -> tuple[float, float]:
        """Return the accuracies of seen and of unseen images at a gamma, in percent."""
        weights, hits = 100 * self.weights(weighing), self.hits(gamma).numpy()
        of_seen = self.of_seen.numpy()
        return float(weights[hits & of_seen].sum()), float(weights[hits & ~of_seen].sum())

    def hits(self, gamma: float) -> Bool[Tensor, "N"]:
        """Tell which images are right at a gamma."""
        return self.right & torch.where(self.of_seen, self.gaps > gamma, self.gaps < gamma)


def best_gamma(curves: Sequence[SeenUnseenCurve]) -> tuple[float, float]:
    """Return the gamma of the highest mean H over curves, and that mean.

    Of gammas that are equally good, the middle of the longest stretch. Where H is 0 for every gamma, 0.
    """
    breaks = np.unique(np.concatenate([curve.breaks for curve in curves]))
    means = np.zeros(len(breaks))  # of the stretch behind each break; H is 0 before the first
    for curve in curves:
        place = np.searchsorted(curve.breaks, breaks, side="right")
        means += harmonic_means(curve.seen, curve.unseen)[place] / len(curves)
    if not len(means) or means.max() <= 0:
        return 0.0, 0.0
    equal = np.flatnonzero(means[:-1] >= means.max() - 1e-9)  # behind the last break H is 0
    lengths = breaks[equal + 1] - breaks[equal]
    first = equal[lengths.argmax()]
    return float((breaks[first] + breaks[first + 1]) / 2), float(means[first])


def harmonic_means(seen: Float[Array, "*_"], unseen: Float[Array, "*_"]) -> Float[Array, "*_"]:
    """Return ``H = 2 s u / (s + u)`` of each pair, 0 where both are 0."""
    total = seen + unseen
    means: Array = np.divide(2 * seen * unseen, total, out=np.zeros_like(total), where=total > 0)
    return means

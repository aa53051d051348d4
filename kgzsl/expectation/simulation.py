"""Pictures drawn around where a class is expected, scored: how often the class wins, and who wins in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from kgzsl.bank import ClassifierBank, Scorer
from kgzsl.classes import ClassIndex
from kgzsl.features import NO_CLASS, FeatureSet
from kgzsl.types import Bool, Float, Int, Tensor

__all__ = ["DrawnScores", "LinearDraws", "ScoredDraws", "Tally", "drawn_scores", "shared_spread", "tally"]


@runtime_checkable
class DrawnScores(Protocol):
    """Scores of drawn pictures of a class, given the picture that is expected of it."""

    def scores(self, picture: Float[Tensor, "D"], columns: Int[Tensor, "K"]) -> Float[Tensor, "U K"]:
        """Return the scores of U pictures around the expected one, against some of the classes."""
        ...

    def rivals(self, pictures: Float[Tensor, "A D"], count: int) -> Int[Tensor, "A _"]:
        """Return the columns of the classes, at most so many, that can score high around each of some pictures."""
        ...


class LinearDraws:
    """For banks: the score of ``picture + noise`` is that of the picture plus what the noise adds, computed once.

    Args:
        weights: (C, D) of the classes that compete.
        biases: (C,).
        noise: (U, D).
    """

    def __init__(self, weights: Float[Tensor, "C D"], biases: Float[Tensor, "C"], noise: Float[Tensor, "U D"]) -> None:
        self._weights, self._biases = weights, biases
        self._added = noise.to(weights) @ weights.T  # (U, C)
        self._spread = self._added.std(dim=0)

    def scores(self, picture: Float[Tensor, "D"], columns: Int[Tensor, "K"]) -> Float[Tensor, "U K"]:
        """Return the scores of the drawn pictures."""
        own = self._weights[columns] @ picture.to(self._weights) + self._biases[columns]
        return own + self._added[:, columns]

    def rivals(self, pictures: Float[Tensor, "A D"], count: int) -> Int[Tensor, "A _"]:
        """Return the classes of the highest ``score + 2 standard deviations``."""
        reach = torch.addmm(self._biases + 2 * self._spread, pictures.to(self._weights), self._weights.T)
        return reach.topk(min(count, len(self._biases)), dim=1).indices


class ScoredDraws:
    """For any other scorer: the drawn pictures are scored as pictures are.

    Args:
        scorers: scorers whose classes compete, side by side; a class may stand in several.
        noise: (U, D).
    """

    def __init__(self, scorers: tuple[Scorer, ...], noise: Float[Tensor, "U D"]) -> None:
        self._scorers, self._noise = scorers, noise
        self._last: tuple[Tensor, Tensor] | None = None

    def scores(self, picture: Float[Tensor, "D"], columns: Int[Tensor, "K"]) -> Float[Tensor, "U K"]:
        """Return the scores of the drawn pictures; those of the last picture are kept."""
        if self._last is None or not torch.equal(self._last[0], picture):
            features = (picture + self._noise).float()
            labels = torch.full((len(features),), NO_CLASS, dtype=torch.int64)
            images = FeatureSet(features, labels, ClassIndex(()), self._scorers[0].backbone)
            self._last = picture, torch.cat([scorer.score(images) for scorer in self._scorers], dim=1)
        return self._last[1][:, columns]

    def rivals(self, pictures: Float[Tensor, "A D"], count: int) -> Int[Tensor, "A _"]:
        """Return the classes of the highest mean score."""
        every = torch.arange(sum(len(scorer.index) for scorer in self._scorers))
        means = torch.stack([self.scores(picture, every).mean(dim=0) for picture in pictures])
        return means.topk(min(count, len(every)), dim=1).indices


def drawn_scores(scorers: tuple[Scorer, ...], noise: Float[Tensor, "U D"]) -> DrawnScores:
    """Return what draws scores of classes that stand side by side in some scorers."""
    banks = [scorer for scorer in scorers if isinstance(scorer, ClassifierBank)]
    if len(banks) < len(scorers):
        return ScoredDraws(scorers, noise)
    weights, biases = (torch.cat([getattr(bank, name) for bank in banks]) for name in ("weights", "biases"))
    return LinearDraws(weights, biases, noise)


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """What became of the drawn pictures of one class.

    Args:
        hits: (U,) whether the class beat every other; ties are no hits.
        others: (K,) of the pictures that it lost, the share that each candidate won; sums to 1, its own is 0. One
            more picture, shared out by who came next to it or before it in all of them, stands for what was not drawn.
    """

    hits: Bool[Tensor, "U"]
    others: Float[Tensor, "K"]

    @property
    def share(self) -> float:
        """The share of hits."""
        return float(self.hits.double().mean())


def tally(scores: Float[Tensor, "U K"], own: int) -> Tally:
    """Count who wins.

    Args:
        scores: of U pictures of a class against K candidates.
        own: the column of the class.

    Example:
        >>> counted = tally(torch.tensor([[2.0, 1.0, 0.0], [1.0, 0.0, 3.0]]), 0)
        >>> counted.share, counted.others.tolist()
        (0.5, [0.0, 0.25, 0.75])
    """
    count = scores.shape[1]
    if count == 1:
        return Tally(torch.ones(len(scores), dtype=torch.bool), torch.zeros(1, dtype=torch.float64))
    rest = scores.clone()
    rest[:, own] = -torch.inf
    best, winner = rest.max(dim=1)
    hits = scores[:, own] > best
    next_to = torch.bincount(winner, minlength=count) / len(winner)
    lost = torch.bincount(winner[~hits], minlength=count)
    return Tally(hits, ((lost + next_to) / (lost.sum() + 1)).double())


def shared_spread(hits: Bool[Tensor, "B U"], pictures: int) -> float:
    """Return how much more the accuracies of classes differ than the images of each alone would make them.

    With a the accuracy that a class has once its own place is drawn, and p its mean over places,
    ``sum_b Var(a_b) / sum_b p_b (1 - p_b)``: 0 where every place gives the same accuracy, 1 where it is all or nothing.

    Args:
        hits: of B classes; ``pictures`` draws of one place side by side.
        pictures: how many pictures were drawn of each place, at least 2.

    Example:
        >>> shared_spread(torch.tensor([[True, True, False, False]]), 2)
        1.0
    """
    won = hits.view(len(hits), -1, pictures).double().sum(dim=2)  # (B, places)
    both = (won * (won - 1)).mean(dim=1) / (pictures * (pictures - 1))
    mean = won.mean(dim=1) / pictures
    total = float((mean * (1 - mean)).sum())
    return min(max(float((both - mean.square()).sum()) / total, 0.0), 1.0) if total else 0.0

"""Self-training: the most confident images of each class become its examples, more of them every round."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from kgzsl.bank import Scorer
from kgzsl.features import FeatureSet
from kgzsl.transduction.directions import DirectionScorer, DirectionSettings, DirectionSums, unit_rows
from kgzsl.transduction.start import StartScale
from kgzsl.transduction.usage import carried, guarded
from kgzsl.types import Float, Tensor

__all__ = ["SelfTraining", "confident"]


def confident(logits: Float[Tensor, "N C"], share: float) -> Float[Tensor, "N C"]:
    """Mark, among the images that are best in a class, the given share with the highest probability (one at least).

    Returns:
        (N, C), one where an image is an example of a class; an image is one of its best class at most.

    Example:
        >>> confident(torch.tensor([[3.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 0.5).tolist()
        [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]
    """
    probabilities = logits.softmax(dim=1)
    most, best = probabilities.max(dim=1)
    marked = torch.zeros_like(probabilities)
    for column in sorted(set(best.tolist())):
        own = (best == column).nonzero()[:, 0]
        order = most[own].argsort(descending=True, stable=True)
        marked[own[order[: max(1, round(share * len(own)))]], column] = 1
    return marked


@dataclass(frozen=True, slots=True)
class SelfTraining:
    """Take confident images for examples of their class, in rounds (Lee, ICML workshop 2013, with a growing share).

    Args:
        first, last: share of the images of each class that are examples in the first and in the last round.
        rounds: how many.
        kappa: concentration of a class around its direction.
        prior_pull: how strongly the class shares are drawn to equal ones, in pictures per picture.
        pull: share of each class's mean score that is taken away from the start's scores.
        temperature: of the start's scores, in their standard deviations.
        anchor: weight of the start's scores beside the directions.
        least: share of the effective classes below which the start is kept.
    """

    first: float = 0.6
    last: float = 0.9
    rounds: int = 15
    kappa: float = 10.0
    prior_pull: float = 1.0
    pull: float = 0.5
    temperature: float = 0.5
    anchor: float = 0.3
    least: float = 0.5

    def adapt(self, scorer: Scorer, unlabelled: FeatureSet) -> Scorer:
        """Return a scorer of the examples' directions; the scorer itself for no image.

        Another batch begins with the classes of before; its examples are added to theirs.
        """
        if not len(unlabelled):
            return scorer
        start, before = carried(scorer, DirectionScorer)
        units, scores = unit_rows(unlabelled.features), start.score(unlabelled)
        scale = StartScale.of(scores) if before is None else before.scale + StartScale.of(scores)
        settings = DirectionSettings(self.kappa, self.prior_pull, self.pull, self.temperature, self.anchor)
        own = scale.logits(scores, self.pull, self.temperature)
        earlier = None if before is None else before.sums
        logits = own if before is None else replace(before, scale=scale, settings=settings).logits(units, own)
        for number in range(self.rounds):
            share = self.first + (self.last - self.first) * number / max(1, self.rounds - 1)
            sums = DirectionSums.of(units, confident(logits, share))
            whole = sums if earlier is None else earlier + sums
            fitted = DirectionScorer(start, scale, whole, settings, tuple(range(len(start.index))))
            logits = fitted.logits(units, own)
        return guarded(start, fitted, unlabelled, self.least)

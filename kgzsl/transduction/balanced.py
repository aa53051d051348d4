"""Balanced assignment: every class gets its share of the pictures, by Sinkhorn's algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kgzsl.bank import Scorer
from kgzsl.classes import ClassIndex
from kgzsl.features import FeatureSet
from kgzsl.transduction.prior import UNKNOWN, class_prior, sinkhorn_offsets
from kgzsl.transduction.start import StartScale
from kgzsl.transduction.usage import carried, guarded
from kgzsl.types import ClassId, ClassIds, Float, Tensor

__all__ = ["BalancedAssignment", "BalancedScorer"]


@dataclass(frozen=True, slots=True, eq=False)
class BalancedScorer:
    """Scores on the common scale, with an offset for each class.

    Args:
        scorer: what is balanced.
        scale: the sums over all pictures so far, and (pull, temperature) it is read with.
        reading: see ``StartScale.logits``.
        offsets: (C,), added.
        columns: which classes of the scorer are shown.
    """

    scorer: Scorer
    scale: StartScale
    reading: tuple[float, float]
    offsets: Float[Tensor, "C"]
    columns: tuple[int, ...]

    @property
    def index(self) -> ClassIndex:
        """The classes, in the order of the score columns."""
        return ClassIndex(tuple(self.scorer.index[column] for column in self.columns), self.scorer.index.owner)

    @property
    def backbone(self) -> str:
        """Id of the backbone whose features it takes."""
        return self.scorer.backbone

    def score(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        """Score every image against every class."""
        return (self.scale.logits(self.scorer.score(images), *self.reading) + self.offsets)[:, list(self.columns)]

    def select(self, class_ids: ClassIds) -> BalancedScorer:
        """Return a scorer of some of the classes, in the order given."""
        chosen = tuple(self.columns[row] for row in self.index.rows(class_ids).tolist())
        return BalancedScorer(self.scorer, self.scale, self.reading, self.offsets, chosen)


@dataclass(frozen=True, slots=True)
class BalancedAssignment:
    """Give every class its share of the pictures (Cuturi, NeurIPS 2013), without moving any classifier.

    Without knowing the shares that lost more games of held-out seen classes than it won; with the least gain in
    separation that is asked for then, it lost none, and hardly ever did anything.

    Args:
        prior: ``unknown`` (estimated), ``uniform``, or the weight of every class.
        prior_pull: how strongly an unknown prior is drawn to equal shares, in pictures per picture.
        pull: share of each class's mean score that is taken away before.
        temperature: of the start's scores, in their standard deviations.
        least: share of the effective classes below which the start is kept.
        least_gain: what classes must at least gain in separation where the prior is unknown, see `guarded`.
    """

    prior: str | Mapping[ClassId, float] = UNKNOWN
    prior_pull: float = 1.0
    pull: float = 0.0
    temperature: float = 0.5
    least: float = 0.5
    least_gain: float = 0.07

    def adapt(self, scorer: Scorer, unlabelled: FeatureSet) -> Scorer:
        """Return the scorer with offsets; after another batch the offsets are of that batch, the scale of both."""
        if not len(unlabelled):
            return scorer
        start, before = carried(scorer, BalancedScorer)
        scores = start.score(unlabelled)
        here = StartScale.of(scores)
        whole = here if before is None else before.scale + here
        reading = (self.pull, self.temperature)
        logits = whole.logits(scores, *reading)
        prior = class_prior(self.prior, start.index, logits, self.prior_pull)
        offsets = sinkhorn_offsets(logits, prior)
        adapted = BalancedScorer(start, whole, reading, offsets - offsets.mean(), tuple(range(len(start.index))))
        asked = self.least_gain if self.prior == UNKNOWN else None
        return guarded(start, adapted, unlabelled, self.least, asked)

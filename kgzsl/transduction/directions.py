"""Classes as directions: what is kept of pictures for that, and the scorer that comes of it.

A picture is the direction ``z`` of its features from the mean picture: ``z = u / |u|``, ``u = x / |x| - m``. A class
with direction ``w`` scores ``kappa w . z + log prior``, the log density of a von-Mises-Fisher distribution.

References:
    A. Banerjee, I. Dhillon, J. Ghosh, S. Sra: Clustering on the unit hypersphere using von Mises-Fisher distributions,
    JMLR 2005.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kgzsl.bank import Scorer
from kgzsl.classes import ClassIndex
from kgzsl.features import FeatureSet
from kgzsl.transduction.prior import pulled_prior
from kgzsl.transduction.start import StartScale
from kgzsl.types import ClassIds, Float, Tensor

__all__ = ["DirectionScorer", "DirectionSettings", "DirectionSums", "unit_rows"]


def unit_rows(features: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
    """Return rows of length one, in double precision; a row of zeros stays."""
    return torch.nn.functional.normalize(features.double(), dim=1)


@dataclass(frozen=True, slots=True, eq=False)
class DirectionSums:
    """What is kept of pictures: sums that add up over batches.

    Args:
        count: how many pictures.
        total: (D,), the sum of their unit rows.
        class_counts: (C,), how many of them are of each class, in shares.
        class_sums: (C, D), the sums of their unit rows by those shares.
    """

    count: int
    total: Float[Tensor, "D"]
    class_counts: Float[Tensor, "C"]
    class_sums: Float[Tensor, "C D"]

    @classmethod
    def of(cls, units: Float[Tensor, "N D"], shares: Float[Tensor, "N C"]) -> DirectionSums:
        """Return the sums of some pictures."""
        return cls(len(units), units.sum(dim=0), shares.sum(dim=0), shares.T @ units)

    def __add__(self, other: DirectionSums) -> DirectionSums:
        return DirectionSums(
            self.count + other.count,
            self.total + other.total,
            self.class_counts + other.class_counts,
            self.class_sums + other.class_sums,
        )

    @property
    def mean(self) -> Float[Tensor, "D"]:
        """The mean of the unit rows."""
        return self.total / max(1, self.count)

    def directions(self) -> Float[Tensor, "C D"]:
        """Return each class's direction from the mean, of length one; zero for a class without pictures."""
        return unit_rows(self.class_sums - self.class_counts[:, None] * self.mean)

    def prior(self, pull: float) -> Float[Tensor, "C"]:
        """Return the share of each class; see `pulled_prior`."""
        return pulled_prior(self.class_counts, pull)


@dataclass(frozen=True, slots=True)
class DirectionSettings:
    """How classes are told apart by their directions.

    Args:
        kappa: concentration of a class around its direction.
        prior_pull: how strongly the estimated class shares are drawn to equal ones.
        pull: share of each class's mean score that is taken away from the start's scores.
        temperature: of the start's scores, in their standard deviations.
        anchor: weight of the start's scores beside the directions.
    """

    kappa: float
    prior_pull: float
    pull: float
    temperature: float
    anchor: float


@dataclass(frozen=True, slots=True, eq=False)
class DirectionScorer:
    """Scores by the directions of classes, with the start's scores beside.

    Args:
        start: the scorer of before.
        scale: brings its scores to the common scale.
        sums: what is kept of the pictures.
        settings: how they are read.
        columns: which classes are shown.
    """

    start: Scorer
    scale: StartScale
    sums: DirectionSums
    settings: DirectionSettings
    columns: tuple[int, ...]

    @property
    def index(self) -> ClassIndex:
        """The classes, in the order of the score columns."""
        return ClassIndex(tuple(self.start.index[column] for column in self.columns), self.start.index.owner)

    @property
    def backbone(self) -> str:
        """Id of the backbone whose features it takes."""
        return self.start.backbone

    def start_logits(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        """Return the start's scores of all its classes on the common scale."""
        return self.scale.logits(self.start.score(images), self.settings.pull, self.settings.temperature)

    def logits(self, units: Float[Tensor, "N D"], start: Float[Tensor, "N C"]) -> Float[Tensor, "N C"]:
        """Return ``kappa w . z + log prior + anchor L`` of all classes.

        Args:
            units: the pictures' unit rows.
            start: their start logits.
        """
        from_mean = unit_rows(units - self.sums.mean)
        prior = self.sums.prior(self.settings.prior_pull).clamp(min=1e-300).log()
        return self.settings.kappa * from_mean @ self.sums.directions().T + prior + self.settings.anchor * start

    def score(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        """Score every image against every class."""
        logits = self.logits(unit_rows(images.features), self.start_logits(images))
        return logits[:, list(self.columns)]

    def select(self, class_ids: ClassIds) -> DirectionScorer:
        """Return a scorer of some of the classes, in the order given."""
        chosen = tuple(self.columns[row] for row in self.index.rows(class_ids).tolist())
        return DirectionScorer(self.start, self.scale, self.sums, self.settings, chosen)

"""Feature centring: images of another world are moved so that their mean is that of the seen classes' images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from kgzsl.bank import Scorer
from kgzsl.classes import ClassIndex
from kgzsl.features import FeatureSet
from kgzsl.types import ClassIds, Float, Tensor

__all__ = ["CentredScorer", "FeatureCentring"]


@dataclass(frozen=True, slots=True, eq=False)
class CentredScorer:
    """A scorer that moves images before it scores them.

    Args:
        scorer: scores the moved images.
        shift: (D,), what is added to every feature vector.
    """

    scorer: Scorer
    shift: Float[Tensor, "D"]

    @property
    def index(self) -> ClassIndex:
        """The classes, in the order of the score columns."""
        return self.scorer.index

    @property
    def backbone(self) -> str:
        """Id of the backbone whose features it takes."""
        return self.scorer.backbone

    def score(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        """Score every moved image against every class."""
        return self.scorer.score(replace(images, features=images.features + self.shift.to(images.features)))

    def select(self, class_ids: ClassIds) -> CentredScorer:
        """Return a scorer of some of the classes, in the order given."""
        return CentredScorer(self.scorer.select(class_ids), self.shift)


@dataclass(frozen=True, slots=True, eq=False)
class FeatureCentring:
    """Move images so that their mean is that of the images of seen classes.

    Where the images' classes are few, part of what is moved away are the classes themselves.

    Args:
        seen_images: returns the images of seen classes; it is asked when there is something to move.
    """

    seen_images: Callable[[], FeatureSet]

    @classmethod
    def of(cls, seen_images: FeatureSet) -> FeatureCentring:
        """Take images that are at hand."""
        return cls(lambda: seen_images)

    def towards(self) -> Float[Tensor, "D"]:
        """Return the mean over seen classes of the mean of their images."""
        images = self.seen_images()
        features, labels = images.features.double(), images.labels
        rows = [features[labels == row].mean(dim=0) for row in torch.unique(labels).tolist()]
        total: Tensor = sum(rows[1:], rows[0])
        return total / len(rows)

    def adapt(self, scorer: Scorer, unlabelled: FeatureSet) -> Scorer:
        """Return a scorer that moves images first; the scorer itself for no image."""
        if not len(unlabelled):
            return scorer
        return CentredScorer(scorer, self.towards() - unlabelled.features.double().mean(dim=0))

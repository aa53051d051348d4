"""Remedies for hubs: a class that scores high for many images gives some of it up.

Both take one number from the scores of each class, learned on unlabelled images, and change no order among the images
of one class.

References:
    A. Conneau, G. Lample, M. Ranzato, L. Denoyer, H. Jegou: Word translation without parallel data, ICLR 2018 (CSLS).
    S. Smith, D. Turban, S. Hamblin, N. Hammerla: Offline bilingual word vectors, orthogonal transformations and the
    inverted softmax, ICLR 2017.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from kgzsl.bank import Scorer
from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError
from kgzsl.features import FeatureSet
from kgzsl.types import ClassIds, Float, Tensor

__all__ = ["InvertedSoftmax", "LocalScaling", "OffsetScorer"]


@dataclass(frozen=True, slots=True, eq=False)
class OffsetScorer:
    """A scorer whose classes give up a number each: ``s'(x, c) = s(x, c) - offset_c``.

    Args:
        scorer: what is corrected.
        offsets: (C,), in the units and the order of its scores.
    """

    scorer: Scorer
    offsets: Float[Tensor, "C"]

    @property
    def index(self) -> ClassIndex:
        """The classes, in the order of the score columns."""
        return self.scorer.index

    @property
    def backbone(self) -> str:
        """Id of the backbone whose features it takes."""
        return self.scorer.backbone

    def score(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        """Score every image against every class, in double precision."""
        return self.scorer.score(images).double() - self.offsets

    def select(self, class_ids: ClassIds) -> OffsetScorer:
        """Return a scorer of some of the classes, in the order given; what they give up stays."""
        rows = torch.from_numpy(self.index.rows(class_ids))
        return OffsetScorer(self.scorer.select(class_ids), self.offsets[rows])


@dataclass(frozen=True, slots=True)
class LocalScaling:
    """Cross-domain similarity local scaling: ``s'(x, c) = s(x, c) - r_c / 2`` orders classes as CSLS does.

    ``r_c`` is the mean score of a class over its K best images; what CSLS takes from an image is the same for all its
    classes and changes no order.

    Args:
        neighbours: K.

    Raises:
        InputFileError: K is below 1.
    """

    neighbours: int = 1

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise InputFileError(f"neighbours is 1 at least, found {self.neighbours}.")

    def adapt(self, scorer: Scorer, unlabelled: FeatureSet) -> Scorer:
        """Return a scorer whose hubs are less so; the scorer itself for no image."""
        if not len(unlabelled):
            return scorer
        scores = scorer.score(unlabelled).double()
        nearest = scores.topk(min(self.neighbours, len(scores)), dim=0).values
        return OffsetScorer(scorer, nearest.mean(dim=0) / 2)


@dataclass(frozen=True, slots=True)
class InvertedSoftmax:
    """Each class is shared out over the images: ``s'(x, c) = s(x, c) - log(mean_x exp(b (s(x, c) - m_x))) / b``.

    m_x is the mean score of an image, b one over `temperature` times the spread of scores about it, so that scorers of
    any scale are treated alike.

    Args:
        temperature: small ones look at a class's best images alone, great ones at all alike.

    Raises:
        InputFileError: the temperature is not above 0.
    """

    temperature: float = 2.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise InputFileError(f"temperature is above 0, found {self.temperature}.")

    def adapt(self, scorer: Scorer, unlabelled: FeatureSet) -> Scorer:
        """Return a scorer whose hubs are less so; the scorer itself for no image."""
        if not len(unlabelled):
            return scorer
        scores = scorer.score(unlabelled).double()
        centred = scores - scores.mean(dim=1, keepdim=True)
        unit = self.temperature * centred.square().mean().sqrt().clamp(min=1e-12)
        return OffsetScorer(scorer, unit * ((centred / unit).logsumexp(dim=0) - math.log(len(scores))))

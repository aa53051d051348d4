"""A start that is partly read off the images: where in feature space each class's scores point, among these images.

A classifier was made for the images that the backbone was trained on. Over the unlabelled images its scores go along
with some direction of the features; that direction's cosine is free of the class's offset and scale among them. Some
classes are near to every image: the rest of the start may be told by how much nearer an image is to a class than the
images are that fit it best.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kgzsl.bank import Scorer
from kgzsl.classes import ClassIndex
from kgzsl.features import FeatureSet
from kgzsl.transduction.directions import unit_rows
from kgzsl.transduction.start import StartScale
from kgzsl.types import ClassIds, Float, Tensor

__all__ = ["AlignedScorer"]


@dataclass(frozen=True, slots=True, eq=False)
class AlignedScorer:
    """Scores ``share cos(z, p_c) / r + (1 - share) (L_c(x) - h_c) / t``, ``p_c = sum_x (L_c(x) - mean L_c) z(x)``.

    z is an image's direction from the mean image, L the start's scores on the common scale, ``h_c`` half the mean of L
    over the images that the class fits best (local scaling; Conneau et al., ICLR 2018), r and t root mean squares.

    Args:
        start: the scorer of before.
        scale: brings its scores to the common scale.
        mean: (D,), of the images' unit rows.
        directions: (C, D), ``p_c`` of length one, divided by r.
        hubs: (C,), ``h_c``.
        spread: t.
        share: how much is read off the images, 0 to 1.
        columns: which classes are shown.
    """

    start: Scorer
    scale: StartScale
    mean: Float[Tensor, "D"]
    directions: Float[Tensor, "C D"]
    hubs: Float[Tensor, "C"]
    spread: float
    share: float
    columns: tuple[int, ...]

    @classmethod
    def of(cls, start: Scorer, images: FeatureSet, share: float, neighbours: int = 0) -> AlignedScorer:
        """Read the directions off some images.

        Args:
            start: the scorer of before.
            images: unlabelled.
            share: how much is read off them, 0 to 1.
            neighbours: how many images ``h_c`` is a mean of; 0 makes it zero.
        """
        units, scores = unit_rows(images.features), start.score(images)
        scale, mean = StartScale.of(scores), units.mean(dim=0)
        away, own = unit_rows(units - mean), scale.logits(scores, 0.0, 1.0)
        directions = unit_rows((own - own.mean(dim=0)).T @ away)
        width = (away @ directions.T).square().mean().clamp(min=1e-24).sqrt()
        hubs = own.new_zeros(own.shape[1])
        if neighbours:
            hubs = own.topk(min(neighbours, len(own)), dim=0).values.mean(dim=0) / 2
        spread = _centred(own - hubs).square().mean().clamp(min=1e-24).sqrt()
        columns = tuple(range(len(start.index)))
        return cls(start, scale, mean, directions / width, hubs, float(spread), share, columns)

    @property
    def index(self) -> ClassIndex:
        """The classes, in the order of the score columns."""
        return ClassIndex(tuple(self.start.index[column] for column in self.columns), self.start.index.owner)

    @property
    def backbone(self) -> str:
        """Id of the backbone whose features it takes."""
        return self.start.backbone

    def score(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        """Score every image against every class."""
        own = _centred(self.scale.logits(self.start.score(images), 0.0, 1.0) - self.hubs) / self.spread
        read = unit_rows(unit_rows(images.features) - self.mean) @ self.directions.T
        return (self.share * read + (1 - self.share) * own)[:, list(self.columns)]

    def select(self, class_ids: ClassIds) -> AlignedScorer:
        """Return a scorer of some of the classes, in the order given."""
        chosen = tuple(self.columns[row] for row in self.index.rows(class_ids).tolist())
        return replace(self, columns=chosen)


def _centred(logits: Float[Tensor, "N C"]) -> Float[Tensor, "N C"]:
    return logits - logits.mean(dim=1, keepdim=True)

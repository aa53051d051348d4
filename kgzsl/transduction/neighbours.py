"""Label propagation: an image takes the classes of the images that are nearest to it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kgzsl.bank import Scorer
from kgzsl.classes import ClassIndex
from kgzsl.errors import MissingDependencyError
from kgzsl.features import FeatureSet
from kgzsl.transduction.directions import unit_rows
from kgzsl.transduction.start import StartScale
from kgzsl.transduction.usage import carried, guarded
from kgzsl.types import ClassIds, Float, Int, Tensor

__all__ = ["LabelPropagation", "PropagatedScorer", "nearest"]

SAME = 1 - 1e-9
"""Images whose directions are at least so near are one image, which is no neighbour of itself."""
MOST_STEPS, NEAR = 200, 1e-9


def nearest(
    queries: Float[Tensor, "N D"], pictures: Float[Tensor, "M D"], neighbours: int, power: float
) -> tuple[Int[Tensor, "N K"], Float[Tensor, "N K"]]:
    """Return the nearest pictures of each query by cosine, exactly, and their weights ``max(cosine, 0) ** power``.

    Args:
        queries, pictures: rows of length one.
        neighbours: how many.
        power: how much nearer ones count for more.

    Returns:
        Rows of ``pictures``, and weights that sum to one, or to zero where nothing is near.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    kept = min(neighbours, len(pictures))
    if not len(queries) or not kept:
        return torch.zeros((len(queries), kept), dtype=torch.int64), queries.new_zeros((len(queries), kept))
    cosines, rows = _found(queries, pictures, min(kept + 1, len(pictures)))
    most = int((cosines > SAME).sum(dim=1).max())
    if most > 1:  # an image that is there several times: as many more are asked for
        cosines, rows = _found(queries, pictures, min(kept + most, len(pictures)))
    values, order = torch.where(cosines > SAME, -2.0, cosines).topk(kept, dim=1)
    powered = values.clamp(min=0) ** power
    weights = powered / powered.sum(dim=1, keepdim=True).clamp(min=torch.finfo(powered.dtype).tiny)
    return rows.gather(1, order), weights


def _found(
    queries: Float[Tensor, "N D"], pictures: Float[Tensor, "M D"], count: int
) -> tuple[Float[Tensor, "N J"], Int[Tensor, "N J"]]:
    """Return the cosines and the rows of the nearest pictures, the same one among them."""
    try:
        from sklearn.neighbors import NearestNeighbors
    except ImportError as error:
        raise MissingDependencyError(
            "Neighbours of images need scikit-learn: pip install 'kgzsl[transduction]'."
        ) from error
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(pictures.numpy())
    distances, rows = search.kneighbors(queries.numpy())
    squares = queries.square().sum(dim=1, keepdim=True) + pictures.square().sum(dim=1)[torch.from_numpy(rows)]
    return (squares - torch.from_numpy(distances).square()) / 2, torch.from_numpy(rows)


@dataclass(frozen=True, slots=True, eq=False)
class PropagatedScorer:
    """Scores by the classes of an image's nearest neighbours and by the start's own.

    ``F(x) = share sum_j p_j F_j + (1 - share) softmax L(x)``, for the pictures that were given and for others alike.

    Args:
        start: the scorer of before.
        scale: brings its scores to the common scale.
        mean: (D,), of the given pictures' unit rows.
        pictures: (M, D), their directions from it.
        held: (M, C), their classes after propagation.
        settings: share, neighbours, power, pull and temperature of the `LabelPropagation`.
        columns: which classes are shown.
    """

    start: Scorer
    scale: StartScale
    mean: Float[Tensor, "D"]
    pictures: Float[Tensor, "M D"]
    held: Float[Tensor, "M C"]
    settings: LabelPropagation
    columns: tuple[int, ...]

    @property
    def index(self) -> ClassIndex:
        """The classes, in the order of the score columns."""
        return ClassIndex(tuple(self.start.index[column] for column in self.columns), self.start.index.owner)

    @property
    def backbone(self) -> str:
        """Id of the backbone whose features it takes."""
        return self.start.backbone

    def score(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        """Return the log of F."""
        one = self.settings
        own = self.scale.logits(self.start.score(images), one.pull, one.temperature).softmax(dim=1)
        queries = unit_rows(unit_rows(images.features) - self.mean)
        rows, weights = nearest(queries, self.pictures, one.neighbours, one.power)
        mixed = one.share * _gathered(self.held, rows, weights) + (1 - one.share) * own
        return mixed.clamp(min=1e-300).log()[:, list(self.columns)]

    def select(self, class_ids: ClassIds) -> PropagatedScorer:
        """Return a scorer of some of the classes, in the order given."""
        chosen = tuple(self.columns[row] for row in self.index.rows(class_ids).tolist())
        return PropagatedScorer(
            self.start, self.scale, self.mean, self.pictures, self.held, self.settings, columns=chosen
        )


def _gathered(
    held: Float[Tensor, "M C"], rows: Int[Tensor, "N K"], weights: Float[Tensor, "N K"]
) -> Float[Tensor, "N C"]:
    """Return the weighted mean of the neighbours' rows, a neighbour at a time so that memory stays small."""
    found = torch.zeros((len(rows), held.shape[1]), dtype=held.dtype)
    for place in range(rows.shape[1]):
        found += weights[:, place, None] * held[rows[:, place]]
    return found


@dataclass(frozen=True, slots=True)
class LabelPropagation:
    """Spread the start's classes over the graph of nearest images (Zhou et al., NeurIPS 2003, on directed neighbours).

    A class with fewer images than an image has neighbours is easily swallowed by those around it; the report names it.

    Args:
        neighbours: how many images each takes from.
        share: how much of an image's classes comes from them, 0 to below 1.
        power: nearer ones count by their cosine to this power.
        pull: share of each class's mean score that is taken away from the start's scores.
        temperature: of the start's scores, in their standard deviations.
        least: share of the effective classes below which the start is kept.
    """

    neighbours: int = 10
    share: float = 0.9
    power: float = 3.0
    pull: float = 0.5
    temperature: float = 0.25
    least: float = 0.5

    def adapt(self, scorer: Scorer, unlabelled: FeatureSet) -> Scorer:
        """Return a scorer that asks the neighbours; the scorer itself for no image.

        Another batch replaces the one before: a graph of neighbours has no sums to go on from.
        """
        if not len(unlabelled):
            return scorer
        start, _ = carried(scorer, PropagatedScorer)
        scores = start.score(unlabelled)
        scale = StartScale.of(scores)
        own = scale.logits(scores, self.pull, self.temperature).softmax(dim=1)
        units = unit_rows(unlabelled.features)
        mean = units.mean(dim=0)
        pictures = unit_rows(units - mean)
        held = self.spread(own, *nearest(pictures, pictures, self.neighbours, self.power))
        columns = tuple(range(len(start.index)))
        adapted = PropagatedScorer(start, scale, mean, pictures, held, self, columns)
        return guarded(start, adapted, unlabelled, self.least)

    def spread(
        self, own: Float[Tensor, "M C"], rows: Int[Tensor, "M K"], weights: Float[Tensor, "M K"]
    ) -> Float[Tensor, "M C"]:
        """Return the fixed point of ``F = share P F + (1 - share) own``."""
        held = own
        for _ in range(MOST_STEPS):
            fresh = self.share * _gathered(held, rows, weights) + (1 - self.share) * own
            moved, held = float((fresh - held).abs().max()), fresh
            if moved < NEAR:
                break
        return held

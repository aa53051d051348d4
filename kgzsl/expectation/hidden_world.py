"""All that a forecast is learned from: seen classes as if unseen, their images, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from kgzsl.bank import ClassifierBank, Scorer
from kgzsl.evaluation import Calibration, ranks
from kgzsl.evaluation.ranking import score_in_chunks
from kgzsl.expectation.evidence import FAR, Pool, evidence_of, steps_to
from kgzsl.expectation.pictures import ExpectedPictures, class_likeness
from kgzsl.expectation.queries import Query
from kgzsl.features import FeatureSet
from kgzsl.graph.hops import tree_distances
from kgzsl.hidden_classes import CalibrationData
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.splits import draw_folds
from kgzsl.types import Array, ClassIds, Float, Int, Tensor

__all__ = ["HiddenWorld", "fingerprints", "folds_of", "parts_of_seen", "unit_vectors"]

IMAGES_OF_A_CLASS = 4


@dataclass(frozen=True, slots=True, eq=False)
class HiddenWorld:
    """Seen classes with images, twice: as they were predicted while hidden, and behind them as they compete when seen.

    Args:
        known: the K classes.
        images: images of them, `IMAGES_OF_A_CLASS` at most of each.
        number: (N,) which of the classes each image is of.
        scorers: of the hidden and of the shown ones.
        scores: (N, 2 K) of the images.
        pictures: where pictures of the classes are expected.
        pool: what is known of the hidden ones, and of the shown ones behind them.
        steps: (K, K) of the graph between the classes.
        to_seen: (K, M) steps to all seen classes, those hidden together as far as can be.
    """

    known: tuple[str, ...]
    images: FeatureSet
    number: Int[Tensor, "N"]
    scorers: tuple[Scorer, Scorer]
    scores: Float[Tensor, "N C"]
    pictures: ExpectedPictures
    pool: Pool
    steps: Int[Array, "K K"]
    to_seen: Int[Array, "K M"]

    @classmethod
    def of(cls, data: CalibrationData) -> HiddenWorld:
        """Gather it from a run, its hidden scorer and images of its seen classes."""
        run, shown = data.run, set(data.images.class_ids())
        seen = run.split.seen
        known = tuple(class_id for class_id in sorted(seen) if class_id in shown)
        images = _some_of_each(data.images)
        place = {class_id: row for row, class_id in enumerate(known)}
        number = torch.tensor([place[class_id] for class_id in images.class_ids() if class_id is not None])
        part = parts_of_seen(seen)
        folds = folds_of(known, part)
        kernel = class_likeness(run.graph, run.semantics, known, known)
        pictures = ExpectedPictures.fit(kernel, images, known, folds)
        scorers = (data.hidden.select(known), run.scorer.select(known))
        scores = torch.cat([scores_of(scorer, images) for scorer in scorers], dim=1)
        apart = np.array([[part[one] != part[other] for other in seen] for one in known])  # (K, M)
        distances = steps_to(tree_distances(run.graph, run.graph.index.rows(known)))
        to_seen = np.where(apart, distances[:, run.graph.index.rows(seen)], FAR)
        pool = _pool(run.semantics, known, seen, scorers, images, apart, pictures)
        steps = distances[:, run.graph.index.rows(known)]
        return cls(known, images, number, scorers, scores, pictures, pool, steps, to_seen)

    def columns(self, query: Query) -> Int[Array, "_"]:
        """Return the rows of the pool that compete: the hidden ones, then the shown ones."""
        return np.concatenate([query.hidden, query.shown + len(self.known)])

    def evidence(self, query: Query) -> Float[Array, "H E"]:
        """Return what is known of the hidden classes of a query."""
        columns = self.columns(query)
        steps = self.steps[query.hidden][:, columns % len(self.known)]
        return evidence_of(self.pool, query.hidden, columns, steps, self.to_seen[query.hidden])

    def outcomes(self, query: Query) -> Float[Array, "H"]:
        """Return the Hit@1 of the hidden classes of a query, 0 to 1."""
        place = torch.full((len(self.known),), -1, dtype=torch.int64)
        place[torch.from_numpy(query.hidden)] = torch.arange(len(query.hidden))
        own = place[self.number]
        asked = own >= 0
        own = own[asked]
        scores = self.scores[asked][:, torch.from_numpy(self.columns(query))]
        hits = (ranks(scores, own) == 1).double().numpy()
        return np.bincount(own.numpy(), weights=hits) / np.bincount(own.numpy())


def parts_of_seen(seen: ClassIds) -> dict[str, int]:
    """Return in which part each seen class was hidden; as `hidden_parts` cuts them."""
    choice = Calibration()
    parts = draw_folds(tuple(seen), max(2, min(choice.parts, len(seen) // 2)), seed=choice.seed)
    return {class_id: number for number, part in enumerate(parts) for class_id in part}


def folds_of(known: ClassIds, part: dict[str, int]) -> list[Int[Tensor, "_"]]:
    """Return the rows of the known classes that were hidden together; each by itself where that would be all."""
    numbers = torch.tensor([part[class_id] for class_id in known])
    parts = sorted(set(numbers.tolist()))
    if len(parts) < 2:
        return list(torch.arange(len(known))[:, None])
    return [(numbers == number).nonzero()[:, 0] for number in parts]


def _some_of_each(images: FeatureSet) -> FeatureSet:
    """Return the first images of each class."""
    taken, kept = dict[int, int](), list[int]()
    for row, label in enumerate(images.labels.tolist()):
        taken[label] = taken.get(label, 0) + 1
        if taken[label] <= IMAGES_OF_A_CLASS:
            kept.append(row)
    return images.rows(torch.tensor(kept))


def _pool(
    semantics: SemanticEmbedding,
    known: ClassIds,
    seen: ClassIds,
    scorers: tuple[Scorer, Scorer],
    images: FeatureSet,
    apart: Array,
    pictures: ExpectedPictures,
) -> Pool:
    texts, seen_texts = unit_vectors(semantics, known), unit_vectors(semantics, seen)
    near = np.where(apart, texts @ seen_texts.T, -1).max(axis=1)
    printed = [fingerprints(scorer, images) for scorer in scorers]
    rows, means = (np.concatenate(part) for part in zip(*printed))
    is_seen = np.arange(2 * len(known)) >= len(known)
    return Pool(np.concatenate([texts, texts]), rows, means, is_seen, near, pictures.hidden_variance.numpy())


def unit_vectors(semantics: SemanticEmbedding, class_ids: ClassIds) -> Float[Array, "C S"]:
    """Return the vectors of classes with length one."""
    vectors: Array = functional.normalize(semantics.select(class_ids).vectors.float(), dim=1).numpy()
    return vectors


def fingerprints(scorer: Scorer, images: FeatureSet) -> tuple[Float[Array, "C F"], Float[Array, "C"]]:
    """Return what stands for each classifier, with length one, and its mean score on images of seen classes.

    A bank's rows stand for themselves; of any other scorer, its scores of the images less their mean do.
    """
    if isinstance(scorer, ClassifierBank):
        rows = torch.cat([scorer.weights, scorer.biases[:, None]], dim=1)
        means = scorer.logits(images.features.mean(dim=0, keepdim=True))[0].double()
    else:
        scores = scores_of(scorer, images).double()
        means = scores.mean(dim=0)
        rows = (scores - means).T
    return functional.normalize(rows.float(), dim=1).numpy(), means.numpy()


def scores_of(scorer: Scorer, images: FeatureSet) -> Float[Tensor, "N C"]:
    """Return all scores at once."""
    return torch.cat([scores for _, scores in score_in_chunks(scorer, images)])

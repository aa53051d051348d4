"""Queries made of seen classes that play unseen: what probabilities, thresholds and levels are fitted on.

A query is an image and a set of candidates. Each seen class is scored by the classifier that was predicted while it
was hidden, so its images stand for those of an unseen class. Sets of many sizes are drawn: half of them from all
over, half of classes near each other in the graph, as people ask for both (animals and tools; thirty kinds of bird).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from kgzsl.bank import Scorer
from kgzsl.errors import InputFileError
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.hops import tree_distances
from kgzsl.scoring.spacing import spacing_of_steps
from kgzsl.types import Array, Bool, ClassId, Float, Int, Tensor

__all__ = ["SIZES", "Answers", "CandidateSet", "SeenQueries", "draw_sets"]

SIZES = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Numbers of candidates; those below the number of seen classes are used, and that number."""

IMAGES_A_SIZE, MAX_SETS = 2000, 1000
IMAGES_A_CLASS, MAX_SCORES = 10, 20_000_000


@dataclass(frozen=True, slots=True, eq=False)
class CandidateSet:
    """Seen classes that are candidates together.

    Args:
        columns: (K,) their numbers, rising.
        spacing: how far apart they stand; see `kgzsl.scoring.spacing`.
    """

    columns: Int[Array, "K"]
    spacing: float


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Queries of one number of candidates whose class is among them.

    Args:
        scores: (Q, K).
        right: (Q,) the column of the class of the image.
        spacing: (Q,) how far apart the candidates of each stand.
    """

    scores: Float[Tensor, "Q K"]
    right: Int[Tensor, "Q"]
    spacing: Float[Tensor, "Q"]


@dataclass(frozen=True, slots=True, eq=False)
class SeenQueries:
    """Images of seen classes scored as if these were unseen, and the sets of candidates to ask about.

    Args:
        class_ids: the C seen classes.
        hidden: (N, C) scores by the classifiers that were predicted while each class was hidden.
        shown: (N, C) scores by the classifiers that the run has for them.
        own: (N,) column of the class of each image.
        sets: number of candidates to sets of them.
    """

    class_ids: tuple[ClassId, ...]
    hidden: Float[Tensor, "N C"]
    shown: Float[Tensor, "N C"]
    own: Int[Tensor, "N"]
    sets: Mapping[int, tuple[CandidateSet, ...]]

    @classmethod
    def draw(cls, hidden: Scorer, shown: Scorer, images: FeatureSet, graph: ClassGraph, seed: int = 0) -> SeenQueries:
        """Score images of seen classes and draw sets of candidates.

        Args:
            hidden: scores every seen class by the classifier that was predicted while it was hidden.
            shown: the run's own scorer; it has the seen classes.
            images: labelled images; at most ten of a class are used, and none of other classes.
            graph: tells which classes are near each other.
            seed: of the sets.

        Raises:
            InputFileError: there are fewer than two classes, or no image of one.
        """
        class_ids = hidden.index.ids
        most = max(1, min(IMAGES_A_CLASS, MAX_SCORES // max(1, len(class_ids) ** 2)))
        kept = _few_a_class(images.of_classes(class_ids), most)
        if len(class_ids) < 2 or not len(kept):
            raise InputFileError(
                f"A calibration takes at least 2 seen classes and an image of one, found {len(class_ids)} classes and "
                f"{len(kept)} images."
            )
        own = torch.from_numpy(hidden.index.rows([class_id for class_id in kept.class_ids() if class_id is not None]))
        sets = draw_sets(_steps(graph, class_ids), len(kept), np.random.default_rng(seed))
        return cls(class_ids, hidden.score(kept).double(), shown.select(class_ids).score(kept).double(), own, sets)

    def of_images(self, wanted: Bool[Tensor, "N"]) -> SeenQueries:
        """Return the same sets asked about some of the images only."""
        return replace(self, hidden=self.hidden[wanted], shown=self.shown[wanted], own=self.own[wanted])

    def known(self, size: int) -> Iterator[tuple[CandidateSet, Bool[Tensor, "N"]]]:
        """Yield each set of a size with the images whose class is in it."""
        for candidates in self.sets[size]:
            held = torch.zeros(len(self.class_ids), dtype=torch.bool)
            held[torch.from_numpy(candidates.columns)] = True
            yield candidates, held[self.own]

    def answers(self, size: int, limit: int | None = None) -> Answers:
        """Return the queries of a size whose class is among the candidates.

        Args:
            size: number of candidates.
            limit: about so many queries, evenly taken.
        """
        scores, right, spacing = [torch.zeros(0, size).double()], [torch.zeros(0).long()], [torch.zeros(0).double()]
        for candidates, known in self.known(size):
            columns = torch.from_numpy(candidates.columns)
            scores.append(self.hidden[known][:, columns])
            right.append(torch.searchsorted(columns, self.own[known]))
            spacing.append(torch.full((int(known.sum()),), candidates.spacing, dtype=torch.float64))
        step = 1 if limit is None else max(1, sum(map(len, right)) // limit)
        return Answers(*(torch.cat(parts)[::step] for parts in (scores, right, spacing)))


def draw_sets(
    steps: Int[Array, "C C"], num_images: int, generator: np.random.Generator
) -> dict[int, tuple[CandidateSet, ...]]:
    """Draw sets of candidates: of each size one half from all over, the other half around a class.

    Args:
        steps: between the classes in the graph, -1 where there is no way.
        num_images: how many images there are; so many sets are drawn that about 2,000 are asked about.
        generator: the source of chance.
    """
    count = len(steps)
    far = np.where(steps < 0, 2 * int(steps.max(initial=0)) + 100, steps)
    drawn = {}
    for size in (*(size for size in SIZES if size < count), count):
        wanted = -(-IMAGES_A_SIZE * count // (size * num_images))
        number = 1 if size == count else min(max(wanted, 2), MAX_SETS)
        columns = [_draw(far, size, turn % 2 == 1, generator) for turn in range(number)]
        drawn[size] = tuple(CandidateSet(one, spacing_of_steps(steps[np.ix_(one, one)])) for one in columns)
    return drawn


def _draw(far: Int[Array, "C C"], size: int, is_near: bool, generator: np.random.Generator) -> Int[Array, "_"]:
    """Draw a set without replacement: alike for all, or ~ exp(-steps) from a class that is drawn first."""
    keys = generator.gumbel(size=len(far))
    if is_near:
        keys -= far[generator.integers(len(far))]
    return np.sort(np.argsort(-keys, kind="stable")[:size])


def _steps(graph: ClassGraph, class_ids: tuple[ClassId, ...]) -> Int[Array, "C C"]:
    """Return the steps between classes, on ways up and down through what is above them."""
    part = graph.subgraph({*class_ids, *graph.ancestors(class_ids)})
    rows = part.index.rows(class_ids)
    steps: Array = tree_distances(part, rows)[:, rows]
    return steps


def _few_a_class(images: FeatureSet, most: int) -> FeatureSet:
    """Return at most so many images of each class, the first ones."""
    taken = dict[int, int]()
    rows = []
    for row, label in enumerate(images.labels.tolist()):
        taken[label] = taken.get(label, 0) + 1
        if taken[label] <= most:
            rows.append(row)
    return images.rows(torch.tensor(rows, dtype=torch.int64))

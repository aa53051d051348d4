"""NearestSeen: a class takes the mean classifier of the seen classes nearest to it in the graph.

After T. Hascoet, Y. Ariki and T. Takiguchi, On zero-shot recognition of generic objects, CVPR 2019: a baseline without
any learning, which shames many models. It shows how much of a result comes from the tree alone.

Deviations from the paper:
- The paper takes the prediction of the seen head and then the unseen class nearest to it; here each class gets a
  linear classifier of its own, so that the baseline is a bank like any other and can be ranked at every k.
- Distance is the number of edges of the undirected class graph, not a distance in the word hierarchy's tree.
- All seen classes at the least distance are averaged; classes with the same nearest ones score alike and are tied.
- A class that no seen class can be reached from takes the mean of all seen classifiers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from kgzsl.bank import ClassifierBank, StoredScorer
from kgzsl.classes import ClassIndex
from kgzsl.errors import CorruptFileError, KgzslError, NotFittedError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.extension import ClassExtension
from kgzsl.methods.context import FitContext
from kgzsl.methods.contributions import SeenContributions
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.types import ClassIds, PathLike

__all__ = ["NearestSearch", "NearestSeen", "nearest_seen_bank", "nearest_seen_rows"]

MODEL = "model.safetensors"


class NearestSeen:
    """The baseline as a method; it has no hyper-parameters.

    Example:
        >>> NearestSeen().synthesize(["n02439398"])
        Traceback (most recent call last):
        ...
        kgzsl.errors.NotFittedError: NearestSeen has not been fitted; call fit(supervision) first.
    """

    def __init__(self) -> None:
        self._graph: ClassGraph | None = None
        self._seen_bank: ClassifierBank | None = None
        self._search: NearestSearch | None = None  # made when the first new class is placed

    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters: there are none."""
        return {}

    def fit(self, supervision: Supervision, context: FitContext | None = None) -> NearestSeen:
        """Keep the graph and the seen classifiers; there is nothing to learn."""
        self._graph, self._seen_bank, self._search = supervision.graph, _by_id(supervision.seen_bank), None
        return self

    def _require(self) -> tuple[ClassGraph, ClassifierBank]:
        if self._graph is None or self._seen_bank is None:
            raise NotFittedError("NearestSeen has not been fitted; call fit(supervision) first.")
        return self._graph, self._seen_bank

    def synthesize(self, class_ids: ClassIds) -> ClassifierBank:
        """Return the mean classifiers of the classes; see `nearest_seen_bank`."""
        graph, seen_bank = self._require()
        return nearest_seen_bank(graph, seen_bank, class_ids)

    def synthesize_new(self, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding) -> ClassifierBank:
        """Return the mean classifiers of classes that the graph lacks: what they would have inside of it.

        Args:
            extensions: the new classes, each with the missing ancestors it brings along.
            vectors: not looked at.
        """
        graph, seen_bank = self._require()
        if self._search is None:
            self._search = NearestSearch.over(graph, seen_bank.index)
        nearest = [self._search.of_new(extension) for extension in extensions]
        return _mean_bank(seen_bank, [extension.class_id for extension in extensions], nearest)

    def contributions(
        self, class_ids: ClassIds, extensions: Sequence[ClassExtension] = (), vectors: SemanticEmbedding | None = None
    ) -> SeenContributions:
        """Return the seen classifiers that each class is the mean of."""
        graph, seen_bank = self._require()
        search = NearestSearch.over(graph, seen_bank.index)
        nearest = [search.nearest[row] for row in graph.index.rows(class_ids).tolist()]
        nearest += [search.of_new(extension) for extension in extensions]
        weights = torch.zeros(len(nearest), len(seen_bank.index), dtype=torch.float64)
        for row, group in enumerate(nearest):
            weights[row, list(group) or slice(None)] = 1 / (len(group) or len(seen_bank.index))
        unit = seen_bank.normalised("joint")
        rows = torch.cat([unit.weights, unit.biases[:, None]], dim=1).double()
        ids = (*class_ids, *(extension.class_id for extension in extensions))
        return SeenContributions(ids, seen_bank.index.ids, weights, rows)

    def save(self, folder: PathLike) -> None:
        """Write ``model.safetensors``: the seen classifiers."""
        self._require()[1].save(Path(folder) / MODEL)

    @classmethod
    def load(
        cls, folder: PathLike, graph: ClassGraph, semantics: SemanticEmbedding, scorer: StoredScorer
    ) -> NearestSeen:
        """Read what `save` wrote, with the graph that stands beside it.

        Raises:
            CorruptFileError: the file is damaged or belongs to another graph.
        """
        method = cls()
        try:
            method._graph, method._seen_bank = graph, ClassifierBank.load(Path(folder) / MODEL)
            graph.index.rows(method._seen_bank.index)
        except KgzslError as error:
            raise CorruptFileError(f"{folder} holds no whole NearestSeen ({error}); train it again.") from error
        return method


def nearest_seen_bank(graph: ClassGraph, seen_bank: ClassifierBank, class_ids: ClassIds) -> ClassifierBank:
    """Give each class the mean of the jointly normalised classifiers of its nearest seen classes.

    ``[w_c, b_c] = mean over s in nearest(c) of [w_s, b_s] / |[w_s, b_s]|``; a seen class is nearest to itself.

    Args:
        graph: the class graph.
        seen_bank: the classifiers of the seen classes.
        class_ids: the classes wanted.

    Returns:
        A bank in the order of ``class_ids``. Means are shorter than 1, so its normalisation is ``none``.

    Raises:
        UnknownClassError: a class, or a seen one, is not in the graph.
    """
    ordered = _by_id(seen_bank)
    nearest = nearest_seen_rows(graph, ordered.index)
    return _mean_bank(ordered, class_ids, [nearest[row] for row in graph.index.rows(class_ids).tolist()])


def _by_id(bank: ClassifierBank) -> ClassifierBank:
    """Put rows in the order of class ids, so that no sum depends on the order in which classes are given."""
    return bank.select(tuple(sorted(bank.index)))


def _mean_bank(seen_bank: ClassifierBank, class_ids: ClassIds, wanted: Sequence[tuple[int, ...]]) -> ClassifierBank:
    """Average the jointly normalised rows that are nearest to each class; all of them where there are none."""
    seen = seen_bank.normalised("joint")
    groups = {group: number for number, group in enumerate(dict.fromkeys(wanted))}
    weights = seen.weights.new_empty(len(groups), seen.dim)
    biases = seen.biases.new_empty(len(groups))
    for group, number in groups.items():
        rows = torch.tensor(group or range(len(seen.index)))
        weights[number], biases[number] = seen.weights[rows].mean(dim=0), seen.biases[rows].mean()
    taken = torch.tensor([groups[group] for group in wanted], dtype=torch.int64)
    index = ClassIndex(tuple(class_ids), "nearest-seen bank")
    return ClassifierBank(index, weights[taken], biases[taken], seen_bank.backbone)


def nearest_seen_rows(graph: ClassGraph, seen: ClassIndex) -> list[tuple[int, ...]]:
    """Return for each row of the graph the rows of ``seen`` at the least undirected distance, in order.

    Empty where no seen class can be reached.
    """
    return NearestSearch.over(graph, seen).nearest


@dataclass(frozen=True, slots=True)
class NearestSearch:
    """The nearest seen classes of every class of a graph.

    Args:
        graph: the class graph.
        nearest: for each of its rows, the rows of the seen classes at the least distance, in order.
        distances: how many edges away they are; -1 where none can be reached.
    """

    graph: ClassGraph
    nearest: list[tuple[int, ...]]
    distances: list[int]

    @classmethod
    def over(cls, graph: ClassGraph, seen: ClassIndex) -> NearestSearch:
        """Search from all seen classes at once.

        Breadth first: what is nearest to a class at distance d is nearest to one of its neighbours at distance d - 1.
        """
        nearest: list[set[int]] = [set() for _ in range(graph.num_classes)]
        distances = [-1] * graph.num_classes
        level = graph.index.rows(seen).tolist()
        for number, row in enumerate(level):
            nearest[row].add(number)
        distance = 0
        while level:
            for row in level:
                distances[row] = distance
            following: dict[int, None] = {}
            for row in level:
                for near in (*graph.parent_rows(row), *graph.child_rows(row)):
                    if distances[near] < 0:
                        nearest[near] |= nearest[row]
                        following[near] = None
            level, distance = list(following), distance + 1
        return cls(graph, [tuple(sorted(rows)) for rows in nearest], distances)

    def of_new(self, extension: ClassExtension) -> tuple[int, ...]:
        """Return the nearest seen classes of a class that the graph lacks: every way to them begins upward."""
        index = self.graph.index
        ends = [(len(way) - 1, index.row(way[-1])) for way in extension.ways_up() if way[-1] in index]
        reached = [(steps + self.distances[row], row) for steps, row in ends if self.distances[row] >= 0]
        least = min((distance for distance, _ in reached), default=0)
        return tuple(sorted({one for distance, row in reached if distance == least for one in self.nearest[row]}))

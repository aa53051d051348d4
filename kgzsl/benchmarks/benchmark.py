"""A benchmark as nouns: classes, attributes, splits, and images where there are any."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import GraphError
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.splits import Split
from kgzsl.types import ClassId

__all__ = ["Benchmark", "BenchmarkImages", "flat_graph"]


@dataclass(frozen=True, slots=True, eq=False)
class BenchmarkImages:
    """The features of a benchmark.

    Args:
        trainval: images of seen classes to learn from.
        test_seen: other images of seen classes.
        test_unseen: images of the unseen classes.
    """

    trainval: FeatureSet
    test_seen: FeatureSet
    test_unseen: FeatureSet


@dataclass(frozen=True, slots=True, eq=False)
class Benchmark:
    """A benchmark.

    Args:
        name: what it is called.
        graph: its classes; without edges unless a taxonomy was given.
        attributes: a vector a class, in the order of the published file.
        split: seen and unseen classes.
        validation: the published sets of seen classes to hold out, one after the other; may be empty.
        images: its features, or None where only classes are at hand.

    Raises:
        GraphError: a class of the split or of a validation set is none of the graph, or none of the seen ones.
        SemanticsError: a class of the split has no attributes.
    """

    name: str
    graph: ClassGraph
    attributes: SemanticEmbedding
    split: Split
    validation: tuple[tuple[ClassId, ...], ...] = ()
    images: BenchmarkImages | None = None

    def __post_init__(self) -> None:
        self.split.check(self.graph)
        self.attributes.select(self.split.seen + self.split.unseen)
        for held_out in self.validation:
            replace(self.split, held_out=held_out)

    def held_out(self, number: int = 0) -> Split:
        """Return the split with a published validation set held out.

        Raises:
            GraphError: there is no such set.
        """
        if not 0 <= number < len(self.validation):
            raise GraphError(f"Benchmark {self.name!r} has {len(self.validation)} validation sets, no number {number}.")
        return replace(self.split, held_out=self.validation[number])


def flat_graph(name: str, class_ids: tuple[ClassId, ...]) -> ClassGraph:
    """Return a graph of classes without an edge; names are the ids made readable.

    Example:
        >>> flat_graph("birds", ("002.Laysan_Albatross",)).text("002.Laysan_Albatross").label
        'Laysan Albatross'
    """
    texts = tuple(ClassText(class_id, (_lemma(class_id),)) for class_id in class_ids)
    edges, relations = np.zeros((0, 2), dtype=np.int64), np.zeros(0, dtype=np.int64)
    return ClassGraph(name, ClassIndex(class_ids, f"graph {name!r}"), texts, edges, relations)


def _lemma(class_id: ClassId) -> str:
    """Leave out the number in front and write ``_`` for ``+`` and spaces."""
    number, dot, rest = class_id.partition(".")
    return (rest if dot and number.isdigit() and rest else class_id).replace("+", "_").replace(" ", "_")

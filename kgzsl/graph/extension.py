"""A class that a graph lacks, with the ancestors that it brings along.

A new class is placed by itself: what it brings depends on the graph and the class alone, never on what else was asked
or added, so that its classifier is always the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kgzsl.classes import ClassText
from kgzsl.errors import GraphError, UnknownClassError
from kgzsl.graph.adjacency import ADJACENCIES, Adjacency, degrees
from kgzsl.graph.class_graph import ClassGraph, NewClass
from kgzsl.types import Array, ClassId, Int

__all__ = ["ClassExtension", "extension_from", "extension_with_parents"]


@dataclass(frozen=True, slots=True, eq=False)
class ClassExtension:
    """A new class and the missing ancestors it needs, parents before children, the class itself last.

    Args:
        classes: the new classes.
        marks: marks that the new classes carry.
    """

    classes: tuple[NewClass, ...]
    marks: Mapping[str, frozenset[ClassId]]

    @property
    def class_id(self) -> ClassId:
        """The class that was asked for."""
        return self.classes[-1].class_id

    def neighbourhood(self, base: ClassGraph) -> ClassGraph:
        """Return the small graph of the new classes (last) and all their ancestors in the base graph (first)."""
        held = [parent for new in self.classes for parent in new.parents if parent in base.index]
        around = base.ancestors(held) | set(held)
        return base.subgraph(around, name=f"{base.name} around {self.class_id}").extend(self.classes, self.marks)


def extension_from(base: ClassGraph, full: ClassGraph, class_id: ClassId) -> ClassExtension:
    """Take a class out of a fuller graph, with those of its ancestors that the base graph lacks.

    Args:
        base: the graph that lacks the class.
        full: a graph of the same ids that holds it, such as all nouns of WordNet.
        class_id: the class.

    Raises:
        UnknownClassError: the fuller graph lacks it too.
        GraphError: the two graphs are of different WordNet versions, or the class is in the base graph.
    """
    if class_id in base.index:
        raise GraphError(f"Class {class_id!r} is in graph {base.name!r} already.")
    if base.wordnet_version != full.wordnet_version:
        raise GraphError(
            f"Graph {base.name!r} is of WordNet {base.wordnet_version}, {full.name!r} of {full.wordnet_version}; "
            "class ids of different versions mean different things."
        )
    missing = {class_id} | {above for above in full.ancestors([class_id]) if above not in base.index}
    relation = {(int(child), int(parent)): int(r) for (child, parent), r in _edges_of(full, missing)}
    new = []
    for one in _parents_first(full, missing):
        row = full.index.row(one)
        parents = full.parents(one)
        kind = relation[row, full.index.row(parents[0])] if parents else 0
        new.append(NewClass(one, parents, full.text(one), kind))
    marks = {mark: frozenset(ids & missing) for mark, ids in full.marks.items() if ids & missing}
    return ClassExtension(tuple(new), marks)


def _edges_of(graph: ClassGraph, class_ids: set[ClassId]) -> list[tuple[tuple[int, int], int]]:
    rows = graph.index.rows(class_ids)
    kept = np.isin(graph.edges[:, 0], rows)
    return list(zip(map(tuple, graph.edges[kept].tolist()), graph.relations[kept].tolist()))


def _parents_first(graph: ClassGraph, class_ids: set[ClassId]) -> list[ClassId]:
    ordered: list[ClassId] = []
    waiting = sorted(class_ids)
    while waiting:
        placed = set(ordered)
        ready = [one for one in waiting if all(p in placed or p not in class_ids for p in graph.parents(one))]
        ordered += ready
        waiting = [one for one in waiting if one not in ready]
    return ordered


def extension_with_parents(
    base: ClassGraph, class_id: ClassId, parents: tuple[ClassId, ...], text: ClassText
) -> ClassExtension:
    """Place an own class below classes of the graph; it inherits their marks.

    Raises:
        UnknownClassError: a parent is not in the graph, or none is given.
        GraphError: the class is in the graph already.
    """
    if class_id in base.index:
        raise GraphError(f"Class {class_id!r} is in graph {base.name!r} already; choose another id.")
    if not parents:
        raise UnknownClassError(f"Class {class_id!r} needs at least one parent in graph {base.name!r}.")
    base.index.rows(parents)
    marks = {mark: frozenset([class_id]) for mark, ids in base.marks.items() if ids & set(parents)}
    return ClassExtension((NewClass(class_id, parents, text),), marks)


def neighbourhood_adjacency(
    name: str, neighbourhood: ClassGraph, num_known: int, known_degrees: Int[Array, "N"]
) -> Adjacency:
    """Return an adjacency of a neighbourhood in which the known classes keep the degrees they were trained with."""
    own = degrees(neighbourhood)
    own[:num_known] = known_degrees
    return ADJACENCIES[name](neighbourhood, own)

"""Smaller graphs out of a full one: ancestor-closed, with chains contracted, and as published for DGP.

``closed`` is the default: of 21,842 ImageNet classes it makes one connected graph of 23,547. ``published`` keeps what
the DGP paper used, hypernym edges among a list of classes: 32,324 classes in 298 components.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from kgzsl.classes import ClassIndex
from kgzsl.graph.class_graph import HYPERNYM, ClassGraph
from kgzsl.types import Array, ClassId, Int

__all__ = ["INDUCTIONS", "among", "closed", "contracted", "topological_rows"]


def closed(full: ClassGraph, class_ids: Iterable[ClassId], name: str | None = None) -> ClassGraph:
    """Return the graph of the classes and everything above them, over every kind of edge.

    Args:
        full: the graph to take it from.
        class_ids: the wanted classes.
        name: of the new graph.

    Raises:
        UnknownClassError: a class is not in the full graph.

    Example:
        >>> from kgzsl.graph.custom import from_pairs
        >>> tree = from_pairs([("okapi", "giraffid"), ("giraffid", "animal"), ("crane", "animal")])
        >>> sorted(closed(tree, ["okapi"]).index)
        ['animal', 'giraffid', 'okapi']
    """
    wanted = set(class_ids)
    return full.subgraph(wanted | full.ancestors(wanted), name)


def contracted(full: ClassGraph, class_ids: Iterable[ClassId], name: str | None = None) -> ClassGraph:
    """Return the ancestor-closed graph with its chains contracted.

    A class goes when it is not wanted, is no root and has exactly one child; that child takes over its parents.
    Classes are visited children first, so that a chain goes whole; where a parent is taken over that the child has
    already, the child keeps one edge, and the parent may thereby come to have one child and go as well. What stays
    has the same ancestors among what stays as before. An edge made of several is an instance edge when one of them is.

    Args:
        full: the graph to take it from.
        class_ids: the wanted classes; all of them stay.
        name: of the new graph.

    Raises:
        UnknownClassError: a class is not in the full graph.
    """
    wanted = set(class_ids)
    graph = closed(full, wanted, name)
    held = set(graph.index.rows(sorted(wanted)).tolist())
    parents: list[dict[int, int]] = [{} for _ in range(graph.num_classes)]
    children: list[set[int]] = [set() for _ in range(graph.num_classes)]
    for (child, parent), relation in zip(graph.edges.tolist(), graph.relations.tolist()):
        parents[child][parent] = relation
        children[parent].add(child)
    removed = set()
    for row in topological_rows(graph)[::-1]:
        if row in held or not parents[row] or len(children[row]) != 1:
            continue
        removed.add(row)
        child = children[row].pop()
        below = parents[child].pop(row)
        for parent, above in parents[row].items():
            parents[child].setdefault(parent, max(below, above))
            children[parent].discard(row)
            children[parent].add(child)
    edges = sorted(
        (child, parent, relation)
        for child, above in enumerate(parents)
        if child not in removed
        for parent, relation in above.items()
    )
    return _with_edges(graph, sorted(set(range(graph.num_classes)) - removed), edges)


def _with_edges(graph: ClassGraph, rows: list[int], edges: Sequence[tuple[int, int, int]]) -> ClassGraph:
    kept = graph.subgraph(graph.index[row] for row in rows)
    table = np.array(edges, dtype=np.int64).reshape(-1, 3)  # (E, 3)
    moved = np.full(graph.num_classes, -1, dtype=np.int64)
    moved[rows] = np.arange(len(rows))
    return replace(kept, edges=moved[table[:, :2]], relations=table[:, 2])


def among(full: ClassGraph, class_ids: Iterable[ClassId], name: str | None = None) -> ClassGraph:
    """Return the graph of just these classes and the direct hypernym edges among them.

    Of ImageNet's structure list and the seen and unseen classes this is DGP's published graph (Kampffmeyer et al.,
    Rethinking Knowledge Graph Propagation for Zero-Shot Learning, CVPR 2019): no instance edges, nothing added above.

    Args:
        full: the graph to take it from.
        class_ids: the classes of the new graph.
        name: of the new graph.

    Raises:
        UnknownClassError: a class is not in the full graph.
    """
    graph = full.subgraph(class_ids, name)
    hypernyms = graph.relations == HYPERNYM
    return replace(graph, edges=graph.edges[hypernyms], relations=graph.relations[hypernyms])


def _everything(full: ClassGraph, class_ids: Iterable[ClassId], name: str | None = None) -> ClassGraph:
    full.index.rows(class_ids)
    if not name or name == full.name:
        return full
    return replace(full, name=name, index=ClassIndex(full.index.ids, f"graph {name!r}"))


def topological_rows(graph: ClassGraph) -> Int[Array, "C"]:
    """Return all rows, every parent before its children."""
    open_parents = [len(graph.parent_rows(row)) for row in range(graph.num_classes)]
    order = [row for row, number in enumerate(open_parents) if number == 0]
    for row in order:
        for child in graph.child_rows(row):
            open_parents[child] -= 1
            if open_parents[child] == 0:
                order.append(child)
    return np.array(order, dtype=np.int64)


INDUCTIONS: dict[str, Callable[..., ClassGraph]] = {
    "closed": closed,
    "contracted": contracted,
    "published": among,
    "full": _everything,
}

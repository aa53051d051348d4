"""What tells senses apart without definitions: what is above a class and beside it."""

from __future__ import annotations

from kgzsl.graph.class_graph import ClassGraph
from kgzsl.types import ClassId

__all__ = ["path_hint", "path_labels", "sibling_labels"]

STEPS, SIBLINGS = 3, 3


def path_labels(graph: ClassGraph, class_id: ClassId, steps: int = STEPS) -> tuple[str, ...]:
    """Return the labels of the classes above a class, following first parents, nearest first."""
    labels: list[str] = []
    parents = graph.parents(class_id)
    while parents and len(labels) < steps:
        labels.append(graph.text(parents[0]).label)
        parents = graph.parents(parents[0])
    return tuple(labels)


def path_hint(graph: ClassGraph, class_id: ClassId, steps: int = STEPS) -> str:
    """Name the classes above a class: ``giraffe < ruminant < even-toed ungulate``."""
    return " < ".join(path_labels(graph, class_id, steps))


def sibling_labels(graph: ClassGraph, class_id: ClassId, limit: int = SIBLINGS) -> tuple[str, ...]:
    """Return the labels of the first other children of a class's first parent."""
    row = graph.index.row(class_id)
    for parent in graph.parent_rows(row)[:1]:
        beside = [child for child in graph.child_rows(parent)[: limit + 1] if child != row]
        return tuple(graph.texts[child].label for child in beside[:limit])
    return ()

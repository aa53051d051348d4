"""What a class graph is, in a few figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kgzsl.graph.class_graph import RELATIONS, ClassGraph
from kgzsl.graph.hops import components
from kgzsl.graph.induce import topological_rows
from kgzsl.types import ClassId

__all__ = ["GraphSummary", "summarise"]


@dataclass(frozen=True, slots=True)
class GraphSummary:
    """Figures of a class graph.

    Args:
        name: what it is called.
        wordnet: its WordNet version, or None.
        num_classes: how many classes.
        edges: relation to how many edges of it; relations without edges left out.
        links: kind to how many links of it.
        roots: classes without a parent.
        depth: the longest way upward, in edges.
        num_components: how many parts hang together.
        several_parents: classes with more than one parent.
        marks: mark to how many classes carry it.
        provenance: how it was made.
    """

    name: str
    wordnet: str | None
    num_classes: int
    edges: dict[str, int]
    links: dict[str, int]
    roots: tuple[ClassId, ...]
    depth: int
    num_components: int
    several_parents: int
    marks: dict[str, int]
    provenance: dict[str, Any]


def summarise(graph: ClassGraph) -> GraphSummary:
    """Return the figures of a graph.

    Example:
        >>> from kgzsl.graph.custom import from_pairs
        >>> summarise(from_pairs([("okapi", "mammal"), ("mammal", "animal")])).depth
        2
    """
    depth = np.zeros(graph.num_classes, dtype=np.int64)
    for row in topological_rows(graph):
        for child in graph.child_rows(row):
            depth[child] = max(depth[child], depth[row] + 1)
    counts = np.bincount(graph.relations, minlength=len(RELATIONS)).tolist()
    return GraphSummary(
        name=graph.name,
        wordnet=graph.wordnet_version,
        num_classes=graph.num_classes,
        edges={relation: count for relation, count in zip(RELATIONS, counts) if count},
        links=graph.links.counts(),
        roots=graph.roots(),
        depth=int(depth.max(initial=0)),
        num_components=int(components(graph).max(initial=-1)) + 1,
        several_parents=sum(len(graph.parent_rows(row)) > 1 for row in range(graph.num_classes)),
        marks={mark: len(ids) for mark, ids in sorted(graph.marks.items())},
        provenance=dict(graph.provenance),
    )

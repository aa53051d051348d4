"""Weighted arrows along which a graph network gathers, built from a class graph and named by flow.

An adjacency holds K groups of row-normalised arrows: group k turns x into ``(A_k x)_i = sum_j A_k[i, j] x_j``.

References:
    Kipf, Welling: Semi-Supervised Classification with Graph Convolutional Networks, ICLR 2017 (symmetric).
    Kampffmeyer et al.: Rethinking Knowledge Graph Propagation for Zero-Shot Learning, CVPR 2019 (row, dense groups).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.hops import ancestor_hops
from kgzsl.types import Array, Float, Int

__all__ = [
    "ADJACENCIES",
    "Adjacency",
    "degrees",
    "from_ancestors",
    "from_descendants",
    "undirected",
    "undirected_symmetric",
]

MAX_HOP = 4
"""Ancestors this many hops away or more share one group (the published number)."""


@dataclass(frozen=True, slots=True, eq=False)
class Adjacency:
    """K groups of weighted arrows among N nodes, sorted by (group, target, source).

    Args:
        num_nodes: N.
        num_groups: K.
        groups: group of each arrow.
        targets: the node that gathers.
        sources: the node it gathers from.
        values: weight of each arrow.
    """

    num_nodes: int
    num_groups: int
    groups: Int[Array, "E"]
    targets: Int[Array, "E"]
    sources: Int[Array, "E"]
    values: Float[Array, "E"]

    def dense(self) -> Float[Array, "K N N"]:
        """Return the groups as dense matrices; for small graphs and tests."""
        matrices = np.zeros((self.num_groups, self.num_nodes, self.num_nodes), dtype=np.float64)
        matrices[self.groups, self.targets, self.sources] = self.values
        return matrices


def degrees(graph: ClassGraph) -> Int[Array, "C"]:
    """Return the number of neighbours of each class in the undirected graph, itself counted once."""
    ends = _both_directions(graph)
    return np.bincount(ends[:, 0], minlength=graph.num_classes)


def _both_directions(graph: ClassGraph) -> Int[Array, "A 2"]:
    loops = np.repeat(np.arange(graph.num_classes, dtype=np.int64)[:, None], 2, axis=1)
    return np.unique(np.concatenate([graph.edges, graph.edges[:, ::-1], loops]), axis=0)


def undirected(graph: ClassGraph, node_degrees: Int[Array, "C"] | None = None) -> Adjacency:
    """Gather from all neighbours and oneself, row-normalised: ``D^-1 (A + I)`` (SGCN).

    Args:
        graph: the class graph; its edges count in both directions.
        node_degrees: degrees to use instead of the graph's own, (C,).
    """
    ends = _both_directions(graph)
    degree = degrees(graph) if node_degrees is None else node_degrees
    return _single(graph, ends, 1.0 / degree[ends[:, 0]])


def undirected_symmetric(graph: ClassGraph, node_degrees: Int[Array, "C"] | None = None) -> Adjacency:
    """Gather from all neighbours and oneself, symmetrically normalised: ``D^-1/2 (A + I) D^-1/2`` (GCNZ)."""
    ends = _both_directions(graph)
    degree = degrees(graph) if node_degrees is None else node_degrees
    return _single(graph, ends, 1.0 / np.sqrt(degree[ends[:, 0]].astype(np.float64) * degree[ends[:, 1]]))


def _single(graph: ClassGraph, ends: Int[Array, "A 2"], values: Float[Array, "A"]) -> Adjacency:
    groups = np.zeros(len(ends), dtype=np.int64)
    return Adjacency(graph.num_classes, 1, groups, ends[:, 0], ends[:, 1], values.astype(np.float32))


def from_ancestors(graph: ClassGraph, node_degrees: Int[Array, "C"] | None = None) -> Adjacency:
    """Gather from oneself and all ancestors in groups of hop 0, 1, 2, 3 and at least 4, each row-normalised (DGP)."""
    descendant, ancestor, hop = ancestor_hops(graph).T
    return _grouped(graph.num_classes, descendant, ancestor, hop)


def from_descendants(graph: ClassGraph, node_degrees: Int[Array, "C"] | None = None) -> Adjacency:
    """Gather from oneself and all descendants in groups of hop 0, 1, 2, 3 and at least 4, each row-normalised (DGP)."""
    descendant, ancestor, hop = ancestor_hops(graph).T
    return _grouped(graph.num_classes, ancestor, descendant, hop)


def _grouped(num_nodes: int, targets: Int[Array, "E"], sources: Int[Array, "E"], hops: Int[Array, "E"]) -> Adjacency:
    groups = np.minimum(hops, MAX_HOP)
    order = np.lexsort((sources, targets, groups))
    groups, targets, sources = groups[order], targets[order], sources[order]
    row = groups * num_nodes + targets
    values = 1.0 / np.bincount(row, minlength=(MAX_HOP + 1) * num_nodes)[row]
    return Adjacency(num_nodes, MAX_HOP + 1, groups, targets, sources, values.astype(np.float32))


ADJACENCIES: dict[str, Callable[..., Adjacency]] = {
    "undirected": undirected,
    "undirected_symmetric": undirected_symmetric,
    "from_ancestors": from_ancestors,
    "from_descendants": from_descendants,
}
"""Adjacencies by the name that a propagator asks for."""

"""Weighted arrows along which a graph network gathers, built from a class graph and named by flow.

An adjacency holds K groups of row-normalised arrows: group k turns x into ``(A_k x)_i = sum_j A_k[i, j] x_j``.

References:
    Kipf, Welling: Semi-Supervised Classification with Graph Convolutional Networks, ICLR 2017 (symmetric).
    Kampffmeyer et al.: Rethinking Knowledge Graph Propagation for Zero-Shot Learning, CVPR 2019 (row, dense groups).
    Schlichtkrull et al.: Modeling Relational Data with Graph Convolutional Networks, ESWC 2018 (relations).
    Nayak, Bach: Zero-Shot Learning with Common Sense Knowledge Graphs, TMLR 2022 (most visited neighbours).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from kgzsl.graph.class_graph import INSTANCE, ClassGraph
from kgzsl.graph.hops import ancestor_hops
from kgzsl.graph.links import SIMILAR
from kgzsl.graph.walks import most_visited_neighbours
from kgzsl.registry import choose
from kgzsl.types import Array, Float, Int

__all__ = [
    "ADJACENCIES",
    "Adjacency",
    "degrees",
    "find_adjacencies",
    "find_adjacency",
    "from_ancestors",
    "from_descendants",
    "most_visited",
    "oneself",
    "reads_links",
    "relational",
    "relational_links",
    "undirected",
    "undirected_symmetric",
]

MAX_HOP = 4
"""Ancestors this many hops away or more share one group (the published number)."""
NUM_RELATIONS = 4
"""Relations to others that `relational` tells apart: hypernym and instance, each upward and downward."""
NUM_LINK_RELATIONS = 3
"""Relations that `relational_links` adds: similar, from the attributes of a class, from the classes of an attribute."""


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
    """Return the number of neighbours of each class, along edges and links, itself counted once."""
    ends = _both_directions(graph)
    return np.bincount(ends[:, 0], minlength=graph.num_classes)


def _both_directions(graph: ClassGraph) -> Int[Array, "A 2"]:
    count, (child, parent) = graph.num_classes, np.concatenate([graph.edges, graph.links.ends]).T
    loops = np.arange(count, dtype=np.int64) * (count + 1)
    pairs = np.unique(np.concatenate([child * count + parent, parent * count + child, loops]))  # pairs as one number
    return np.stack(np.divmod(pairs, max(count, 1)), axis=1)


def undirected(graph: ClassGraph, node_degrees: Int[Array, "C"] | None = None) -> Adjacency:
    """Gather from all neighbours and oneself, row-normalised: ``D^-1 (A + I)`` (SGCN).

    Args:
        graph: the class graph; its edges and links count in both directions.
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
    return _from_ancestors(graph, ancestor_hops(graph))


def from_descendants(graph: ClassGraph, node_degrees: Int[Array, "C"] | None = None) -> Adjacency:
    """Gather from oneself and all descendants in groups of hop 0, 1, 2, 3 and at least 4, each row-normalised (DGP)."""
    return _from_descendants(graph, ancestor_hops(graph))


def _from_ancestors(graph: ClassGraph, hops: Int[Array, "E 3"]) -> Adjacency:
    return _by_group(graph.num_classes, MAX_HOP + 1, hops[:, 0], hops[:, 1], np.minimum(hops[:, 2], MAX_HOP))


def _from_descendants(graph: ClassGraph, hops: Int[Array, "E 3"]) -> Adjacency:
    return _by_group(graph.num_classes, MAX_HOP + 1, hops[:, 1], hops[:, 0], np.minimum(hops[:, 2], MAX_HOP))


def _by_group(
    num_nodes: int, num_groups: int, targets: Int[Array, "E"], sources: Int[Array, "E"], groups: Int[Array, "E"]
) -> Adjacency:
    bits = max(num_nodes - 1, 1).bit_length()
    last = (1 << bits) - 1
    keys = groups << bits  # each arrow as one number; in place, for fresh memory costs more than what is computed
    keys |= targets
    keys <<= bits
    keys |= sources
    keys.sort()
    sources = keys & last
    keys >>= bits
    number = np.bincount(keys, minlength=num_groups << bits)
    values = np.repeat((1.0 / np.maximum(number, 1)).astype(np.float32), number)
    targets = keys & last
    keys >>= bits
    return Adjacency(num_nodes, num_groups, keys, targets, sources, values)


def oneself(graph: ClassGraph, node_degrees: Int[Array, "C"] | None = None) -> Adjacency:
    """Gather from oneself alone: a layer without arrows."""
    rows = np.arange(graph.num_classes, dtype=np.int64)
    return _single(graph, np.stack([rows, rows], axis=1), np.ones(graph.num_classes))


def relational(graph: ClassGraph, node_degrees: Int[Array, "C"] | None = None) -> Adjacency:
    """Gather from all neighbours and oneself in groups by relation, each row-normalised (R-GCN).

    Groups: 0 oneself, 1 from the hypernyms, 2 from the hyponyms, 3 from the class that this is an instance of, 4 from
    its instances. Edges that were added by hand count as hypernym edges.
    """
    return _by_group(graph.num_classes, NUM_RELATIONS + 1, *_along_edges(graph))


def _along_edges(graph: ClassGraph) -> tuple[Int[Array, "E"], Int[Array, "E"], Int[Array, "E"]]:
    """Return targets, sources and groups of oneself and the edges."""
    child, parent = graph.edges.T
    up = np.where(graph.relations == INSTANCE, 3, 1)
    rows = np.arange(graph.num_classes, dtype=np.int64)
    groups = np.concatenate([np.zeros_like(rows), up, up + 1])
    return np.concatenate([rows, child, parent]), np.concatenate([rows, parent, child]), groups


def relational_links(graph: ClassGraph, node_degrees: Int[Array, "C"] | None = None) -> Adjacency:
    """Gather as `relational`, and along links in three groups more: 5 similar, 6 attributes, 7 their classes."""
    targets, sources, groups = _along_edges(graph)
    first, second = graph.links.ends.T
    forth = np.where(graph.links.kinds == SIMILAR, NUM_RELATIONS + 1, NUM_RELATIONS + 2)
    back = np.where(graph.links.kinds == SIMILAR, NUM_RELATIONS + 1, NUM_RELATIONS + 3)
    return _by_group(
        graph.num_classes,
        NUM_RELATIONS + NUM_LINK_RELATIONS + 1,
        np.concatenate([targets, first, second]),
        np.concatenate([sources, second, first]),
        np.concatenate([groups, forth, back]),
    )


def most_visited(graph: ClassGraph, node_degrees: Int[Array, "C"] | None = None, *, number: int) -> Adjacency:
    """Gather from oneself and the neighbours that a random walk visits most often, row-normalised (ZSL-KG).

    Args:
        graph: the class graph; its edges count in both directions.
        node_degrees: not used.
        number: the most neighbours that are kept, besides oneself.
    """
    ends = _both_directions(graph)
    degree = np.bincount(ends[:, 0], minlength=graph.num_classes)
    crowded = np.flatnonzero(degree > number + 1)
    kept = ~np.isin(ends[:, 0], crowded)
    chosen = most_visited_neighbours(graph, crowded, number)
    ends = np.concatenate([ends[kept], chosen, np.stack([crowded, crowded], axis=1)])
    ends = ends[np.lexsort((ends[:, 1], ends[:, 0]))]
    degree = np.bincount(ends[:, 0], minlength=graph.num_classes)
    return _single(graph, ends, 1.0 / degree[ends[:, 0]])


ADJACENCIES: dict[str, Callable[..., Adjacency]] = {
    "undirected": undirected,
    "undirected_symmetric": undirected_symmetric,
    "from_ancestors": from_ancestors,
    "from_descendants": from_descendants,
    "oneself": oneself,
    "relational": relational,
    "relational_links": relational_links,
}
"""Adjacencies by the name that a propagator asks for."""
OF_HOPS = {"from_ancestors": _from_ancestors, "from_descendants": _from_descendants}
"""Those that are made of the hop sets."""


HIERARCHY_ALONE = ("from_ancestors", "from_descendants", "oneself", "relational")
"""Adjacencies that leave a graph's links aside."""


def reads_links(name: str) -> bool:
    """Say whether an adjacency gathers along the links of a graph, too."""
    return name not in HIERARCHY_ALONE


def find_adjacency(name: str) -> Callable[..., Adjacency]:
    """Return the function that builds an adjacency.

    Args:
        name: a key of `ADJACENCIES`, or ``most_visited:50`` for at most 50 neighbours.

    Raises:
        UnknownVariantError: there is no such adjacency.

    Example:
        >>> find_adjacency("undirected") is undirected
        True
    """
    kind, _, number = name.partition(":")
    if kind == "most_visited" and number.isdigit() and int(number) > 0:
        return partial(most_visited, number=int(number))
    return choose({**ADJACENCIES, "most_visited:N": most_visited}, name, "adjacency")


def find_adjacencies(names: Iterable[str], graph: ClassGraph) -> dict[str, Adjacency]:
    """Return several adjacencies of a graph by name; what they share (the hop sets of DGP's) is found once.

    Args:
        names: as `find_adjacency` reads them, such as those of a propagator's layers; a repeated one counts once.
        graph: the class graph.

    Raises:
        UnknownVariantError: there is no such adjacency.

    Example:
        >>> from kgzsl.toy import toy_graph
        >>> list(find_adjacencies(("from_descendants", "from_ancestors"), toy_graph()))
        ['from_descendants', 'from_ancestors']
    """
    makers = {name: find_adjacency(name) for name in names}
    hops = ancestor_hops(graph) if makers.keys() & OF_HOPS.keys() else None
    return {
        name: make(graph) if hops is None or name not in OF_HOPS else OF_HOPS[name](graph, hops)
        for name, make in makers.items()
    }

"""Distances in a class graph: hops to ancestors, undirected distances, shortest paths."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np

from kgzsl.errors import UnknownClassError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.types import Array, ClassId, Int

__all__ = ["ancestor_hops", "components", "hop_distances", "paths_to_root", "shortest_path", "tree_distances"]

SOURCES_AT_ONCE = 512
DESCENDANTS_AT_ONCE = 16_384
"""Descendants whose ancestors are found together: what they need stays in the cache, and time grows with the graph."""


def ancestor_hops(graph: ClassGraph) -> Int[Array, "E 3"]:
    """Return every (descendant row, ancestor row, hop), each class with itself at hop 0.

    The hop is the fewest steps upward. Rows are sorted by descendant, hop, ancestor.

    Example:
        >>> from kgzsl.graph.custom import from_pairs
        >>> ancestor_hops(from_pairs([("okapi", "animal")])).tolist()  # rows: 0 animal, 1 okapi
        [[0, 0, 0], [1, 1, 0], [1, 0, 1]]
    """
    pointer, parents = _neighbours(graph.edges, graph.num_classes)
    starts = range(0, graph.num_classes, DESCENDANTS_AT_ONCE)
    parts = [
        _hops_above(pointer, parents, start, min(start + DESCENDANTS_AT_ONCE, graph.num_classes)) for start in starts
    ]
    return np.concatenate(parts) if parts else np.zeros((0, 3), dtype=np.int64)


def _hops_above(pointer: Array, parents: Array, start: int, stop: int) -> Int[Array, "E 3"]:
    """Return what `ancestor_hops` returns of the descendants from ``start`` to below ``stop``."""
    count = len(pointer) - 1
    below = above = np.arange(start, stop, dtype=np.int64)
    seen = below * count + above  # pairs as one number, sorted
    found = [np.stack([below, above, np.zeros_like(below)], axis=1)]
    while len(below):
        number = pointer[above + 1] - pointer[above]
        offsets = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
        keys = np.unique(np.repeat(below, number) * count + parents[np.repeat(pointer[above], number) + offsets])
        keys = keys[seen[np.searchsorted(seen, keys).clip(max=len(seen) - 1)] != keys]
        seen = np.sort(np.concatenate([seen, keys]), kind="stable")  # two sorted runs: a merge
        below, above = np.divmod(keys, count)
        found.append(np.stack([below, above, np.full_like(below, len(found))], axis=1))
    rows = np.concatenate(found)  # (E, 3), by hop, descendant, ancestor
    return rows[np.argsort(rows[:, 0], kind="stable")]


def _neighbours(edges: Int[Array, "E 2"], count: int) -> tuple[Array, Array]:
    """Return row pointers (C+1,) and column numbers (E,): what each first end is joined to, in order."""
    order = np.lexsort((edges[:, 1], edges[:, 0]))
    pointer = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(edges[:, 0], minlength=count), out=pointer[1:])
    return pointer, edges[order, 1]


def hop_distances(graph: ClassGraph, class_ids: Iterable[ClassId]) -> Int[Array, "C"]:
    """Return the undirected distance of every class to the nearest of the given ones, -1 where there is no way.

    Raises:
        UnknownClassError: a given class is not in the graph.
    """
    distances = np.full(graph.num_classes, -1, dtype=np.int64)
    rows = graph.index.rows(class_ids)
    distances[rows] = 0
    queue = deque(np.unique(rows).tolist())
    while queue:
        row = queue.popleft()
        for near in (*graph.parent_rows(row), *graph.child_rows(row)):
            if distances[near] < 0:
                distances[near] = distances[row] + 1
                queue.append(near)
    return distances


def components(graph: ClassGraph) -> Int[Array, "C"]:
    """Return the number of the connected component of every class, counted from 0 in row order.

    Example:
        >>> from kgzsl.graph.custom import from_pairs
        >>> components(from_pairs([("a", "b"), ("c", "d")])).tolist()
        [0, 0, 1, 1]
    """
    numbers = np.full(graph.num_classes, -1, dtype=np.int64)
    count = 0
    for first in range(graph.num_classes):
        if numbers[first] >= 0:
            continue
        numbers[first], stack = count, [first]
        while stack:
            row = stack.pop()
            for near in (*graph.parent_rows(row), *graph.child_rows(row)):
                if numbers[near] < 0:
                    numbers[near] = count
                    stack.append(near)
        count += 1
    return numbers


def tree_distances(graph: ClassGraph, rows: Sequence[int] | Int[Array, "R"]) -> Int[Array, "R C"]:
    """Return the undirected distance of given rows to every class, -1 where there is no way.

    All starts walk at once: a class holds one bit a start, and a step joins its bits with those of its neighbours.

    Args:
        graph: the class graph.
        rows: R rows of it.

    Returns:
        (R, C) int16.
    """
    starts = np.asarray(rows, dtype=np.int64)
    count = graph.num_classes
    loops = np.repeat(np.arange(count), 2).reshape(-1, 2)  # no neighbourhood is empty, no bit is lost
    pointer, near = _neighbours(np.concatenate([graph.edges, graph.edges[:, ::-1], loops]), count)
    distances = np.empty((len(starts), count), dtype=np.int16)
    for first in range(0, len(starts), SOURCES_AT_ONCE):
        part = starts[first : first + SOURCES_AT_ONCE]
        distances[first : first + len(part)] = _walk(pointer[:-1], near, part, count)
    return distances


def _walk(pointer: Array, near: Array, starts: Array, count: int) -> Int[Array, "R C"]:
    reached = np.zeros((count, (len(starts) + 7) // 8), dtype=np.uint8)
    bits = np.arange(len(starts))
    np.bitwise_or.at(reached, (starts, bits // 8), (128 >> bits % 8).astype(np.uint8))
    distances = np.zeros((count, len(starts)), dtype=np.int16)
    while True:
        missing = 1 - np.unpackbits(reached, axis=1, count=len(starts))
        distances += missing
        further = np.bitwise_or.reduceat(reached[near], pointer, axis=0)
        if np.array_equal(further, reached):
            break
        reached = further
    distances[missing == 1] = -1
    return distances.T  # (R, C)


def shortest_path(graph: ClassGraph, class_id: ClassId, targets: Iterable[ClassId]) -> tuple[ClassId, ...]:
    """Return a shortest undirected path from a class to the nearest target, both ends included.

    Steps upward are tried before steps downward. Empty where no target can be reached.

    Raises:
        UnknownClassError: the class is not in the graph; targets that are not in it are passed over.
    """
    wanted = {graph.index.row(target) for target in targets if target in graph.index}
    start = graph.index.row(class_id)
    came_from = {start: start}
    queue = deque([start])
    while queue:
        row = queue.popleft()
        if row in wanted:
            path = [row]
            while path[-1] != start:
                path.append(came_from[path[-1]])
            return tuple(graph.index[step] for step in reversed(path))
        for near in (*graph.parent_rows(row), *graph.child_rows(row)):
            if near not in came_from:
                came_from[near] = row
                queue.append(near)
    return ()


def paths_to_root(graph: ClassGraph, class_id: ClassId, limit: int = 10) -> tuple[tuple[ClassId, ...], ...]:
    """Return paths upward from a class to a root, both ends included, shortest first.

    Args:
        graph: the class graph.
        class_id: where to start.
        limit: return at most so many; the shortest ones are among them.

    Raises:
        UnknownClassError: the class is not in the graph.
    """
    if class_id not in graph.index:
        raise UnknownClassError(f"Class {class_id!r} is not in graph {graph.name!r} ({graph.num_classes:,} classes).")
    found: list[tuple[ClassId, ...]] = []
    queue: deque[tuple[int, ...]] = deque([(graph.index.row(class_id),)])
    while queue and len(found) < limit:
        path = queue.popleft()
        above = graph.parent_rows(path[-1])
        if not above:
            found.append(tuple(graph.index[row] for row in path))
        queue.extend((*path, parent) for parent in above)
    return tuple(found)

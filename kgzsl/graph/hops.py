"""Distances in a class graph: hops to ancestors, undirected distances, shortest paths."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np

from kgzsl.errors import UnknownClassError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.neighbours import Neighbours, downward, runs
from kgzsl.types import Array, ClassId, Int

__all__ = ["ancestor_hops", "components", "hop_distances", "paths_to_root", "shortest_path", "tree_distances"]

SOURCES_AT_ONCE = 512
ANCESTORS = 16
"""Ancestors of a class for which room is made at first: memory that is not used costs nothing."""
DESCENDANTS_AT_ONCE = 16_384
"""Descendants whose ancestors are put in order together: what that needs stays in the cache."""


def ancestor_hops(graph: ClassGraph) -> Int[Array, "E 3"]:
    """Return every (descendant row, ancestor row, hop), each class with itself at hop 0.

    The hop is the fewest steps upward. Rows are sorted by descendant, hop, ancestor. From the roots downward, the
    ancestors of a class are those of its parent one hop farther, in the same order, behind itself; only where there are
    several parents something is sorted. Time grows with the rows.

    Example:
        >>> from kgzsl.graph.custom import from_pairs
        >>> ancestor_hops(from_pairs([("okapi", "animal")])).tolist()  # rows: 0 animal, 1 okapi
        [[0, 0, 0], [1, 1, 0], [1, 0, 1]]
    """
    count = graph.num_classes
    up, down = (Neighbours.of(count, at, to) for at, to in (graph.edges.T, graph.edges.T[::-1]))
    found = _Above(count)
    for rows in downward(up, down):
        number = up.numbers(rows)
        found.add_roots(rows[number == 0])
        found.add_below_one(rows[number == 1], up)
        found.add_below_several(rows[number > 1], up)
    return found.in_order()


class _Above:
    """The ancestors found so far: (hop << bits) + row, the runs of the classes one after another.

    Args:
        count: how many classes there are.
    """

    def __init__(self, count: int) -> None:
        self.bits = max(count - 1, 1).bit_length()
        self.starts, self.sizes = np.zeros((2, count), dtype=np.int64)
        self.keys = np.empty(ANCESTORS * count, dtype=np.int64)
        self.end = 0

    def add_roots(self, rows: Int[Array, "R"]) -> None:
        """Add classes that have no parent."""
        self._append(rows, np.ones_like(rows), rows)

    def add_below_one(self, rows: Int[Array, "R"], up: Neighbours) -> None:
        """Add classes with one parent, whose ancestors are there."""
        parents = up.of_all(rows)
        sizes = self.sizes[parents] + 1
        keys = self.keys[runs(self.starts[parents] - 1, sizes)] + (1 << self.bits)
        keys[np.cumsum(sizes) - sizes] = rows  # in place of what stands before the run of the parent
        self._append(rows, sizes, keys)

    def add_below_several(self, rows: Int[Array, "R"], up: Neighbours) -> None:
        """Add classes whose parents may share ancestors: the nearest way to each counts."""
        parents = up.of_all(rows)
        sizes = self.sizes[parents]
        keys = self.keys[runs(self.starts[parents], sizes)] + (1 << self.bits)
        below = np.repeat(np.repeat(np.arange(len(rows)), up.numbers(rows)), sizes)
        below, keys = np.concatenate([np.arange(len(rows)), below]), np.concatenate([rows, keys])
        order = np.lexsort((keys, keys & (1 << self.bits) - 1, below))  # by class, ancestor, hop
        below, keys = below[order], keys[order]
        ancestors = keys & (1 << self.bits) - 1
        first = np.ones(len(keys), dtype=bool)
        first[1:] = (below[1:] != below[:-1]) | (ancestors[1:] != ancestors[:-1])
        below, keys = below[first], keys[first]
        self._append(rows, np.bincount(below, minlength=len(rows)), keys[np.lexsort((keys, below))])

    def _append(self, rows: Int[Array, "R"], sizes: Int[Array, "R"], keys: Int[Array, "K"]) -> None:
        end = self.end + len(keys)
        if end > len(self.keys):
            more = np.empty(max(end, 2 * len(self.keys)) - self.end, dtype=np.int64)
            self.keys = np.concatenate([self.keys[: self.end], more])
        self.keys[self.end : end] = keys
        self.starts[rows], self.sizes[rows] = self.end + np.cumsum(sizes) - sizes, sizes
        self.end = end

    def in_order(self) -> Int[Array, "E 3"]:
        """Return what `ancestor_hops` returns, of all classes; written in parts that stay in the cache."""
        offsets = np.concatenate([[0], np.cumsum(self.sizes)])
        found = np.empty((3, self.end), dtype=np.int64).T  # columns are what is read
        for first in range(0, len(self.sizes), DESCENDANTS_AT_ONCE):
            rows = slice(first, min(first + DESCENDANTS_AT_ONCE, len(self.sizes)))
            part = found[offsets[rows.start] : offsets[rows.stop]]
            keys = self.keys[runs(self.starts[rows], self.sizes[rows])]
            part[:, 0] = np.repeat(np.arange(rows.start, rows.stop), self.sizes[rows])
            np.bitwise_and(keys, (1 << self.bits) - 1, out=part[:, 1])
            np.right_shift(keys, self.bits, out=part[:, 2])
        return found


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

"""The rows next to each row of a graph, one list for all: 82,115 nouns in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from kgzsl.types import Array, Int

__all__ = ["Neighbours", "downward", "runs"]


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """For each row the rows next to it, in edge order.

    Args:
        starts: where the neighbours of each row begin, and the end of the last.
        rows: the neighbours of row 0, then those of row 1, ...
        edges: the number of the edge to each of them.

    Example:
        >>> Neighbours.of(3, np.array([0, 2, 0]), np.array([1, 1, 2]))[0]
        [1, 2]
    """

    starts: Int[Array, "_"]
    rows: Int[Array, "E"]
    edges: Int[Array, "E"]
    _starts: list[int] = field(repr=False)
    _rows: list[int] = field(repr=False)  # single rows are asked for by the thousand

    @classmethod
    def of(cls, count: int, at: Int[Array, "E"], to: Int[Array, "E"]) -> Neighbours:
        """Gather edges ``at -> to`` by the row they leave, of ``count`` rows."""
        starts = np.concatenate([[0], np.cumsum(np.bincount(at, minlength=count))])
        edges = np.argsort(at, kind="stable")
        rows = to[edges]
        return cls(starts, rows, edges, starts.tolist(), rows.tolist())

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> list[int]:
        return self._rows[self._starts[row] : self._starts[row + 1]]

    def numbers(self, rows: Int[Array, "K"]) -> Int[Array, "K"]:
        """Return how many neighbours each of several rows has."""
        found: np.ndarray = self.starts[rows + 1] - self.starts[rows]
        return found

    def of_all(self, rows: Int[Array, "K"]) -> Int[Array, "L"]:
        """Return the neighbours of several rows, one after another."""
        found: np.ndarray = self.rows[runs(self.starts[rows], self.numbers(rows))]
        return found

    def edges_of_all(self, rows: Int[Array, "K"]) -> Int[Array, "L"]:
        """Return the numbers of the edges that leave several rows, one row after another."""
        found: np.ndarray = self.edges[runs(self.starts[rows], self.numbers(rows))]
        return found


def runs(starts: Int[Array, "R"], sizes: Int[Array, "R"]) -> Int[Array, "K"]:
    """Return ``starts[0], starts[0] + 1, ...``, as many as the first size says, then those of the second, ...

    Example:
        >>> runs(np.array([5, 0]), np.array([2, 3])).tolist()
        [5, 6, 0, 1, 2]
    """
    places: np.ndarray = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    places += np.arange(len(places))
    return places


def downward(parents: Neighbours, children: Neighbours) -> Iterator[Int[Array, "R"]]:
    """Yield rows by and by, the parents of each before itself; those on a cycle, and below one, are left out."""
    missing = np.diff(parents.starts)
    ready = np.flatnonzero(missing == 0)
    while len(ready):
        yield ready
        below, done = np.unique(children.of_all(ready), return_counts=True)
        missing[below] -= done
        ready = below[missing[below] == 0]

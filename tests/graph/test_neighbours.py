"""Neighbours against lists that are filled edge by edge."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.graph.neighbours import Neighbours

EDGES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=20)


@given(EDGES, st.lists(st.integers(0, 5), max_size=6))
def test_neighbours_stand_in_edge_order(edges, asked):
    lists: list[list[int]] = [[] for _ in range(6)]
    for at, to in edges:
        lists[at].append(to)
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2)
    found = Neighbours.of(6, ends[:, 0], ends[:, 1])
    assert [found[row] for row in range(len(found))] == lists
    together = found.of_all(np.array(asked, dtype=np.int64))
    assert together.tolist() == [to for row in asked for to in lists[row]]
    numbers = found.edges_of_all(np.array(asked, dtype=np.int64))
    assert numbers.tolist() == [number for row in asked for number, (at, _) in enumerate(edges) if at == row]

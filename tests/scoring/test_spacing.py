from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.graph.hops import tree_distances
from kgzsl.scoring.spacing import FAR, spacing, spacing_of_steps
from kgzsl.toy import toy_graph

LEAVES = ("horse", "zebra", "okapi", "eagle", "owl", "hammer", "saw")


def test_steps_to_the_nearest_other_by_hand() -> None:
    # horse - hoofed - zebra: 2 steps each; saw - tool - entity - animal - hoofed - horse: 5, or by the owl:
    # no candidate, so the ways through it are no ways
    assert spacing(toy_graph(), ("horse", "zebra", "saw")) == pytest.approx((2 * math.log(2) + math.log(5)) / 3)
    assert spacing(toy_graph(), ("horse",)) == math.log(FAR)


@given(st.sets(st.sampled_from(LEAVES), min_size=2))
def test_equals_the_distances_of_all_pairs(chosen: set[str]) -> None:
    graph, ids = toy_graph(), sorted(chosen)
    part = graph.subgraph({*ids, *graph.ancestors(ids)})
    rows = part.index.rows(ids)
    steps = tree_distances(part, rows)[:, rows].astype(np.int64)
    nearest = [min(int(steps[i, j]) for j in range(len(ids)) if j != i) for i in range(len(ids))]
    assert spacing(graph, ids) == pytest.approx(sum(map(math.log, nearest)) / len(ids))
    assert spacing_of_steps(steps) == pytest.approx(spacing(graph, ids))


def test_no_way_is_far() -> None:
    assert spacing_of_steps(np.array([[0, -1], [-1, 0]])) == pytest.approx(math.log(FAR))
    assert math.isclose(spacing_of_steps(np.zeros((1, 1), dtype=np.int64)), math.log(FAR))


def test_the_order_of_candidates_does_not_matter() -> None:
    found = {round(spacing(toy_graph(), ids), 12) for ids in itertools.permutations(("owl", "saw", "zebra"))}
    assert len(found) == 1

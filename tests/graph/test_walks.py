"""Visits of random walks, and the neighbours that they choose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import UnknownVariantError
from kgzsl.graph.adjacency import find_adjacency, most_visited, oneself, relational, undirected
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.custom import from_pairs
from kgzsl.graph.walks import expected_visits, most_visited_neighbours
from kgzsl.toy import toy_graph

STAR = [(f"leaf{number}", "hub") for number in range(5)] + [("twig", "leaf3"), ("hub", "root")]


def test_expected_visits_are_those_of_walks_that_are_drawn() -> None:
    graph = from_pairs(STAR)
    start = graph.index.row("leaf3")
    found = expected_visits(graph, np.array([start]), steps=6)[0]
    generator = np.random.default_rng(0)
    counted = np.zeros(graph.num_classes)
    for _ in range(4000):
        here = start
        for _ in range(6):
            here = generator.choice([*graph.parent_rows(here), *graph.child_rows(here)])
            counted[here] += 1
    assert found.sum() == pytest.approx(6)
    np.testing.assert_allclose(found, counted / 4000, atol=0.06)


def test_the_busiest_neighbours_are_kept_and_the_rest_by_no_order_of_rows() -> None:
    graph = from_pairs(STAR)
    hub = graph.index.row("hub")
    kept = {graph.index[near] for _, near in most_visited_neighbours(graph, np.array([hub]), 3).tolist()}
    assert "leaf3" in kept and len(kept) == 3  # it alone sends walks back with a twig of its own
    turned = from_pairs(STAR[::-1])
    order = np.random.default_rng(1).permutation(turned.num_classes)
    ids = tuple(turned.index[row] for row in order)
    moved = ClassGraph(
        "moved", ClassIndex(ids), tuple(map(ClassText, ids)), np.argsort(order)[turned.edges], turned.relations
    )
    row = np.array([moved.index.row("hub")])
    assert {moved.index[near] for _, near in most_visited_neighbours(moved, row, 3).tolist()} == kept


@given(number=st.integers(1, 8))
def test_at_most_so_many_neighbours_and_oneself_evenly_weighted(number: int) -> None:
    graph = from_pairs(STAR)
    matrix = most_visited(graph, number=number).dense()[0]
    whole = undirected(graph).dense()[0] > 0
    assert ((matrix > 0) <= whole).all() and (matrix.diagonal() > 0).all()
    assert (matrix > 0).sum(axis=1).tolist() == np.minimum(whole.sum(axis=1), number + 1).tolist()
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)


def test_relations_are_groups_upward_and_downward() -> None:
    graph = from_pairs([("okapi", "animal"), ("zebra", "animal"), ("marty", "zebra")])
    edges = [[graph.index[end] for end in edge] for edge in graph.edges]
    relations = np.array([1 if child == "marty" else 0 for child, _ in edges])
    typed = ClassGraph("typed", graph.index, graph.texts, graph.edges, relations)
    dense = relational(typed).dense()
    animal, okapi, zebra, marty = graph.index.rows(["animal", "okapi", "zebra", "marty"])
    assert dense.shape == (5, 4, 4)
    np.testing.assert_array_equal(dense[0], np.eye(4))
    assert dense[1, okapi, animal] == dense[1, zebra, animal] == 1 and dense[1].sum() == 2
    assert dense[2, animal, okapi] == dense[2, animal, zebra] == 0.5 and dense[2].sum() == 1
    assert dense[3, marty, zebra] == 1 and dense[3].sum() == 1
    assert dense[4, zebra, marty] == 1 and dense[4].sum() == 1


def test_oneself_has_no_arrows_to_others() -> None:
    np.testing.assert_array_equal(oneself(toy_graph()).dense()[0], np.eye(12))


@pytest.mark.parametrize("name", ["undirectd", "most_visited", "most_visited:0", "most_visited:many"])
def test_unknown_adjacencies_are_refused(name: str) -> None:
    with pytest.raises(UnknownVariantError, match=r"No adjacency is called .*most_visited:N"):
        find_adjacency(name)

from __future__ import annotations

import itertools

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.errors import UnknownClassError
from kgzsl.graph import ClassGraph, ancestor_hops, hop_distances, paths_to_root, shortest_path, tree_distances
from kgzsl.graph.custom import Entry, from_entries, from_pairs
from kgzsl.graph.hops import components
from kgzsl.graph.synthetic import synthetic_taxonomy


@st.composite
def dags(draw, max_classes: int = 12) -> ClassGraph:
    """Random acyclic graphs; the order of their rows has nothing to do with their edges."""
    count = draw(st.integers(1, max_classes))
    names = draw(st.permutations([f"c{number:02d}" for number in range(count)]))
    entries = [
        Entry(name, tuple(sorted(draw(st.sets(st.sampled_from(names[:place]), max_size=3)))) if place else ())
        for place, name in enumerate(names)
    ]
    return from_entries(entries, "random")


@given(dags())
def test_ancestor_hops_are_the_shortest_ways_upward(graph):
    upward = graph.to_networkx()
    expected = sorted(
        (graph.index.row(below), hop, graph.index.row(above))
        for below, ways in networkx.all_pairs_shortest_path_length(upward)
        for above, hop in ways.items()
    )
    assert ancestor_hops(graph).tolist() == [[below, above, hop] for below, hop, above in expected]


def test_hops_of_blocks_of_descendants_are_those_of_all(monkeypatch: pytest.MonkeyPatch):
    graph = synthetic_taxonomy(500, seed=1)
    whole = ancestor_hops(graph)
    monkeypatch.setattr("kgzsl.graph.hops.DESCENDANTS_AT_ONCE", 7)
    np.testing.assert_array_equal(ancestor_hops(graph), whole)


@given(dags(), st.data())
def test_hop_distances_are_undirected_distances_to_the_nearest(graph, data):
    chosen = data.draw(st.lists(st.sampled_from(graph.index.ids), max_size=4))
    around = graph.to_networkx().to_undirected()
    lengths = dict(networkx.all_pairs_shortest_path_length(around))
    expected = [min((lengths[i].get(j, 10**6) for j in chosen), default=10**6) for i in graph.index]
    assert hop_distances(graph, chosen).tolist() == [-1 if length == 10**6 else length for length in expected]


@given(dags(), st.data())
def test_tree_distances_agree_with_networkx(graph, data):
    rows = data.draw(st.lists(st.integers(0, graph.num_classes - 1), max_size=20))
    lengths = dict(networkx.all_pairs_shortest_path_length(graph.to_networkx().to_undirected()))
    expected = [[lengths[graph.index[row]].get(class_id, -1) for class_id in graph.index] for row in rows]
    assert tree_distances(graph, rows).tolist() == expected


def test_tree_distances_of_more_rows_than_walk_at_once():
    graph = from_pairs([(f"c{number:04d}", f"c{(number - 1) // 2:04d}") for number in range(1, 600)])
    distances = tree_distances(graph, np.arange(600))
    assert distances.shape == (600, 600)
    assert (distances == distances.T).all()
    assert (distances[:, 0] == hop_distances(graph, ["c0000"])).all()


def test_tree_distances_of_no_row():
    assert tree_distances(from_pairs([("a", "b")]), []).shape == (0, 2)


@given(dags(), st.data())
def test_components_are_the_weakly_connected_ones(graph, data):
    numbers = components(graph)
    expected = networkx.weakly_connected_components(graph.to_networkx())
    found = [{graph.index[row] for row in np.flatnonzero(numbers == number)} for number in range(numbers.max() + 1)]
    assert sorted(map(sorted, found)) == sorted(map(sorted, expected))
    assert numbers[0] == 0


@given(dags(), st.data())
def test_a_shortest_path_is_a_path_and_shortest(graph, data):
    start = data.draw(st.sampled_from(graph.index.ids))
    targets = data.draw(st.lists(st.sampled_from(graph.index.ids), max_size=3))
    path = shortest_path(graph, start, targets)
    distance = hop_distances(graph, targets)[graph.index.row(start)]
    assert len(path) == distance + 1
    for near, far in itertools.pairwise(path):
        assert far in (*graph.parents(near), *graph.children(near))
    assert not path or (path[0] == start and path[-1] in targets)


def test_a_shortest_path_passes_over_targets_of_other_graphs():
    graph = from_pairs([("okapi", "giraffid"), ("giraffe", "giraffid")])
    assert shortest_path(graph, "okapi", ["giraffe", "zebra"]) == ("okapi", "giraffid", "giraffe")
    assert shortest_path(graph, "okapi", ["zebra"]) == ()


@given(dags())
def test_paths_to_root_are_all_of_them_and_the_shortest_first(graph):
    upward = graph.to_networkx()
    for class_id in graph.index:
        expected = {
            tuple(path) for root in graph.roots() for path in networkx.all_simple_paths(upward, class_id, root)
        } | ({(class_id,)} if class_id in graph.roots() else set())
        found = paths_to_root(graph, class_id, limit=10_000)
        assert set(found) == expected
        assert [len(path) for path in found] == sorted(len(path) for path in found)
        assert paths_to_root(graph, class_id, limit=1) == found[:1]


def test_paths_to_root_of_an_unknown_class():
    with pytest.raises(UnknownClassError, match="'b' is not in graph 'own taxonomy' \\(2 classes\\)"):
        paths_to_root(from_pairs([("a", "c")]), "b")

from __future__ import annotations

import numpy as np
import pytest

from kgzsl.graph.adjacency import (
    ADJACENCIES,
    Adjacency,
    degrees,
    find_adjacencies,
    find_adjacency,
    from_ancestors,
    from_descendants,
    reads_links,
    undirected,
)
from kgzsl.graph.hops import ancestor_hops
from kgzsl.graph.linking import with_similar
from kgzsl.toy import toy_graph, toy_semantics


def test_undirected_rows_average_the_neighbours_and_oneself() -> None:
    graph = toy_graph()
    matrix = undirected(graph).dense()[0]
    owl, bird, tool = graph.index.rows(["owl", "bird", "tool"])
    assert matrix[owl, [owl, bird, tool]] == pytest.approx([1 / 3] * 3)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)


def test_symmetric_weights_are_one_over_the_root_of_both_degrees() -> None:
    graph = toy_graph()
    matrix = ADJACENCIES["undirected_symmetric"](graph).dense()[0]
    owl, bird = graph.index.rows(["owl", "bird"])
    number = degrees(graph)
    assert matrix[owl, bird] == pytest.approx(1 / np.sqrt(number[owl] * number[bird]))
    np.testing.assert_allclose(matrix, matrix.T)


def test_ancestor_groups_hold_each_hop_and_average_it() -> None:
    graph = toy_graph()
    groups = from_ancestors(graph).dense()
    owl, bird, tool, animal, entity = graph.index.rows(["owl", "bird", "tool", "animal", "entity"])
    assert groups[0, owl, owl] == 1
    assert groups[1, owl, [bird, tool]] == pytest.approx([0.5, 0.5])
    assert groups[2, owl, [animal, entity]] == pytest.approx([0.5, 0.5])  # entity through tool: the fewest steps
    assert groups[3, owl].sum() == 0


def test_descendant_groups_are_the_same_arrows_turned_round() -> None:
    graph = toy_graph()
    up, down = from_ancestors(graph).dense() > 0, from_descendants(graph).dense() > 0
    assert np.array_equal(up, down.transpose(0, 2, 1))
    bird, eagle, owl = graph.index.rows(["bird", "eagle", "owl"])
    assert from_descendants(graph).dense()[1, bird, [eagle, owl]] == pytest.approx([0.5, 0.5])


def test_several_adjacencies_are_each_what_they_are_alone_and_hop_sets_are_found_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph, asked = toy_graph(), []
    monkeypatch.setattr("kgzsl.graph.adjacency.ancestor_hops", lambda graph: asked.append(1) or ancestor_hops(graph))
    found = find_adjacencies(("from_descendants", "undirected", "from_ancestors", "undirected"), graph)
    assert list(found) == ["from_descendants", "undirected", "from_ancestors"] and asked == [1]
    for name, adjacency in found.items():
        alone = ADJACENCIES[name](graph)
        for one, other in zip(fields_of(adjacency), fields_of(alone)):
            np.testing.assert_array_equal(one, other)


def fields_of(adjacency: Adjacency) -> list[object]:
    return [getattr(adjacency, name) for name in Adjacency.__slots__]


def test_arrows_are_sorted_by_group_target_and_source() -> None:
    arrows = from_descendants(toy_graph())
    order = np.lexsort((arrows.sources, arrows.targets, arrows.groups))
    np.testing.assert_array_equal(order, np.arange(len(order)))


def test_adjacencies_without_links_are_named():
    linked = with_similar(toy_graph(), toy_semantics().select(toy_graph().index.ids).vectors, 2)
    for name in (*ADJACENCIES, "most_visited:50"):
        plain, found = (find_adjacency(name)(graph) for graph in (toy_graph(), linked))
        assert reads_links(name) == (len(plain.targets) != len(found.targets)), name

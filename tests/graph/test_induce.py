from __future__ import annotations

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.errors import UnknownClassError
from kgzsl.graph import HYPERNYM, INSTANCE, ClassGraph
from kgzsl.graph.custom import Entry, from_entries, from_pairs
from kgzsl.graph.induce import INDUCTIONS, among, closed, contracted, topological_rows
from kgzsl.graph.wordnet import noun_graph


@st.composite
def wanted_classes(draw) -> tuple[ClassGraph, list[str]]:
    count = draw(st.integers(1, 14))
    names = draw(st.permutations([f"c{number:02d}" for number in range(count)]))
    entries = [
        Entry(name, tuple(sorted(draw(st.sets(st.sampled_from(names[:place]), max_size=2)))) if place else ())
        for place, name in enumerate(names)
    ]
    return from_entries(entries, "random"), draw(st.lists(st.sampled_from(names), max_size=5))


@given(wanted_classes())
def test_closed_is_the_ancestor_closure_and_keeps_every_edge_in_it(drawn):
    full, wanted = drawn
    upward = full.to_networkx()
    expected = set(wanted).union(*(networkx.descendants(upward, class_id) for class_id in wanted))
    graph = closed(full, wanted)
    assert set(graph.index) == expected
    assert set(graph.to_networkx().edges) == set(upward.subgraph(expected).edges)
    assert list(graph.index) == [class_id for class_id in full.index if class_id in expected]


@given(wanted_classes())
def test_closing_twice_changes_nothing(drawn):
    full, wanted = drawn
    once = closed(full, wanted)
    assert closed(once, wanted).index == once.index


@given(wanted_classes())
def test_contracted_keeps_the_wanted_and_what_is_above_what(drawn):
    full, wanted = drawn
    whole, graph = closed(full, wanted), contracted(full, wanted)
    assert set(wanted) <= set(graph.index)
    for class_id in graph.index:
        assert graph.ancestors([class_id]) == whole.ancestors([class_id]) & set(graph.index)


@given(wanted_classes())
def test_contracted_leaves_no_chain_and_keeps_the_roots(drawn):
    full, wanted = drawn
    graph = contracted(full, wanted)
    for class_id in graph.index:
        assert class_id in wanted or class_id in graph.roots() or len(graph.children(class_id)) > 1
    assert graph.roots() == closed(full, wanted).roots()


def test_contracted_joins_child_and_grandparents():
    pairs = [("okapi", "giraffid"), ("giraffid", "ruminant"), ("ruminant", "animal"), ("zebra", "animal")]
    graph = contracted(from_pairs(pairs), ["okapi", "zebra"])
    assert graph.index.ids == ("animal", "okapi", "zebra")
    assert graph.parents("okapi") == ("animal",)


def test_contracted_keeps_one_edge_where_two_ways_fall_together():
    graph = contracted(from_pairs([("dog", "animal"), ("dog", "pet"), ("pet", "animal"), ("cat", "animal")]), ["dog"])
    assert graph.edges.tolist() == [[1, 0]]
    assert graph.index.ids == ("animal", "dog")


def test_an_edge_over_an_instance_edge_is_an_instance_edge(mini):
    folder, ids = mini
    graph = contracted(noun_graph(folder), [ids["lincoln"], ids["causal_agent"], ids["organism"]])
    assert set(graph.parents(ids["lincoln"])) == {ids["organism"], ids["causal_agent"]}  # lawyer and person are gone
    row = graph.index.row(ids["lincoln"])
    assert graph.relations[graph.edges[:, 0] == row].tolist() == [INSTANCE, INSTANCE]


def test_among_keeps_hypernym_edges_only(mini):
    folder, ids = mini
    graph = among(noun_graph(folder), [ids[name] for name in ("lincoln", "lawyer", "person", "zebra")])
    assert graph.num_classes == 4
    assert [(graph.index[child], graph.index[parent]) for child, parent in graph.edges] == [
        (ids["lawyer"], ids["person"])
    ]
    assert (graph.relations == HYPERNYM).all()


def test_marks_follow_the_classes(mini):
    folder, ids = mini
    assert closed(noun_graph(folder), [ids["lawyer"]]).marked("person") == {ids["lawyer"], ids["person"]}


@pytest.mark.parametrize("name", sorted(INDUCTIONS))
def test_every_induction_names_its_graph_and_refuses_strangers(name):
    full = from_pairs([("okapi", "animal")])
    graph = INDUCTIONS[name](full, ["okapi"], "mine")
    assert graph.name == "mine"
    assert "okapi" in graph.index
    with pytest.raises(UnknownClassError, match=r"Class 'okapy' is not in .*Did you mean 'okapi'"):
        INDUCTIONS[name](full, ["okapy"])


@given(wanted_classes())
def test_topological_rows_put_parents_first(drawn):
    graph, _ = drawn
    place = np.argsort(topological_rows(graph))
    assert all(place[parent] < place[child] for child, parent in graph.edges.tolist())

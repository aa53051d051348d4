from __future__ import annotations

import networkx
import pytest

from kgzsl.classes import ClassText
from kgzsl.errors import GraphError
from kgzsl.graph import from_networkx
from kgzsl.graph.custom import Entry, from_entries, from_pairs

ZOO = {("okapi", "giraffid"), ("giraffid", "animal"), ("zebra", "animal")}


def edges_of(graph):
    return {(graph.index[child], graph.index[parent]) for child, parent in graph.edges.tolist()}


def test_pairs_in_any_order_are_the_same_graph():
    graph, other = from_pairs(sorted(ZOO)), from_pairs(sorted(ZOO, reverse=True))
    assert graph.index == other.index
    assert graph.edges.tolist() == other.edges.tolist() == [[1, 0], [2, 1], [3, 0]]
    with pytest.raises(GraphError, match=r"edge 'a' -> 'b' stands twice\."):
        from_pairs([("a", "b"), ("a", "b")])


def test_entries_carry_texts_and_marks():
    entries = [Entry("a", text=ClassText("animal", ("animal",), "lives")), Entry("b", ("a",), marks=("shy",))]
    graph = from_entries(entries, "zoo")
    assert graph.text("a").definition == "lives"
    assert graph.text("b") == ClassText("b", ("b",))
    assert graph.marked("shy") == {"b"}
    with pytest.raises(GraphError, match="'zoo' holds no class"):
        from_entries([], "zoo")


def test_networkx_round_trip():
    graph = from_networkx(from_pairs(sorted(ZOO), "zoo").to_networkx())
    assert edges_of(graph) == ZOO
    assert graph.name == "zoo"


def test_networkx_attributes():
    source = networkx.DiGraph()
    source.add_node(1, name="okapi", lemmas=["okapi", "forest giraffe"], description="striped", marks=["shy"])
    source.add_edge(1, 2)
    graph = from_networkx(source, "zoo")
    assert graph.index.ids == ("1", "2")
    assert graph.text("1").lemmas == ("okapi", "forest_giraffe")
    assert graph.marked("shy") == {"1"}


def test_networkx_cycle():
    with pytest.raises(GraphError, match=r"cycle 1 -> 2 -> 1\."):
        from_networkx(networkx.DiGraph([(1, 2), (2, 1)]))

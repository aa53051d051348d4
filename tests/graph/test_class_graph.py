from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import GraphError, UnknownClassError
from kgzsl.graph import ADDED, ClassGraph, NewClass
from kgzsl.graph.custom import from_pairs

ZOO = [("okapi", "giraffid"), ("giraffe", "giraffid"), ("giraffid", "animal"), ("crane", "animal")]


def graph_of(count, edges, **keywords):
    ids = tuple(f"c{row}" for row in range(count))
    texts = tuple(ClassText(class_id) for class_id in ids)
    table = np.array(edges, dtype=np.int64).reshape(-1, 2)
    return ClassGraph("g", ClassIndex(ids, "graph 'g'"), texts, table, np.zeros(len(table), dtype=np.int64), **keywords)


def test_neighbours_ancestors_and_descendants():
    zoo = from_pairs(ZOO)
    assert zoo.parents("okapi") == ("giraffid",)
    assert zoo.children("animal") == ("crane", "giraffid")
    assert zoo.ancestors(["okapi", "giraffid"]) == {"giraffid", "animal"}
    assert zoo.descendants(["giraffid"]) == {"okapi", "giraffe"}
    assert zoo.roots() == ("animal",)
    assert zoo.num_classes == 5


def test_an_unknown_class_is_named_with_a_near_one():
    with pytest.raises(UnknownClassError, match=r"Class 'okapy' is not in .* \(5 classes\)\. Did you mean 'okapi'\?"):
        from_pairs(ZOO).parents("okapy")


@pytest.mark.parametrize(
    "count, edges, message",
    [
        (3, [(0, 1), (1, 2), (2, 0)], r"has a cycle: c0 -> c1 -> c2 -> c0\. Remove one edge"),
        (2, [(0, 1), (1, 1)], r"has a cycle: c1 -> c1\."),
        (2, [(0, 1), (0, 1)], r"Edge c0 -> c1 stands twice"),
        (2, [(0, 2)], r"an edge to a row that is no class \(rows are 0 to 1\)"),
        (2, [(-1, 0)], r"an edge to a row that is no class"),
    ],
)
def test_a_graph_that_is_none_is_refused(count, edges, message):
    with pytest.raises(GraphError, match=message):
        graph_of(count, edges)


def test_every_class_needs_texts():
    with pytest.raises(GraphError, match="has 1 classes but 0 texts"):
        ClassGraph("g", ClassIndex(("a",)), (), np.zeros((0, 2), dtype=np.int64), np.zeros(0, dtype=np.int64))


def test_a_graph_may_have_no_class_and_no_edge():
    assert graph_of(0, []).num_classes == 0
    assert graph_of(2, []).roots() == ("c0", "c1")


def test_extend_appends_and_leaves_what_was_there():
    zoo = from_pairs(ZOO)
    new = [
        NewClass("ruminant", ("animal",), ClassText("ruminant")),
        NewClass("bongo", ("ruminant", "animal"), ClassText("bongo.n.01", ("bongo",))),
    ]
    grown = zoo.extend(new, {"shy": ["bongo"]})
    assert grown.index.ids == (*zoo.index.ids, "ruminant", "bongo")
    assert (grown.edges[: len(zoo.edges)] == zoo.edges).all()
    assert grown.parents("bongo") == ("ruminant", "animal")
    assert grown.relations[-3:].tolist() == [ADDED] * 3
    assert grown.marked("shy") == {"bongo"}
    assert zoo.num_classes == 5


def test_extend_refuses_known_ids_and_unknown_parents():
    zoo = from_pairs(ZOO)
    with pytest.raises(GraphError, match="'okapi' is in graph 'own taxonomy' already"):
        zoo.extend([NewClass("okapi", ("animal",), ClassText("okapi"))])
    with pytest.raises(UnknownClassError, match="'plant'"):
        zoo.extend([NewClass("oak", ("plant",), ClassText("oak"))])


@given(st.lists(st.sampled_from([child for child, _ in ZOO] + ["animal"])))
def test_subgraph_keeps_order_and_edges_among(wanted):
    zoo = from_pairs(ZOO)
    part = zoo.subgraph(wanted, "part")
    assert list(part.index) == [class_id for class_id in zoo.index if class_id in wanted]
    edges = {(part.index[child], part.index[parent]) for child, parent in part.edges.tolist()}
    assert edges == {(child, parent) for child, parent in ZOO if child in wanted and parent in wanted}
    assert part.name == "part"


def test_to_networkx_goes_from_child_to_parent():
    graph = from_pairs(ZOO).to_networkx()
    assert set(graph.edges) == set(ZOO)
    assert graph.nodes["okapi"] == {"name": "okapi", "lemmas": ["okapi"]}
    assert graph.edges["okapi", "giraffid"]["relation"] == "hypernym"


def test_to_pyg_has_edges_relations_and_ids():
    zoo = from_pairs(ZOO)
    data = zoo.to_pyg()
    assert data.edge_index.tolist() == zoo.edges.T.tolist()
    assert data.edge_type.tolist() == [0, 0, 0, 0]
    assert data.num_nodes == 5
    assert data.class_ids == list(zoo.index)


def test_label_is_the_first_lemma_with_spaces():
    assert ClassText("dog.n.01", ("domestic_dog", "dog")).label == "domestic dog"
    assert ClassText("part 7").label == "part 7"

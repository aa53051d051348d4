"""A class that a graph lacks comes with its missing ancestors, and moves nothing that was there."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import GraphError, UnknownClassError
from kgzsl.graph import INSTANCE, ClassGraph
from kgzsl.graph.adjacency import degrees
from kgzsl.graph.class_graph import ADDED, HYPERNYM
from kgzsl.graph.extension import extension_from, extension_with_parents, neighbourhood_adjacency
from kgzsl.toy import toy_graph


def without(*ids: str) -> ClassGraph:
    graph = toy_graph()
    return graph.subgraph([class_id for class_id in graph.index if class_id not in ids], name="small")


def test_a_class_brings_what_is_missing_parents_first() -> None:
    extension = extension_from(without("bird", "owl", "eagle"), toy_graph(), "owl")
    assert extension.class_id == "owl"
    assert [(new.class_id, new.parents) for new in extension.classes] == [
        ("bird", ("animal",)),
        ("owl", ("bird", "tool")),
    ]
    assert extension.classes[0].text == toy_graph().text("bird")


def test_other_missing_classes_stay_out() -> None:
    extension = extension_from(without("okapi", "owl"), toy_graph(), "owl")
    assert [new.class_id for new in extension.classes] == ["owl"]


def test_relations_and_marks_come_along() -> None:
    full = toy_graph()
    relations = full.relations.copy()
    relations[full.edges[:, 0] == full.index.row("owl")] = [INSTANCE, HYPERNYM]
    relations[full.edges[:, 0] == full.index.row("bird")] = INSTANCE
    full = replace(
        full, relations=relations, marks={"winged": frozenset({"bird", "owl", "eagle"}), "other": frozenset()}
    )
    extension = extension_from(without("bird", "owl", "eagle"), full, "owl")
    assert [new.relation for new in extension.classes] == [INSTANCE, HYPERNYM]
    assert extension.marks == {"winged": frozenset({"bird", "owl"})}


def test_a_root_that_is_missing_hangs_on_nothing() -> None:
    base = toy_graph().subgraph(["hammer"])
    extension = extension_from(base, toy_graph(), "okapi")
    assert [new.class_id for new in extension.classes] == ["entity", "animal", "hoofed", "okapi"]
    assert extension.classes[0].relation == ADDED
    assert extension.ways_up() == (("okapi", "hoofed", "animal", "entity"),)
    assert extension.neighbourhood(base).index.ids == ("entity", "animal", "hoofed", "okapi")


def test_every_way_up_to_what_was_there() -> None:
    extension = extension_from(without("bird", "owl", "eagle"), toy_graph(), "owl")
    assert extension.ways_up() == (("owl", "tool"), ("owl", "bird", "animal"))


def test_the_neighbourhood_holds_ancestors_first_and_nothing_else() -> None:
    base = without("bird", "owl", "eagle")
    around = extension_from(base, toy_graph(), "owl").neighbourhood(base)
    assert around.index.ids == ("entity", "animal", "tool", "bird", "owl")
    assert around.parents("owl") == ("bird", "tool")


def test_known_classes_keep_the_degrees_of_the_training() -> None:
    base = without("owl")
    around = extension_from(base, toy_graph(), "owl").neighbourhood(base)
    known = around.index.ids[:-1]
    trained = degrees(base)[base.index.rows(known)]
    dense = neighbourhood_adjacency("undirected_symmetric", around, len(known), trained).dense()[0]
    row, bird, tool = (around.index.row(name) for name in ("owl", "bird", "tool"))
    degree = dict(zip(known, trained.tolist()))  # of the owl itself: two parents and itself
    assert dense[row, bird] == pytest.approx(1 / np.sqrt(3 * degree["bird"]))
    assert dense[row, tool] == pytest.approx(1 / np.sqrt(3 * degree["tool"]))
    assert dense[row, row] == pytest.approx(1 / 3)


@given(st.integers(0, 2**32 - 1))
def test_what_a_class_brings_depends_on_the_graph_alone(seed: int) -> None:
    draw = np.random.default_rng(seed)
    count = int(draw.integers(2, 14))
    edges = np.array([(child, parent) for child in range(count) for parent in range(child) if draw.random() < 0.3])
    ids = tuple(f"c{number}" for number in range(count))
    texts = tuple(map(ClassText, ids))
    table = edges.reshape(-1, 2).astype(np.int64)
    full = ClassGraph("full", ClassIndex(ids), texts, table, np.zeros(len(table), dtype=np.int64))
    kept = {ids[row] for row in range(count - 1) if draw.random() < 0.5}
    base = full.subgraph(kept | full.ancestors(kept))
    asked = ids[-1]
    extension = extension_from(base, full, asked)
    grown = base.extend(extension.classes)
    assert grown.index.ids[: base.num_classes] == base.index.ids
    assert set(grown.index.ids) == set(base.index.ids) | {asked} | full.ancestors([asked])
    assert all(set(grown.parents(class_id)) == set(full.parents(class_id)) for class_id in grown.index)
    for way in extension.ways_up():
        assert all(parent in full.parents(child) for child, parent in pairwise(way))
        assert (way[-1] in base.index) != (not full.parents(way[-1]) and way[-1] not in base.index)


def test_what_is_refused() -> None:
    full = toy_graph()
    with pytest.raises(GraphError, match="'okapi' is in graph 'toy' already"):
        extension_from(full, full, "okapi")
    with pytest.raises(UnknownClassError, match="'unicorn'"):
        extension_from(without("okapi"), full, "unicorn")
    with pytest.raises(GraphError, match=r"'small' is of WordNet None, 'toy' of 3\.1"):
        extension_from(without("okapi"), replace(full, provenance={"wordnet": "3.1"}), "okapi")


def test_an_own_class_inherits_marks() -> None:
    base = replace(toy_graph(), marks={"person": frozenset({"horse"}), "made": frozenset({"tool"})})
    text = ClassText("centaur", ("centaur",), "half horse")
    extension = extension_with_parents(base, "centaur", ("horse", "tool"), text)
    assert extension.marks == {"person": frozenset({"centaur"}), "made": frozenset({"centaur"})}
    assert extension.classes[0].relation == ADDED
    with pytest.raises(GraphError, match="'saw' is in graph 'toy' already; choose another id"):
        extension_with_parents(base, "saw", ("tool",), text)
    with pytest.raises(GraphError, match="needs at least one parent"):
        extension_with_parents(base, "centaur", (), text)
    with pytest.raises(UnknownClassError, match=r"'hors'.*Did you mean 'horse'"):
        extension_with_parents(base, "centaur", ("hors",), text)

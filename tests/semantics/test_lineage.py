from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.graph import ClassGraph
from kgzsl.semantics import ClassTexts, lineages
from kgzsl.toy import toy_graph

GRAPH = toy_graph()


def names(graph: ClassGraph, class_id: str, form: str) -> list[str]:
    return [text.name for text in lineages(graph, [class_id], form)[class_id]]


def test_a_line_is_the_class_its_parent_and_its_grandparent() -> None:
    assert isinstance(GRAPH, ClassTexts)
    assert names(GRAPH, "okapi", "photo + ancestors") == ["okapi", "hoofed", "animal"]
    assert names(GRAPH, "animal", "photo + ancestors") == ["animal", "entity"]
    assert names(GRAPH, "entity", "photo + ancestors") == ["entity"]


def test_of_several_parents_the_smallest_id_counts() -> None:
    assert GRAPH.parents("owl") == ("bird", "tool")
    assert names(GRAPH, "owl", "{parent}") == ["owl", "bird", "animal"]


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_and_edges_does_not_matter(seed: int) -> None:
    order = np.random.default_rng(seed).permutation(GRAPH.num_classes)
    ids = tuple(GRAPH.index[row] for row in order)
    rows = np.argsort(order)
    edges = rows[GRAPH.edges][::-1].copy()
    texts = tuple(GRAPH.texts[row] for row in order)
    turned = ClassGraph("turned", ClassIndex(ids), texts, edges, GRAPH.relations)
    assert lineages(turned, GRAPH.index.ids, "photo + ancestors") == lineages(
        GRAPH, GRAPH.index.ids, "photo + ancestors"
    )


def test_definitions_are_asked_for_once_and_only_where_they_are_needed() -> None:
    index = ClassIndex(("o", "g", "u"))
    texts = (ClassText("okapi"), ClassText("giraffid", (), "own"), ClassText("ungulate"))
    graph = ClassGraph("three", index, texts, np.array([[0, 1], [1, 2]]), np.zeros(2, dtype=np.int64))
    asked: list[list[str]] = []

    def define(class_ids: Sequence[str]) -> dict[str, str]:
        asked.append(sorted(class_ids))
        return {"o": "striped", "g": "other"}

    found = lineages(graph, ["o"], "{name} {parent_definition}", define)
    assert [text.definition for text in found["o"]] == ["striped", "own", None]
    lineages(graph, ["o"], "lemmas: definition", define)
    lineages(graph, ["o"], "photo", define)
    assert asked == [["o", "u"], ["o"]]

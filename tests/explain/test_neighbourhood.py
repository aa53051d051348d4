"""Which classes are drawn, where they stand, and that the pictures come out."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from kgzsl.errors import InputFileError, MissingDependencyError
from kgzsl.explain import Neighbourhood, choose_neighbourhood, draw, explain, neighbourhood_of, to_dot
from kgzsl.explain.layout import page_of
from kgzsl.explain.neighbourhood import Link, Node
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.custom import from_pairs
from kgzsl.toy import SEEN, toy_graph

CHAIN = [("a", "b"), ("b", "c"), ("c", "d"), ("s", "d"), ("t", "c")]


def links(found: Neighbourhood) -> dict[tuple[str, str], int]:
    return {(link.child, link.parent): link.steps for link in found.links}


def test_ways_meet_at_the_nearest_common_ancestor() -> None:
    shares = {"horse": 0.4, "eagle": -0.3}
    found = choose_neighbourhood(toy_graph(), "okapi", seen=SEEN, shares=shares, siblings=0)
    assert links(found) == {
        ("okapi", "hoofed"): 1, ("horse", "hoofed"): 1, ("hoofed", "animal"): 1, ("eagle", "animal"): 2,
    }  # fmt: skip
    nodes = {node.class_id: node for node in found.nodes}
    assert nodes["okapi"].is_asked and nodes["okapi"].kind == "unseen" and nodes["horse"].kind == "seen"
    assert nodes["eagle"].share == -0.3 and nodes["hoofed"].share is None
    order = [node.class_id for node in found.nodes]
    assert all(order.index(link.parent) < order.index(link.child) for link in found.links)


def test_runs_that_show_nothing_become_one_line() -> None:
    graph = from_pairs(CHAIN)
    found = choose_neighbourhood(graph, "a", seen=["s"], shares={"s": 1.0}, siblings=0)
    assert links(found) == {("a", "b"): 1, ("b", "d"): 2, ("s", "d"): 1}  # a parent is never left out
    found = choose_neighbourhood(graph, "a", seen=["s", "t"], shares={"s": 0.6, "t": 0.4}, siblings=0)
    assert links(found) == {("a", "b"): 1, ("b", "c"): 1, ("t", "c"): 1, ("c", "d"): 1, ("s", "d"): 1}


def test_a_class_with_two_parents_has_both() -> None:
    found = choose_neighbourhood(toy_graph(), "owl", seen=SEEN, path=("owl", "bird", "eagle"), siblings=2)
    assert {("owl", "bird"), ("owl", "tool"), ("eagle", "bird"), ("hammer", "tool")} <= links(found).keys()


def test_a_class_that_stands_alone() -> None:
    graph = from_pairs([("a", "b"), ("c", "d")])
    found = choose_neighbourhood(graph, "d", seen=["a"], shares={"a": 1.0})
    assert [node.class_id for node in found.nodes] == ["d"] and found.links == ()


@st.composite
def pieces(draw_from) -> tuple[ClassGraph, list[str], str]:
    """A random graph without cycles, some seen classes, and a class of it."""
    count = draw_from(st.integers(2, 14))
    pairs = {(f"class {child}", f"class {draw_from(st.integers(0, child - 1))}") for child in range(1, count)}
    pairs |= {
        (f"class {child}", f"class {draw_from(st.integers(0, child - 1))}")
        for child in draw_from(st.lists(st.integers(1, count - 1), max_size=6))
    }
    graph = from_pairs(sorted(pairs))
    seen = draw_from(st.lists(st.sampled_from(graph.index.ids), unique=True, max_size=7))
    return graph, seen, draw_from(st.sampled_from(graph.index.ids))


@given(pieces())
@settings(max_examples=40)
def test_every_class_and_line_is_true_and_no_labels_overlap(piece: tuple[ClassGraph, list[str], str]) -> None:
    graph, seen, asked = piece
    found = choose_neighbourhood(graph, asked, seen=seen, shares=dict.fromkeys(seen, 0.1))
    for link in found.links:
        assert link.parent in graph.ancestors([link.child])
        assert link.steps > 1 or link.parent in graph.parents(link.child)
    drawn = {node.class_id for node in found.nodes}
    assert asked in drawn
    page = page_of(found)
    assert page.boxes.keys() == drawn
    for one, other in combinations(page.boxes.values(), 2):
        (l1, r1, b1, t1), (l2, r2, b2, t2) = one.edges, other.edges
        assert r1 < l2 or r2 < l1 or t1 < b2 or t2 < b1
    for link in found.links:
        assert page.boxes[link.parent].y > page.boxes[link.child].y
        first, last = page.lines[link.child, link.parent][0], page.lines[link.child, link.parent][-1]
        assert first[0] == page.boxes[link.child].x and last[0] == page.boxes[link.parent].x
    for left, right, bottom, top in (box.edges for box in page.boxes.values()):
        assert left > 0 and bottom > 0 and right < page.width and top < page.height


def test_graphviz_text() -> None:
    nodes = (Node("p", 'a "b" \\ c', "seen", share=0.25), Node("q", "q", "added", is_asked=True))
    shown = to_dot(Neighbourhood(nodes, (Link("q", "p", 3),)), "why")
    assert '  "p" [label="a \\"b\\" \\\\ c\\n+25.0 %", shape=box, style="filled", fillcolor="#c9dcec"];' in shown
    assert '  "q" [label="q", shape=box, style="rounded,dashed", penwidth=2.5];' in shown
    assert '  "q" -> "p" [style=dashed, label="3 steps"];' in shown and 'label="why"' in shown


def test_pictures(classifier_of, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason='needs pip install "kgzsl[plots]"')
    classifier = classifier_of("kernel_regression")
    classifier.add_class("mule $100$", parents=["hoofed"], description="a hybrid of horse and ass")
    found = explain(classifier, "mule $100$", against="owl")
    piece = neighbourhood_of(classifier, found)
    kinds = {node.name: node.kind for node in piece.nodes}
    assert kinds["mule $100$"] == "added" and kinds["owl"] == "unseen" and kinds["horse"] == "seen"
    for name in ("a.png", "b.png", "a.svg", "b.svg", "a.dot"):
        draw(tmp_path / name, piece, "why <mule>")
    assert (tmp_path / "a.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    words = re.sub(r"<[^>]+>", " ", (tmp_path / "a.svg").read_text())
    assert "mule $100$" in words and "why &lt;mule&gt;" in words and "added" in words
    assert (tmp_path / "a.dot").read_text() == to_dot(piece, "why <mule>")


def test_names_of_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    piece = Neighbourhood((Node("a", "a", "seen"),), ())
    with pytest.raises(InputFileError, match=r"A picture is written as \.png, \.svg, \.dot, found"):
        draw(tmp_path / "a.jpg", piece)
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"kgzsl\[plots\].*\.dot needs nothing"):
        draw(tmp_path / "a.png", piece)
    draw(tmp_path / "a.dot", piece)

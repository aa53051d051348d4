from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import AmbiguousClassError, GraphError, InputFileError, UnknownClassError
from kgzsl.graph import ClassGraph
from kgzsl.naming import ClassResolver, path_hint

NOUNS = (
    ("n00000001", "entity.n.01", "entity", None),
    ("n00000002", "bird.n.01", "bird", "n00000001"),
    ("n00000003", "wading_bird.n.01", "wading_bird|wader", "n00000002"),
    ("n00000004", "crane.n.05", "crane", "n00000003"),
    ("n00000005", "device.n.01", "device", "n00000001"),
    ("n00000006", "crane.n.04", "crane", "n00000005"),
    ("n00000007", "okapi.n.01", "okapi|Okapia_johnstoni", "n00000001"),
)


def make_graph(
    rows: tuple[tuple[str, str, str, str | None], ...], name: str, wordnet: str | None = "3.0"
) -> ClassGraph:
    index = ClassIndex(tuple(row[0] for row in rows), f"graph {name!r}")
    texts = tuple(ClassText(row[1], tuple(row[2].split("|"))) for row in rows)
    edges = [(index.row(row[0]), index.row(row[3])) for row in rows if row[3]]
    provenance = {"wordnet": wordnet} if wordnet else {}
    table = np.array(edges, dtype=np.int64).reshape(-1, 2)
    return ClassGraph(name, index, texts, table, np.zeros(len(edges), dtype=np.int64), provenance=provenance)


NOUN_GRAPH = make_graph(NOUNS, "wordnet-nouns")
BIRDS = make_graph(NOUNS[:4], "birds")


@pytest.fixture
def resolver() -> ClassResolver:
    return ClassResolver(BIRDS, lambda: NOUN_GRAPH)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("n00000002", "n00000002"),
        ("n00000007", "n00000007"),
        ("bird.n.01", "n00000002"),
        ("crane.n.04", "n00000006"),
        ("Crane.N.05", "n00000004"),
        ("okapi", "n00000007"),
        ("  OKAPI ", "n00000007"),
        ("okapia johnstoni", "n00000007"),
        ("wading_bird", "n00000003"),
        ("Wading  bird", "n00000003"),
    ],
)
def test_a_name_in_any_form(resolver: ClassResolver, name: str, expected: str) -> None:
    assert resolver.resolve(name) == expected


def test_ambiguity_lists_every_sense_of_the_nouns_though_the_graph_has_one(resolver: ClassResolver) -> None:
    message = (
        "'crane' could mean 2 classes: n00000004 crane.n.05 (crane < wading bird < bird < entity); "
        "n00000006 crane.n.04 (crane < device < entity). Give the id of one of them."
    )
    with pytest.raises(AmbiguousClassError) as caught:
        resolver.resolve("crane")
    assert str(caught.value) == message
    assert [(sense.class_id, sense.in_graph) for sense in resolver.senses("crane")] == [
        ("n00000004", True),
        ("n00000006", False),
    ]


def test_a_class_of_persons_is_meant_only_where_nothing_else_is() -> None:
    nouns = replace(NOUN_GRAPH, marks={"person": frozenset({"n00000006", "n00000007"})})
    resolver = ClassResolver(BIRDS, nouns)
    assert resolver.resolve("crane") == "n00000004"
    assert resolver.resolve("okapi") == "n00000007"
    assert resolver.resolve("crane.n.04") == "n00000006"
    assert [sense.class_id for sense in resolver.senses("crane")] == ["n00000004", "n00000006"]


def test_an_unknown_name_is_answered_with_near_ones(resolver: ClassResolver) -> None:
    with pytest.raises(UnknownClassError) as caught:
        resolver.resolve("okappi")
    assert str(caught.value) == (
        "No class is called 'okappi': not in graph 'birds' (4 classes, WordNet 3.0) and not among the 7 nouns. "
        "Did you mean 'okapi' (okapi.n.01)?"
    )
    with pytest.raises(UnknownClassError, match=r"Did you mean 'crane' \(2 classes\)"):
        resolver.resolve("cranes")
    with pytest.raises(UnknownClassError, match="Give a class id, a class name or one of its lemmas"):
        resolver.resolve("n99999999")
    assert resolver.senses("n99999999") == ()


def test_nouns_are_loaded_only_when_needed() -> None:
    def refuse() -> ClassGraph:
        raise AssertionError("not needed")

    resolver = ClassResolver(BIRDS, refuse)
    assert [resolver.resolve(name) for name in ("n00000004", "crane.n.05")] == ["n00000004", "n00000004"]
    with pytest.raises(AssertionError, match="not needed"):
        resolver.resolve("crane")


def test_an_own_taxonomy_is_looked_up_alone() -> None:
    own = make_graph((("tool", "tool", "tool", None), ("c1", "lifting crane", "crane|hoist", "tool")), "tools", None)
    resolver = ClassResolver(own, lambda: NOUN_GRAPH)
    assert [resolver.resolve(name) for name in ("c1", "Lifting Crane", "crane", "hoist", "tool")] == ["c1"] * 4 + [
        "tool"
    ]
    with pytest.raises(UnknownClassError, match=r"not in graph 'tools' \(2 classes\)\. Give"):
        resolver.resolve("okapi")


def test_a_class_added_to_a_wordnet_graph_is_found_beside_the_nouns() -> None:
    graph = make_graph((*NOUNS[:4], ("toy-1", "toy crane", "crane|toy_crane", "n00000001")), "birds")
    resolver = ClassResolver(graph, NOUN_GRAPH)
    assert resolver.resolve("toy crane") == "toy-1"
    assert [sense.class_id for sense in resolver.senses("crane")] == ["n00000004", "toy-1", "n00000006"]


def test_nouns_of_another_version_are_refused() -> None:
    with pytest.raises(GraphError, match=r"'birds' is of WordNet 3\.0, but the nouns are of WordNet 3\.1"):
        ClassResolver(BIRDS, make_graph(NOUNS, "nouns", "3.1")).resolve("okapi")


def test_path_hint_follows_first_parents() -> None:
    assert path_hint(NOUN_GRAPH, "n00000004") == "wading bird < bird < entity"
    assert path_hint(NOUN_GRAPH, "n00000004", steps=1) == "wading bird"
    assert path_hint(NOUN_GRAPH, "n00000001") == ""


def test_several_names_are_classes_once_in_order(resolver: ClassResolver) -> None:
    assert resolver.resolve_all(["okapi", "bird", "n00000007"]) == ("n00000007", "n00000002")


def test_a_file_of_names(resolver: ClassResolver, tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("# animals\nokapi\n\nbird.n.01\nn00000007\n", encoding="utf-8")
    assert resolver.resolve_file(path) == ("n00000007", "n00000002")


def test_a_file_is_refused_with_its_lines(resolver: ClassResolver, tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("okapi\ncrane\n\nokappi\n", encoding="utf-8")
    with pytest.raises(AmbiguousClassError) as caught:
        resolver.resolve_file(path)
    assert str(caught.value).startswith(
        f"{path} has 2 names that are no one class. Line 2: 'crane' could mean 2 classes"
    )
    assert "Line 4: No class is called 'okappi'" in str(caught.value)
    path.write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(InputFileError, match="names no class; write a class name or id a line"):
        resolver.resolve_file(path)
    with pytest.raises(InputFileError, match="Could not read"):
        resolver.resolve_file(tmp_path / "missing.txt")


def test_the_shipped_graphs_know_the_okapi(imagenet: ClassGraph, nouns: ClassGraph) -> None:
    resolver = ClassResolver(imagenet, nouns)
    assert resolver.resolve_all(["okapi", "zebra", "great white shark"]) == ("n02439398", "n02391049", "n01484850")
    hints = {sense.class_id: sense.hint for sense in resolver.senses("crane")}
    assert len(hints) == 5
    assert hints["n02012849"] == "wading bird < aquatic bird < bird"
    assert hints["n03126707"] == "lifting device < device < instrumentality"

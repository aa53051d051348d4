from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import InputFileError
from kgzsl.graph import ClassGraph
from kgzsl.naming import NameSearch
from kgzsl.naming.spelling import plain

ROWS = (
    ("n00000001", "shark", False),
    ("n00000002", "great_white_shark|white_shark", False),
    ("n00000003", "sharkskin", False),
    ("n00000004", "card_shark|shark", True),
    ("n00000005", "usurer|Shark", False),
    ("n00000006", "Shar_Pei", False),
    ("n00000007", "tree-frog|tree_frog", False),
)


def graph_of(rows: tuple[tuple[str, str, bool], ...], name: str = "nouns") -> ClassGraph:
    index = ClassIndex(tuple(row[0] for row in rows), f"graph {name!r}")
    texts = tuple(ClassText(f"c{row[0][-1]}.n.01", tuple(row[1].split("|"))) for row in rows)
    none = np.zeros((0, 2), dtype=np.int64)
    persons = frozenset(row[0] for row in rows if row[2])
    return ClassGraph(name, index, texts, none, none[:, 0], {"person": persons}, {"wordnet": "3.0"})


NOUNS = graph_of(ROWS)
GRAPH = graph_of((ROWS[2], ("own-1", "shark_cage", False)), "mine")


def found(search: NameSearch, beginning: str, limit: int = 10) -> list[str]:
    return [hit.class_id[-1] for hit in search.search(beginning, limit)]


def test_order_of_hits() -> None:
    search = NameSearch(GRAPH, NOUNS, seen=["n00000003"])
    # exactly so: first lemma, then another; begins so: in the graph, then short; at last further words
    assert found(search, "shark") == ["1", "5", "3", "1", "2"]
    hits = search.search("Shark")
    assert [hit.lemma for hit in hits] == ["shark", "Shark", "sharkskin", "shark_cage", "great_white_shark"]
    assert [hit.in_graph for hit in hits] == [False, False, True, True, False]
    assert [hit.is_seen for hit in hits] == [False, False, True, False, False]
    assert found(search, "shar") == ["3", "1", "1", "6", "5", "2"]
    assert found(search, "shark", 1) == ["1"] and found(search, "shark", 3) == ["1", "5", "3"]


def test_typography_does_not_count_and_a_class_stands_once() -> None:
    search = NameSearch(GRAPH, NOUNS)
    assert found(search, "TREE_f") == found(search, "tree frog") == found(search, "frog") == ["7"]
    assert found(search, "great  white sh") == ["2"]
    assert [found(search, text) for text in ("", "  ", "xyz", "sharkskins")] == [[], [], [], []]
    assert search.search("tree")[0].to_json() == {
        "class": "n00000007",
        "name": "c7.n.01",
        "label": "tree-frog",
        "lemma": "tree-frog",
        "path": [],
        "in_graph": False,
        "is_seen": None,
        "is_person": False,
    }


def test_persons_only_when_included() -> None:
    assert "4" not in found(NameSearch(GRAPH, NOUNS), "card")
    hit = NameSearch(GRAPH, NOUNS, include_person=True).search("card")[0]
    assert (hit.class_id, hit.is_person) == ("n00000004", True)


def test_an_own_taxonomy_is_searched_alone() -> None:
    own = ClassGraph("own", GRAPH.index, GRAPH.texts, GRAPH.edges, GRAPH.relations)
    assert found(NameSearch(own, NOUNS), "shark") == ["3", "1"]


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(InputFileError, match="at least one class, found limit 0"):
        NameSearch(GRAPH).search("shark", 0)


NAMES = st.lists(st.lists(st.text("ab_", min_size=1, max_size=5), min_size=1, max_size=3), min_size=1, max_size=8)


@given(NAMES, st.text("ab ", max_size=4), st.integers(1, 4))
def test_hits_are_the_classes_that_brute_force_finds(names: list[list[str]], beginning: str, limit: int) -> None:
    rows = tuple((f"n{row:08}", "|".join(lemmas), False) for row, lemmas in enumerate(names))
    key = plain(beginning)
    expected = {
        row[0]
        for row in rows
        for lemma in row[1].split("|")
        for start in range(len(plain(lemma).split()))
        if key and " ".join(plain(lemma).split()[start:]).startswith(key)
    }
    hits = [hit.class_id for hit in NameSearch(graph_of(rows)).search(beginning, limit)]
    assert len(hits) == len(set(hits)) == min(limit, len(expected)) and set(hits) <= expected


def test_the_shipped_nouns(imagenet: ClassGraph, nouns: ClassGraph) -> None:
    search = NameSearch(imagenet, nouns)
    assert [hit.text.name for hit in search.search("okap")] == ["okapi.n.01", "okapia.n.01"]
    assert [hit.text.name for hit in search.search("crane", 3)] == ["crane.n.05", "crane.n.04", "grus.n.01"]
    assert search.search("great white sh")[0].text.name == "great_white_shark.n.01"
    assert len(search.search("s", 50)) == 50

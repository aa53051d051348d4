"""A few questions are answered by a search through all words, as the index would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.graph import ClassGraph
from kgzsl.naming import lemmas as lemmas_module
from kgzsl.naming.lemmas import LemmaIndex

WORD = st.text(alphabet="aB _-|é\u00a0ß", min_size=1, max_size=4)


def graph_of(texts: list[tuple[str, list[str]]]) -> ClassGraph:
    ids = tuple(f"c{row}" for row in range(len(texts)))
    nothing = np.zeros((0, 2), dtype=np.int64)
    told = tuple(ClassText(name, tuple(words)) for name, words in texts)
    return ClassGraph("words", ClassIndex(ids, "words"), told, nothing, nothing[:, 0])


def answers(graph: ClassGraph, asked: list[str], left_out: set[str], few: int) -> list[list[str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lemmas_module, "FEW", few)
        index = LemmaIndex(graph, left_out)
        return [answer for name in asked for answer in (index.named(name), index.with_lemma(name))]


@given(st.lists(st.tuples(WORD, st.lists(WORD, max_size=3)), min_size=1, max_size=6), st.lists(WORD, max_size=4))
def test_a_search_finds_what_the_index_finds(texts, more):
    graph = graph_of(texts)
    asked = [*more, *(word for name, words in texts for word in (name, *words))]
    for left_out in (set(), {"c0"}):
        assert answers(graph, asked, left_out, few=10**6) == answers(graph, asked, left_out, few=0)


def test_words_are_found_whole_in_row_order_each_class_once():
    graph = graph_of([("okapi.n.01", ["okapi", "Okapi"]), ("x", ["okapia"]), ("y", ["giraffe", "OKAPI"]), ("z", [])])
    index = LemmaIndex(graph)
    assert index.with_lemma("okapi") == ["c0", "c2"]
    assert index.with_lemma("z") == ["c3"] and index.with_lemma("kapi") == []
    assert index.named("Okapi.n.01") == ["c0"]
    assert not {"_by_name", "_by_lemma"} & vars(index).keys()

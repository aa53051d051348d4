"""Columns of texts mean the same as the texts themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.classes import ClassText
from kgzsl.graph.stored_texts import StoredTexts, appended_texts, flat_lemmas, names_of

WORDS = st.text("ab_-' é", min_size=1, max_size=4)
TEXTS = st.lists(
    st.builds(ClassText, WORDS, st.lists(WORDS, max_size=3).map(tuple), st.none() | WORDS), max_size=6
).map(tuple)


def stored(texts: tuple[ClassText, ...]) -> StoredTexts:
    lemmas = ["|".join(text.lemmas) for text in texts]
    return StoredTexts([text.name for text in texts], lemmas, [text.definition or "" for text in texts])


@given(TEXTS, TEXTS)
def test_columns_are_the_texts(texts, more):
    columns = appended_texts(stored(texts), more)
    assert columns == texts + more
    assert tuple(columns) == texts + more == appended_texts(texts, more)
    assert [columns[row] for row in range(-len(columns), 0)] == [*texts, *more]
    assert columns[1:3] == (texts + more)[1:3]
    assert names_of(columns) == names_of(texts + more) == [text.name for text in texts + more]


@given(TEXTS, TEXTS)
def test_lemmas_one_after_another(texts, more):
    words = [(word, row) for row, text in enumerate(texts + more) for word in text.lemmas or (text.name,)]
    for held in (texts + more, appended_texts(stored(texts), more)):
        assert list(zip(*flat_lemmas(held))) == words


def test_rows_beyond_the_end_are_refused():
    columns = stored((ClassText("a"),))
    with pytest.raises(IndexError):
        columns[1]
    assert columns != ("a",)
    assert hash(columns) == hash(stored((ClassText("a"),)))

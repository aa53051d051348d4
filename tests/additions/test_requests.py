"""What is wrong with a request by itself."""

from __future__ import annotations

import pytest

from kgzsl.additions.requests import foreign_words, in_another_script
from kgzsl.graph import wordnet


@pytest.mark.parametrize(
    "text",
    [
        "ein kleines Brett, das über dem Boden schwebt",
        "une petite planche qui flotte sur le sol",
        "una pequeña tabla que flota por el aire",
        "een plank die boven het land zweeft, met een motor",
    ],
)
def test_other_languages_are_told_by_their_little_words(text: str) -> None:
    assert len(foreign_words(text)) >= 2


def test_no_definition_of_wordnet_looks_foreign() -> None:
    if wordnet.find_wordnet() is None:
        pytest.skip("WordNet 3.0 is not on this machine: apt-get install wordnet-base, or nltk's download")
    graph = wordnet.noun_graph()
    texts = [text.definition or "" for text in graph.texts]
    assert len(texts) == 82_115
    assert [text for text in texts if foreign_words(text) or (text and in_another_script(text))] == []

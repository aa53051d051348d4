"""One name, without commas, to the classes it can stand for and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from kgzsl.naming.candidate import Match
from kgzsl.naming.lemmas import LemmaIndex, exact_key
from kgzsl.naming.number import other_numbers, plain_singulars
from kgzsl.naming.spelling import folded, plain, without_article
from kgzsl.types import ClassId

__all__ = ["Matcher"]

NEAR = 5
"""Misspelt lemmas that are looked at."""


class Matcher:
    """Finds the classes that a name can stand for.

    Args:
        indexes: the classes looked among, no class in two of them.
    """

    def __init__(self, indexes: Sequence[LemmaIndex]) -> None:
        self._indexes = tuple(indexes)

    def matches(self, name: str) -> Mapping[ClassId, Match]:
        """Return the classes that a name stands for: by id, by class name, by lemma or another form of one."""
        if given := self._given(name.strip()):
            return given
        key = plain(name)
        found = dict(self._forms(key, exact_key(name)))
        return found or dict(self._forms(without_article(key), ""))

    def weak_matches(self, name: str) -> Mapping[ClassId, Match]:
        """Return the classes of lemmas that a name ends in, or that it could be a misspelling of."""
        key = plain(name)
        return _strongest((*self._misspelt(key), *self._head_nouns(key)))

    def _given(self, name: str) -> dict[ClassId, Match]:
        for index in self._indexes:
            if name in index:
                return {name: Match("id", index.graph.text(name).label)}
        named = [(class_id, index) for index in self._indexes for class_id in index.named(name)]
        return {class_id: Match("name", index.graph.text(class_id).label) for class_id, index in named}

    def _forms(self, key: str, exact: str) -> Iterator[tuple[ClassId, Match]]:
        """Yield each class once, with the strongest reason for it."""
        for index in self._indexes:
            ways = (*self._spelled(index, key, exact), *self._rivals(index, key), *self._other_numbers(index, key))
            yield from _strongest(ways).items()

    @staticmethod
    def _spelled(index: LemmaIndex, key: str, exact: str) -> Iterator[tuple[ClassId, Match]]:
        for row in index.rows(key):
            lemmas = [lemma for lemma in index.lemmas(row) if plain(lemma) == key]
            same = next((lemma for lemma in lemmas if exact_key(lemma) == exact), None)
            yield index.graph.index[row], Match("lemma" if same else "typography", same or lemmas[0])
        form, letters = folded(key), key.replace(" ", "")
        for row in index.folded_rows(key):
            lemma = index.lemma_like(row, form)
            reason = "joined" if plain(lemma).replace(" ", "") == letters else "spelling"
            yield index.graph.index[row], Match(reason, lemma)

    @staticmethod
    def _rivals(index: LemmaIndex, key: str) -> Iterator[tuple[ClassId, Match]]:
        """Yield what a name is the plain plural of, where it is a lemma itself."""
        for form in plain_singulars(key) if index.rows(key) else ():
            for class_id, match in Matcher._with_key(index, form, "plural"):
                yield class_id, replace(match, is_rival=True)

    @staticmethod
    def _other_numbers(index: LemmaIndex, key: str) -> Iterator[tuple[ClassId, Match]]:
        for form in other_numbers(key):
            end = folded(form)
            for row in index.folded_rows(form):
                yield index.graph.index[row], Match("plural", index.lemma_like(row, end))

    def _misspelt(self, key: str) -> Iterator[tuple[ClassId, Match]]:
        for index in self._indexes:
            for word, _ in index.misspelt(key, NEAR):
                yield from self._with_key(index, word, "misspelling")

    def _head_nouns(self, key: str) -> Iterator[tuple[ClassId, Match]]:
        """Yield the classes of the longest end of a phrase that is a lemma."""
        words = key.split()
        for start in range(1, len(words)):
            end = " ".join(words[start:])
            found = [match for index in self._indexes for match in self._ends(index, end)]
            if found:
                yield from found
                return

    def _ends(self, index: LemmaIndex, end: str) -> Iterator[tuple[ClassId, Match]]:
        for class_id, match in (*self._spelled(index, end, ""), *self._other_numbers(index, end)):
            yield class_id, Match("head noun", match.lemma)

    @staticmethod
    def _with_key(index: LemmaIndex, key: str, reason: str) -> Iterator[tuple[ClassId, Match]]:
        for row in index.rows(key):
            lemma = next(lemma for lemma in index.lemmas(row) if plain(lemma) == key)
            yield index.graph.index[row], Match(reason, lemma)


def _strongest(found: Iterable[tuple[ClassId, Match]]) -> dict[ClassId, Match]:
    """Keep the match of the highest score of each class, the first of equal ones."""
    best: dict[ClassId, Match] = {}
    for class_id, match in found:
        if class_id not in best or match.score > best[class_id].score:
            best[class_id] = match
    return best

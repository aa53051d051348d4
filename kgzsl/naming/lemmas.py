"""The classes of a graph by what they are called: by name, by lemma, by other spellings, by misspelt lemmas."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property

from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.stored_texts import flat_lemmas, names_of
from kgzsl.naming.misspelling import NearWords
from kgzsl.naming.number import other_numbers
from kgzsl.naming.spelling import folded, plain, plain_each
from kgzsl.types import ClassId

__all__ = ["LemmaIndex", "exact_key", "lemmas_of"]

FEW = 16
"""Questions that a search through all words answers before an index is made: a command asks few, a service many."""
BETWEEN = "|"


def exact_key(name: str) -> str:
    """Return the form in which lemmas are the same to the strict resolver: case and kind of space do not count."""
    return "_".join(name.casefold().replace("_", " ").split())


class _Lookup:
    """Key to the rows it stands for; a list is made only for a key of several rows, of which there are few.

    Args:
        keys: the keys, in row order; one may stand there several times.
        rows: the row of each.
    """

    def __init__(self, keys: Sequence[str], rows: Sequence[int]) -> None:
        self.first: dict[str, int] = dict.fromkeys(keys, -1)
        self.first.update(zip(reversed(keys), reversed(rows)))
        self._several: dict[str, dict[int, None]] = {}
        for key, row in zip(keys, rows) if len(self.first) < len(keys) else ():
            if row != (known := self.first[key]):
                self._several.setdefault(key, {known: None})[row] = None

    def rows(self, key: str) -> list[int]:
        if key not in self.first:
            return []
        return list(self._several.get(key) or (self.first[key],))


class _Scan:
    """Finds whole words in a list of words by one search through all of them: no index is made for a few questions.

    Args:
        words: the words, case and kind of space of which do not count.
    """

    def __init__(self, words: Sequence[str]) -> None:
        text = BETWEEN.join(["", *words, ""]).casefold().replace(" ", "_")
        self._text = text
        odd = ("__", f"{BETWEEN}_", f"_{BETWEEN}")  # words with spaces that `exact_key` takes out
        self.is_sound = (
            text.count(BETWEEN) == len(words) + 1 and text.isprintable() and not any(part in text for part in odd)
        )

    def places(self, key: str) -> list[int]:
        """Return the places of the words that are the key."""
        wanted = f"{BETWEEN}{key}{BETWEEN}"
        found, place, last = list[int](), 0, 0
        hit = self._text.find(wanted)
        while hit >= 0:
            place += self._text.count(BETWEEN, last, hit)  # the mark before a word has the word's number
            found.append(place)
            last, hit = hit, self._text.find(wanted, hit + 1)
        return found


class LemmaIndex:
    """What the classes of a graph are called.

    Args:
        graph: the graph.
        left_out: classes that are not looked up.
    """

    def __init__(self, graph: ClassGraph, left_out: Collection[ClassId] = ()) -> None:
        self.graph = graph
        self._left_out = left_out
        self._asked = 0

    @cached_property
    def _names(self) -> tuple[_Scan, Sequence[int]]:
        names = names_of(self.graph.texts)
        return _Scan(names), range(len(names))

    @cached_property
    def _lemmas(self) -> tuple[_Scan, Sequence[int]]:
        lemmas, rows = flat_lemmas(self.graph.texts)
        return _Scan(lemmas), rows

    def _scanned(self, kind: str, key: str) -> list[int] | None:
        """Return the rows of a key by a search through all words; None where the index is there or pays, or must be."""
        self._asked += 1
        if f"_by_{kind}" in vars(self) or self._asked > FEW:
            return None
        scan, rows = self._names if kind == "name" else self._lemmas
        if not scan.is_sound or BETWEEN in key:
            return None
        found = dict.fromkeys(rows[place] for place in scan.places(key))
        return [row for row in found if self.graph.index[row] not in self._left_out]

    @cached_property
    def _by_name(self) -> _Lookup:
        names = [name.casefold() for name in names_of(self.graph.texts)]
        return self._lookup(names, range(len(names)))

    @cached_property
    def _by_lemma(self) -> _Lookup:
        lemmas, rows = flat_lemmas(self.graph.texts)
        return self._lookup(plain_each(lemmas), rows)

    def _lookup(self, keys: Sequence[str], rows: Sequence[int]) -> _Lookup:
        if self._left_out:
            gone = {row for row, class_id in enumerate(self.graph.index) if class_id in self._left_out}
            kept = [(key, row) for key, row in zip(keys, rows) if row not in gone]
            keys, rows = [key for key, _ in kept], [row for _, row in kept]
        return _Lookup(keys, rows)

    def __contains__(self, class_id: object) -> bool:
        return class_id in self.graph.index and class_id not in self._left_out

    def lemmas(self, row: int) -> tuple[str, ...]:
        """Return the lemmas of a row, or its name where it has none."""
        return lemmas_of(self.graph, row)

    @property
    def keys(self) -> Collection[str]:
        """Every lemma as `plain` gives it, in row order."""
        return self._by_lemma.first.keys()

    @cached_property
    def _by_folded(self) -> _Lookup:
        pairs = [(folded(key), row) for key in self.keys for row in self._by_lemma.rows(key)]
        return _Lookup([key for key, _ in pairs], [row for _, row in pairs])

    @cached_property
    def _near_words(self) -> NearWords:
        return NearWords(tuple(self.keys))

    def named(self, name: str) -> list[ClassId]:
        """Return the classes of a class name (``okapi.n.01``)."""
        key = name.casefold()
        found = self._scanned("name", key.replace(" ", "_"))
        if found is None:
            return [self.graph.index[row] for row in self._by_name.rows(key)]
        return [self.graph.index[row] for row in found if self.graph.texts[row].name.casefold() == key]

    def with_lemma(self, name: str) -> list[ClassId]:
        """Return the classes that have a lemma; case, and space or underscore, do not count, hyphens do."""
        key = exact_key(name)
        found = self._scanned("lemma", key)
        if found is None:
            found = self._by_lemma.rows(plain(name))
        held = (row for row in found if any(exact_key(lemma) == key for lemma in self.lemmas(row)))
        return [self.graph.index[row] for row in held]

    def rows(self, key: str) -> list[int]:
        """Return the rows that have a lemma which `plain` makes this key of."""
        return self._by_lemma.rows(key)

    def folded_rows(self, key: str) -> list[int]:
        """Return the rows that have a lemma which is spelled like this key in some way."""
        return self._by_folded.rows(folded(key))

    def near(self, name: str, limit: int) -> list[str]:
        """Return lemmas that a name could be meant for: its singular or plural, other spellings, misspelt ones."""
        key = plain(name)
        return self._other_forms(key, limit) or [word for word, _ in self.misspelt(key, limit)]

    def slips(self, name: str, limit: int) -> list[str]:
        """Return lemmas that a name is hardly anything else than: as `near`, but at most one edit away."""
        key = plain(name)
        return self._other_forms(key, limit) or [word for word, edits in self.misspelt(key, limit) if edits == 1]

    def _other_forms(self, key: str, limit: int) -> list[str]:
        other = [form for form in other_numbers(key) if form in self._by_lemma.first]
        spelled = [plain(self.lemma_like(row, folded(key))) for row in self.folded_rows(key)]
        return list(dict.fromkeys((*other, *spelled)))[:limit]

    def misspelt(self, key: str, limit: int) -> list[tuple[str, int]]:
        """Return the keys that a misspelt one could stand for, with their edit distance, nearest first."""
        return self._near_words.near(key, limit)

    def lemma_like(self, row: int, folded_key: str) -> str:
        """Return the lemma of a row that folds to a key."""
        return next(lemma for lemma in self.lemmas(row) if folded(plain(lemma)) == folded_key)


def lemmas_of(graph: ClassGraph, row: int) -> tuple[str, ...]:
    """Return the lemmas of a row of a graph, or its name where it has none."""
    text = graph.texts[row]
    return text.lemmas or (text.name,)

"""Names for the beginning of one, quickly enough to search while somebody types.

Lemmas are kept sorted, so that all with one beginning lie side by side; each also under the beginnings of its further
words, so that ``shark`` finds the great white shark. Their order among hits is computed once: a class's first lemma
before its others, classes of the graph before other nouns, short names before long ones. A search is two bisections
and the smallest few of a stretch of that order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgzsl.classes import ClassText
from kgzsl.errors import InputFileError
from kgzsl.graph.class_graph import PERSON_MARK, ClassGraph
from kgzsl.graph.links import ATTRIBUTE_MARK
from kgzsl.naming.hints import path_labels
from kgzsl.naming.lemmas import lemmas_of
from kgzsl.naming.resolver import ClassResolver
from kgzsl.naming.spelling import plain
from kgzsl.types import ClassId

__all__ = ["NameHit", "NameSearch"]

LAST = "\U0010ffff"
MORE = 4
"""Entries looked at for each hit wanted, at first; a class may stand under several of its lemmas."""


@dataclass(frozen=True, slots=True)
class NameHit:
    """A class that a beginning of a name could become.

    Args:
        class_id: its id.
        text: its texts.
        lemma: the lemma that begins so, or has a word that does.
        path: the labels of a few classes above it, nearest first.
        in_graph: whether the graph has it, not only the nouns.
        is_seen: whether it is a seen class; None where that is not known.
        is_person: whether it is a class of persons.
    """

    class_id: ClassId
    text: ClassText
    lemma: str
    path: tuple[str, ...]
    in_graph: bool
    is_seen: bool | None
    is_person: bool

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "class": self.class_id,
            "name": self.text.name,
            "label": self.text.label,
            "lemma": self.lemma.replace("_", " "),
            "path": list(self.path),
            "in_graph": self.in_graph,
            "is_seen": self.is_seen,
            "is_person": self.is_person,
        }


class NameSearch:
    """Finds classes by the beginning of a name.

    Args:
        graph: the classes that come before others.
        nouns: all WordNet nouns, or a function that loads them; left aside for an own taxonomy.
        seen: the seen classes, None where none are known.
        include_person: find classes of persons too.

    Raises:
        GraphError: the nouns are of another WordNet version than the graph.

    Example:
        >>> from kgzsl.toy import toy_graph
        >>> [hit.text.label for hit in NameSearch(toy_graph()).search("zeb")]
        ['zebra']
    """

    def __init__(
        self,
        graph: ClassGraph,
        nouns: ClassGraph | Callable[[], ClassGraph] | None = None,
        *,
        seen: Collection[ClassId] | None = None,
        include_person: bool = False,
    ) -> None:
        self.graph = graph
        self._seen = None if seen is None else frozenset(seen)
        around = ClassResolver(graph, nouns).nouns
        self._graphs = (graph,) if around is None else (around, graph)
        self._persons = frozenset[ClassId]().union(*(one.marked(PERSON_MARK) for one in self._graphs))
        hidden = frozenset[ClassId]() if include_person else self._persons
        entries = sorted(self._entries(hidden | graph.marked(ATTRIBUTE_MARK)))
        self._keys = [entry[0] for entry in entries]
        self._places = np.array([entry[1:] for entry in entries], dtype=np.int64).reshape(-1, 4)  # (E, 4)
        self._order = self._static_order()

    def _entries(self, hidden: Collection[ClassId]) -> Iterator[tuple[str, int, int, int, int]]:
        """Yield the beginnings of lemmas: key, number of the graph, row, number of the lemma, number of the word."""
        for number, graph in enumerate(self._graphs):
            for row, class_id in enumerate(graph.index):
                if class_id in hidden or (number and class_id in self._graphs[0].index):
                    continue
                for place, lemma in enumerate(lemmas_of(graph, row)):
                    words = plain(lemma).split()
                    for start in range(len(words)):
                        yield " ".join(words[start:]), number, row, place, start

    def _static_order(self) -> np.ndarray:
        """Return the place of each entry among all when nothing is typed, (E,) int64."""
        graphs, rows, lemmas, words = self._places.T
        lengths = np.array([len(key) for key in self._keys], dtype=np.int64)
        missing = np.zeros(len(rows), dtype=bool)
        for number, graph in enumerate(self._graphs):
            outside = np.array([class_id not in self.graph.index for class_id in graph.index], dtype=bool)
            missing[graphs == number] = outside[rows[graphs == number]]
        order = np.lexsort((np.arange(len(rows)), lengths, missing, lemmas > 0, words > 0))
        places = np.empty(len(order), dtype=np.int64)
        places[order] = np.arange(len(order))
        return places

    def search(self, beginning: str, limit: int = 10) -> list[NameHit]:
        """Return classes with a lemma that begins so, each once, best first.

        First come classes that are called exactly so, then those whose first lemma begins so, then those with another
        lemma that does, at last those with a later word that does; in each group classes of the graph, then short
        names.

        Args:
            beginning: what was typed; case, accents, hyphens and double spaces do not count.
            limit: at most so many.

        Raises:
            InputFileError: the limit is below one.
        """
        if limit < 1:
            raise InputFileError(f"A search returns at least one class, found limit {limit}.")
        key = plain(beginning)
        if not key:
            return []
        low, high = bisect_left(self._keys, key), bisect_left(self._keys, key + LAST)
        whole = [place for place in range(low, bisect_right(self._keys, key, low, high)) if not self._places[place, 3]]
        return self._hits(sorted(whole, key=self._order.__getitem__), low, high, limit)

    def _hits(self, first: Sequence[int], low: int, high: int, limit: int) -> list[NameHit]:
        """Return the classes of some entries, then those of the best ones of a stretch, each class once."""
        found: dict[tuple[int, ...], int] = {}
        count = MORE * limit
        while True:
            for place in (*first, *self._best(low, high, count)):
                found.setdefault(tuple(self._places[place, :2].tolist()), place)
            if len(found) >= limit or count >= high - low:
                return [self._hit(place) for place in list(found.values())[:limit]]
            count *= MORE

    def _best(self, low: int, high: int, count: int) -> list[int]:
        """Return the entries of a stretch that come first in the order."""
        stretch = self._order[low:high]
        chosen = np.argpartition(stretch, count)[:count] if count < len(stretch) else np.arange(len(stretch))
        ordered: list[int] = (low + chosen[np.argsort(stretch[chosen])]).tolist()
        return ordered

    def _hit(self, place: int) -> NameHit:
        number, row, lemma, _ = self._places[place].tolist()
        graph = self._graphs[number]
        class_id = graph.index[row]
        return NameHit(
            class_id,
            graph.texts[row],
            lemmas_of(graph, row)[lemma],
            path_labels(graph, class_id),
            class_id in self.graph.index,
            None if self._seen is None else class_id in self._seen,
            class_id in self._persons,
        )

"""The texts of a graph that was read from a file: columns as they stand there, made into `ClassText` when asked for.

Most questions are about a few classes, and reading 82,115 nouns as columns is ten times quicker than as objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from kgzsl.classes import ClassText

__all__ = ["StoredTexts", "appended_texts", "flat_lemmas", "names_of"]

BETWEEN = "|"


@dataclass(frozen=True, slots=True, eq=False)
class StoredTexts(Sequence[ClassText]):
    """Texts in row order.

    Args:
        names: the readable name of each class.
        lemmas: its words with ``|`` between them; empty where it has none.
        definitions: its definition, empty where it has none; an empty list where the file has no such column.
        more: texts of classes that were appended.

    Example:
        >>> StoredTexts(["okapi.n.01"], ["okapi|Okapia_johnstoni"], [])[0].lemmas
        ('okapi', 'Okapia_johnstoni')
    """

    names: list[str]
    lemmas: list[str]
    definitions: list[str]
    more: tuple[ClassText, ...] = ()

    def __len__(self) -> int:
        return len(self.names) + len(self.more)

    @overload
    def __getitem__(self, row: int) -> ClassText: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[ClassText, ...]: ...
    def __getitem__(self, row: int | slice) -> ClassText | tuple[ClassText, ...]:
        if isinstance(row, slice):
            return tuple(self[number] for number in range(len(self))[row])
        place = range(len(self))[row]  # raises IndexError
        if place >= len(self.names):
            return self.more[place - len(self.names)]
        cell, definition = self.lemmas[place], self.definitions[place] if self.definitions else ""
        return ClassText(self.names[place], tuple(cell.split(BETWEEN)) if cell else (), definition or None)

    def __iter__(self) -> Iterator[ClassText]:
        return (self[row] for row in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoredTexts | tuple) and len(self) == len(other) and all(map(_same, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))


def _same(one: object, other: object) -> bool:
    return one == other


def appended_texts(texts: Sequence[ClassText], more: Iterable[ClassText]) -> Sequence[ClassText]:
    """Return texts with others behind; those of a file are not copied."""
    if isinstance(texts, StoredTexts):
        return StoredTexts(texts.names, texts.lemmas, texts.definitions, (*texts.more, *more))
    return (*texts, *more)


def names_of(texts: Sequence[ClassText]) -> list[str]:
    """Return the readable name of each class."""
    if isinstance(texts, StoredTexts):
        return [*texts.names, *(text.name for text in texts.more)]
    return [text.name for text in texts]


def flat_lemmas(texts: Sequence[ClassText]) -> tuple[list[str], list[int]]:
    """Return the words of all classes, one after another, and the row of each; the name counts where there are none.

    Example:
        >>> flat_lemmas((ClassText("okapi.n.01", ("okapi",)), ClassText("own")))
        (['okapi', 'own'], [0, 1])
    """
    words: list[str] = []
    counts: list[int] = []
    rest: Sequence[ClassText] = texts
    if isinstance(texts, StoredTexts):
        cells = [cell or name for cell, name in zip(texts.lemmas, texts.names)]
        counts = [cell.count(BETWEEN) + 1 for cell in cells]
        words = BETWEEN.join(cells).split(BETWEEN) if cells else []
        rest = texts.more
    for text in rest:
        own = text.lemmas or (text.name,)
        words += own
        counts.append(len(own))
    return words, np.repeat(np.arange(len(counts)), counts).tolist()

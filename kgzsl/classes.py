"""Names connect data, positions do not: a bijection between class ids and rows, and the texts of a class."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from kgzsl.errors import CorruptFileError, GraphError, UnknownClassError
from kgzsl.registry import closest
from kgzsl.types import ClassId

__all__ = ["ClassIndex", "ClassText"]


@dataclass(frozen=True, slots=True)
class ClassText:
    """What is known of a class in words.

    Args:
        name: its unique readable name, such as ``okapi.n.01``.
        lemmas: its words, ``_`` for a space, the most usual first.
        definition: its definition, or None where none may be shipped or none is known.
    """

    name: str
    lemmas: tuple[str, ...] = ()
    definition: str | None = None

    @property
    def label(self) -> str:
        """The first lemma with spaces, or the name: what people read."""
        return self.lemmas[0].replace("_", " ") if self.lemmas else self.name


@dataclass(frozen=True, slots=True, eq=False)
class ClassIndex:
    """A bijection between class ids and rows 0 .. C-1.

    Args:
        ids: class ids in row order, without repetition.
        owner: what the rows belong to, for error messages ("graph 'imagenet21k'").

    Raises:
        GraphError: an id is empty or stands twice.

    Example:
        >>> index = ClassIndex(("n02439398", "n02391049"))
        >>> index.rows(["n02391049"]).tolist()
        [1]
    """

    ids: tuple[ClassId, ...]
    owner: str = "index"
    _row: dict[ClassId, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        row = dict(zip(self.ids, range(len(self.ids))))
        if len(row) != len(self.ids):
            seen: set[str] = set()
            twice = next(i for i in self.ids if i in seen or seen.add(i))  # type: ignore[func-returns-value]
            raise GraphError(f"Class {twice!r} stands twice in {self.owner}; every class id must be unique.")
        if "" in row:
            raise GraphError(f"Row {row['']} of {self.owner} has an empty class id; give every class an id.")
        object.__setattr__(self, "_row", row)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[ClassId]:
        return iter(self.ids)

    def __contains__(self, class_id: object) -> bool:
        return class_id in self._row

    def __getitem__(self, row: int) -> ClassId:
        return self.ids[row]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClassIndex) and self.ids == other.ids

    def __hash__(self) -> int:
        return hash(self.ids)

    def row(self, class_id: ClassId) -> int:
        """Return the row of one class.

        Raises:
            UnknownClassError: the id is not here; the message suggests near ones.
        """
        try:
            return self._row[class_id]
        except KeyError:
            hint = closest(class_id, self.ids) if len(self.ids) <= 100_000 else ""
            message = f"Class {class_id!r} is not in {self.owner} ({len(self.ids):,} classes).{hint}"
            raise UnknownClassError(message) from None

    def rows(self, class_ids: Iterable[ClassId]) -> np.ndarray:
        """Return the rows of several classes, (K,) int64, in the order given.

        Raises:
            UnknownClassError: an id is not here.
        """
        wanted = list(class_ids)
        try:
            return np.fromiter(map(self._row.__getitem__, wanted), dtype=np.int64, count=len(wanted))
        except KeyError as error:
            return np.array([self.row(error.args[0])])  # raises, with suggestions

    def to_json(self) -> str:
        """Return the ids as a JSON list, which is how tensor files carry them."""
        return json.dumps(self.ids, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, owner: str) -> ClassIndex:
        """Read what `to_json` gave; CorruptFileError where it is no list of ids."""
        try:
            return cls(tuple(json.loads(text)), owner)
        except (json.JSONDecodeError, TypeError) as error:
            raise CorruptFileError(f"The {owner} has damaged metadata ({error}); write it again.") from error

    def appended(self, class_ids: Iterable[ClassId]) -> ClassIndex:
        """Return a new index with more classes behind the present ones, whose rows stay."""
        return ClassIndex(self.ids + tuple(class_ids), self.owner)

"""What is known of a class that was added to a run: its words, its place, and why it is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgzsl.classes import ClassText
from kgzsl.graph.class_graph import ADDED, RELATIONS, NewClass
from kgzsl.types import ClassId

__all__ = ["BROUGHT", "BY_DESCRIPTION", "BY_NAME", "BY_PARENTS", "BY_WORDNET", "AddedClass", "Likeness", "NamedClass"]

BY_WORDNET, BY_PARENTS, BY_DESCRIPTION, BY_NAME, BROUGHT = "wordnet", "parents", "description", "name", "brought"


@dataclass(frozen=True, slots=True)
class NamedClass:
    """A class with what people read.

    Args:
        class_id: its id.
        name: its label.
    """

    class_id: ClassId
    name: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """A class of the run's graph that a description is near to.

    Args:
        class_id: its id.
        name: its label.
        likeness: the cosine of the two semantic vectors, their parts averaged.
    """

    class_id: ClassId
    name: str
    likeness: float


@dataclass(frozen=True, slots=True)
class AddedClass:
    """A class that was added.

    Args:
        class_id: its id.
        name: its unique readable name.
        lemmas: its words, ``_`` for a space.
        description: its definition, where one was given.
        parents: the classes it was put beneath.
        placed_by: ``wordnet`` (it is a noun), ``parents`` (as given), ``description`` (see ``nearest``), ``name``
            (likewise, by its name alone), or ``brought`` (a noun above an added class, which the run's graph lacks; it
            is no candidate itself).
        nearest: where placed by its description or name, the classes nearest to it, the nearest first.
        why: one sentence that says how the parents came about.
        source: where its semantic vector came from: ``stored``, ``definition`` or ``names``.
        marks: marks that it inherited, such as ``person``.
        relation: how it hangs on its parents, a row of `RELATIONS`.
        is_doubtful: its place was found, and is likely to be wrong; see `PlacementRule`.
    """

    class_id: ClassId
    name: str
    lemmas: tuple[str, ...] = ()
    description: str | None = None
    parents: tuple[NamedClass, ...] = ()
    placed_by: str = BY_PARENTS
    nearest: tuple[Likeness, ...] = ()
    why: str = ""
    source: str = ""
    marks: tuple[str, ...] = ()
    relation: int = ADDED
    is_doubtful: bool = False

    @property
    def is_own(self) -> bool:
        """Whether it is no noun of WordNet."""
        return self.placed_by in (BY_PARENTS, BY_DESCRIPTION, BY_NAME)

    @property
    def text(self) -> ClassText:
        """Its words."""
        return ClassText(self.name, self.lemmas, self.description)

    @property
    def label(self) -> str:
        """What people read."""
        return self.text.label

    @property
    def parent_ids(self) -> tuple[ClassId, ...]:
        """The ids of its parents."""
        return tuple(parent.class_id for parent in self.parents)

    @property
    def node(self) -> NewClass:
        """It as a class to append to a graph."""
        return NewClass(self.class_id, self.parent_ids, self.text, self.relation)

    def to_json(self) -> dict[str, Any]:
        """Return what programs read, and what is stored: plain types only."""
        return {
            "class_id": self.class_id,
            "name": self.name,
            "lemmas": list(self.lemmas),
            "description": self.description,
            "parents": [{"class_id": one.class_id, "name": one.name} for one in self.parents],
            "placed_by": self.placed_by,
            "nearest": [{"class_id": one.class_id, "name": one.name, "likeness": one.likeness} for one in self.nearest],
            "why": self.why,
            "source": self.source,
            "marks": list(self.marks),
            "relation": RELATIONS[self.relation],
            "is_doubtful": self.is_doubtful,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> AddedClass:
        """Read what `to_json` gave; KeyError, TypeError or ValueError where it is something else."""
        return cls(
            _text(content["class_id"]),
            _text(content["name"]),
            tuple(map(_text, content["lemmas"])),
            None if content["description"] is None else _text(content["description"]),
            tuple(NamedClass(_text(one["class_id"]), _text(one["name"])) for one in _list(content["parents"])),
            _text(content["placed_by"]),
            tuple(
                Likeness(_text(one["class_id"]), _text(one["name"]), float(one["likeness"]))
                for one in _list(content["nearest"])
            ),
            _text(content["why"]),
            _text(content["source"]),
            tuple(map(_text, content["marks"])),
            RELATIONS.index(content["relation"]),
            content.get("is_doubtful", False) is True,
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text was expected, found {value!r}")
    return value


def _list(value: object) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise TypeError(f"a list was expected, found {value!r}")
    return value

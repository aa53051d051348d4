"""One entry of the log: who changed what, when, and how. What a run was changed to is what its log adds up to."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kgzsl.additions.added_class import AddedClass
from kgzsl.types import ClassId

__all__ = ["ADD", "REMOVE", "RENAME", "UPDATE", "VERBS", "Change", "now", "user_name"]

VERBS = ("add", "remove", "rename", "update")
ADD, REMOVE, RENAME, UPDATE = VERBS


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the classes of a run. A batch is one change.

    Args:
        number: counted from 1.
        verb: ``add``, ``remove``, ``rename`` or ``update`` (its classifier was replaced).
        class_ids: the classes that it is about.
        by: who did it.
        when: the time, UTC, as ISO 8601 writes it.
        how: by what, such as ``{"table": "classes.csv", "sha256": ...}``; for ``update`` as its maker wrote it.
        encoder: id of the text encoder of the run.
        added: for ``add``, the classes with all that is known of them.
        brought: for ``add``, the classes above them that the run's graph lacks.
        names: for ``rename``, class id to its new name.
    """

    number: int
    verb: str
    class_ids: tuple[ClassId, ...]
    by: str
    when: str
    how: Mapping[str, Any] = field(default_factory=dict)
    encoder: str = ""
    added: tuple[AddedClass, ...] = ()
    brought: tuple[AddedClass, ...] = ()
    names: Mapping[ClassId, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what programs read, and what is stored: plain types only."""
        content = {
            "number": self.number,
            "verb": self.verb,
            "class_ids": list(self.class_ids),
            "by": self.by,
            "when": self.when,
            "how": dict(self.how),
            "encoder": self.encoder,
        }
        if self.verb == ADD:
            content |= {"added": [one.to_json() for one in self.added]}
            content |= {"brought": [one.to_json() for one in self.brought]}
        return content | ({"names": dict(self.names)} if self.verb == RENAME else {})

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Change:
        """Read what `to_json` gave; KeyError, TypeError or ValueError where it is something else."""
        if content["verb"] not in VERBS:
            raise ValueError(f"there is no change called {content['verb']!r}")
        return cls(
            int(content["number"]),
            str(content["verb"]),
            tuple(str(one) for one in content["class_ids"]),
            str(content["by"]),
            str(content["when"]),
            dict(content["how"]),
            str(content["encoder"]),
            tuple(AddedClass.from_json(one) for one in content.get("added", ())),
            tuple(AddedClass.from_json(one) for one in content.get("brought", ())),
            {str(one): str(name) for one, name in content.get("names", {}).items()},
        )


def now() -> str:
    """Return the time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def user_name() -> str:
    """Return the name of the user as the operating system knows it, ``unknown`` where it does not."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"

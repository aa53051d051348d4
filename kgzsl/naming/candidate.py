"""What a linker answers: candidates with score, reason and hints, and what became of a name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from kgzsl.classes import ClassText
from kgzsl.types import ClassId

__all__ = ["AMBIGUOUS", "LEFT_OUT", "LINKED", "REASONS", "UNKNOWN", "Candidate", "Link", "Match"]

LINKED, AMBIGUOUS, UNKNOWN, LEFT_OUT = "linked", "ambiguous", "unknown", "left out"

SURE, FAIR, WEAK = 3, 2, 1
REASONS = {
    "id": (SURE, 1.0),
    "name": (SURE, 1.0),
    "lemma": (SURE, 0.95),
    "typography": (SURE, 0.92),
    "joined": (FAIR, 0.85),
    "spelling": (FAIR, 0.85),
    "plural": (FAIR, 0.8),
    "misspelling": (WEAK, 0.5),
    "head noun": (WEAK, 0.4),
}
"""Why a class is a candidate, with its strength and its score. Weak reasons alone never link a name.

``typography``: case, hyphen, underscore, accent, apostrophe. ``joined``: spaces more or less. ``spelling``: British or
American. ``plural``: the other number. ``head noun``: the end of a longer phrase.
"""

COMPLETE = 0.03
"""What a candidate gains whose lemmas are all in the label, and no others."""


@dataclass(frozen=True, slots=True)
class Match:
    """One way in which a word stands for a class.

    Args:
        reason: one of `REASONS`.
        lemma: the lemma that it was found by, as the class has it.
        is_rival: it is as plausible as a lemma that is written exactly so: ``tigers`` means tigers before an army.
    """

    reason: str
    lemma: str
    is_rival: bool = False

    @property
    def strength(self) -> int:
        """How much it takes to link: 3 sure, 2 fair, 1 weak."""
        return SURE if self.is_rival else REASONS[self.reason][0]

    @property
    def score(self) -> float:
        """A number in (0, 1] to rank by."""
        return REASONS[self.reason][1]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A class that a label could mean.

    Args:
        class_id: its id.
        text: its texts.
        score: in (0, 1], to rank by; no probability.
        reason: why it is a candidate, in words.
        lemma: the lemma that it was found by.
        path: the labels of a few classes above it, nearest first.
        siblings: the labels of a few classes beside it.
        in_graph: whether the graph has it, not only the nouns.
        is_seen: whether it is a seen class; None where that is not known.
        is_person: whether it is a class of persons.
    """

    class_id: ClassId
    text: ClassText
    score: float
    reason: str
    lemma: str
    path: tuple[str, ...] = ()
    siblings: tuple[str, ...] = ()
    in_graph: bool = True
    is_seen: bool | None = None
    is_person: bool = False

    def __str__(self) -> str:
        place = f" ({' < '.join((self.text.label, *self.path))})" if self.path else ""
        return f"{self.class_id} {self.text.name}{place}"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "class": self.class_id,
            "name": self.text.name,
            "label": self.text.label,
            "score": round(self.score, 3),
            "reason": self.reason,
            "lemma": self.lemma.replace("_", " "),
            "path": list(self.path),
            "siblings": list(self.siblings),
            "in_graph": self.in_graph,
            "is_seen": self.is_seen,
            "is_person": self.is_person,
        }


@dataclass(frozen=True, slots=True)
class Link:
    """What became of a label.

    Args:
        label: the label as it was written.
        status: ``linked`` (exactly one class can be meant), ``ambiguous`` (several; they come first), ``unknown``
            (none; the candidates are suggestions), or ``left out`` (a label that stands for no class: background).
        candidates: ranked; of a linked label the first one is meant.
        num_possible: how many of the candidates, the first ones, can be meant.
        note: what else there is to say, such as what would link it.
    """

    label: str
    status: str
    candidates: tuple[Candidate, ...] = ()
    num_possible: int = 0
    note: str = ""

    @property
    def class_id(self) -> ClassId | None:
        """The class that is meant, None where that is not sure."""
        return self.candidates[0].class_id if self.status == LINKED else None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to choose."""
        return self.status in (LINKED, LEFT_OUT)

    def chosen(self, candidate: Candidate, reason: str = "chosen") -> Link:
        """Return the label linked to a candidate, because somebody or something else than its words says so."""
        others = tuple(one for one in self.candidates if one.class_id != candidate.class_id)
        return Link(self.label, LINKED, (replace(candidate, reason=reason), *others), 1)

    @property
    def possible(self) -> tuple[Candidate, ...]:
        """The candidates that can be meant: one where the label is linked, none where it is unknown."""
        return self.candidates[: self.num_possible]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "label": self.label,
            "status": self.status,
            "class": self.class_id,
            "possible": self.num_possible,
            "note": self.note,
            "candidates": [candidate.to_json() for candidate in self.candidates],
        }

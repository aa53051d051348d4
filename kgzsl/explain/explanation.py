"""What an explanation holds: plain values that can be read, written as JSON and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kgzsl.prediction import PathStep
from kgzsl.types import ClassId

__all__ = ["ATTRIBUTED", "EXACT", "UNEXPLAINED", "Contrast", "Contribution", "Explanation", "NearClass"]

EXACT, ATTRIBUTED, UNEXPLAINED = "exact", "attributed", "unexplained"
"""How contributions came about: the method's own sum, by integrated gradients, or not at all."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one class adds to a score or to a classifier.

    Args:
        class_id: the class.
        name: its label.
        relation: ``seen``, or for graph networks also ``itself``, ``ancestor``, ``descendant`` or ``other``.
        amount: what it adds, in units of the score; without a picture the whole classifier is 1.
        share: the amount by the sum of all amounts without their signs.
        weight: how much of its row is in the classifier, where one number says that.
    """

    class_id: ClassId
    name: str
    relation: str
    amount: float
    share: float
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class NearClass:
    """A candidate whose classifier is near.

    Args:
        class_id: the class.
        name: its label.
        cosine: of the two rows [w, b]; of the semantic vectors where the method makes no rows.
        is_seen: whether the backbone's own classifier knew it.
        score: of the picture, where there is one.
    """

    class_id: ClassId
    name: str
    cosine: float
    is_seen: bool
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Contrast:
    """Why the class rather than another.

    Args:
        class_id, name: the other class.
        difference: the score of the class minus that of the other; without a picture 1, the whole difference of the
            classifiers.
        start: the part of the difference that no class is responsible for.
        contributions: what classes add to the difference, the largest first.
        rest: what all classes beyond these add.
    """

    class_id: ClassId
    name: str
    difference: float
    start: float
    contributions: tuple[Contribution, ...]
    rest: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reasons for a class's classifier, or for its score of one picture.

    Args:
        class_id, name: the class.
        is_seen: whether the backbone's own classifier knew it.
        semantics: where its vector came from, as in `kgzsl.Prediction`.
        placement: why an added class is where it is; empty for classes of the graph.
        method: name of the run's method.
        image: name of the picture, None where the class alone is explained.
        score: the score of the picture; 1 where there is none.
        rank: its place among ``num_candidates`` classes, where there is a picture.
        how: ``exact``, ``attributed`` or ``unexplained``.
        note: what the contributions are, in a sentence, or why there are none.
        contributions: the classes that add most, the largest first.
        rest: what all classes beyond these add, ``num_rest`` of them.
        start: what there is before any class adds.
        gap: score - start - all amounts: rounding where exact, the error of the integral where attributed.
        path: the way through the graph to the nearest seen class.
        near: the candidates whose classifiers are nearest.
        against: why the class and not another.
    """

    class_id: ClassId
    name: str
    is_seen: bool
    semantics: str
    placement: str
    method: str
    image: str | None
    score: float
    rank: int | None
    num_candidates: int
    how: str
    note: str
    contributions: tuple[Contribution, ...]
    rest: float
    num_rest: int
    start: float
    gap: float
    path: tuple[PathStep, ...]
    near: tuple[NearClass, ...]
    against: Contrast | None = None

    @property
    def is_exact(self) -> bool:
        """Whether start, contributions and rest are the method's own sum."""
        return self.how == EXACT

    def shares(self) -> Mapping[ClassId, float]:
        """Return the share of each class that is listed."""
        return {one.class_id: one.share for one in self.contributions}

    def to_json(self) -> dict[str, Any]:
        """Return what programs read: plain types only."""
        return asdict(self) | {"path": [asdict(step) for step in self.path]}

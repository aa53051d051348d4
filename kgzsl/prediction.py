"""What a query answers: for each picture the best classes with score, rank and the reason for their place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kgzsl.types import ClassId

__all__ = ["ImagePrediction", "PathStep", "Prediction"]


@dataclass(frozen=True, slots=True)
class PathStep:
    """One class on the way to the nearest seen class.

    Args:
        class_id: the class.
        name: its readable label.
        direction: ``start``, ``up`` to a parent or ``down`` to a child.
    """

    class_id: ClassId
    name: str
    direction: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """One ranked class of one picture.

    Args:
        class_id: the class.
        name: its readable label.
        score: what the classifier gives; comparable among the classes of one picture.
        rank: 1 for the best.
        is_seen: whether the backbone's own classifier knew the class.
        semantics: where its vector comes from: ``trained`` (the class was in the training graph), ``stored``,
            ``definition`` (encoded now) or ``names`` (encoded now from its names alone).
        path: the way through the graph to the nearest seen class, which is why its classifier is what it is.
    """

    class_id: ClassId
    name: str
    score: float
    rank: int
    is_seen: bool
    semantics: str
    path: tuple[PathStep, ...]

    @property
    def path_text(self) -> str:
        """The path in one line, such as ``okapi > giraffe family < giraffe``: ``>`` leads up, ``<`` leads down."""
        signs = {"start": "", "up": " > ", "down": " < "}
        return "".join(signs[step.direction] + step.name for step in self.path)

    def to_json(self) -> dict[str, Any]:
        """Return what programs read: plain types only."""
        steps = [{"class_id": s.class_id, "name": s.name, "direction": s.direction} for s in self.path]
        return {
            "class_id": self.class_id,
            "name": self.name,
            "score": self.score,
            "rank": self.rank,
            "is_seen": self.is_seen,
            "semantics": self.semantics,
            "path": steps,
        }


@dataclass(frozen=True, slots=True)
class ImagePrediction:
    """The ranked classes of one picture.

    Args:
        image: its path, or the name of its feature row.
        true_class: its class, where the input tells it.
        predictions: best first.
    """

    image: str
    true_class: ClassId | None
    predictions: tuple[Prediction, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what programs read: plain types only."""
        return {
            "image": self.image,
            "true_class": self.true_class,
            "predictions": [prediction.to_json() for prediction in self.predictions],
        }

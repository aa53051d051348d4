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
        probability: calibrated, of the candidates that were asked about; None where nothing was calibrated.
        information: of a class that is backed off to, in bits: ``-log2`` of the share of the candidates below it; 0
            says nothing. None elsewhere.
    """

    class_id: ClassId
    name: str
    score: float
    rank: int
    is_seen: bool
    semantics: str
    path: tuple[PathStep, ...]
    probability: float | None = None
    information: float | None = None

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
            "probability": self.probability,
            "rank": self.rank,
            "is_seen": self.is_seen,
            "semantics": self.semantics,
            "path": steps,
            **({} if self.information is None else {"information": self.information}),
        }


@dataclass(frozen=True, slots=True)
class ImagePrediction:
    """The ranked classes of one picture.

    Args:
        image: its path, or the name of its feature row.
        true_class: its class, where the input tells it.
        predictions: best first.
        is_unknown: whether the picture was refused as of no candidate; None where that was not asked.
        back_off: the most specific class that is certain enough, with its confidence as ``probability``; None where
            that was not asked, or where no class is.
    """

    image: str
    true_class: ClassId | None
    predictions: tuple[Prediction, ...]
    is_unknown: bool | None = None
    back_off: Prediction | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what programs read: plain types only."""
        return {
            "image": self.image,
            "true_class": self.true_class,
            "predictions": [prediction.to_json() for prediction in self.predictions],
            "is_unknown": self.is_unknown,
            "back_off": None if self.back_off is None else self.back_off.to_json(),
        }

"""What a query answers: for each picture the best classes with score, rank and the reason for their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex, overload

from kgzsl.markup import Bar, Html, bars, page, paragraph, table
from kgzsl.types import ClassId

__all__ = ["ImagePrediction", "PathStep", "Prediction", "Predictions"]

IN_FULL = 3
"""So many pictures show themselves with bars; more become rows of a table."""
LISTED = 20
BEST = 3


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

    @property
    def is_right(self) -> bool | None:
        """Whether the best class is the true one; None where the true one is not known, or the picture was refused."""
        if self.true_class is None or self.is_unknown or not self.predictions:
            return None
        return self.predictions[0].class_id == self.true_class

    @property
    def answer(self) -> str:
        """The answer in words: the refusal, the class that it backs off to, else the best class."""
        if self.is_unknown:
            return "unknown"
        if self.back_off is not None and self.predictions and self.back_off.class_id != self.predictions[0].class_id:
            return f"some kind of {self.back_off.name}"
        return self.predictions[0].name if self.predictions else "nothing"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the ranked classes as bars, what is seen, the true class, the reason."""
        shares = _shares(self.predictions)
        ranked = [
            Bar(
                f"{one.rank}. {one.name}",
                share,
                _number(one),
                "seen" if one.is_seen else one.path_text,
                strong=one.class_id == self.true_class,
                grey=one.is_seen,
            )
            for one, share in zip(self.predictions, shares)
        ]
        return page(self.image, bars(ranked), *self._remarks())

    def _remarks(self) -> list[Html]:
        remarks = []
        if self.is_unknown or (self.back_off is not None and self.answer.startswith("some kind")):
            sure = "" if self.is_unknown or self.back_off is None else f" ({_number(self.back_off)})"
            remarks.append(paragraph(f"answer: {self.answer}{sure}"))
        if self.true_class is not None:
            found = next((one for one in self.predictions if one.class_id == self.true_class), None)
            place = f"{found.name}, rank {found.rank}" if found else f"{self.true_class}, not among these"
            remarks.append(paragraph(f"true class: {place}"))
        return remarks


class Predictions(list[ImagePrediction]):
    """The answers for several pictures: a list, which shows itself in a notebook.

    Example:
        >>> Predictions([ImagePrediction("photo.jpg", None, ())])
        Predictions(1 picture: photo.jpg: nothing)
    """

    @overload
    def __getitem__(self, place: SupportsIndex, /) -> ImagePrediction: ...

    @overload
    def __getitem__(self, place: slice, /) -> Predictions: ...

    def __getitem__(self, place: SupportsIndex | slice, /) -> ImagePrediction | Predictions:
        """Return one answer, or some of them, which show themselves too."""
        return Predictions(super().__getitem__(place)) if isinstance(place, slice) else super().__getitem__(place)

    def __repr__(self) -> str:
        few = "; ".join(f"{one.image}: {one.answer}" for one in self[:BEST])
        more = f"; and {len(self) - BEST:,} more" if len(self) > BEST else ""
        count = f"{len(self):,} picture{'' if len(self) == 1 else 's'}"
        return f"Predictions({count}{': ' if self else ''}{few}{more})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: bars for a few pictures, a table for many."""
        if len(self) <= IN_FULL:
            return page("", *(Html(one._repr_html_()) for one in self))
        known = [one.is_right for one in self if one.is_right is not None]
        right = f", {sum(known):,} of {len(known):,} right" if known else ""
        refused = sum(bool(one.is_unknown) for one in self)
        right += f", {refused:,} refused" if refused else ""
        places = ("best", "second", "third")[: max((len(one.predictions) for one in self[:LISTED]), default=0)]
        asked = any(one.is_unknown is not None or one.back_off is not None for one in self)
        head = ["picture", *(["answer"] if asked else []), *places, *(["right"] if known else [])]
        rows = [_row(one, asked, len(places), bool(known)) for one in self[:LISTED]]
        more = [paragraph(f"and {len(self) - LISTED:,} more pictures")] if len(self) > LISTED else []
        return page(f"{len(self):,} pictures{right}", table(head, rows, left=len(head)), *more)


def _row(image: ImagePrediction, asked: bool, places: int, known: bool) -> list[str]:
    best = [f"{one.name} {_number(one)}" for one in image.predictions[:places]]
    best += [""] * (places - len(best))
    mark = {True: "\N{CHECK MARK}", False: "no", None: ""}[image.is_right]
    return [image.image, *([image.answer] if asked else []), *best, *([mark] if known else [])]


def _number(prediction: Prediction) -> str:
    if prediction.probability is None:
        return f"{prediction.score:.3g}"
    return f"{100 * prediction.probability:.1f} %"


def _shares(predictions: Sequence[Prediction]) -> list[float]:
    """Return the lengths of bars: probabilities, else scores along the way from 0 (or the lowest) to the best."""
    if all(one.probability is not None for one in predictions):
        return [one.probability or 0.0 for one in predictions]
    low = min(0.0, *(one.score for one in predictions))
    width = max(one.score for one in predictions) - low
    return [(one.score - low) / width if width > 0 else 0.0 for one in predictions]

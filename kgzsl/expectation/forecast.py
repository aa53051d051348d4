"""What to expect of classes before there is an image of them: accuracy, why it is low, what they are taken for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import InputFileError
from kgzsl.expectation.asked_classes import AskedClasses, Forecast
from kgzsl.expectation.fitted import FittedExpectation
from kgzsl.expectation.reasons import NAMED_ONLY
from kgzsl.types import ClassId

__all__ = ["Confusion", "Expectation", "expect"]

MOST_CONFUSIONS = 5
CERTAIN = 0.95
"""An expected Hit@1 that is not low: no reason is told for it."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """A candidate that a class is expected to be taken for.

    Args:
        class_id: its id.
        name: its label.
        share: the share of the pictures of the class that it is expected to get, in percent.
    """

    class_id: ClassId
    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected of one class among its candidates.

    Args:
        class_id: its id.
        name: its label.
        hit1: the expected Hit@1, in percent.
        low, high: the accuracy of four classes of five like it lies between, in percent.
        why: what lowers the expectation most; empty where nothing stands out, or where there is nothing to lower: an
            expectation of `CERTAIN` or more.
        confusions: what it is most likely taken for, the likeliest first. With ``hit1`` and the candidates that are
            not listed the shares sum to 100.
        evidence: what is known of it, by the names of `EVIDENCE`, and the share of simulated pictures it won.
    """

    class_id: ClassId
    name: str
    hit1: float
    low: float
    high: float
    why: tuple[str, ...]
    confusions: tuple[Confusion, ...]
    evidence: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return plain types only."""
        return asdict(self) | {"why": list(self.why), "confusions": [asdict(one) for one in self.confusions]}


def expect(
    classifier: ZeroShotClassifier,
    classes: Iterable[str],
    among: Iterable[str] | None = None,
    *,
    include_person: bool = False,
) -> list[Expectation]:
    """Forecast how well classes will be told from each other and from further candidates.

    No image of theirs is needed or looked at: the forecast is learned on seen classes that were hidden, see
    `fit_expectation`.

    Args:
        classifier: of a run that ``kgzsl calibrate`` has seen.
        classes: names or ids of classes that are not seen: of the graph, added, or any that can be added.
        among: further candidates, seen ones or not; by default the classes have only each other.
        include_person: let classes of persons be asked about, and compete.

    Returns:
        An expectation a class, in the order asked.

    Raises:
        InputFileError: the run was not calibrated, a class is seen, or there are fewer than two candidates.
        UnknownClassError, AmbiguousClassError: a name means no class, or several.

    Example:
        >>> classifier = ZeroShotClassifier.load("run")  # doctest: +SKIP
        >>> expect(classifier, ["okapi", "tapir"], among=["zebra"])[0].confusions[0].name  # doctest: +SKIP
        'zebra'
    """
    fitted = FittedExpectation.of(classifier.run)  # before names are looked up and classes placed
    asked = classifier.resolve(classes, include_person=include_person)
    further = classifier.resolve(among or (), include_person=include_person)
    _check(classifier, asked, {*asked, *further})
    candidates = (*asked, *(class_id for class_id in further if class_id not in set(asked)))
    forecasts = AskedClasses.of(classifier, fitted, asked, candidates).forecasts()
    return [_expectation(classifier, fitted, forecast, candidates) for forecast in forecasts]


def _check(classifier: ZeroShotClassifier, asked: tuple[ClassId, ...], candidates: set[ClassId]) -> None:
    if not asked:
        raise InputFileError("There is no class to forecast; name at least one.")
    seen = set(classifier.run.split.seen)
    if known := [class_id for class_id in asked if class_id in seen]:
        raise InputFileError(
            f"{known[0]!r} ({classifier.graph.text(known[0]).label}) is a seen class, and forecasts are for classes "
            "without images; name it with --among (among=names) to let it compete."
        )
    if len(candidates) < 2:
        raise InputFileError(
            "A class that competes with no other is always right; name further classes, or candidates with --among "
            "(among=names)."
        )


def _expectation(
    classifier: ZeroShotClassifier, fitted: FittedExpectation, forecast: Forecast, candidates: tuple[ClassId, ...]
) -> Expectation:
    low, high = fitted.interval(forecast.hit1)
    confusions = tuple(
        Confusion(candidates[column], classifier.text(candidates[column]).label, 100 * (1 - forecast.hit1) * share)
        for column, share in forecast.others[:MOST_CONFUSIONS]
    )
    return Expectation(
        forecast.class_id,
        classifier.text(forecast.class_id).label,
        100 * forecast.hit1,
        100 * low,
        100 * high,
        forecast.why if forecast.hit1 < CERTAIN else tuple(one for one in forecast.why if one == NAMED_ONLY),
        confusions,
        forecast.evidence,
    )

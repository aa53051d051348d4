"""What a run's calibration says of the scores of one query: probabilities, refusals, and answers backed off to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from kgzsl.bank import Scorer
from kgzsl.errors import InputFileError
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.scoring.backoff import NO_ANSWER, Hedges, check_level
from kgzsl.scoring.rejection import Rejector, check_rate, energy
from kgzsl.scoring.spacing import spacing
from kgzsl.scoring.temperature import Temperature
from kgzsl.types import Bool, ClassId, ClassIds, Float, Int, Tensor

__all__ = ["PROBABILITIES", "REJECTION", "Caution", "HedgedAnswer", "Judgement", "check_asked"]

PROBABILITIES, REJECTION = "probabilities", "rejection"


@dataclass(frozen=True, slots=True)
class HedgedAnswer:
    """The most specific class that is certain enough for an image.

    Args:
        class_id: a candidate, or a class above some.
        confidence: sum of the probabilities of the candidates at or below it.
        information: bits; 0 says nothing.
        score: ``T log sum exp(s / T)`` of those candidates.
    """

    class_id: ClassId
    confidence: float
    information: float
    score: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of one image beside the ranking.

    Args:
        probabilities: of the candidates that are shown, each None where the run has no temperature.
        is_unknown: whether it is refused; None where that was not asked.
        hedged: the answer it is backed off to; None where that was not asked, or none is certain enough.
    """

    probabilities: tuple[float | None, ...]
    is_unknown: bool | None
    hedged: HedgedAnswer | None


@dataclass(frozen=True, slots=True, eq=False)
class Caution:
    """The calibration of a run, for one set of candidates.

    Args:
        temperature: makes probabilities; None where the run has none.
        spacing: how far apart the candidates stand.
        rejector: None where nothing is to be refused.
        rate: the wanted false-alarm rate.
        background: scores the seen classes that are neither candidates nor above or below one; None where not needed.
        hedges: None where nothing is backed off.
        level: of confidence.
    """

    temperature: Temperature | None = None
    spacing: float = 0.0
    rejector: Rejector | None = None
    rate: float = 0.0
    background: Scorer | None = None
    hedges: Hedges | None = None
    level: float = 1.0

    @classmethod
    def of(
        cls,
        calibration: Mapping[str, Any],
        graph: ClassGraph,
        candidates: tuple[ClassId, ...],
        shown: Scorer,
        seen: ClassIds,
        *,
        reject: float | None = None,
        back_off: float | None = None,
        run: str = "RUN",
    ) -> Caution:
        """Read what is needed for a query.

        Args:
            calibration: the sections of the run's ``scoring.json``; empty where it was not calibrated.
            graph: holds the candidates and what is above them.
            candidates: the classes asked about.
            shown: the run's own scorer.
            seen: the seen classes; it has them.
            reject: wanted share of images of candidates that are refused; None refuses nothing.
            back_off: level of confidence of an answer; None backs off nothing.
            run: the run, for messages.

        Raises:
            InputFileError: something is asked that the run was not calibrated for, or a value is out of range.
            CorruptFileError: a section cannot be read.
        """
        check_asked(calibration, reject, back_off, run)
        temperature, apart = None, 0.0
        rejector = None if reject is None else Rejector.from_json(calibration[REJECTION])
        hedges = None if back_off is None else Hedges(graph, candidates)
        if PROBABILITIES in calibration:
            temperature = Temperature.from_json(calibration[PROBABILITIES])
        if rejector is not None or (temperature is not None and temperature.by_spacing):
            apart = spacing(graph, candidates)
        background = None
        if rejector is not None and rejector.statistic == "margin":
            background = shown.select(background_ids(graph, candidates, seen))
        return cls(temperature, apart, rejector, reject or 0.0, background, hedges, back_off or 1.0)

    @property
    def is_silent(self) -> bool:
        """Whether nothing is said beside the ranking, so that the scores of the best candidates are enough."""
        return self.temperature is None and self.rejector is None and self.hedges is None

    @property
    def sums_up(self) -> bool:
        """Whether probabilities alone are said: single classes far behind count by their sum."""
        return self.temperature is not None and self.rejector is None and self.hedges is None

    def judge(self, scores: Float[Tensor, "N C"], images: FeatureSet, columns: Int[Tensor, "N K"]) -> list[Judgement]:
        """Return what is said of each image.

        Args:
            scores: (N, C) of the candidates.
            images: the same N images; the background is scored on them.
            columns: (N, K) the candidates whose probabilities are wanted.
        """
        probabilities, unknown = self.probabilities(scores), self.is_unknown(scores, images)
        shown = None if probabilities is None else probabilities.gather(1, columns).tolist()
        refused = None if unknown is None else unknown.tolist()
        hedged = self.hedged(scores)
        nothing = (None,) * columns.shape[1]
        return [
            Judgement(
                nothing if shown is None else tuple(shown[row]),
                None if refused is None else refused[row],
                None if hedged is None else hedged[row],
            )
            for row in range(len(scores))
        ]

    def probabilities(self, scores: Float[Tensor, "N C"]) -> Float[Tensor, "N C"] | None:
        """Return the probability of each candidate, None where the run has no temperature."""
        return None if self.temperature is None else self.temperature.probabilities(scores, self.spacing)

    def is_unknown(self, scores: Float[Tensor, "N C"], images: FeatureSet) -> Bool[Tensor, "N"] | None:
        """Say which images are refused, None where that was not asked.

        Args:
            scores: (N, C) of the candidates.
            images: the same N images; the background is scored on them.
        """
        if self.rejector is None:
            return None
        background = None
        if self.background is not None and len(self.background.index):
            background = self.background.score(images)
        return self.rejector.is_unknown(scores, self.rate, self.spacing, background)

    def hedged(self, scores: Float[Tensor, "N C"]) -> list[HedgedAnswer | None] | None:
        """Return the answer for each image, None where no class is certain enough; None where that was not asked."""
        if self.hedges is None or self.temperature is None:
            return None
        temperature = self.temperature.of(scores.shape[1], self.spacing)
        probabilities = torch.softmax(scores.double() / temperature, dim=1)
        chosen, confidence = self.hedges.choose(probabilities, self.level)
        parts = energy(scores, temperature) + temperature * confidence.log()
        found: list[HedgedAnswer | None] = []
        for number, sure, score in zip(chosen.tolist(), confidence.tolist(), parts.tolist()):
            bits = float(self.hedges.information[number])
            answer = HedgedAnswer(self.hedges.class_ids[number], sure, bits, score)
            found.append(None if number == NO_ANSWER else answer)
        return found


def check_asked(calibration: Mapping[str, Any], reject: float | None, back_off: float | None, run: str) -> None:
    """Refuse values that are out of range, and what the run was not calibrated for, with an InputFileError."""
    if reject is not None:
        check_rate(reject)
        _require(calibration, REJECTION, run)
    if back_off is not None:
        check_level(back_off)
        _require(calibration, PROBABILITIES, run)


def _require(calibration: Mapping[str, Any], name: str, run: str) -> None:
    if name not in calibration:
        raise InputFileError(f"{run} was not calibrated for {name} yet; run kgzsl calibrate {run} first.")


def background_ids(graph: ClassGraph, candidates: ClassIds, seen: ClassIds) -> tuple[ClassId, ...]:
    """Return the seen classes that are neither candidates nor above or below one."""
    kin = {*candidates, *graph.ancestors(candidates), *graph.descendants(candidates)}
    return tuple(class_id for class_id in seen if class_id not in kin)

"""Matching: new rows scaled and shifted, so that beside the old ones they neither dominate nor vanish.

Predicted rows mostly have length one, the rows of a trained head do not, and their biases mean other things. All new
rows of a run get one scale and one shift, which keeps their order among each other,

    w' = scale * w,    b' = scale * b + shift.

| how          | scale and shift                                                                               |
|--------------|-----------------------------------------------------------------------------------------------|
| `none`       | 1 and 0: the rows as they were predicted                                                      |
| `norm`       | the median length of the old rows over that of the predicted ones; no shift                    |
| `logits`     | mean and deviation of the logits agree, the old rows standing for pictures; no image is needed |
| `calibrated` | chosen on images of seen classes that play new; see `kgzsl.export.calibrated_matching`         |

The scale is that of the run, never of the rows that happen to be exported together. The shift of `calibrated` also
depends on how many there are: the more rows compete, the higher is the best of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from kgzsl.bank import ClassifierBank
from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.registry import choose
from kgzsl.run_folder import SCORING, RunFolder
from kgzsl.types import Float, Tensor

__all__ = ["LEVELS", "MATCHINGS", "Matching", "choose_matching", "logit_matching", "norm_matching"]

MATCHINGS = ("none", "norm", "logits", "calibrated")
LEVELS = ("1", "2", "5", "10", "balanced")
"""How many percent of the seen images may be lost; ``balanced`` is the highest harmonic mean of seen and new."""

DEFAULT_LEVEL = "5"
SAMPLED = 2000


@dataclass(frozen=True, slots=True)
class Matching:
    """One scale and one shift for all new rows.

    Args:
        how: one of `MATCHINGS`.
        scale, shift: ``w' = scale w``, ``b' = scale b + shift``.
        lost: percent of the right seen images that are expected to be lost to new classes; None where not measured.
        found: percent of new classes' images that are expected to be right; None where not measured.

    Example:
        >>> Matching("norm", 2.0).rows(torch.ones(1, 2), torch.ones(1))
        (tensor([[2., 2.]]), tensor([2.]))
    """

    how: str
    scale: float = 1.0
    shift: float = 0.0
    lost: float | None = None
    found: float | None = None

    @classmethod
    def calibrated(cls, section: Mapping[str, Any], num_new: int, level: str = DEFAULT_LEVEL) -> Matching:
        """Read what was fitted; between the numbers of new classes that were tried, on the line in their logarithm.

        Args:
            section: what `kgzsl.export.fit_matching` returned.
            num_new: how many new rows will compete; where more than were tried, the shift goes on along the last line,
                and what is lost and found is not known.
            level: of `LEVELS`.

        Raises:
            CorruptFileError: it is no such section.
        """
        try:
            points = [(math.log(entry["num_new"]), entry["levels"][level]) for entry in section["numbers"]]
            shift, lost, found = (
                _between([(at, float(values[name])) for at, values in points], math.log(max(num_new, 1)))
                for name in ("shift", "lost", "found")
            )
            scale = float(section["scale"])
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise CorruptFileError(
                f"Section 'matching' of {SCORING} is damaged ({error}); write it again with kgzsl calibrate RUN --only "
                "matching."
            ) from error
        if math.log(max(num_new, 1)) > points[-1][0]:
            return cls("calibrated", scale, shift)
        return cls("calibrated", scale, shift, lost, found)

    def rows(
        self, weights: Float[Tensor, "C D"], biases: Float[Tensor, "C"]
    ) -> tuple[Float[Tensor, "C D"], Float[Tensor, "C"]]:
        """Return the rows scaled and shifted."""
        return self.scale * weights, self.scale * biases + self.shift

    def to_json(self) -> dict[str, Any]:
        """Return its facts as plain JSON."""
        return {name: getattr(self, name) for name in ("how", "scale", "shift", "lost", "found")}


def choose_matching(run: RunFolder, num_new: int, how: str | None = None, level: str = DEFAULT_LEVEL) -> Matching:
    """Return the matching of a run's new rows.

    Args:
        run: its bank gives the predicted rows, its seen bank the old ones, its ``scoring.json`` what was calibrated.
        num_new: how many new rows will compete.
        how: one of `MATCHINGS`; by default ``calibrated`` where the run is, else ``logits``.
        level: of `LEVELS`; for ``calibrated`` alone.

    Raises:
        UnknownVariantError: no matching or level is called so.
        InputFileError: ``calibrated`` is wanted and the run was not calibrated, or makes no linear classifiers.
        CorruptFileError: what was calibrated is damaged.
    """
    section = run.scoring.get("matching") or {}
    is_there = "unavailable" not in section and bool(section)
    chosen = choose({name: name for name in MATCHINGS}, how or ("calibrated" if is_there else "logits"), "matching")
    choose({name: name for name in LEVELS}, level, "level of loss")
    if chosen == "calibrated":
        if not is_there:
            raise InputFileError(
                f"{run.path} holds no calibrated matching; run kgzsl calibrate {run.path} first, or choose "
                "--match logits."
            )
        return Matching.calibrated(section, num_new, level)
    if chosen == "none":
        return Matching("none")
    predicted = _predicted(run)
    return (norm_matching if chosen == "norm" else logit_matching)(run.seen_bank, predicted)


def _predicted(run: RunFolder) -> ClassifierBank:
    """Return predicted rows of classes that are not seen, of many every so manieth; all rows where there is none."""
    seen = set(run.split.seen)
    ids = [class_id for class_id in run.bank.index if class_id not in seen] or list(run.bank.index)
    return run.bank.select(ids[:: -(-len(ids) // SAMPLED)])


def norm_matching(old: ClassifierBank, predicted: ClassifierBank) -> Matching:
    """Give predicted rows the median length of the old ones: ``scale = median |w_old| / median |w_new|``."""
    length = _median_length(predicted.weights)
    return Matching("norm", _median_length(old.weights) / length if length else 1.0)


def _median_length(weights: Float[Tensor, "C D"]) -> float:
    return float(weights.norm(dim=1).quantile(0.5))


def logit_matching(old: ClassifierBank, predicted: ClassifierBank) -> Matching:
    """Give the logits of predicted rows the mean and deviation of those of the old rows, on no image at all.

    The classifier of a class is the direction in which its images lie, so the old rows stand for pictures. The logit of
    an old row on itself is left out, for no predicted row has a picture of its own among them.
    """
    pictures = old.weights
    others = old.logits(pictures)[~torch.eye(len(pictures), dtype=torch.bool)]
    new = predicted.logits(pictures)
    deviation = float(new.std(correction=0))
    if not deviation or not len(others):
        return norm_matching(old, predicted)
    scale = float(others.std(correction=0)) / deviation
    return Matching("logits", scale, float(others.mean()) - scale * float(new.mean()))


def _between(points: Sequence[tuple[float, float]], place: float) -> float:
    """Return the value at a place on the lines through points; outside, on the nearest line."""
    if len(points) == 1:
        return points[0][1]
    first = max(0, min(len(points) - 2, sum(at <= place for at, _ in points) - 1))
    (start, low), (end, high) = points[first : first + 2]
    return low + (high - low) * (place - start) / (end - start)

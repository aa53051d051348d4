"""What ``kgzsl calibrate`` left for forecasts, read again from a run folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.expectation.fit import FORECASTS
from kgzsl.expectation.hidden_world import folds_of, parts_of_seen
from kgzsl.expectation.logistic import LogisticRegression
from kgzsl.expectation.pictures import ExpectedPictures, class_likeness
from kgzsl.features import FeatureSet
from kgzsl.run_folder import EXPECTATION, RunFolder
from kgzsl.types import ClassId

__all__ = ["FittedExpectation", "narrowest_range"]

LEVEL, TRIED = 0.8, 81
SECTION = "expectation"


@dataclass(frozen=True)
class FittedExpectation:
    """A fitted forecast.

    Args:
        run: the run that it was fitted for.
        forecast: which of `FORECASTS`.
        regression: of the expected accuracy.
        stretch: how much farther apart expected pictures are put.
        ridge: of the regression that expects them.
        spread: how much accuracies of classes differ beyond what is expected of them, 0 to 1.
    """

    run: RunFolder
    forecast: str
    regression: LogisticRegression
    stretch: float
    ridge: float
    spread: float

    @classmethod
    def of(cls, run: RunFolder) -> FittedExpectation:
        """Read what was fitted.

        Raises:
            InputFileError: the run was not calibrated.
            CorruptFileError: what was written is damaged.
        """
        section = run.scoring.get(SECTION)
        if section is None or not (run.path / EXPECTATION).is_file():
            raise InputFileError(
                f"{run.path} was not calibrated for forecasts; run kgzsl calibrate {run.path} --only {SECTION} first."
            )
        try:
            regression = LogisticRegression.from_json(section["regression"])
            numbers = (float(section[name]) for name in ("stretch", "ridge", "spread"))
            fitted = cls(run, str(section["forecast"]), regression, *numbers)
            known = FORECASTS[fitted.forecast] == regression.names
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptFileError(f"The forecast of {run.path} is damaged ({error}); calibrate it again.") from error
        if not known:
            raise CorruptFileError(f"The forecast of {run.path} is of another kgzsl; calibrate the run again.")
        return fitted

    @cached_property
    def images(self) -> FeatureSet:
        """The images of seen classes that it was fitted on."""
        images = FeatureSet.load(self.run.path / EXPECTATION)
        self.run.scorer.check_backbone(images)
        return images

    @cached_property
    def known(self) -> tuple[ClassId, ...]:
        """The seen classes that have images."""
        return tuple(sorted({class_id for class_id in self.images.class_ids() if class_id is not None}))

    @cached_property
    def pictures(self) -> ExpectedPictures:
        """Where pictures of any class are expected."""
        run, known = self.run, self.known
        kernel = class_likeness(run.graph, run.semantics, known, known)
        return ExpectedPictures.fit(
            kernel, self.images, known, folds_of(known, parts_of_seen(run.split.seen)), self.ridge
        )

    def interval(self, hit1: float) -> tuple[float, float]:
        """Return between which accuracies four of five classes lie that this is expected of; see `narrowest_range`."""
        return narrowest_range(hit1, self.spread)

    def expected(self, likeness: torch.Tensor) -> torch.Tensor:
        """Return the stretched expected pictures (C, D) of classes, given how alike they are to the known ones."""
        return self.pictures.stretched(self.pictures.process.predict(likeness), self.stretch)


def narrowest_range(mean: float, spread: float, level: float = LEVEL) -> tuple[float, float]:
    """Return the narrowest range that holds a share of a Beta distribution, made wider where the mean is outside.

    Args:
        mean: of the distribution, 0 to 1.
        spread: its variance is ``spread * mean * (1 - mean)``.
        level: the share.

    Example:
        >>> low, high = narrowest_range(0.5, 1 / 3)  # even from 0 to 1
        >>> round(high - low, 3)
        0.8
    """
    from scipy.stats import beta

    kept, middle = (min(max(one, 1e-6), 1 - 1e-6) for one in (spread, mean))
    size = (1 - kept) / kept
    below = np.linspace(0, 1 - level, TRIED)
    lows, highs = (beta.ppf(tail, middle * size, (1 - middle) * size) for tail in (below, below + level))
    best = int(np.argmin(highs - lows))
    return min(float(lows[best]), mean), max(float(highs[best]), mean)

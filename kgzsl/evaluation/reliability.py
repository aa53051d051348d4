"""How well probabilities keep their word: of the answers given with 80 % confidence, 80 % should be right.

Answers are sorted into bins by their confidence. The expected calibration error is the mean over answers of the gap
between the share that is right in the bin and its mean confidence,

    ECE = sum_b (n_b / N) |right_b - confidence_b|.

References:
    C. Guo, G. Pleiss, Y. Sun, K. Weinberger: On calibration of modern neural networks, ICML 2017 (15 bins of one
    width).
    K. Nguyen, B. O'Connor: Posterior calibration and exploratory analysis for natural language processing models,
    EMNLP 2015 (bins of equal numbers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kgzsl.errors import InputFileError
from kgzsl.types import Array, Bool, Float, Int

__all__ = ["BINS", "Reliability"]

BINS = 15


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Bins of answers by confidence; bins without an answer are left out.

    Args:
        counts: (B,) answers.
        confidence: (B,) their mean confidence, from 0 to 1.
        right: (B,) the share of them that is right.

    Example:
        >>> found = Reliability.of(np.array([0.9, 0.8, 0.85, 0.95]), np.array([True, True, True, False]))
        >>> round(found.error, 3)  # 0.8 and 0.85 right in one bin, 0.9 right and 0.95 wrong in another
        0.3
    """

    counts: Int[Array, "B"]
    confidence: Float[Array, "B"]
    right: Float[Array, "B"]

    @classmethod
    def of(
        cls, confidence: Float[Array, "N"], right: Bool[Array, "N"], bins: int = BINS, *, adaptive: bool = False
    ) -> Reliability:
        """Sort answers into bins.

        Args:
            confidence: (N,) probability of the answer given, from 0 to 1.
            right: (N,) whether it was right.
            bins: how many.
            adaptive: bins of equal numbers of answers instead of equal width.

        Raises:
            InputFileError: there is no answer, or a confidence is not between 0 and 1.
        """
        if not len(confidence) or not bool(((confidence >= 0) & (confidence <= 1 + 1e-9)).all()):
            raise InputFileError("A calibration error takes at least one answer, each with a confidence from 0 to 1.")
        if adaptive:
            number = np.empty(len(confidence), dtype=np.int64)
            number[np.argsort(confidence, kind="stable")] = np.arange(len(confidence)) * bins // len(confidence)
        else:  # (0, 1/15], (1/15, 2/15], ...
            number = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
        counts = np.bincount(number, minlength=bins)
        held = counts > 0
        sums = [np.bincount(number, values.astype(np.float64), bins)[held] for values in (confidence, right)]
        return cls(counts[held], sums[0] / counts[held], sums[1] / counts[held])

    @property
    def error(self) -> float:
        """The expected calibration error, from 0 to 1."""
        return float((self.counts * np.abs(self.right - self.confidence)).sum() / self.counts.sum())

    @property
    def overconfidence(self) -> float:
        """Mean confidence less the share that is right: above 0 where the answers promise too much."""
        return float((self.counts * (self.confidence - self.right)).sum() / self.counts.sum())

    def to_json(self) -> dict[str, Any]:
        """Return the bins as plain lists, and the error."""
        bins = zip(self.counts.tolist(), self.confidence.tolist(), self.right.tolist())
        rows = [{"answers": count, "confidence": sure, "right": right} for count, sure, right in bins]
        return {"error": self.error, "bins": rows}

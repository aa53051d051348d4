"""Logistic regression of a share of hits on a few numbers, small enough to be JSON.

References:
    T. Hastie, R. Tibshirani, J. Friedman: The Elements of Statistical Learning, 2nd edition 2009, chapter 4.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgzsl.types import Array, Float

__all__ = ["LogisticRegression", "log_loss", "logits"]

STEPS, ENOUGH = 50, 1e-10
BIAS_PENALTY = 1e-3
"""So small that it shows only where all outcomes are the same, and the bias would have no end."""
SURE = 0.01
"""A probability counts as no nearer to 0 or 1 than this."""


@dataclass(frozen=True, slots=True, eq=False)
class LogisticRegression:
    """``p = 1 / (1 + exp(-(bias + sum_e weight_e z_e)))`` with ``z_e = (x_e - mean_e) / scale_e``.

    Args:
        names: of the E numbers.
        mean, scale: (E,), of what it was fitted on; a number that never varied there has scale infinity, so weighs
            nothing.
        weights: (E,), in log-odds a standard deviation.
        bias: the log-odds where all numbers are at their mean.
    """

    names: tuple[str, ...]
    mean: Float[Array, "E"]
    scale: Float[Array, "E"]
    weights: Float[Array, "E"]
    bias: float

    @classmethod
    def fit(
        cls, names: Sequence[str], numbers: Float[Array, "N E"], outcomes: Float[Array, "N"], penalty: float
    ) -> LogisticRegression:
        """Minimise ``sum_i loss(outcome_i, p_i) + penalty / 2 |weights|^2`` by Newton's method.

        Args:
            names: of the numbers.
            numbers: (N, E).
            outcomes: (N,), 0 to 1: the share of an item's images that were hits.
            penalty: greater than 0.

        Example:
            >>> fitted = LogisticRegression.fit(["x"], np.array([[0.0], [1.0]]), np.array([0.2, 0.8]), 1e-6)
            >>> fitted.probabilities(np.array([[0.0], [1.0]])).round(3).tolist()
            [0.2, 0.8]
        """
        mean, deviation = numbers.mean(axis=0), numbers.std(axis=0)
        varies = deviation > 1e-9 * (1 + np.abs(mean))
        scale = np.where(varies, deviation, np.inf)
        design = np.column_stack([(numbers - mean) / scale, np.ones(len(numbers))])  # (N, E + 1)
        penalties = np.append(np.full(len(mean), penalty), BIAS_PENALTY)
        found = _newton(design, outcomes, penalties)
        return cls(tuple(names), mean, scale, found[:-1], float(found[-1]))

    def contributions(self, numbers: Float[Array, "N E"]) -> Float[Array, "N E"]:
        """Return what each number adds to the log-odds, compared with its mean."""
        added: Array = self.weights * (numbers - self.mean) / self.scale
        return added

    def probabilities(self, numbers: Float[Array, "N E"]) -> Float[Array, "N"]:
        """Return the expected shares."""
        shares: Array = _sigmoid(self.bias + self.contributions(numbers).sum(axis=1))
        return shares

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON; a scale of infinity is written as null."""
        numbers = {"mean": self.mean.tolist(), "weights": self.weights.tolist(), "bias": self.bias}
        scale = [float(one) if np.isfinite(one) else None for one in self.scale]
        return {"names": list(self.names), **numbers, "scale": scale}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> LogisticRegression:
        """Read what `to_json` gave."""
        scale = np.array([np.inf if one is None else one for one in content["scale"]], dtype=np.float64)
        mean, weights = (np.array(content[name], dtype=np.float64) for name in ("mean", "weights"))
        return cls(tuple(content["names"]), mean, scale, weights, float(content["bias"]))


def _newton(design: Array, outcomes: Array, penalties: Array) -> Array:
    found = np.zeros(design.shape[1])
    loss = _loss(design, outcomes, penalties, found)
    for _ in range(STEPS):
        shares = _sigmoid(design @ found)
        slope = design.T @ (shares - outcomes) + penalties * found
        curve = (design.T * (shares * (1 - shares))) @ design + np.diag(penalties)
        step, length = np.linalg.solve(curve, slope), 1.0
        while length > ENOUGH and not (better := _loss(design, outcomes, penalties, found - length * step)) <= loss:
            length /= 2
        if length <= ENOUGH:
            break
        found = found - length * step
        if loss - better < ENOUGH * (1 + abs(loss)):
            break
        loss = better
    return found


def _loss(design: Array, outcomes: Array, penalties: Array, found: Array) -> float:
    odds = design @ found
    return float((np.logaddexp(0, odds) - outcomes * odds).sum() + (penalties * found * found).sum() / 2)


def _sigmoid(odds: Array) -> Array:
    shares: Array = np.exp(-np.logaddexp(0, -odds))
    return shares


def logits(shares: Float[Array, "N"]) -> Float[Array, "N"]:
    """Return ``log(p / (1 - p))`` of shares, none of them surer than 1 and 99 percent.

    Example:
        >>> logits(np.array([0.5])).tolist()
        [0.0]
    """
    kept = np.clip(shares, SURE, 1 - SURE)
    odds: Array = np.log(kept / (1 - kept))
    return odds


def log_loss(shares: Float[Array, "N"], outcomes: Float[Array, "N"]) -> float:
    """Return the mean of ``-(y log p + (1 - y) log(1 - p))``, no share surer than 1 and 99 percent.

    Example:
        >>> round(log_loss(np.array([0.5, 0.5]), np.array([1.0, 0.0])), 4)
        0.6931
    """
    kept = np.clip(shares, SURE, 1 - SURE)
    return float(-(outcomes * np.log(kept) + (1 - outcomes) * np.log(1 - kept)).mean())

"""Gaussian-process regression of the rows of a bank, all in closed form.

References:
    Rasmussen, Williams: Gaussian Processes for Machine Learning, MIT Press 2006, chapters 2.2 and 5.4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from kgzsl.runtime import product
from kgzsl.types import Float, Int, Tensor

__all__ = ["GaussianProcess", "leave_out", "prediction_weights"]


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted regression: ``f(c) = mean + k(c, seen) dual`` with ``dual = (K + ridge I)^-1 (T - mean)``.

    The mean is that of the targets; its own uncertainty is not counted in the variance.

    Args:
        kernel: K, (K, K) likeness of the seen classes, float64.
        ridge: the variance of the noise in the targets, greater than 0.
        mean: (O,).
        dual: (K, O).
    """

    kernel: Float[Tensor, "K K"]
    ridge: float
    mean: Float[Tensor, "O"]
    dual: Float[Tensor, "K O"]

    @classmethod
    def fit(cls, kernel: Float[Tensor, "K K"], targets: Float[Tensor, "K O"], ridge: float) -> GaussianProcess:
        """Fit to the rows of the seen classes.

        Example:
            >>> one = torch.ones(1, 1, dtype=torch.float64)
            >>> GaussianProcess.fit(one, 3 * one, 0.5).predict(one).tolist()
            [[3.0]]
        """
        mean = targets.mean(dim=0)
        dual = torch.cholesky_solve(targets - mean, _factor(kernel, ridge))
        return cls(kernel, ridge, mean, dual)

    def predict(self, to_seen: Float[Tensor, "R K"]) -> Float[Tensor, "R O"]:
        """Return the expected rows of classes, given their likeness to the seen ones, in the precision of that."""
        return product(to_seen, self.dual.to(to_seen.dtype)).add_(self.mean.to(to_seen.dtype))

    def weights(self, to_seen: Float[Tensor, "R K"]) -> Float[Tensor, "R K"]:
        """Return how much of each target is in a prediction: ``predict(to_seen) = weights(to_seen) @ targets``."""
        return prediction_weights(self.kernel, to_seen, self.ridge)

    @property
    def targets(self) -> Float[Tensor, "K O"]:
        """The rows that were fitted: ``mean + (K + ridge I) dual``."""
        return self.mean + self.kernel @ self.dual + self.ridge * self.dual

    def variance(self, to_seen: Float[Tensor, "R K"]) -> Float[Tensor, "R"]:
        """Return ``1 - k(c, seen) (K + ridge I)^-1 k(seen, c)``: 1 far from everything seen, about 0 at a seen class.

        It is the same for all numbers of a row, in units of the variance of rows over classes.
        """
        half: Tensor = torch.linalg.solve_triangular(self._lower, to_seen.T, upper=False)  # (K, R)
        return (1 - half.square().sum(dim=0)).clamp(min=0)

    @cached_property
    def _lower(self) -> Float[Tensor, "K K"]:
        return _factor(self.kernel, self.ridge)


def prediction_weights(
    kernel: Float[Tensor, "K K"], to_seen: Float[Tensor, "R K"], ridge: float
) -> Float[Tensor, "R K"]:
    """Return how much of each target is in a regression with their mean taken off first.

    With ``P = (K + ridge I)^-1`` it is ``a = k P + (1 - k P 1) / K``; the weights of a class sum to one.

    Example:
        >>> one = torch.eye(2, dtype=torch.float64)
        >>> prediction_weights(one, one, 1.0).tolist()
        [[0.75, 0.25], [0.25, 0.75]]
    """
    solved: Tensor = torch.cholesky_solve(to_seen.T, _factor(kernel, ridge)).T  # (R, K)
    return solved + (1 - solved.sum(dim=1, keepdim=True)) / solved.shape[1]


def leave_out(
    kernel: Float[Tensor, "K K"], targets: Float[Tensor, "K O"], ridge: float, folds: Sequence[Int[Tensor, "_"]]
) -> list[Float[Tensor, "_ O"]]:
    """Predict each fold of seen classes from the others, with one inverse for all folds.

    With ``P = (K + ridge I)^-1`` and m the mean of the targets outside fold F, the prediction of a fit without F is
    ``T_F - P_FF^-1 (P (T - m))_F``, after the inverse of a partitioned matrix.

    Args:
        kernel: (K, K).
        targets: (K, O).
        ridge: greater than 0.
        folds: rows of each fold; each is left out by itself.

    Returns:
        The predictions of each fold, in its order.
    """
    inverse = torch.cholesky_inverse(_factor(kernel, ridge))
    solved, ones = inverse @ targets, inverse.sum(dim=1)
    total, predictions = targets.sum(dim=0), []
    for fold in folds:
        held = targets[fold]
        mean = (total - held.sum(dim=0)) / (len(targets) - len(fold))
        right = solved[fold] - ones[fold, None] * mean
        predictions.append(held - torch.linalg.solve(inverse[fold][:, fold], right))
    return predictions


def _factor(kernel: Float[Tensor, "K K"], ridge: float) -> Float[Tensor, "K K"]:
    lower: Tensor = torch.linalg.cholesky(kernel + ridge * torch.eye(len(kernel), dtype=kernel.dtype))
    return lower

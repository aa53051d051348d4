"""What training minimises: the distance between predicted and given classifiers of the seen classes."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch.nn import functional

from kgzsl.types import Float, Tensor

__all__ = ["OBJECTIVES", "CosineRegression", "Objective", "WeightRegression"]


@runtime_checkable
class Objective(Protocol):
    """A loss between predicted and target classifiers, both (R, O) with rows of length one."""

    def loss(self, predicted: Float[Tensor, "R O"], target: Float[Tensor, "R O"]) -> Float[Tensor, ""]:
        """Return the loss as a scalar."""
        ...


class WeightRegression:
    """Half the mean squared distance of rows, ``sum (p - t)^2 / (2 R)``.

    References:
        Kampffmeyer et al.: Rethinking Knowledge Graph Propagation for Zero-Shot Learning, CVPR 2019.
    """

    def loss(self, predicted: Float[Tensor, "R O"], target: Float[Tensor, "R O"]) -> Float[Tensor, ""]:
        """Return ``sum (p - t)^2 / (2 R)``."""
        return functional.mse_loss(predicted, target, reduction="sum") / (2 * len(target))


class CosineRegression:
    """Mean cosine distance of rows, ``mean (1 - cos(p, t))``."""

    def loss(self, predicted: Float[Tensor, "R O"], target: Float[Tensor, "R O"]) -> Float[Tensor, ""]:
        """Return ``mean (1 - cos(p, t))``."""
        return torch.mean(1 - functional.cosine_similarity(predicted, target, dim=1))


OBJECTIVES: dict[str, type[Objective]] = {"weight_regression": WeightRegression, "cosine_regression": CosineRegression}

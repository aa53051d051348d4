"""What one phase of training fits: rows to compute, what goes in, what should come out."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kgzsl.propagation import PropagationPlan
from kgzsl.training.feature_objectives import FeatureCrossEntropy
from kgzsl.training.share import Share
from kgzsl.types import Float, Tensor

__all__ = ["Problem"]


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What one phase of training fits.

    Args:
        plan: the rows whose classifiers are fitted.
        inputs: semantic vectors of ``plan.inputs``, (M, S).
        target: classifiers of ``plan.outputs``, (R, O), rows of length one.
        validation: the same for the held-out classes, or None.
        objective: a loss of this problem alone, in the place of the trainer's, or None.
        share: how the rows of this process lie among those of all, where several processes share the classes, or None.
    """

    plan: PropagationPlan
    inputs: Float[Tensor, "M S"]
    target: Float[Tensor, "R O"]
    validation: Problem | None = None
    objective: FeatureCrossEntropy | None = None
    share: Share | None = None

    def to(self, device: torch.device) -> Problem:
        """Return the problem on another device."""
        validation = None if self.validation is None else self.validation.to(device)
        objective = None if self.objective is None else self.objective.to(device)
        share = None if self.share is None else self.share.to(device)
        plan, inputs, target = self.plan.to(device), self.inputs.to(device), self.target.to(device)
        return Problem(plan, inputs, target, validation, objective, share)

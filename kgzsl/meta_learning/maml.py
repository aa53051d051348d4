"""MAML: parameters from which a few gradient steps on the shown classes lead to good rows of the hidden ones.

With parameters p, a rate r and the loss on the shown classes L_A, the inner loop goes ``p <- p - r grad L_A(p)`` a few
times; the loss on the hidden classes after it is what the outer loop minimises over the first p (and over r). The first
order version takes the inner gradients as constants.

References:
    Finn, Abbeel, Levine: Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks, ICML 2017.
    Li, Zhou, Chen, Li: Meta-SGD: Learning to Learn Quickly for Few-Shot Learning, 2017 (learned rates).

Deviations: one learned rate for each parameter tensor, not for each number; the loss is a regression of classifiers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from kgzsl.errors import RecipeError
from kgzsl.meta_learning.loop import Loss
from kgzsl.propagation import Aggregation, PropagationPlan, Propagator
from kgzsl.propagation.dropout import DropoutMask
from kgzsl.types import Float, Int, Tensor

__all__ = ["InnerLoop", "MAMLLearner", "twice_differentiable"]

ORDERS = (1, 2)
Parameters = Mapping[str, Tensor]


class InnerLoop(nn.Module):
    """A few steps of gradient descent that can be differentiated.

    Args:
        names: the parameters that are moved.
        rate: of each of them to begin with, greater than 0; the rates are learned, as logarithms.
        steps: how many.
        order: 2 differentiates through the inner gradients, 1 takes them as constants.

    Raises:
        RecipeError: a value is out of range.
    """

    def __init__(self, names: list[str], rate: float, steps: int, order: int = 2) -> None:
        super().__init__()
        if order not in ORDERS or steps < 1 or not rate > 0:
            raise RecipeError(
                f"order is 1 or 2, steps at least 1 and inner_rate above 0, found {order!r}, {steps!r} and {rate!r}."
            )
        self.names, self.steps, self.order = list(names), steps, order
        self.log_rates = nn.Parameter(torch.full((len(names),), rate).log())

    def adapt(self, parameters: Parameters, loss: Any, steps: int | None = None) -> dict[str, Tensor]:
        """Return the parameters after the steps.

        Args:
            parameters: all of a module, by name.
            loss: takes them all and returns a scalar.
            steps: how many, where it is another number than in training.
        """
        adapted, rates = dict(parameters), self.log_rates.exp()
        keeps = self.order == 2 and torch.is_grad_enabled()
        for _ in range(self.steps if steps is None else steps):
            moved = [adapted[name] for name in self.names]
            with torch.enable_grad():
                if not keeps:  # a fresh leaf: the gradient goes no further back
                    leaves = [tensor.detach().requires_grad_() for tensor in moved]
                    found = loss({**adapted, **dict(zip(self.names, leaves))})
                    gradients = torch.autograd.grad(found, leaves)
                else:
                    gradients = torch.autograd.grad(loss(adapted), moved, create_graph=True)
            for name, tensor, rate, gradient in zip(self.names, moved, rates, gradients):
                adapted[name] = tensor - rate * gradient
        return adapted


class _PlainAggregation(Aggregation):
    """An aggregation whose sums are made of operations that torch can differentiate any number of times."""

    def gather(self, x: Float[Tensor, "M F"], group_weights: Float[Tensor, "K"]) -> Float[Tensor, "R F"]:
        """Return ``sum_k w_k A_k x``, arrow by arrow."""
        product = self.merged.product
        rows = torch.repeat_interleave(torch.arange(self.num_rows, device=x.device), product.offsets.diff())
        values = product.values.to(x.dtype) * group_weights.to(x.dtype)[self.merged.groups]
        gathered = x.index_select(0, product.sources) * values[:, None]
        return x.new_zeros(self.num_rows, x.shape[1]).index_add(0, rows, gathered)


class _PlainMask(DropoutMask):
    """A dropout mask of an operation that torch can differentiate any number of times."""

    def apply(self, x: Float[Tensor, "M F"]) -> Float[Tensor, "M F"]:
        """Return ``x mask / (1 - dropout)``."""
        return x * self.dense().to(x.dtype) / (1 - self.dropout)


Masks = Sequence[DropoutMask | None] | None


def twice_differentiable(plan: PropagationPlan) -> PropagationPlan:
    """Return a plan of the same sums that can be differentiated twice, which those made for training cannot."""
    plain = tuple(
        _PlainAggregation(**{one.name: getattr(aggregation, one.name) for one in fields(Aggregation)})
        for aggregation in plan.aggregations
    )
    return replace(plan, aggregations=plain)


class MAMLLearner(nn.Module):
    """A graph network that is adapted to the shown classes before it is asked.

    Args:
        propagator: the network; its parameters are the start that is learned.
        inputs: semantic vectors of ``plan.inputs``.
        plan: computes the rows of the learner's K classes.
        order: where each class stands among ``plan.outputs``.
        inner: the inner loop.
        loss: of the inner loop.
    """

    def __init__(
        self,
        propagator: Propagator,
        inputs: Float[Tensor, "M S"],
        plan: PropagationPlan,
        order: Int[Tensor, "K"],
        inner: InnerLoop,
        loss: Loss,
    ) -> None:
        super().__init__()
        self.propagator, self.inner = propagator, inner
        self._given = (inputs, plan, order, loss)

    def predict(
        self,
        shown: Int[Tensor, "A"],
        rows: Float[Tensor, "A O"],
        hidden: Int[Tensor, "B"],
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "B O"]:
        """Adapt to the shown rows, then return the hidden ones; both with the same dropout."""
        masks = self._masks(generator)
        return self._rows(self.adapted(shown, rows, masks=masks), masks)[hidden]

    def adapted(
        self, shown: Int[Tensor, "A"], rows: Float[Tensor, "A O"], steps: int | None = None, masks: Masks = None
    ) -> dict[str, Tensor]:
        """Return the network's parameters after the inner loop on some classes."""
        loss = self._given[3]
        start = dict(self.propagator.named_parameters())
        return self.inner.adapt(start, lambda p: loss(self._rows(p, masks)[shown], rows), steps)

    def _masks(self, generator: torch.Generator | None) -> Masks:
        if generator is None:
            return None
        drawn = self.propagator.draw_masks(self._given[1], generator)
        return [None if mask is None else _PlainMask(mask.codes, mask.shape, mask.dropout) for mask in drawn]

    def _rows(self, parameters: Parameters, masks: Masks) -> Float[Tensor, "K O"]:
        inputs, plan, order, _ = self._given
        found: Tensor = functional_call(self.propagator, dict(parameters), (inputs, plan, masks))
        return found[order]

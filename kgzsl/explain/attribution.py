"""Which meanings moved a score: integrated gradients of a graph network over the semantic vectors that it reads.

A score is a function F of the vectors x_n of the classes n that reach the row. From a start where every class holds the
same vector, the mean m over the graph's classes, to the real vectors,

    amount_n = (x_n - m) . mean over t from 0 to 1 of  dF/dx_n at m + t (x - m),
    F(x) = F(m, ..., m) + sum over n of amount_n.

The start is not zero: networks that scale their rows to length one have no gradient there, and a vector of zeros means
no word at all, where the mean means no word in particular. The mean over t is a Gauss-Legendre sum; how far it is from
the truth is seen from the sum, which must come out, and is part of the answer.

References:
    Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks, ICML 2017.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from kgzsl.methods.row_function import RowFunction
from kgzsl.types import ClassId, Float, Tensor

__all__ = ["STEPS", "Attribution", "integrated_gradients"]

STEPS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """What the meaning of each class added to a value.

    Args:
        nodes: the classes that reach the row.
        amounts: (M,) what each added.
        start: the value where all classes mean the same.
        value: the value itself.
    """

    nodes: tuple[ClassId, ...]
    amounts: Float[Tensor, "M"]
    start: float
    value: float

    @property
    def gap(self) -> float:
        """By how much the amounts miss the value, for the sum over steps is no integral."""
        return self.value - self.start - float(self.amounts.sum())


def integrated_gradients(
    function: RowFunction, value_of: Callable[[Tensor], Tensor], steps: int = STEPS
) -> Attribution:
    """Attribute a value of a row to the classes whose vectors it is computed from.

    Args:
        function: the row as a function of the vectors.
        value_of: takes the row [w, b] and returns one number, differentiable.
        steps: at how many points gradients are taken.
    """
    middle = function.middle.expand_as(function.inputs)
    way = function.inputs - middle
    total = torch.zeros_like(way)
    places, shares = np.polynomial.legendre.leggauss(steps)
    for place, share in zip(((places + 1) / 2).tolist(), (shares / 2).tolist()):
        at = (middle + place * way).requires_grad_()
        (gradient,) = torch.autograd.grad(value_of(function.row(at)), at)
        total += share * gradient
    with torch.no_grad():
        start, value = (float(value_of(function.row(x))) for x in (middle.contiguous(), function.inputs))
    return Attribution(function.nodes, (total * way).double().sum(dim=1), start, value)

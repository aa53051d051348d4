"""What a layer of any graph network keeps to, and the graph convolution shared by GCNZ, SGCN and DGP."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from kgzsl.errors import RecipeError
from kgzsl.propagation.aggregation import Aggregation
from kgzsl.propagation.dropout import DropoutMask
from kgzsl.runtime import product
from kgzsl.types import Float, Tensor

__all__ = ["BIASES", "GraphConvolution", "GraphLayer", "convolutions", "draw_glorot", "without_drawing"]

BIASES = ("none", "after", "before")
ARROW_COST = 16.0
"""Floating-point operations of a dense product that take as long as gathering one number along one arrow."""


class GraphLayer(nn.Module, ABC):
    """A layer that computes the rows of an aggregation from the rows that it gathers from.

    Args:
        in_dim: width of the input.
        out_dim: width of the output.
        dropout: probability to drop an input.
    """

    def __init__(self, in_dim: int, out_dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.in_dim, self.out_dim, self.dropout = in_dim, out_dim, dropout

    @abstractmethod
    def reset(self, generator: torch.Generator) -> None:
        """Draw all parameters anew."""

    def forward(
        self,
        x: Float[Tensor, "M I"],
        aggregation: Aggregation,
        mask: DropoutMask | None = None,
        carried: Float[Tensor, "R H"] | None = None,
    ) -> Float[Tensor, "R O"]:
        """Compute the rows of the aggregation.

        Args:
            x: the rows that the aggregation gathers from, in its order.
            aggregation: the restricted arrows.
            mask: which inputs dropout keeps, or None for no dropout.
            carried: what an earlier layer put out at the rows themselves, where the network carries it on.
        """
        return self.compute(x if mask is None else mask.apply(x), aggregation, carried)

    @abstractmethod
    def compute(
        self, x: Float[Tensor, "M I"], aggregation: Aggregation, carried: Float[Tensor, "R H"] | None
    ) -> Float[Tensor, "R O"]:
        """Compute the rows of the aggregation from inputs that dropout has passed; see `forward`."""


def without_drawing(make: Callable[[], Any]) -> Any:
    """Build a module of another package without drawing its parameters from the global random numbers.

    Its parameters hold nothing until they are drawn or loaded.
    """
    target = torch.get_default_device()
    with torch.device("meta"):
        module = make()
    return module.to_empty(device=target)


def draw_glorot(parameters: Iterable[nn.Parameter], generator: torch.Generator) -> None:
    """Draw matrices (the last two axes) from Glorot's uniform distribution and zero the vectors, in the order given."""
    for parameter in parameters:
        if parameter.dim() < 2:
            nn.init.zeros_(parameter)
        else:
            limit = (6.0 / (parameter.shape[-2] + parameter.shape[-1])) ** 0.5
            nn.init.uniform_(parameter, -limit, limit, generator=generator)


def convolutions(widths: Sequence[int], **options: Any) -> list[GraphConvolution]:
    """Return a graph convolution from each width to the next; the options are those of `GraphConvolution`."""
    return [GraphConvolution(wide_in, wide_out, **options) for wide_in, wide_out in pairwise(widths)]


class GraphConvolution(GraphLayer):
    """A graph convolution over K groups of arrows: ``y = sum_k softmax(a)_k A_k (drop(x) W + b)``.

    The sum over arrows and the product with W commute; whichever order touches fewer numbers is taken, with the bias
    inside the sum multiplied by the row sums. Dropout is applied to the input, before both.

    Args:
        in_dim: width of the input.
        out_dim: width of the output.
        num_groups: K; with one group there are no group weights.
        bias: ``none``; ``after`` adds b to the sum; ``before`` adds it to each gathered row.
        dropout: probability to drop an input.

    Raises:
        RecipeError: there is no such bias.
    """

    def __init__(
        self, in_dim: int, out_dim: int, *, num_groups: int = 1, bias: str = "none", dropout: float = 0.0
    ) -> None:
        if bias not in BIASES:
            raise RecipeError(f"No bias is called {bias!r}; choose one of {', '.join(BIASES)}.")
        super().__init__(in_dim, out_dim, dropout)
        self.weight = nn.Parameter(torch.empty(in_dim, out_dim))
        self.bias = nn.Parameter(torch.zeros(out_dim)) if bias != "none" else None
        self.group_logits = nn.Parameter(torch.ones(num_groups)) if num_groups > 1 else None
        self.bias_inside = bias == "before"

    def reset(self, generator: torch.Generator) -> None:
        """Draw the weight from Glorot's uniform distribution; zero the bias, equal group weights."""
        nn.init.xavier_uniform_(self.weight, generator=generator)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        if self.group_logits is not None:
            nn.init.ones_(self.group_logits)

    def group_weights(self) -> Float[Tensor, "K"]:
        """Return ``softmax(a)``, or ones where there is one group."""
        if self.group_logits is None:
            return torch.ones(1, dtype=self.weight.dtype, device=self.weight.device)
        return functional.softmax(self.group_logits, dim=0)

    def compute(
        self, x: Float[Tensor, "M I"], aggregation: Aggregation, carried: Float[Tensor, "R H"] | None
    ) -> Float[Tensor, "R O"]:
        """Compute the rows of the aggregation; see `GraphLayer`."""
        weights = self.group_weights()
        if not self.gathers_first(aggregation):
            return self._biased(aggregation.gather(product(x, self.weight), weights), aggregation, weights)
        return self._biased(product(aggregation.gather(x, weights), self.weight), aggregation, weights)

    def _biased(
        self, y: Float[Tensor, "R O"], aggregation: Aggregation, weights: Float[Tensor, "K"]
    ) -> Float[Tensor, "R O"]:
        """Add the bias to rows that nothing else reads, in their place."""
        if self.bias is None:
            return y
        if not self.bias_inside:
            return y.add_(self.bias)
        return y.addr_(aggregation.coverage(weights).to(y.dtype), self.bias.to(y.dtype))

    def gathers_first(self, aggregation: Aggregation) -> bool:
        """Say whether the sum over the arrows comes before the product with W, which then touches fewer numbers."""
        wide_in, wide_out = self.weight.shape
        arrows = aggregation.num_arrows
        gather_first = 2.0 * aggregation.num_rows * wide_in * wide_out + ARROW_COST * arrows * wide_in
        multiply_first = 2.0 * aggregation.num_inputs * wide_in * wide_out + ARROW_COST * arrows * wide_out
        return gather_first <= multiply_first

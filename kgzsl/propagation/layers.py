"""The graph convolution shared by GCNZ, SGCN and DGP."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from kgzsl.errors import RecipeError
from kgzsl.propagation.aggregation import Aggregation
from kgzsl.propagation.dropout import DropoutMask
from kgzsl.types import Float, Tensor

__all__ = ["BIASES", "GraphConvolution"]

BIASES = ("none", "after", "before")
ARROW_COST = 16.0
"""Floating-point operations of a dense product that take as long as gathering one number along one arrow."""


class GraphConvolution(nn.Module):
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
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_dim, out_dim))
        self.bias = nn.Parameter(torch.zeros(out_dim)) if bias != "none" else None
        self.group_logits = nn.Parameter(torch.ones(num_groups)) if num_groups > 1 else None
        self.bias_inside = bias == "before"
        self.dropout = dropout

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

    def forward(
        self, x: Float[Tensor, "M I"], aggregation: Aggregation, mask: DropoutMask | None = None
    ) -> Float[Tensor, "R O"]:
        """Compute the rows of the aggregation.

        Args:
            x: the rows that the aggregation gathers from, in its order.
            aggregation: the restricted arrows.
            mask: which inputs dropout keeps, or None for no dropout.
        """
        if mask is not None:
            x = mask.apply(x)
        weights = self.group_weights()
        if not self._gathers_first(aggregation):
            y = aggregation.gather(x @ self.weight, weights)
            return y if self.bias is None else y + self._bias_rows(aggregation, weights)
        gathered = aggregation.gather(x, weights)
        if self.bias is None:
            return gathered @ self.weight
        return torch.addmm(self._bias_rows(aggregation, weights), gathered, self.weight)

    def _bias_rows(self, aggregation: Aggregation, weights: Float[Tensor, "K"]) -> Float[Tensor, "..."]:
        assert self.bias is not None
        return torch.outer(aggregation.coverage(weights), self.bias) if self.bias_inside else self.bias

    def _gathers_first(self, aggregation: Aggregation) -> bool:
        wide_in, wide_out = self.weight.shape
        arrows = aggregation.num_arrows
        gather_first = 2.0 * aggregation.num_rows * wide_in * wide_out + ARROW_COST * arrows * wide_in
        multiply_first = 2.0 * aggregation.num_inputs * wide_in * wide_out + ARROW_COST * arrows * wide_out
        return gather_first <= multiply_first

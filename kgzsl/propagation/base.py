"""The propagator: a graph network from semantic vectors to classifiers, layer by layer over a plan."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from kgzsl.propagation.dropout import DropoutMask
from kgzsl.propagation.layers import GraphConvolution
from kgzsl.propagation.plan import PropagationPlan
from kgzsl.types import Float, Tensor

__all__ = ["Propagator"]


class Propagator(nn.Module):
    """A stack of graph convolutions with LeakyReLU between and rows of length one at the end.

    Args:
        widths: input width, hidden widths, output width.
        adjacencies: name of the adjacency of each layer, from `kgzsl.graph.adjacency.ADJACENCIES`.
        num_groups: K, the groups of arrows in each layer.
        bias: ``none``, ``after`` or ``before`` the sum over arrows; see `GraphConvolution`.
        dropout: probability to drop an input of any layer while training.
        slope: negative slope of LeakyReLU.
        with_bias: whether the last output column is the classifier's bias.
    """

    def __init__(
        self,
        widths: Sequence[int],
        adjacencies: Sequence[str],
        *,
        num_groups: int = 1,
        bias: str = "none",
        dropout: float = 0.0,
        slope: float = 0.2,
        with_bias: bool = True,
    ) -> None:
        super().__init__()
        self.adjacencies = tuple(adjacencies)
        self.slope = slope
        self.with_bias = with_bias
        layers = [
            GraphConvolution(wide_in, wide_out, num_groups=num_groups, bias=bias, dropout=dropout)
            for wide_in, wide_out in pairwise(widths)
        ]
        self.layers: Sequence[GraphConvolution] = nn.ModuleList(layers)  # type: ignore[assignment]

    @property
    def num_layers(self) -> int:
        """L."""
        return len(self.layers)

    def reset(self, generator: torch.Generator) -> None:
        """Draw all parameters anew."""
        for layer in self.layers:
            layer.reset(generator)

    def draw_masks(self, plan: PropagationPlan, generator: torch.Generator) -> list[DropoutMask | None]:
        """Draw the dropout masks of one epoch, one a layer, over the rows that the plan reads."""
        masks: list[DropoutMask | None] = []
        for layer, rows in zip(self.layers, plan.rows):
            shape = (len(rows), layer.weight.shape[0])
            device = layer.weight.device
            masks.append(DropoutMask.draw(shape, layer.dropout, generator, device) if layer.dropout else None)
        return masks

    def forward(
        self,
        x: Float[Tensor, "M S"],
        plan: PropagationPlan,
        masks: Sequence[DropoutMask | None] | None = None,
    ) -> Float[Tensor, "R O"]:
        """Compute classifiers of the plan's output rows, each of length one.

        Args:
            x: semantic vectors of ``plan.inputs``, in that order.
            plan: the rows of each layer.
            masks: which inputs dropout keeps, layer by layer; None for no dropout.
        """
        for number in range(self.num_layers):
            x = self.layer_output(number, x, plan, masks)
        return x

    def layer_output(
        self,
        number: int,
        x: Float[Tensor, "M F"],
        plan: PropagationPlan,
        masks: Sequence[DropoutMask | None] | None = None,
    ) -> Float[Tensor, "R O"]:
        """Compute one layer with what follows it: LeakyReLU, or the scaling to length one after the last."""
        mask = masks[number] if masks is not None else None
        y = self.layers[number](x, plan.aggregations[number], mask)
        if number < self.num_layers - 1:
            return functional.leaky_relu(y, self.slope, inplace=True)
        return functional.normalize(y, dim=1)

    @torch.no_grad()
    def states(self, x: Float[Tensor, "M S"], plan: PropagationPlan) -> list[Float[Tensor, "_ _"]]:
        """Return what each layer puts out, without dropout; the last one holds the classifiers."""
        outputs: list[Tensor] = []
        for number in range(self.num_layers):
            x = self.layer_output(number, x, plan)
            outputs.append(x)
        return outputs

"""The propagator: a graph network from semantic vectors to classifiers, layer by layer over a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.nn import functional

from kgzsl.errors import RecipeError
from kgzsl.propagation.aggregation import Aggregation
from kgzsl.propagation.dropout import DropoutMask
from kgzsl.propagation.layers import GraphConvolution, GraphLayer
from kgzsl.propagation.plan import PropagationPlan
from kgzsl.types import Float, Tensor

__all__ = ["Propagator"]


class Propagator(nn.Module):
    """A stack of graph layers with LeakyReLU between and rows of length one at the end.

    Args:
        layers: the layers, each as wide at its input as the one before it at its output.
        adjacencies: name of the adjacency of each layer, as `kgzsl.graph.adjacency.find_adjacency` reads it.
        inference_adjacencies: the same after training and for held-out classes; None for the same as in training.
        slope: negative slope of LeakyReLU; 0 is ReLU.
        unit_rows: whether hidden rows are scaled to length one too, after LeakyReLU.
        with_bias: whether the last output column is the classifier's bias.
        carried: number of a layer, counted from 0, whose output all later layers get at their own rows.
    """

    def __init__(
        self,
        layers: Sequence[GraphLayer],
        adjacencies: Sequence[str],
        *,
        inference_adjacencies: Sequence[str] | None = None,
        slope: float = 0.2,
        unit_rows: bool = False,
        with_bias: bool = True,
        carried: int | None = None,
    ) -> None:
        super().__init__()
        for layer in layers:
            if layer.in_dim < 1 or layer.out_dim < 1 or not 0 <= layer.dropout < 1:
                raise RecipeError(
                    f"A layer from {layer.in_dim} to {layer.out_dim} with dropout {layer.dropout} cannot be; widths "
                    "are at least 1, dropout is from 0 to below 1."
                )
        self.adjacencies = tuple(adjacencies)
        self.inference_adjacencies = tuple(inference_adjacencies or adjacencies)
        self.slope = slope
        self.unit_rows = unit_rows
        self.with_bias = with_bias
        self.carried = carried
        self.layers: Sequence[GraphLayer] = nn.ModuleList(layers)  # type: ignore[assignment]

    @property
    def num_layers(self) -> int:
        """L."""
        return len(self.layers)

    @property
    def replayable(self) -> bool:
        """Whether a step of training runs the same kernels on the same memory each time and never asks for a result."""
        return self.carried is None and all(type(layer) is GraphConvolution for layer in self.layers)

    def reset(self, generator: torch.Generator) -> None:
        """Draw all parameters anew."""
        for layer in self.layers:
            layer.reset(generator)

    def draw_masks(
        self,
        plan: PropagationPlan,
        generator: torch.Generator,
        before: Sequence[DropoutMask | None] | None = None,
    ) -> Sequence[DropoutMask | None]:
        """Draw the dropout masks of one epoch, one a layer, over the rows that the plan reads.

        Args:
            plan: the rows of each layer.
            generator: of the random numbers, on the device of the network.
            before: masks of an earlier epoch of the same plan, which are drawn anew in their place and returned.
        """
        if before is not None:
            return [mask and mask.draw_again(generator) for mask in before]
        device = next(self.parameters()).device
        masks: list[DropoutMask | None] = []
        for layer, rows in zip(self.layers, plan.rows):
            shape = (len(rows), layer.in_dim)
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
        for output in self._outputs(x, plan, masks or [None] * self.num_layers):
            x = output
        return x

    def _outputs(
        self, x: Tensor, plan: PropagationPlan, masks: Sequence[DropoutMask | None]
    ) -> Iterator[Float[Tensor, "_ _"]]:
        """Yield what each layer puts out, with what is carried on from one of them beside its input."""
        kept: Tensor | None = None
        for number in range(len(plan.aggregations)):
            carried = None
            if self.carried is not None and kept is not None:
                places = plan.places(self.carried + 1, number + 1)
                carried = kept.index_select(0, torch.from_numpy(places).to(kept.device))
            x = self.layer_output(number, x, plan.aggregations[number], masks[number], carried)
            kept = x if number == self.carried else kept
            yield x

    def layer_output(
        self,
        number: int,
        x: Float[Tensor, "M F"],
        aggregation: Aggregation,
        mask: DropoutMask | None = None,
        carried: Float[Tensor, "R H"] | None = None,
    ) -> Float[Tensor, "R O"]:
        """Compute one layer with what follows it: LeakyReLU, or the scaling to length one after the last.

        Args:
            number: of the layer, counted from 0.
            x: the rows that the aggregation gathers from, in its order.
            aggregation: the arrows to the rows wanted.
            mask: which inputs dropout keeps, or None for no dropout.
            carried: what layer ``self.carried`` put out at the rows wanted, for the layers behind it.
        """
        y: Tensor = self.layers[number](x, aggregation, mask, carried)
        if number == self.num_layers - 1:
            return functional.normalize(y, dim=1)
        y = functional.leaky_relu(y, self.slope, inplace=True)
        return functional.normalize(y, dim=1) if self.unit_rows else y

    def outputs(self, x: Float[Tensor, "M S"], plan: PropagationPlan) -> Iterator[Float[Tensor, "_ _"]]:
        """Yield what each layer puts out, without dropout; a plan of fewer layers ends with the last one it has."""
        return self._outputs(x, plan, [None] * self.num_layers)

    @torch.no_grad()
    def states(self, x: Float[Tensor, "M S"], plan: PropagationPlan) -> list[Float[Tensor, "_ _"]]:
        """Return what each layer puts out, without dropout; the last one holds the classifiers."""
        return list(self.outputs(x, plan))

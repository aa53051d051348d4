"""GAT: each class decides by attention how much it takes from which neighbour (GATv2).

The weight of a neighbour is a softmax over all neighbours and the class itself of ``a' LeakyReLU(V x_j + W x_i)``.
Applying a after the nonlinearity, as the second version of GAT does, lets the order of the neighbours depend on the
class that asks.

References:
    Velickovic et al.: Graph Attention Networks, ICLR 2018.
    Brody, Alon, Yahav: How Attentive are Graph Attention Networks?, ICLR 2022 (GATv2).

Deviations: LeakyReLU 0.2 between layers instead of ELU, dropout on inputs alone and not on attention weights, and rows
of length one at the end, as SGCN has them; edges count in both directions.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch

from kgzsl.errors import RecipeError
from kgzsl.propagation.aggregation import Aggregation
from kgzsl.propagation.base import Propagator
from kgzsl.propagation.layers import GraphLayer, draw_glorot, without_drawing
from kgzsl.types import Float, Int, Tensor

__all__ = ["GAT", "AttentionLayer"]

ARROWS_AT_ONCE = 1 << 14
"""Arrows whose messages are held at one time where no gradient is wanted."""


class AttentionLayer(GraphLayer):
    """torch-geometric's GATv2Conv on restricted rows.

    For head h, ``y_i = sum_j alpha_ij V x_j`` with ``alpha_i = softmax_j(a' LeakyReLU(V x_j + W x_i))`` over the
    neighbours of i and i itself; the heads stand side by side, and a bias is added.

    Args:
        in_dim: width of the input.
        out_dim: width of the output, all heads together.
        heads: number of heads, which divides ``out_dim``.
        dropout: probability to drop an input.

    Raises:
        RecipeError: the heads do not divide the width.
    """

    def __init__(self, in_dim: int, out_dim: int, heads: int = 1, dropout: float = 0.0) -> None:
        if heads < 1 or out_dim % heads:
            raise RecipeError(f"{heads} heads do not divide a width of {out_dim}; choose a width that is a multiple.")
        super().__init__(in_dim, out_dim, dropout)
        self.operator = without_drawing(lambda: _operator(in_dim, out_dim // heads, heads))

    def reset(self, generator: torch.Generator) -> None:
        """Draw weights and attention vectors from Glorot's uniform distribution; zero the biases."""
        draw_glorot(self.parameters(), generator)

    def compute(
        self, x: Float[Tensor, "M I"], aggregation: Aggregation, carried: Float[Tensor, "R H"] | None
    ) -> Float[Tensor, "R O"]:
        """Compute the rows of the aggregation; see `GraphLayer`."""
        own, ends = aggregation.own_rows(x), aggregation.edge_index()
        if torch.is_grad_enabled() or ends.shape[1] <= ARROWS_AT_ONCE:
            y: Tensor = self.operator((x, own), ends)
            return y
        return torch.cat([self._piece(x, own, ends, rows) for rows in _pieces(aggregation)])

    def _piece(
        self, x: Float[Tensor, "M I"], own: Float[Tensor, "R I"], ends: Int[Tensor, "2 E"], rows: tuple[int, int]
    ) -> Float[Tensor, "P O"]:
        """Compute the rows from the first to before the last given, from the inputs that they gather from."""
        first, last = rows
        held = ends[:, (ends[1] >= first) & (ends[1] < last)]
        needed, sources = torch.unique(held[0], return_inverse=True)
        y: Tensor = self.operator((x[needed], own[first:last]), torch.stack([sources, held[1] - first]))
        return y


def _pieces(aggregation: Aggregation) -> list[tuple[int, int]]:
    """Return (first row, last row + 1) of pieces with about `ARROWS_AT_ONCE` arrows each."""
    offsets = aggregation.merged.product.offsets
    marks = torch.arange(0, int(offsets[-1]), ARROWS_AT_ONCE, device=offsets.device)
    bounds = sorted({0, aggregation.num_rows, *torch.searchsorted(offsets, marks).tolist()})
    return list(pairwise(bounds))


def _operator(in_dim: int, width: int, heads: int) -> Any:
    from torch_geometric.nn import GATv2Conv

    return GATv2Conv((in_dim, in_dim), width, heads=heads, negative_slope=0.2, add_self_loops=False)


class GAT(Propagator):
    """Two layers of GATv2, the first with several heads, the last with one; predicts [W, b].

    Args:
        in_dim: semantic dimension S.
        feature_dim: feature dimension D.
        hidden: hidden width, all heads together.
        heads: number of heads of the first layer.
        dropout: probability to drop an input of either layer.
    """

    def __init__(self, in_dim: int, feature_dim: int, hidden: int = 1024, heads: int = 4, dropout: float = 0.5) -> None:
        layers = [
            AttentionLayer(in_dim, hidden, heads, dropout),
            AttentionLayer(hidden, feature_dim + 1, 1, dropout),
        ]
        super().__init__(layers, ["undirected"] * 2)

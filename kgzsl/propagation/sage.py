"""GraphSAGE: a class and the mean of its neighbours, each through weights of its own.

Where a graph convolution mixes a class with its neighbours before one weight matrix, GraphSAGE keeps the two apart, so
that a class is not blurred by its neighbours.

References:
    Hamilton, Ying, Leskovec: Inductive Representation Learning on Large Graphs, NeurIPS 2017.

Deviations: all neighbours instead of a sample of 25 and of 10, as the graph is thin; LeakyReLU, dropout, objective and
rows of length one at the end only, as SGCN has them; edges count in both directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch

from kgzsl.propagation.aggregation import Aggregation
from kgzsl.propagation.base import Propagator
from kgzsl.propagation.layers import GraphLayer, draw_glorot, without_drawing
from kgzsl.types import Float, Tensor

__all__ = ["SAGE", "MeanLayer"]


class MeanLayer(GraphLayer):
    """torch-geometric's SAGEConv on restricted rows, ``y_i = mean_{j near i} x_j V + x_i W + b``.

    Args:
        in_dim: width of the input.
        out_dim: width of the output.
        dropout: probability to drop an input.
    """

    def __init__(self, in_dim: int, out_dim: int, dropout: float = 0.0) -> None:
        super().__init__(in_dim, out_dim, dropout)
        self.operator = without_drawing(lambda: _operator(in_dim, out_dim))

    def reset(self, generator: torch.Generator) -> None:
        """Draw the weights from Glorot's uniform distribution; zero the bias."""
        draw_glorot(self.parameters(), generator)

    def compute(
        self, x: Float[Tensor, "M I"], aggregation: Aggregation, carried: Float[Tensor, "R H"] | None
    ) -> Float[Tensor, "R O"]:
        """Compute the rows of the aggregation; see `GraphLayer`."""
        y: Tensor = self.operator((x, aggregation.own_rows(x)), aggregation.edge_index(loops=False))
        return y


def _operator(in_dim: int, out_dim: int) -> Any:
    from torch_geometric.nn import SAGEConv

    return SAGEConv((in_dim, in_dim), out_dim, aggr="mean")


class SAGE(Propagator):
    """Two or more layers of GraphSAGE with mean aggregation; predicts [W, b].

    Args:
        in_dim: semantic dimension S.
        feature_dim: feature dimension D.
        hidden: hidden widths.
        dropout: probability to drop an input of any layer.
    """

    def __init__(self, in_dim: int, feature_dim: int, hidden: Sequence[int] = (2048,), dropout: float = 0.5) -> None:
        widths = (in_dim, *hidden, feature_dim + 1)
        layers = [MeanLayer(wide_in, wide_out, dropout) for wide_in, wide_out in pairwise(widths)]
        super().__init__(layers, ["undirected"] * len(layers))

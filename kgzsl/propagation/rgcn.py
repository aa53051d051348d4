"""R-GCN: weights of their own for every relation along which a class gathers.

What a class takes from the class above it should differ from what it takes from those below: hypernym edges upward and
downward and instance edges upward and downward are four relations, and a class itself is a fifth. With links (classes
that are alike, attributes) there are three more. The weights of all but oneself are mixtures of a few bases, so that
the rare instance edges learn from the others.

References:
    Schlichtkrull, Kipf, Bloem, van den Berg, Titov, Welling: Modeling Relational Data with Graph Convolutional
    Networks, ESWC 2018.

Deviations: LeakyReLU, dropout on inputs, objective and rows of length one at the end, as SGCN has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch

from kgzsl.errors import RecipeError
from kgzsl.graph.adjacency import NUM_LINK_RELATIONS, NUM_RELATIONS
from kgzsl.propagation.aggregation import Aggregation
from kgzsl.propagation.base import Propagator
from kgzsl.propagation.layers import GraphLayer, draw_glorot, without_drawing
from kgzsl.types import Float, Tensor

__all__ = ["RGCN", "RelationalLayer"]


class RelationalLayer(GraphLayer):
    """torch-geometric's RGCNConv on restricted rows.

    ``y_i = sum_r mean_{j in N_r(i)} x_j W_r + x_i W_0 + b`` with ``W_r = sum_b c_rb V_b``.

    Args:
        in_dim: width of the input.
        out_dim: width of the output.
        num_bases: number of bases that the relations share.
        dropout: probability to drop an input.
        num_relations: number of relations to others.

    Raises:
        RecipeError: there is no basis.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        num_bases: int = 2,
        dropout: float = 0.0,
        num_relations: int = NUM_RELATIONS,
    ) -> None:
        if num_bases < 1:
            raise RecipeError(f"num_bases is at least 1, found {num_bases!r}.")
        super().__init__(in_dim, out_dim, dropout)
        self.operator = without_drawing(lambda: _operator(in_dim, out_dim, num_bases, num_relations))

    def reset(self, generator: torch.Generator) -> None:
        """Draw bases, mixtures and own weights from Glorot's uniform distribution; zero the bias."""
        draw_glorot(self.parameters(), generator)

    def compute(
        self, x: Float[Tensor, "M I"], aggregation: Aggregation, carried: Float[Tensor, "R H"] | None
    ) -> Float[Tensor, "R O"]:
        """Compute the rows of the aggregation, whose groups are those of `kgzsl.graph.adjacency.relational`."""
        relation = aggregation.merged.groups
        others = relation > 0
        ends = aggregation.edge_index()[:, others]
        y: Tensor = self.operator((x, aggregation.own_rows(x)), ends, relation[others] - 1)
        return y


def _operator(in_dim: int, out_dim: int, num_bases: int, num_relations: int) -> Any:
    from torch_geometric.nn import RGCNConv

    return RGCNConv((in_dim, in_dim), out_dim, num_relations, num_bases=num_bases, aggr="mean")


class RGCN(Propagator):
    """Two or more relational layers; predicts [W, b].

    Args:
        in_dim: semantic dimension S.
        feature_dim: feature dimension D.
        hidden: hidden widths.
        num_bases: number of bases that the relations of a layer share.
        dropout: probability to drop an input of any layer.
        links: gather along the graph's links as well, each kind a relation of its own.
    """

    def __init__(
        self,
        in_dim: int,
        feature_dim: int,
        hidden: Sequence[int] = (2048,),
        *,
        num_bases: int = 2,
        dropout: float = 0.5,
        links: bool = False,
    ) -> None:
        widths = (in_dim, *hidden, feature_dim + 1)
        number = NUM_RELATIONS + (NUM_LINK_RELATIONS if links else 0)
        layers = [
            RelationalLayer(wide_in, wide_out, num_bases, dropout, number) for wide_in, wide_out in pairwise(widths)
        ]
        super().__init__(layers, ["relational_links" if links else "relational"] * len(layers))

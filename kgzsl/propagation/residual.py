"""Residual GCN: several graph convolutions that do not wash out what a class itself means (GCNII).

The more often a class is averaged with its neighbours, the more all classes look alike. Two remedies: each layer mixes
in what the first layer made of the class itself, and its weights stay near the identity, the deeper the nearer.

References:
    Chen, Wei, Huang, Ding, Li: Simple and Deep Graph Convolutional Networks, ICML 2020 (GCNII).

Deviations: 4 convolutions of width 512 by default instead of up to 64 of width 64, as the graph is a shallow tree and
the output is wide; one weight decay for all layers; dropout, objective and rows of length one at the end, as SGCN has
them.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from kgzsl.errors import RecipeError
from kgzsl.propagation.aggregation import Aggregation
from kgzsl.propagation.base import Propagator
from kgzsl.propagation.layers import GraphConvolution, GraphLayer
from kgzsl.types import Float, Tensor

__all__ = ["Residual", "ResidualConvolution"]


class ResidualConvolution(GraphLayer):
    """``y = (1 - b) s + b s W`` with ``s = (1 - a) A drop(x) + a h``, where h are the first layer's rows.

    torch-geometric's GCN2Conv has the same formula, but computes every row that it reads.

    Args:
        width: width of input and output.
        initial: a, the share of h.
        identity: b, how far the weights reach beyond the identity.
        dropout: probability to drop an input.
    """

    def __init__(self, width: int, initial: float, identity: float, dropout: float = 0.0) -> None:
        super().__init__(width, width, dropout)
        self.weight = nn.Parameter(torch.empty(width, width))
        self.initial, self.identity = initial, identity

    def reset(self, generator: torch.Generator) -> None:
        """Draw the weight from Glorot's uniform distribution."""
        nn.init.xavier_uniform_(self.weight, generator=generator)

    def compute(
        self, x: Float[Tensor, "M I"], aggregation: Aggregation, carried: Float[Tensor, "R H"] | None
    ) -> Float[Tensor, "R O"]:
        """Compute the rows of the aggregation; see `GraphLayer`."""
        assert carried is not None
        near = aggregation.gather(x, torch.ones(1, dtype=x.dtype, device=x.device))
        mixed = torch.lerp(near, carried.to(near.dtype), self.initial)
        return torch.lerp(mixed, (mixed @ self.weight).to(mixed.dtype), self.identity)


class Residual(Propagator):
    """A dense layer, several residual convolutions and a dense layer; predicts [W, b].

    Between the layers stands ReLU. Convolution l = 1, 2, ... has the identity share ``b = log(strength / l + 1)``.

    Args:
        in_dim: semantic dimension S.
        feature_dim: feature dimension D.
        hidden: width of all hidden layers.
        depth: number of convolutions.
        initial: share of the first layer's rows in every convolution.
        strength: how strongly the weights act; 0.5 is published.
        dropout: probability to drop an input of any layer.

    Raises:
        RecipeError: a share or the depth is out of range.
    """

    def __init__(
        self,
        in_dim: int,
        feature_dim: int,
        hidden: int = 512,
        *,
        depth: int = 4,
        initial: float = 0.1,
        strength: float = 0.5,
        dropout: float = 0.5,
    ) -> None:
        if depth < 1 or not 0 <= initial <= 1 or not 0 < strength <= 1:
            raise RecipeError(
                f"depth is at least 1, initial from 0 to 1, strength above 0 and at most 1; found depth {depth!r}, "
                f"initial {initial!r}, strength {strength!r}."
            )
        shares = [math.log(strength / number + 1) for number in range(1, depth + 1)]
        layers = [
            GraphConvolution(in_dim, hidden, bias="after", dropout=dropout),
            *(ResidualConvolution(hidden, initial, share, dropout) for share in shares),
            GraphConvolution(hidden, feature_dim + 1, bias="after", dropout=dropout),
        ]
        flows = ["oneself", *["undirected_symmetric"] * depth, "oneself"]
        super().__init__(layers, flows, slope=0.0, carried=0)

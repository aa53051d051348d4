"""ZSL-KG: a small transformer reads the neighbourhood of a class, and its mean is what the class becomes (TrGCN).

The neighbours of a class and the class itself are a set of tokens: a feed-forward network and self-attention let each
see the others before their mean is taken, so that aggregation is learned and not linear. Nothing belongs to a single
class, so the network is inductive.

References:
    Nayak, Bach: Zero-Shot Learning with Common Sense Knowledge Graphs, TMLR 2022.

In training a class reads the 100 (first layer) and 50 (second) neighbours that random walks from it visit most often,
afterwards all of them, as published.

Deviations: WordNet's graph instead of ConceptNet; dropout on the inputs of both layers as published, but none inside of
the transformer; scores are divided by the root of the width of keys, as the paper has it (the released code takes
the width of the input); expected instead of counted visits (`kgzsl.graph.walks`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.nn import functional

from kgzsl.errors import RecipeError
from kgzsl.propagation.aggregation import Aggregation
from kgzsl.propagation.base import Propagator
from kgzsl.propagation.layers import GraphLayer, draw_glorot, without_drawing
from kgzsl.types import Bool, Float, Int, Tensor

__all__ = ["Transformer", "TransformerLayer"]

TOKENS_AT_ONCE = 1 << 14
"""Neighbours that are held as padded sets at one time."""


class TransformerLayer(GraphLayer):
    """Transformer aggregation: ``y_i = mean_j LN(z_j + sum_k softmax_k(q_j k_k / sqrt(P)) v_k O) W + b``.

    The sums run over i and its neighbours; ``z = LN(x + relu(x F + f) G + g)`` and q, k, v are linear in z.

    Args:
        in_dim: width of the input.
        out_dim: width of the output.
        feed_forward: width inside of the feed-forward network; None for half the input.
        projection: P, width of queries, keys and values; None for half the input.
        dropout: probability to drop an input.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        feed_forward: int | None = None,
        projection: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(in_dim, out_dim, dropout)
        inner = feed_forward if feed_forward is not None else max(1, in_dim // 2)
        width = projection if projection is not None else max(1, in_dim // 2)
        if inner < 1 or width < 1:
            raise RecipeError(f"feed_forward and projection are at least 1, found {inner!r} and {width!r}.")
        self.widen, self.narrow = _linear(in_dim, inner), _linear(inner, in_dim)
        self.queries_keys_values = _linear(in_dim, 3 * width)
        self.attended = _linear(width, in_dim)
        self.norm_nodes, self.norm_tokens = nn.LayerNorm(in_dim), nn.LayerNorm(in_dim)
        self.combine = _linear(in_dim, out_dim)

    def reset(self, generator: torch.Generator) -> None:
        """Draw matrices from Glorot's uniform distribution, zero the biases; layer norms start as they are."""
        draw_glorot(self.parameters(), generator)
        nn.init.ones_(self.norm_nodes.weight)
        nn.init.ones_(self.norm_tokens.weight)

    def compute(
        self, x: Float[Tensor, "M I"], aggregation: Aggregation, carried: Float[Tensor, "R H"] | None
    ) -> Float[Tensor, "R O"]:
        """Compute the rows of the aggregation; see `GraphLayer`."""
        z = self.norm_nodes(x + self.narrow(functional.relu(self.widen(x))))
        queries_keys_values = self.queries_keys_values(z)  # (M, 3 P)
        rows, pooled = [], []
        for row, sources, present in _padded_sets(aggregation):
            rows.append(row)
            pooled.append(self._pool(z[sources], queries_keys_values[sources], present))
        order = torch.cat(rows).argsort()
        y: Tensor = self.combine(torch.cat(pooled).index_select(0, order))
        return y

    def _pool(
        self, z: Float[Tensor, "B T I"], queries_keys_values: Float[Tensor, "B T P3"], present: Bool[Tensor, "B T"]
    ) -> Float[Tensor, "B I"]:
        """Let the tokens of each set attend to each other and return the mean of those present."""
        query, key, value = queries_keys_values.chunk(3, dim=2)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=present[:, None, :])  # (B, T, P)
        tokens = self.norm_tokens(z + self.attended(seen))
        weights = present / present.sum(dim=1, keepdim=True)  # (B, T)
        return torch.einsum("bt,bti->bi", weights.to(tokens.dtype), tokens)


def _linear(in_dim: int, out_dim: int) -> nn.Linear:
    linear: nn.Linear = without_drawing(lambda: nn.Linear(in_dim, out_dim))
    return linear


def _padded_sets(
    aggregation: Aggregation,
) -> Iterator[tuple[Int[Tensor, "B"], Int[Tensor, "B T"], Bool[Tensor, "B T"]]]:
    """Yield rows whose neighbourhoods are about alike in size, with their inputs padded to the largest.

    Sizes are rounded up to powers of two, so that at most half of the places are padding.
    """
    offsets, sources = aggregation.merged.product.offsets, aggregation.merged.product.sources
    counts = offsets.diff()
    steps = torch.ceil(torch.log2(counts.double())).long()
    for step in torch.unique(steps).tolist():
        together = max(1, TOKENS_AT_ONCE >> step)
        for rows in (steps == step).nonzero()[:, 0].split(together):
            places = torch.arange(int(counts[rows].max()), device=rows.device)
            present = places < counts[rows][:, None]
            held = torch.where(present, offsets[rows][:, None] + places, offsets[rows][:, None])
            yield rows, sources[held], present


class Transformer(Propagator):
    """Two layers of transformer aggregation with rows of length one after each; predicts [W, b].

    Args:
        in_dim: semantic dimension S.
        feature_dim: feature dimension D.
        hidden: hidden width.
        neighbours: most neighbours that each layer reads in training.
        feed_forward: width inside of each layer's feed-forward network; 0 for half its input.
        dropout: probability to drop an input of either layer.

    Raises:
        RecipeError: an option does not hold a number for each layer.
    """

    def __init__(
        self,
        in_dim: int,
        feature_dim: int,
        hidden: int = 2048,
        *,
        neighbours: Sequence[int] = (100, 50),
        feed_forward: Sequence[int] = (100, 0),
        dropout: float = 0.5,
    ) -> None:
        if len(neighbours) != 2 or len(feed_forward) != 2 or min(neighbours) < 1:
            raise RecipeError(
                f"neighbours and feed_forward hold a number for each of the two layers, neighbours at least 1; found "
                f"{list(neighbours)!r} and {list(feed_forward)!r}."
            )
        widths = ((in_dim, hidden), (hidden, feature_dim + 1))
        layers = [
            TransformerLayer(*wide, feed_forward=inner or None, dropout=dropout)
            for wide, inner in zip(widths, feed_forward)
        ]
        super().__init__(
            layers,
            [f"most_visited:{number}" for number in neighbours],
            inference_adjacencies=["undirected"] * 2,
            unit_rows=True,
        )

"""Gather rows along a restricted adjacency: the sparse half of a graph convolution.

Where the groups' weights are learned and rows have many arrows, all K groups are stacked into one sparse product
``[A_1; ...; A_K] x`` and then summed, so that the weights' gradient is a plain inner product; where arrows are few,
each gives its own. Nothing flows back through a constant input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from kgzsl.graph.adjacency import Adjacency
from kgzsl.types import Array, Float, Int, Tensor

__all__ = ["Aggregation", "GroupedProduct", "RowProduct", "restrict"]

SUM = 0
"""The number by which torch's embedding bags know a sum."""
ARROWS_A_ROW = 3.0
"""Arrows whose inner products take as long as writing a row of a group and reading it again."""

WIDENED_BYTES = 8 << 20


@dataclass(frozen=True, slots=True, eq=False)
class RowProduct:
    """A sparse matrix (R, M) by rows: row r is ``sum values[e] x[sources[e]]``, e from offsets[r] to offsets[r+1]."""

    offsets: Int[Tensor, "_"]  # R + 1
    sources: Int[Tensor, "E"]
    values: Float[Tensor, "E"]

    def __call__(self, x: Float[Tensor, "M F"]) -> Float[Tensor, "R F"]:
        """Return the product with x; that with an x in half precision is computed and returned in single precision."""
        if x.dtype == torch.float16:
            return self._of_half(x)
        return functional.embedding_bag(
            self.sources,
            x,
            self.offsets,
            mode="sum",
            per_sample_weights=self.values.to(x.dtype),
            include_last_offset=True,
        )

    def _of_half(self, x: Float[Tensor, "M F"]) -> Float[Tensor, "R F"]:
        """Widen so many rows of x at a time that they stay in the cache; a row's entries may be cut in two."""
        offsets, step = self.offsets, max(1, WIDENED_BYTES // (4 * x.shape[1]))
        y = torch.zeros(len(offsets) - 1, x.shape[1], device=x.device)
        for start in range(0, len(self.sources), step):
            part = slice(start, start + step)
            wide = x.index_select(0, self.sources[part]).float()
            ends = torch.tensor([start, start + len(wide) - 1], device=x.device)
            first, last = (torch.searchsorted(offsets, ends, right=True) - 1).tolist()
            bags = (offsets[first : last + 2] - start).clamp(0, len(wide))
            entries = torch.arange(len(wide), device=x.device)
            y[first : last + 1] += RowProduct(bags, entries, self.values[part])(wide)
        return y

    def to(self, device: torch.device) -> RowProduct:
        """Return the matrix on another device."""
        return RowProduct(self.offsets.to(device), self.sources.to(device), self.values.to(device))

    @classmethod
    def of(cls, rows: Array, columns: Array, values: Array, num_rows: int) -> RowProduct:
        """Build the matrix from its entries in any order."""
        order = np.lexsort((columns, rows))
        offsets = np.searchsorted(rows[order], np.arange(num_rows + 1))
        entries = torch.from_numpy(values[order].astype(np.float32))
        return cls(torch.from_numpy(offsets), torch.from_numpy(columns[order]), entries)


class _Gather(torch.autograd.Function):
    """``y = sum_k w_k A_k x`` with ``dx = sum_k w_k A_k' dy`` and ``dw_k = <A_k x, dy>``.

    For dw either the products of the single groups are kept, or they are never computed and each arrow gives the inner
    product of its two ends; whichever touches fewer numbers. Nothing is computed for an input that needs no gradient.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, group_weights: Tensor, aggregation: Aggregation) -> Tensor:
        ctx.aggregation = aggregation
        ctx.by_group = ctx.needs_input_grad[1] and aggregation.keeps_groups
        if not ctx.by_group:
            ctx.save_for_backward(group_weights, *([x] if ctx.needs_input_grad[1] else []))
            return aggregation.merged(x, group_weights)
        groups = aggregation.stacked(x).view(aggregation.num_groups, -1)  # (K, R F)
        ctx.save_for_backward(group_weights, groups)
        y = groups.new_empty(aggregation.num_rows, x.shape[1])
        torch.mv(groups.t(), group_weights.to(groups.dtype), out=y.view(-1))
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        group_weights, *kept = ctx.saved_tensors
        dy = gradients[0].contiguous()
        dx = ctx.aggregation.transposed(dy, group_weights) if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return dx, None, None
        dy = dy.to(kept[0].dtype)
        if ctx.by_group:
            dw = kept[0] @ dy.view(-1)
        else:
            dw = ctx.aggregation.merged.inner(kept[0], dy, ctx.aggregation.num_groups)
        return dx, dw.to(group_weights.dtype), None


@dataclass(frozen=True, slots=True, eq=False)
class GroupedProduct:
    """A row product whose entries belong to groups: entry e weighs ``w[group of e] values[e]``."""

    product: RowProduct
    groups: Int[Tensor, "E"]

    def __call__(self, x: Float[Tensor, "M F"], group_weights: Float[Tensor, "K"]) -> Float[Tensor, "R F"]:
        """Return the product with x under the weights of the groups."""
        values = self.product.values
        if len(group_weights) > 1:
            values = values * group_weights.to(values.dtype)[self.groups]
        return RowProduct(self.product.offsets, self.product.sources, values)(x)

    def inner(self, x: Float[Tensor, "M F"], dy: Float[Tensor, "R F"], num_groups: int) -> Float[Tensor, "K"]:
        """Return ``<A_k x, dy>`` of each group k from the inner products of both ends of every arrow."""
        offsets, sources = self.product.offsets, self.product.sources
        rows = torch.arange(len(dy), device=offsets.device)
        rows = torch.repeat_interleave(rows, offsets.diff(), output_size=len(sources))
        ends = torch.ops.aten._embedding_bag_per_sample_weights_backward(dy, x, sources, offsets, rows, mode=SUM)
        of_group = self.groups[:, None] == torch.arange(num_groups, device=offsets.device)  # (E, K)
        shares = self.product.values * ends  # (E,), at least in single precision
        sums: Tensor = shares @ of_group.to(shares.dtype)
        return sums

    def to(self, device: torch.device) -> GroupedProduct:
        """Return the product on another device."""
        return GroupedProduct(self.product.to(device), self.groups.to(device))

    @classmethod
    def of(cls, rows: Array, columns: Array, groups: Array, values: Array, num_rows: int) -> GroupedProduct:
        """Build the product from its entries in any order."""
        order = np.lexsort((groups, columns, rows))
        product = RowProduct.of(rows[order], columns[order], values[order], num_rows)
        return cls(product, torch.from_numpy(groups[order]))


@dataclass(frozen=True, slots=True, eq=False)
class Aggregation:
    """An adjacency restricted to R rows that gather from M rows.

    Args:
        num_rows: R.
        num_inputs: M.
        stacked: the K groups one below the other, (K R, M).
        merged: the groups summed, (R, M).
        transposed: the same, transposed, (M, R).
        row_sums: (R, K) sum of each row in each group: 1 where a row-normalised group has arrows, else 0.
        own: (R,) where each row itself stands among the inputs, -1 where no row gathers from it.
    """

    num_rows: int
    num_inputs: int
    stacked: RowProduct
    merged: GroupedProduct
    transposed: GroupedProduct
    row_sums: Float[Tensor, "R K"]
    own: Int[Tensor, "R"]

    @property
    def num_arrows(self) -> int:
        """How many arrows there are."""
        return len(self.merged.groups)

    @property
    def num_groups(self) -> int:
        """K."""
        return self.row_sums.shape[1]

    @property
    def keeps_groups(self) -> bool:
        """Whether the gradient of the group weights is cheaper from the products of the groups than from the arrows."""
        return self.num_arrows > ARROWS_A_ROW * self.num_groups * self.num_rows

    def gather(self, x: Float[Tensor, "M F"], group_weights: Float[Tensor, "K"]) -> Float[Tensor, "R F"]:
        """Return ``sum_k w_k A_k x``."""
        gathered: Tensor = _Gather.apply(x, group_weights, self)  # type: ignore[no-untyped-call]
        return gathered

    def coverage(self, group_weights: Float[Tensor, "K"]) -> Float[Tensor, "R"]:
        """Return ``sum_k w_k A_k 1``: what a bias inside the sum is multiplied by."""
        return self.row_sums.to(group_weights.dtype) @ group_weights

    def edge_index(self, loops: bool = True) -> Int[Tensor, "2 E"]:
        """Return (input, row) of every arrow, by row: what torch-geometric's operators take.

        Args:
            loops: whether arrows from a row to itself are among them.
        """
        counts = self.merged.product.offsets.diff()
        rows = torch.repeat_interleave(torch.arange(self.num_rows, device=counts.device), counts)
        ends = torch.stack([self.merged.product.sources, rows])  # (2, E)
        return ends if loops else ends[:, ends[0] != self.own[rows]]

    def own_rows(self, x: Float[Tensor, "M F"]) -> Float[Tensor, "R F"]:
        """Return what the rows themselves hold; every row must gather from itself too."""
        return x.index_select(0, self.own)

    def to(self, device: torch.device) -> Aggregation:
        """Return the aggregation on another device."""
        products = (self.stacked.to(device), self.merged.to(device), self.transposed.to(device))
        return Aggregation(self.num_rows, self.num_inputs, *products, self.row_sums.to(device), self.own.to(device))


def restrict(adjacency: Adjacency, rows: Int[Array, "R"]) -> tuple[Aggregation, Int[Array, "M"]]:
    """Keep the arrows that end in some rows.

    Args:
        adjacency: all arrows.
        rows: the rows wanted, sorted and without repetition.

    Returns:
        The aggregation, and the rows it gathers from, sorted: inputs must come in that order.
    """
    place = np.full(adjacency.num_nodes, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    kept = place[adjacency.targets] >= 0
    targets, groups, values = place[adjacency.targets[kept]], adjacency.groups[kept], adjacency.values[kept]
    inputs, sources = np.unique(adjacency.sources[kept], return_inverse=True)
    stacked_rows = groups * len(rows) + targets
    row_sums = np.bincount(stacked_rows, weights=values, minlength=adjacency.num_groups * len(rows))
    place[inputs] = np.arange(len(inputs))
    own = np.where(np.isin(rows, inputs, assume_unique=True), place[rows], -1)
    aggregation = Aggregation(
        num_rows=len(rows),
        num_inputs=len(inputs),
        stacked=RowProduct.of(stacked_rows, sources, values, adjacency.num_groups * len(rows)),
        merged=GroupedProduct.of(targets, sources, groups, values, len(rows)),
        transposed=GroupedProduct.of(sources, targets, groups, values, len(inputs)),
        row_sums=torch.from_numpy(row_sums.reshape(adjacency.num_groups, -1).T.astype(np.float32).copy()),
        own=torch.from_numpy(own),
    )
    return aggregation, inputs

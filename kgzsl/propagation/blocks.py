"""What each layer of a network puts out at every class of a graph, a block of rows at a time.

A layer needs all of the layer before it, which is kept anyway; what it needs beside that (gathered rows, products
before they are summed) grows with the rows that are computed together, and is bounded by their number. Arrows are
sorted once by the row they end in, so that a block is a slice of them: time grows with the arrows, not with arrows
times blocks. A graph convolution gathers straight from the rows of the layer before, however many a row asks for: a
root gathers from the whole graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from kgzsl.graph.adjacency import Adjacency
from kgzsl.propagation.aggregation import Aggregation, GroupedProduct, RowProduct
from kgzsl.propagation.base import Propagator
from kgzsl.propagation.kept_rows import Keep, in_memory
from kgzsl.propagation.layers import GraphConvolution
from kgzsl.propagation.plan import PropagationPlan
from kgzsl.types import Array, Float, Int, Tensor

__all__ = ["states_in_blocks"]

CPU = torch.device("cpu")
BLOCK_BYTES = 16 << 20
"""Blocks of more than this are cut: larger pieces of memory are given back and fetched anew for each block."""


@torch.no_grad()
def states_in_blocks(
    propagator: Propagator,
    vectors: Float[Tensor, "C S"],
    adjacencies: Sequence[Adjacency],
    rows_at_once: int,
    device: torch.device = CPU,
    keep: Keep = in_memory,
) -> list[Float[Tensor, "C _"]]:
    """Return what each layer puts out at all rows, without dropout; the last one holds the classifiers.

    Args:
        propagator: the network, on ``device``.
        vectors: semantic vectors of all classes; half precision is enough.
        adjacencies: that of each layer, first layer first.
        rows_at_once: how many rows are computed together at most; the answer is the same for each number, but for
            rounding.
        device: where the blocks are computed; what is kept stays on the CPU.
        keep: where the rows of each layer are kept; see `kgzsl.propagation.kept_rows`.
    """
    count = len(vectors)
    if rows_at_once >= count and keep is in_memory:
        plan = PropagationPlan.full(adjacencies)
        return [state.cpu() for state in propagator.states(vectors[plan.inputs].to(device), plan.to(device))]
    states: list[Tensor] = []
    before = vectors
    for number, adjacency in enumerate(adjacencies):
        carried = None if propagator.carried is None or number <= propagator.carried else states[propagator.carried]
        kept = keep(number, count, propagator.layers[number].out_dim)
        arrows = _ArrowsByTarget.of(adjacency)
        for rows in _blocks(propagator, number, count, rows_at_once):
            own = None if carried is None else carried[rows].float().to(device)
            x, aggregation = _reached(propagator, number, before, arrows, rows, device)
            kept.put(propagator.layer_output(number, x, aggregation, None, own))
        before = kept.whole()
        states.append(before)
    return states


def _blocks(propagator: Propagator, number: int, count: int, rows_at_once: int) -> list[slice]:
    layer = propagator.layers[number]
    step = max(1, min(rows_at_once, BLOCK_BYTES // (4 * max(layer.in_dim, layer.out_dim))))
    return [slice(first, min(first + step, count)) for first in range(0, count, step)]


def _reached(
    propagator: Propagator, number: int, before: Tensor, arrows: _ArrowsByTarget, rows: slice, device: torch.device
) -> tuple[Tensor, Aggregation]:
    """Return the rows that a block gathers from, and how."""
    layer = propagator.layers[number]
    if device.type == "cpu" and isinstance(layer, GraphConvolution):
        aggregation = arrows.aggregation(rows)
        if layer.gathers_first(aggregation):
            return before, aggregation
    sources, places = np.unique(arrows.sources[arrows.of_rows(rows)], return_inverse=True)
    x = before[torch.from_numpy(sources)].float()
    return x.to(device), arrows.aggregation(rows, sources, places).to(device)


@dataclass(frozen=True, slots=True, eq=False)
class _ArrowsByTarget:
    """The arrows of an adjacency by the row they end in; those that end in row r are offsets[r] to offsets[r+1]."""

    num_groups: int
    offsets: Int[Array, "_"]  # N + 1
    targets: Int[Array, "E"]
    sources: Int[Array, "E"]
    groups: Int[Array, "E"]
    values: Float[Array, "E"]

    @classmethod
    def of(cls, adjacency: Adjacency) -> _ArrowsByTarget:
        order = np.argsort(adjacency.targets, kind="stable")
        offsets = np.zeros(adjacency.num_nodes + 1, dtype=np.int64)
        np.cumsum(np.bincount(adjacency.targets, minlength=adjacency.num_nodes), out=offsets[1:])
        columns = (adjacency.targets, adjacency.sources, adjacency.groups, adjacency.values)
        return cls(adjacency.num_groups, offsets, *(column[order] for column in columns))

    def of_rows(self, rows: slice) -> slice:
        """Return where the arrows stand that end in a block of rows."""
        return slice(int(self.offsets[rows.start]), int(self.offsets[rows.stop]))

    def aggregation(
        self, rows: slice, inputs: Int[Array, "M"] | None = None, sources: Int[Array, "E"] | None = None
    ) -> Aggregation:
        """Return the arrows to a block of rows, for use without gradients.

        Args:
            rows: the block.
            inputs: the rows it gathers from; None for all rows of the graph.
            sources: where among the inputs each arrow begins; None for the rows of the graph.
        """
        part, number = self.of_rows(rows), rows.stop - rows.start
        groups, values = self.groups[part], self.values[part]
        at = (self.targets[part] - rows.start) * self.num_groups + groups
        sums = np.bincount(at, weights=values, minlength=number * self.num_groups)
        own = np.arange(rows.start, rows.stop)
        if inputs is not None:
            own = np.where(np.isin(own, inputs), np.searchsorted(inputs, own), -1)
        offsets = torch.from_numpy(self.offsets[rows.start : rows.stop + 1] - self.offsets[rows.start])
        ends = torch.from_numpy(self.sources[part] if sources is None else sources)
        product = RowProduct(offsets, ends, torch.from_numpy(values))
        nothing = RowProduct(offsets[:1], ends[:0], product.values[:0])  # what only gradients need
        row_sums = torch.from_numpy(sums.astype(np.float32).reshape(number, self.num_groups))
        return Aggregation(
            num_rows=number,
            num_inputs=len(self.offsets) - 1 if inputs is None else len(inputs),
            stacked=nothing,
            merged=GroupedProduct(product, torch.from_numpy(groups)),
            transposed=GroupedProduct(nothing, torch.from_numpy(groups[:0])),
            row_sums=row_sums,
            own=torch.from_numpy(own),
        )

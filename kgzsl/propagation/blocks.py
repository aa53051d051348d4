"""What each layer of a network puts out at every class of a graph, a block of rows at a time.

A layer needs all of the layer before it, which is kept anyway; what it needs beside that (gathered rows, products
before they are summed) grows with the rows that are computed together, and is bounded by their number.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from kgzsl.graph.adjacency import Adjacency
from kgzsl.propagation.aggregation import restrict
from kgzsl.propagation.base import Propagator
from kgzsl.propagation.plan import PropagationPlan
from kgzsl.types import Float, Tensor

__all__ = ["states_in_blocks"]

CPU = torch.device("cpu")


@torch.no_grad()
def states_in_blocks(
    propagator: Propagator,
    vectors: Float[Tensor, "C S"],
    adjacencies: Sequence[Adjacency],
    rows_at_once: int,
    device: torch.device = CPU,
) -> list[Float[Tensor, "C _"]]:
    """Return what each layer puts out at all rows, without dropout; the last one holds the classifiers.

    Args:
        propagator: the network, on ``device``.
        vectors: semantic vectors of all classes.
        adjacencies: that of each layer, first layer first.
        rows_at_once: how many rows are computed together; the answer is the same for each number, but for rounding.
        device: where the blocks are computed; what is kept stays on the CPU.
    """
    count = len(vectors)
    if rows_at_once >= count:
        plan = PropagationPlan.full(adjacencies)
        return [state.cpu() for state in propagator.states(vectors[plan.inputs].to(device), plan.to(device))]
    states: list[Tensor] = []
    before = vectors
    for number, adjacency in enumerate(adjacencies):
        carried = None if propagator.carried is None or number <= propagator.carried else states[propagator.carried]
        after = torch.empty(count, propagator.layers[number].out_dim, dtype=before.dtype)
        for first in range(0, count, rows_at_once):
            rows = np.arange(first, min(first + rows_at_once, count))
            aggregation, inputs = restrict(adjacency, rows)
            own = None if carried is None else carried[first : first + rows_at_once].to(device)
            x = before[torch.from_numpy(inputs)].to(device)
            block = propagator.layer_output(number, x, aggregation.to(device), None, own)
            after[first : first + rows_at_once] = block.to(after)
        states.append(after)
        before = after
    return states

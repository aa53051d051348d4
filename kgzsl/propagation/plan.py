"""Which rows each layer computes, so that only what the loss can see is computed.

Walking back from the wanted rows: the last layer computes those, the layer before it the rows they gather from, and
so on down to the inputs. This is the same training, not an approximation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from kgzsl.graph.adjacency import Adjacency
from kgzsl.propagation.aggregation import Aggregation, restrict
from kgzsl.types import Array, Int

__all__ = ["PropagationPlan"]


@dataclass(frozen=True, slots=True, eq=False)
class PropagationPlan:
    """The restricted aggregation of each layer and the rows between layers.

    Args:
        aggregations: one a layer, first layer first; none where only the rows are asked for.
        rows: L + 1 sorted row sets: the inputs that are needed, then the rows each layer computes.

    Example:
        The last entry of ``rows`` is what was asked for; ``rows[0]`` are the semantic vectors to hand in.
    """

    aggregations: tuple[Aggregation, ...]
    rows: tuple[Int[Array, "_"], ...]

    @property
    def inputs(self) -> Int[Array, "M"]:
        """The rows of the semantic vectors that the first layer reads, sorted."""
        return self.rows[0]

    @property
    def outputs(self) -> Int[Array, "R"]:
        """The rows that the last layer computes, sorted."""
        return self.rows[-1]

    def places(self, outer: int, inner: int) -> Int[Array, "_"]:
        """Return where the rows of one set stand in an earlier one that holds them all.

        Args:
            outer: number of the earlier set in ``rows``.
            inner: number of the later one.
        """
        return np.searchsorted(self.rows[outer], self.rows[inner])

    def to(self, device: torch.device) -> PropagationPlan:
        """Return the plan on another device."""
        return PropagationPlan(tuple(a.to(device) for a in self.aggregations), self.rows)

    @classmethod
    def to_rows(cls, adjacencies: Sequence[Adjacency], rows: Int[Array, "R"]) -> PropagationPlan:
        """Plan how to compute some output rows.

        Args:
            adjacencies: the adjacency of each layer, first layer first.
            rows: the wanted rows, in any order.
        """
        needed = [np.unique(rows)]
        aggregations = []
        for adjacency in reversed(adjacencies):
            aggregation, inputs = restrict(adjacency, needed[-1])
            aggregations.append(aggregation)
            needed.append(inputs)
        return cls(tuple(reversed(aggregations)), tuple(reversed(needed)))

    @classmethod
    def visible(cls, adjacencies: Sequence[Adjacency], rows: Int[Array, "R"]) -> PropagationPlan:
        """Return which rows `to_rows` plans to compute, without the arrows between them."""
        needed = [np.unique(rows)]
        for adjacency in reversed(adjacencies):
            wanted = np.zeros(adjacency.num_nodes, dtype=bool)
            wanted[needed[-1]] = True
            read = np.zeros(adjacency.num_nodes, dtype=bool)
            read[adjacency.sources[wanted[adjacency.targets]]] = True
            needed.append(np.flatnonzero(read))
        return cls((), tuple(reversed(needed)))

    @classmethod
    def full(cls, adjacencies: Sequence[Adjacency]) -> PropagationPlan:
        """Plan how to compute every row of the graph."""
        return cls.to_rows(adjacencies, np.arange(adjacencies[0].num_nodes))

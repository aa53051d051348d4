"""The classifier of one class as a function of the semantic vectors that reach it through a graph network.

For a class of the graph a plan walks back from its one row, so that nothing is computed that cannot reach it. A class
that was added is computed from what the layers put out for the classes around it, and those from the semantic vectors
below them; the function goes the whole way back.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch.nn import functional

from kgzsl.graph.adjacency import Adjacency, find_adjacencies
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.extension import ClassExtension, neighbourhood_adjacency
from kgzsl.propagation import Aggregation, PropagationPlan, Propagator, restrict
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.types import Array, ClassId, Float, Int, Tensor

__all__ = ["PropagatingMethod", "RowFunction", "RowFunctions"]


@dataclass(frozen=True, slots=True, eq=False)
class RowFunction:
    """``row(x)``, differentiable.

    Args:
        nodes: the classes whose vectors reach the row.
        inputs: (M, S) those vectors.
        row: takes vectors (M, S) in the place of the inputs and returns [w, b] (D + 1,), of length one.
        middle: (S,) the mean vector of the graph's classes: what stands for no meaning in particular.
    """

    nodes: tuple[ClassId, ...]
    inputs: Float[Tensor, "M S"]
    row: Callable[[Tensor], Tensor]
    middle: Float[Tensor, "S"]


@runtime_checkable
class PropagatingMethod(Protocol):
    """A fitted method whose rows are computed along the graph from semantic vectors."""

    def row_function(
        self, class_id: ClassId, extension: ClassExtension | None = None, vectors: SemanticEmbedding | None = None
    ) -> RowFunction:
        """Return the classifier of a class as a function of semantic vectors.

        Args:
            class_id: the class.
            extension: its place, where the fitted graph lacks it.
            vectors: semantic vectors of all that the extension brings along.
        """
        ...


class RowFunctions:
    """Makes row functions of one network over one graph.

    Args:
        propagator: the network, fitted.
        graph: the graph of the training.
        semantics: the vectors of its classes.
        node_degrees: the degrees of its classes.
    """

    def __init__(
        self, propagator: Propagator, graph: ClassGraph, semantics: SemanticEmbedding, node_degrees: Int[Array, "C"]
    ) -> None:
        self.propagator = copy.deepcopy(propagator).requires_grad_(False)  # gradients are of the inputs alone
        self.graph, self.semantics, self.node_degrees = graph, semantics, node_degrees

    @cached_property
    def _adjacencies(self) -> list[Adjacency]:
        names = self.propagator.inference_adjacencies
        found = find_adjacencies(names, self.graph)
        return [found[name] for name in names]

    def of(self, class_id: ClassId) -> RowFunction:
        """Return the function of a class of the graph."""
        plan = PropagationPlan.to_rows(self._adjacencies, self.graph.index.rows([class_id]))

        def row(x: Tensor) -> Tensor:
            return self._whole_row(self._last(x, plan))

        return self._function(plan.inputs, [], torch.empty(0, self.semantics.dim), row)

    def of_new(self, extension: ClassExtension, vectors: SemanticEmbedding) -> RowFunction:
        """Return the function of a class that the graph lacks."""
        new = [one.class_id for one in extension.classes]
        steps = self._steps(extension)
        needed = np.unique(np.concatenate([step.inputs for step in steps]))

        def row(x: Tensor) -> Tensor:
            state, carried = x[len(needed) :], None
            for number, step in enumerate(steps):
                known = x[torch.from_numpy(np.searchsorted(needed, step.inputs))]
                held = known if step.plan is None else self._last(known, step.plan)
                own = state[torch.from_numpy(step.own)]
                gathered = torch.cat([held, own]) if len(held) else own
                state = self.propagator.layer_output(number, gathered, step.aggregation, None, carried)
                carried = state if number == self.propagator.carried else carried
            return self._whole_row(state[-1:])

        return self._function(needed, new, vectors.select(new).vectors, row)

    def _steps(self, extension: ClassExtension) -> list[_Step]:
        """Return what each layer gathers for the new classes; known rows stand before new ones."""
        around = extension.neighbourhood(self.graph)
        num_known = around.num_classes - len(extension.classes)
        known = self.graph.index.rows(around.index.ids[:num_known])
        steps = list[_Step]()
        for number, name in enumerate(self.propagator.inference_adjacencies):
            adjacency = neighbourhood_adjacency(name, around, num_known, self.node_degrees[known])
            aggregation, sources = restrict(adjacency, np.arange(num_known, around.num_classes))
            rows, own = known[sources[sources < num_known]], sources[sources >= num_known] - num_known
            plan = PropagationPlan.to_rows(self._adjacencies[:number], rows) if number and len(rows) else None
            steps.append(_Step(aggregation, own, plan, rows if plan is None else plan.inputs))
        return steps

    def _last(self, x: Tensor, plan: PropagationPlan) -> Tensor:
        for output in self.propagator.outputs(x, plan):
            x = output
        return x

    def _whole_row(self, rows: Float[Tensor, "1 _"]) -> Float[Tensor, "O"]:
        """Return [w, b], where the network makes no bias with a zero."""
        return rows[0] if self.propagator.with_bias else functional.pad(rows[0], (0, 1))

    def _function(
        self,
        known: Int[Array, "_"],
        new: Sequence[ClassId],
        vectors: Float[Tensor, "_ S"],
        row: Callable[[Tensor], Tensor],
    ) -> RowFunction:
        nodes = (*(self.graph.index[one] for one in known.tolist()), *new)
        inputs = torch.cat([self.semantics.vectors[torch.from_numpy(known)], vectors])
        return RowFunction(nodes, inputs, row, self.semantics.vectors.mean(dim=0))


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """What one layer gathers for the new classes.

    Args:
        aggregation: the arrows.
        own: which of the new rows it reads.
        plan: how the known rows that it reads are computed; None where they are inputs.
        inputs: rows of the graph whose vectors that takes.
    """

    aggregation: Aggregation
    own: Int[Array, "_"]
    plan: PropagationPlan | None
    inputs: Int[Array, "_"]

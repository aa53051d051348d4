"""What one of several processes computes of a loss over classes: some of them, and the rows that they can see.

The loss is a mean over the fitted classes, so its gradient is the sum of those of parts of the classes. The classes are
cut in the order of a walk through the hierarchy, so that each process has branches of it and sees few rows that others
see too. Masks of dropout are drawn for the rows of all, bit by bit and alike in every process, which then takes its
own: one process and many drop the same inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from kgzsl.errors import RecipeError
from kgzsl.graph.adjacency import Adjacency
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.order import depth_first
from kgzsl.processes import place_among_processes, sum_over_processes
from kgzsl.propagation import DropoutMask, PropagationPlan
from kgzsl.types import Array, Float, Int, Tensor

__all__ = ["Share", "cut_classes", "plan_of_process"]


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """How the rows of one process lie among those of all.

    Args:
        everything: which rows the classes of all processes can see, layer by layer.
        places: where the rows of this process stand among those, a tensor a layer.
    """

    everything: PropagationPlan
    places: tuple[Int[Tensor, "_"], ...]

    @classmethod
    def of(cls, plan: PropagationPlan, everything: PropagationPlan) -> Share:
        """Find the rows of a plan among those of all."""
        pairs = zip(everything.rows, plan.rows, strict=True)
        return cls(everything, tuple(torch.from_numpy(np.searchsorted(whole, own)) for whole, own in pairs))

    @property
    def weight(self) -> float:
        """The classes of this process as a part of all; its mean loss counts so much."""
        return len(self.places[-1]) / len(self.everything.outputs)

    def to(self, device: torch.device) -> Share:
        """Return the share with its places on another device."""
        return Share(self.everything, tuple(places.to(device) for places in self.places))

    def masks(
        self, drawn: Sequence[DropoutMask | None], before: Sequence[DropoutMask | None] | None
    ) -> Sequence[DropoutMask | None]:
        """Return the masks of this process.

        Args:
            drawn: the masks over the rows of all.
            before: what this returned for an earlier epoch; it is filled again.
        """
        earlier = before or [None] * len(drawn)
        return [mask and mask.of_rows(places, old) for mask, places, old in zip(drawn, self.places, earlier)]

    def whole(self, part: Float[Tensor, "R O"]) -> Float[Tensor, "_ O"]:
        """Return the output rows of all processes, which must all call this."""
        rows = part.new_zeros(len(self.everything.outputs), part.shape[1])
        return sum_over_processes(rows.index_copy_(0, self.places[-1], part))

    def add_up(self, parameters: Iterable[nn.Parameter], loss: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """Write the sum over processes into the gradients of the parameters, and return that of the loss."""
        own = [parameter for parameter in parameters if parameter.grad is not None]
        summed = sum_over_processes(torch.cat([*(p.grad.flatten() for p in own if p.grad is not None), loss[None]]))
        for parameter, gradient in zip(own, torch.split(summed, [*(p.numel() for p in own), 1])):
            parameter.grad = gradient.view_as(parameter)
        return summed[-1].clone()


def cut_classes(graph: ClassGraph, rows: Int[Array, "R"], number: int) -> list[Int[Array, "_"]]:
    """Cut classes into parts of equal size, each of classes that stand close together in the hierarchy.

    Args:
        graph: the class graph.
        rows: the classes.
        number: how many parts.

    Raises:
        RecipeError: there are fewer classes than parts.
    """
    if len(rows) < number:
        raise RecipeError(f"{number} processes cannot share {len(rows)} classes; take at most {len(rows)} processes.")
    order = depth_first(graph)
    return np.array_split(order[np.isin(order, rows)], number)


def plan_of_process(
    graph: ClassGraph, adjacencies: Sequence[Adjacency], rows: Int[Array, "R"]
) -> tuple[PropagationPlan, Share | None]:
    """Plan what this process computes of some output rows: all of them where it is alone, with no share.

    Args:
        graph: the class graph.
        adjacencies: the adjacency of each layer, first layer first.
        rows: the rows that all processes compute together, in any order.
    """
    place, number = place_among_processes()
    if number == 1:
        return PropagationPlan.to_rows(adjacencies, rows), None
    plan = PropagationPlan.to_rows(adjacencies, cut_classes(graph, rows, number)[place])
    return plan, Share.of(plan, PropagationPlan.visible(adjacencies, rows))

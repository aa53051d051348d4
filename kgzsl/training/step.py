"""One full-batch step of training: dropout, forward, backward and Adam, on whichever device.

On a CUDA device the thousands of small launches of an epoch cost more than what they compute. There the step is
recorded once as a CUDA graph and replayed, where the network's layers allow it; on the CPU, and for all other networks,
each call runs the same lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from kgzsl.propagation import DropoutMask, Propagator
from kgzsl.training.objectives import Objective
from kgzsl.training.problem import Problem
from kgzsl.types import Float, Tensor

__all__ = ["Replay", "Step", "make_optimiser"]

WARM_UP = 3
"""Steps that run plainly before the next is recorded, as torch asks: by then all memory is laid out."""


def make_optimiser(propagator: Propagator, learning_rate: float, weight_decay: float) -> torch.optim.Adam:
    """Return Adam in one kernel, with a learning rate that a recorded step reads anew at each replay."""
    parameters = list(propagator.parameters())
    device = parameters[0].device
    rate = torch.tensor(learning_rate, dtype=torch.float64 if device.type == "cpu" else torch.float32, device=device)
    return torch.optim.Adam(
        parameters, lr=rate, weight_decay=weight_decay, fused=True, capturable=device.type == "cuda"
    )


class Step:
    """Compute the loss of a problem and move the parameters once.

    Args:
        propagator: the network, in training.
        objective: the loss.
        problem: what is fitted, on the device of the network.
        optimiser: of the parameters.
        generator: of the dropout masks.
        low_precision: whether products run in bfloat16.
    """

    def __init__(
        self,
        propagator: Propagator,
        objective: Objective,
        problem: Problem,
        optimiser: torch.optim.Optimizer,
        generator: torch.Generator,
        *,
        low_precision: bool = False,
    ) -> None:
        self.propagator, self.objective, self.problem = propagator, objective, problem
        self.optimiser, self.generator, self.low_precision = optimiser, generator, low_precision
        self._drawn: Sequence[DropoutMask | None] | None = None
        self._masks: Sequence[DropoutMask | None] | None = None

    def __call__(self) -> Float[Tensor, ""]:
        """Draw masks, compute the loss and its gradients, move the parameters; return the loss before that.

        Processes that share the classes add up their gradients, and all move their parameters alike.
        """
        problem, device = self.problem, self.problem.target.device.type
        self.optimiser.zero_grad(set_to_none=True)
        self._draw_masks()
        with torch.autocast(device, dtype=torch.bfloat16, enabled=self.low_precision):
            predicted = self.propagator(problem.inputs, problem.plan, self._masks)
        loss = self.objective.loss(predicted.float(), problem.target)
        if problem.share is not None:
            loss = problem.share.weight * loss
        loss.backward()  # type: ignore[no-untyped-call]
        loss = loss.detach()
        if problem.share is not None:
            loss = problem.share.add_up(self.propagator.parameters(), loss)
        self.optimiser.step()
        return loss

    def _draw_masks(self) -> None:
        share = self.problem.share
        plan = self.problem.plan if share is None else share.everything
        self._drawn = self.propagator.draw_masks(plan, self.generator, self._drawn)
        self._masks = self._drawn if share is None else share.masks(self._drawn, self._masks)


class Replay:
    """Call a step; on a CUDA device record it after a few calls and replay the record from then on.

    Args:
        step: what to call: it reads and writes the same memory each time and never waits for the device.
        generator: of its random numbers.
    """

    def __init__(self, step: Callable[[], Tensor], generator: torch.Generator) -> None:
        self.step, self.generator = step, generator
        self.on_cuda = generator.device.type == "cuda"
        self.calls = 0
        self._graph: Any = None
        self._result: Tensor | None = None

    def __call__(self) -> Float[Tensor, ""]:
        """Return what the step returns; after recording always the same tensor, with the newest value."""
        self.calls += 1
        if not self.on_cuda or self.calls <= WARM_UP:
            return self._apart() if self.on_cuda else self.step()
        if self._graph is None:
            self._record()
        self._graph.replay()
        assert self._result is not None
        return self._result

    def _apart(self) -> Tensor:
        """Run the step beside the main stream, as all work before a recording has to."""
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            result = self.step()
        torch.cuda.current_stream().wait_stream(side)
        return result

    def _record(self) -> None:
        self._graph = torch.cuda.CUDAGraph()
        self._graph.register_generator_state(self.generator)
        with torch.cuda.graph(self._graph):
            self._result = self.step()

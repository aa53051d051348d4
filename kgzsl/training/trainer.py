"""One visible loop: fit a propagator to the classifiers of the seen classes, on the rows that the loss can see."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from kgzsl.errors import RecipeError, StorageError
from kgzsl.processes import alike_in_processes, place_among_processes, sum_over_processes
from kgzsl.propagation import Propagator
from kgzsl.registry import choose
from kgzsl.runtime import progress as show_progress
from kgzsl.training.checkpoint import Checkpoint, Progress
from kgzsl.training.objectives import Objective
from kgzsl.training.problem import Problem
from kgzsl.training.schedule import SCHEDULES
from kgzsl.training.step import Replay, Step, make_optimiser
from kgzsl.training.validation import CRITERIA, compare_classifiers
from kgzsl.types import Tensor

__all__ = ["PRECISIONS", "Settings", "Trainer"]

log = logging.getLogger(__name__)

PRECISIONS = ("float32", "tf32", "bfloat16")


@dataclass(frozen=True, slots=True)
class Settings:
    """How to optimise.

    Args:
        epochs: full-batch epochs; the most that selection may choose.
        learning_rate: Adam's.
        weight_decay: Adam's L2 penalty on all parameters.
        evaluate_every: epochs between validations on the held-out classes.
        patience: stop when validation has not improved for this many epochs; 0 never stops early.
        criterion: which of `CRITERIA` chooses the epoch.
        precision: ``float32``; ``tf32`` or ``bfloat16`` for the matrix products.
        seed: of initial parameters and dropout.
        schedule: which of `SCHEDULES` the learning rate follows over ``epochs``; ``learning_rate`` is its peak.

    Raises:
        RecipeError: a value is out of range.
    """

    epochs: int = 3000
    learning_rate: float = 1e-3
    weight_decay: float = 5e-4
    evaluate_every: int = 25
    patience: int = 300
    criterion: str = "reciprocal_rank"
    precision: str = "float32"
    seed: int = 0
    schedule: str = "constant"

    def __post_init__(self) -> None:
        for name in ("epochs", "evaluate_every", "patience", "seed"):
            if type(getattr(self, name)) is not int:
                raise RecipeError(f"{name} must be a whole number, found {getattr(self, name)!r}.")
        for name in ("learning_rate", "weight_decay"):
            if type(getattr(self, name)) not in (int, float):
                raise RecipeError(f"{name} must be a number, found {getattr(self, name)!r}.")
        if self.epochs < 1 or self.evaluate_every < 1 or self.patience < 0:
            raise RecipeError("epochs and evaluate_every must be at least 1, patience at least 0.")
        if self.learning_rate <= 0 or self.weight_decay < 0:
            raise RecipeError("learning_rate must be above 0 and weight_decay at least 0.")
        if self.criterion not in CRITERIA:
            raise RecipeError(f"No criterion is called {self.criterion!r}; choose one of {', '.join(CRITERIA)}.")
        if self.precision not in PRECISIONS:
            raise RecipeError(f"No precision is called {self.precision!r}; choose one of {', '.join(PRECISIONS)}.")
        choose(SCHEDULES, self.schedule, "schedule")

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 1."""
        return self.learning_rate * SCHEDULES[self.schedule]((epoch - 1) / self.epochs)


@dataclass(slots=True)
class Trainer:
    """Fit a propagator full-batch with Adam, in up to two phases.

    ``select`` fits the seen classes that are not held out and notes the epoch at which the held-out ones are predicted
    best; ``fit`` starts anew on all seen classes for that many epochs. Killed at any time, the same call goes on from
    the last checkpoint and ends in the same bytes.

    Args:
        propagator: the network; its parameters are drawn anew.
        objective: the loss.
        settings: how to optimise.
        device: where to compute.
        checkpoint: where the training saves itself.
    """

    propagator: Propagator
    objective: Objective
    settings: Settings
    device: torch.device
    checkpoint: Checkpoint
    progress: Progress = field(default_factory=Progress)

    def run(self, select: Callable[[], Problem] | None, fit: Callable[[], Problem]) -> Progress:
        """Run the phases; what was done before a kill is not done again.

        Args:
            select: makes the problem of the selection, with validation; None to fit all epochs at once.
            fit: makes the problem with all seen classes.

        Returns:
            The progress: the chosen epoch is ``best_epoch``.
        """
        with _matmul_precision(self.settings.precision):
            saved = self.checkpoint.read()
            self._check_alike(saved)
            if saved is not None:
                self.progress = saved[0]
                log.info("going on from epoch %d of phase %s", self.progress.epoch, self.progress.phase)
            elif select is None:
                self.progress = Progress(phase="fit", best_epoch=self.settings.epochs)
            tensors = saved[1] if saved is not None else None
            if self.progress.phase == "select":
                assert select is not None
                self._phase(select().to(self.device), self.settings.epochs, tensors)
                chosen = self.progress
                self.progress = Progress("fit", 0, chosen.best_epoch, chosen.best_value, chosen.seconds, chosen.metrics)
                tensors = None
            self._phase(fit().to(self.device), self.progress.best_epoch, tensors)
        self.checkpoint.write_metrics(self.progress.metrics)
        return self.progress

    def _check_alike(self, saved: tuple[Progress, Any] | None) -> None:
        """Refuse to go on where processes found different checkpoints."""
        phase, epoch = (saved[0].phase, saved[0].epoch) if saved is not None else ("", 0)
        if not alike_in_processes(torch.tensor([float(epoch), float(phase == "fit")], device=self.device)):
            raise StorageError(
                f"This process found a checkpoint at epoch {epoch}, and another process another one. All of them need "
                f"the folder {self.checkpoint.folder}; share it, or delete its checkpoint to start anew."
            )

    def _phase(self, problem: Problem, epochs: int, tensors: Any) -> None:
        generator = torch.Generator(self.device).manual_seed(self.settings.seed)
        self.propagator.to("cpu")
        self.propagator.reset(torch.Generator().manual_seed(self.settings.seed))
        self.propagator.to(self.device)
        optimiser = make_optimiser(self.propagator, self.settings.learning_rate, self.settings.weight_decay)
        if tensors is not None:
            Checkpoint.restore(tensors, self.propagator, optimiser, generator)
        low = self.settings.precision == "bfloat16"
        step: Callable[[], Tensor]
        objective = problem.objective or self.objective
        step = Step(self.propagator, objective, problem, optimiser, generator, low_precision=low)
        alone = problem.objective is None and problem.share is None  # others are waited for inside the step
        step = Replay(step, generator) if self.propagator.replayable and alone else step
        done = self.progress.epoch
        title = "choosing epochs" if self.progress.phase == "select" else "training"
        with show_progress(title, epochs) as advance:
            advance(done)
            for epoch in range(done + 1, epochs + 1):
                optimiser.param_groups[0]["lr"].fill_(self.settings.rate(epoch))
                loss = self._epoch(step)
                advance(1, note=f"loss {float(loss):.5f}" if epoch % 10 == 0 else None)
                stop = self._after_epoch(problem, epoch, loss, last=epoch == epochs)
                if stop:
                    break
                if epoch % self.checkpoint.every == 0 or epoch == epochs:
                    self.checkpoint.save(self.progress, self.propagator, optimiser, generator)

    def _epoch(self, step: Callable[[], Tensor]) -> Tensor:
        started = time.perf_counter()
        self.propagator.train()
        loss = step()
        self.progress.seconds += time.perf_counter() - started
        return loss

    def _after_epoch(self, problem: Problem, epoch: int, loss: Tensor, last: bool) -> bool:
        """Log and validate where due; return whether patience has run out."""
        progress, settings = self.progress, self.settings
        progress.epoch = epoch
        if epoch % settings.evaluate_every and not last:
            return False
        record: dict[str, Any] = {"phase": progress.phase, "epoch": epoch, "loss": float(loss)}
        if not torch.isfinite(loss):
            raise RecipeError(f"The loss is {float(loss)} at epoch {epoch}; use a smaller learning_rate.")
        if progress.phase == "select" and problem.validation is not None:
            record |= self._validate(problem.validation)
            if record[settings.criterion] > progress.best_value:
                progress.best_epoch, progress.best_value = epoch, record[settings.criterion]
        progress.metrics.append(record)
        waited = epoch - progress.best_epoch
        return progress.phase == "select" and 0 < settings.patience <= waited

    @torch.no_grad()
    def _validate(self, problem: Problem) -> dict[str, float]:
        self.propagator.eval()
        with self._autocast():
            predicted = self.propagator(problem.inputs, problem.plan).float()
        if problem.share is None:
            return compare_classifiers(predicted, problem.target)
        predicted, target = problem.share.whole(predicted), problem.share.whole(problem.target)
        found = compare_classifiers(predicted, target) if place_among_processes()[0] == 0 else {}
        values = torch.tensor([found.get(name, 0.0) for name in CRITERIA], dtype=torch.float64)
        return dict(zip(CRITERIA, sum_over_processes(values.to(self.device)).tolist()))  # what the first found

    def _autocast(self) -> torch.autocast:
        enabled = self.settings.precision == "bfloat16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=enabled)


class _matmul_precision:  # noqa: N801
    """Allow TF32 matrix products inside the block where asked."""

    def __init__(self, precision: str) -> None:
        self.wanted = "high" if precision == "tf32" else "highest"

    def __enter__(self) -> None:
        self.before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision(self.wanted)

    def __exit__(self, *_: object) -> None:
        torch.set_float32_matmul_precision(self.before)

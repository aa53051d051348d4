"""Several processes that compute one thing together: Lightning Fabric starts them, joins them and averages gradients.

On one machine Fabric starts the processes itself. Under ``torchrun``, which starts them on one or on many machines,
every process comes here with its place in the environment, and joins the others. On the CPU they talk through gloo, on
GPUs through nccl. One process is Fabric's simplest case and goes the same way.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from kgzsl import errors
from kgzsl.errors import KgzslError, MissingDependencyError, MissingResourceError, RecipeError
from kgzsl.registry import choose
from kgzsl.runtime import choose_device
from kgzsl.types import Float, Tensor

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = [
    "PRECISIONS",
    "Processes",
    "alike_in_processes",
    "is_first_process",
    "place_among_processes",
    "started_from_outside",
    "sum_over_processes",
]

PRECISIONS = {"fp32": "32-true", "bf16-mixed": "bf16-mixed", "16-mixed": "16-mixed"}
"""The names of precisions, and what Fabric calls them."""

TORCHRUN = "TORCHELASTIC_RUN_ID"


@dataclass(frozen=True, slots=True)
class Processes:
    """How many processes compute together, where, and in what precision.

    Args:
        number: of processes on this machine, one a device; under ``torchrun`` the number that it started counts.
        device: ``auto``, ``cpu``, ``cuda``, or ``cuda:1`` for one process.
        precision: one of `PRECISIONS`.

    Raises:
        UnknownVariantError: there is no such precision.
        RecipeError: the number is not positive, or one device was named for several processes.
        MissingResourceError: the device is not there, or cannot do the precision.

    Example:
        >>> Processes(2, "cpu").number
        2
    """

    number: int = 1
    device: str = "auto"
    precision: str = "fp32"

    def __post_init__(self) -> None:
        choose(PRECISIONS, self.precision, "precision")
        chosen = choose_device(self.device)
        if type(self.number) is not int or self.number < 1:
            raise RecipeError(f"The number of processes is a whole number from 1, found {self.number!r}.")
        if self.number > 1 and chosen.index is not None:
            raise RecipeError(f"{self.number} processes need a device each; give --device cuda, not {self.device}.")
        if chosen.type == "cuda" and self.number > torch.cuda.device_count():
            raise MissingResourceError(
                f"{self.number} processes need as many CUDA devices, found {torch.cuda.device_count()}."
            )
        if chosen.type == "cpu" and self.precision == "16-mixed":
            raise MissingResourceError("The CPU does not compute in 16-mixed; take bf16-mixed or fp32, or a GPU.")

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what ``function(fabric, *arguments)`` returns in the first process.

        Args:
            function: a function of a module, so that a fresh process finds it; it returns plain values.
            arguments: what is handed to it; they are pickled on their way to other processes.

        Raises:
            KgzslError: what the function raised, in whichever process.
            MissingDependencyError: Lightning Fabric is not installed.
        """
        from torch.multiprocessing.spawn import ProcessRaisedException

        with _own_environment():
            fabric = self._fabric()
            try:
                return fabric.launch(_Call(function, arguments))
            except ProcessRaisedException as error:
                raise _original(str(error)) or error from None

    def _fabric(self) -> Fabric:
        try:
            from lightning_fabric import Fabric
        except ImportError as error:
            message = "Training in processes needs Lightning Fabric; install it with: pip install 'kgzsl[finetune]'"
            raise MissingDependencyError(message) from error
        _quiet()
        device = choose_device(self.device)
        options: dict[str, Any] = {"accelerator": device.type, "precision": PRECISIONS[self.precision]}
        if started_from_outside():
            local = int(os.environ["LOCAL_WORLD_SIZE"])
            nodes = int(os.environ["WORLD_SIZE"]) // local
            return Fabric(strategy="ddp", devices=local, num_nodes=nodes, **options)
        if self.number > 1:
            return Fabric(strategy="ddp_spawn", devices=self.number, **options)
        return Fabric(devices=1 if device.type == "cpu" else [device.index or 0], **options)


def started_from_outside() -> bool:
    """Say whether ``torchrun`` started this process."""
    return TORCHRUN in os.environ


def is_first_process() -> bool:
    """Say whether this process speaks for all: it is the first of those that ``torchrun`` started, or the only one."""
    return not started_from_outside() or os.environ.get("RANK", "0") == "0"


def place_among_processes() -> tuple[int, int]:
    """Return the number of this process among those that compute together, from 0, and how many there are."""
    together = torch.distributed.is_available() and torch.distributed.is_initialized()
    return (torch.distributed.get_rank(), torch.distributed.get_world_size()) if together else (0, 1)


def sum_over_processes(values: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes, which must all call this; it is written over."""
    if place_among_processes()[1] > 1:
        torch.distributed.all_reduce(values)
    return values


def alike_in_processes(values: Float[Tensor, "N"]) -> bool:
    """Say whether all processes, which must all call this, hand in the same numbers."""
    if place_among_processes()[1] == 1:
        return True
    both = torch.cat([values, -values])
    torch.distributed.all_reduce(both, op=torch.distributed.ReduceOp.MAX)
    return bool((both[: len(values)] == -both[len(values) :]).all())


@contextmanager
def _own_environment() -> Iterator[None]:
    """Take back what the launcher writes into the environment of this process."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def _quiet() -> None:
    """Keep Fabric from telling that processes have met, and how it computes."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)


class _Call:
    """A function with its arguments; hidden in here from Fabric, which would look for modules inside them."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.function, self.arguments = function, arguments
        _quiet()

    def __call__(self, fabric: Fabric) -> Any:
        found = self.function(fabric, *self.arguments)
        if place_among_processes()[1] > 1:  # else its threads are ended with the program, which may abort it
            torch.distributed.barrier()
            torch.distributed.destroy_process_group()
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        """Be made anew, and so keep Fabric quiet, in the process it is sent to."""
        return _Call, (self.function, self.arguments)


def _original(traceback: str) -> KgzslError | None:
    """Return the error of ours that ended a process, read from its traceback; None where it was another one."""
    lines = traceback.strip().splitlines()
    start = next((n for n, line in enumerate(lines) if line.startswith("kgzsl.errors.")), None)
    if start is None:
        return None
    name, _, message = "\n".join(lines[start:]).removeprefix("kgzsl.errors.").partition(": ")
    kind = getattr(errors, name, None)
    return kind(message) if isinstance(kind, type) and issubclass(kind, KgzslError) else None

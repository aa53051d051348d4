"""Training that goes on where it was killed: parameters, Adam's moments, the generator and the metrics so far."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kgzsl.errors import CorruptFileError
from kgzsl.processes import place_among_processes
from kgzsl.runtime import load_tensors, save_tensors, write_text
from kgzsl.types import PathLike

__all__ = ["Checkpoint", "Progress"]

FILE = "checkpoint.safetensors"
METRICS = "metrics.jsonl"


@dataclass(slots=True)
class Progress:
    """How far a training has come.

    Args:
        phase: ``select`` while epochs are chosen on held-out classes, ``fit`` afterwards.
        epoch: finished epochs of the phase.
        best_epoch: epoch of the best validation so far.
        best_value: its value.
        seconds: time spent on epochs, in all sittings.
        metrics: one record a logged epoch.
        step: finished steps of the running epoch, where an epoch has several.
    """

    phase: str = "select"
    epoch: int = 0
    best_epoch: int = 0
    best_value: float = float("-inf")
    seconds: float = 0.0
    metrics: list[dict[str, Any]] = field(default_factory=list)
    step: int = 0


class Checkpoint:
    """A folder in which one training saves itself; without a folder nothing is saved.

    Args:
        folder: where, or None.
        fingerprint: sha256 of everything that determines the training; a checkpoint of another training is ignored.
        every: save after this many epochs.
    """

    def __init__(self, folder: PathLike | None, fingerprint: str, every: int = 100) -> None:
        self.folder = None if folder is None else Path(folder)
        self.fingerprint = fingerprint
        self.every = every

    def save(
        self, progress: Progress, module: nn.Module, optimiser: torch.optim.Optimizer, generator: torch.Generator
    ) -> None:
        """Write the state of the training whole or not at all; of several processes only the first writes.

        Raises:
            StorageError: the write failed; the checkpoint before it still stands.
        """
        if self.folder is None or place_among_processes()[0] > 0:
            return
        tensors = {f"parameter.{name}": value for name, value in module.state_dict().items()}
        for number, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{name}": value for name, value in moments.items()}
        tensors["generator"] = generator.get_state()
        state = {
            "phase": progress.phase,
            "epoch": progress.epoch,
            "step": progress.step,
            "best_epoch": progress.best_epoch,
            "best_value": progress.best_value,
            "seconds": progress.seconds,
            "metrics": progress.metrics,
        }
        metadata = {"fingerprint": self.fingerprint, "progress": json.dumps(state)}
        save_tensors(self.folder / FILE, tensors, metadata)
        self.write_metrics(progress.metrics)

    def write_metrics(self, metrics: list[dict[str, Any]]) -> None:
        """Write the metrics so far, one JSON object a line."""
        if self.folder is not None and place_among_processes()[0] == 0:
            write_text(self.folder / METRICS, "".join(json.dumps(record) + "\n" for record in metrics))

    def read(self) -> tuple[Progress, Mapping[str, torch.Tensor]] | None:
        """Return the saved progress and tensors, or None where there are none of this training."""
        if self.folder is None or not (self.folder / FILE).is_file():
            return None
        tensors, metadata = load_tensors(self.folder / FILE)
        if metadata.get("fingerprint") != self.fingerprint:
            return None
        try:
            return Progress(**json.loads(metadata["progress"])), tensors
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise CorruptFileError(f"{self.folder / FILE} is damaged ({error}); delete it to start anew.") from error

    @staticmethod
    def restore(
        tensors: Mapping[str, torch.Tensor],
        module: nn.Module,
        optimiser: torch.optim.Optimizer,
        generator: torch.Generator,
    ) -> None:
        """Put saved tensors back into the module, the optimiser and the generator."""
        prefix = "parameter."
        module.load_state_dict({name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)})
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimiser."):
                _, number, key = name.split(".", 2)
                state.setdefault(int(number), {})[key] = tensor
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
        generator.set_state(tensors["generator"])

    def clear(self) -> None:
        """Remove the checkpoint after the training has ended well; the metrics stay."""
        if self.folder is not None:
            (self.folder / FILE).unlink(missing_ok=True)

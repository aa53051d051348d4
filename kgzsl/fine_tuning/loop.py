"""One visible loop: train a backbone by SGD so that a frozen head classifies its features, in one or many processes.

A step takes the mean cross-entropy over the pictures of one batch, whatever the number of processes: each process
weighs its part so that the averaged gradient is that of the whole batch. A picture that cannot be read adds nothing.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from kgzsl.classes import ClassIndex
from kgzsl.errors import RecipeError
from kgzsl.fine_tuning.pictures import epoch_order, random_cut
from kgzsl.runtime import progress as show_progress
from kgzsl.training import Checkpoint, Progress
from kgzsl.tuning_settings import TuningSettings
from kgzsl.types import Tensor
from kgzsl.vision import Backbone, ImageFile
from kgzsl.vision.extract import batches_of_pixels

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Tuner"]

log = logging.getLogger(__name__)

PHASE = "fine-tune"


@dataclass(slots=True)
class Tuner:
    """Train the parameters of a model that want gradients, and measure it on pictures that are held out.

    Killed at any time, the same call goes on from the last checkpoint; on the CPU it ends in the same bytes.

    Args:
        fabric: the processes.
        model: pixels (N, 3, H, W) to an object with ``logits`` (N, C).
        backbone: whose preprocessing makes pixels.
        index: the class of each logit.
        train, held_out: pictures to train on and to measure on.
        settings: how to optimise.
        checkpoint: where the training saves itself.
    """

    fabric: Fabric
    model: nn.Module
    backbone: Backbone
    index: ClassIndex
    train: Sequence[ImageFile]
    held_out: Sequence[ImageFile]
    settings: TuningSettings
    checkpoint: Checkpoint
    progress: Progress = field(default_factory=lambda: Progress(phase=PHASE))
    unread: int = 0

    def run(self) -> Progress:
        """Train, and return the progress with one record an epoch; the first is of before the training.

        Raises:
            RecipeError: a batch cannot be shared among the processes evenly, or the loss is no number.
        """
        world = self.fabric.world_size
        if self.settings.batch % world:
            raise RecipeError(
                f"A batch of {self.settings.batch} pictures cannot be shared evenly by {world} processes; "
                f"take --batch {max(1, self.settings.batch // world) * world}."
            )
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        _set_mode(self.model, self.settings.batch_norm)
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        rate, momentum, decay = self.settings.learning_rate, self.settings.momentum, self.settings.weight_decay
        optimiser = torch.optim.SGD(trained, lr=rate, momentum=momentum, weight_decay=decay)
        model, stepper = self.fabric.setup(self.model, optimiser)
        if (saved := self.checkpoint.read()) is not None:
            self.progress = saved[0]
            Checkpoint.restore(saved[1], self.model, optimiser, torch.Generator())
            log.info("going on from step %d of epoch %d", self.progress.step, self.progress.epoch + 1)
        if not self.progress.metrics:
            self.progress.metrics.append({"phase": PHASE, "epoch": 0, **self._measure()})
        for epoch in range(self.progress.epoch + 1, self.settings.epochs + 1):
            self._epoch(model, stepper, optimiser, epoch)
        return self.progress

    def num_unread(self) -> int:
        """Return how many times a picture could not be read, in this sitting and all processes; all must call it."""
        return int(self._sum(torch.tensor(float(self.unread), device=self.fabric.device))[0])

    def _epoch(self, model: Any, stepper: Any, optimiser: torch.optim.Optimizer, epoch: int) -> None:
        started, progress = time.perf_counter(), self.progress
        if progress.step == 0:
            progress.metrics.append({"phase": PHASE, "epoch": epoch, "loss": 0.0, "pictures": 0})
        steps = math.ceil(len(self.train) / self.settings.batch)
        with show_progress(f"epoch {epoch} of {self.settings.epochs}", steps) as advance:
            advance(progress.step)
            with closing(self._batches(epoch)) as batches:
                for pixels, labels, count in batches:
                    self._step(model, stepper, pixels, labels, count)
                    progress.step += 1
                    advance(1, note=f"loss {progress.metrics[-1]['loss']:.4f}")
                    if progress.step % self.settings.checkpoint_every == 0 and progress.step < steps:
                        self._save(optimiser, started)
                        started = time.perf_counter()
        progress.epoch, progress.step = epoch, 0
        progress.metrics[-1] |= self._measure()
        self._save(optimiser, started)

    def _step(self, model: Any, stepper: Any, pixels: Tensor, labels: Tensor, count: int) -> None:
        """Do one step; ``count`` is the number of pictures of the whole batch."""
        stepper.zero_grad(set_to_none=True)
        logits = model(pixel_values=pixels).logits.float()
        total = functional.cross_entropy(logits[: len(labels)], labels, reduction="sum") + 0 * logits.sum()
        self.fabric.backward(total * (self.fabric.world_size / count))  # processes' gradients are averaged
        stepper.step()
        loss, read = self._sum(torch.stack([total.detach(), total.new_tensor(len(labels))])).tolist()
        if not math.isfinite(loss):
            raise RecipeError(f"The loss is {loss} in epoch {self.progress.epoch + 1}; use a smaller learning rate.")
        record = self.progress.metrics[-1]
        before = record["pictures"]
        record["pictures"] = before + int(read)
        record["loss"] = (record["loss"] * before + loss) / max(1, before + int(read))

    def _batches(self, epoch: int) -> Generator[tuple[Tensor, Tensor, int], None, None]:
        """Yield this process's pixels and labels of each batch that is left, and the whole batch's number of pictures.

        Where this process has no picture in a batch there is one black picture and no label, for all take every step.
        """
        settings, rank, world = self.settings, self.fabric.global_rank, self.fabric.world_size
        order = epoch_order(len(self.train), epoch, settings.seed)
        own = [self.train[row] for row in order[rank::world]]
        size = settings.batch // world
        cut = random_cut(self.backbone.preprocess, self.train, epoch, settings.seed, settings.crop)
        first = self.progress.step
        decoded = batches_of_pixels(own[first * size :], self.backbone, batch_size=size, cut=cut)
        starts = range(first * settings.batch, len(order), settings.batch)
        with closing(decoded):
            for start, (rows, pixels, skipped) in zip(starts, chain(decoded, repeat(([], None, [])))):
                place = start // world
                self._tell(skipped)
                labels = [self.index.row(str(own[place + row].class_id)) for row in rows]
                yield *self._ready(pixels, labels), min(settings.batch, len(order) - start)

    def _ready(self, pixels: Tensor | None, labels: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Put a batch on the device; no pixels become one black picture."""
        ready = torch.zeros(1, 3, *self.backbone.preprocess.size) if pixels is None else pixels.float()
        device = self.fabric.device
        return ready.to(device), torch.tensor(labels, dtype=torch.int64, device=device)

    def _tell(self, skipped: Sequence[tuple[int, str]]) -> None:
        for _, reason in skipped:
            self.unread += 1
            log.warning("left out: %s", reason)

    @torch.no_grad()
    def _measure(self) -> dict[str, float]:
        """Return loss and accuracy (percent) on the pictures that are held out, uncut; nothing where there are none."""
        if not self.held_out:
            return {}
        self.model.eval()
        own = self.held_out[self.fabric.global_rank :: self.fabric.world_size]
        sums = torch.zeros(3, dtype=torch.float64, device=self.fabric.device)
        size = max(1, self.settings.batch // self.fabric.world_size)
        for number, (rows, found, _) in enumerate(batches_of_pixels(own, self.backbone, batch_size=size)):
            if found is None:
                continue
            classes = [self.index.row(str(own[number * size + row].class_id)) for row in rows]
            pixels, labels = self._ready(found, classes)
            with self.fabric.autocast():  # the model itself: numbers of batches may differ between processes
                logits = self.model(pixel_values=pixels).logits.float()
            loss, right = (
                functional.cross_entropy(logits, labels, reduction="sum"),
                (logits.argmax(dim=1) == labels).sum(),
            )
            sums += torch.stack([loss.double(), right.double(), sums.new_tensor(len(rows))])
        _set_mode(self.model, self.settings.batch_norm)
        total, hits, count = self._sum(sums).tolist()
        return {"held_out_loss": total / count, "held_out_accuracy": 100 * hits / count} if count else {}

    def _sum(self, values: Tensor) -> Tensor:
        total: Any = self.fabric.all_reduce(values.reshape(-1).double(), reduce_op="sum")
        return total  # type: ignore[no-any-return]

    def _save(self, optimiser: torch.optim.Optimizer, started: float) -> None:
        self.progress.seconds += time.perf_counter() - started
        if self.fabric.is_global_zero:
            self.checkpoint.save(self.progress, self.model, optimiser, torch.Generator())
        self.fabric.barrier()


def _set_mode(model: nn.Module, batch_norm: str) -> None:
    """Leave dropout off, and batch norm too unless its statistics shall follow the batches."""
    model.eval()
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.train(batch_norm == "update")

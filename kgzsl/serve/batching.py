"""Pictures of concurrent requests, put through the backbone together.

One thread runs the backbone. While it works, further requests queue up; when it is done it takes all that wait, up to
the size of a batch. A lone request never waits for company. What may wait is bounded: a full queue refuses at once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import torch

from kgzsl.errors import KgzslError
from kgzsl.types import Float, Tensor

__all__ = ["BusyError", "FeatureBatcher"]


class BusyError(KgzslError, RuntimeError):
    """So much waits already that a request is refused; the client may try again."""


class FeatureBatcher:
    """Turns pixels into features, those of several callers in one batch.

    Args:
        features: the backbone, pixels (N, 3, H, W) to features (N, D) on the CPU.
        batch_size: pictures that are taken together, at most.
        waiting: pictures that may wait, those of all callers together.
        observe: told the size of every batch.
    """

    def __init__(
        self,
        features: Callable[[Tensor], Tensor],
        *,
        batch_size: int = 32,
        waiting: int = 128,
        observe: Callable[[int], object] = lambda size: None,
    ) -> None:
        self._features, self._batch_size, self._waiting, self._observe = features, batch_size, waiting, observe
        self._queue: deque[tuple[Tensor, Future[Tensor]]] = deque()
        self._changed = threading.Condition()
        self._is_open = True
        self._thread = threading.Thread(target=self._work, name="kgzsl-backbone", daemon=True)
        self._thread.start()

    @property
    def num_waiting(self) -> int:
        """How many pictures wait."""
        return len(self._queue)

    def __call__(self, pixels: Sequence[Float[Tensor, "3 H W"]]) -> Float[Tensor, "N D"]:
        """Return the features of pictures, and wait for them.

        Raises:
            BusyError: too many pictures wait already, or the service stops.
        """
        futures = self._submit(pixels)
        return torch.stack([future.result() for future in futures])

    def _submit(self, pixels: Sequence[Tensor]) -> list[Future[Tensor]]:
        futures: list[Future[Tensor]] = [Future() for _ in pixels]
        with self._changed:
            if not self._is_open:
                raise BusyError("The service is stopping; ask again when it is back.")
            if len(self._queue) + len(pixels) > self._waiting:
                raise BusyError(
                    f"{len(self._queue)} pictures wait already and {self._waiting} may; ask again in a moment, or send "
                    "fewer pictures at once."
                )
            self._queue.extend(zip(pixels, futures))
            self._changed.notify()
        return futures

    def close(self) -> None:
        """Finish what waits, and stop."""
        with self._changed:
            self._is_open = False
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._take():
            try:
                rows = self._features(torch.stack([pixels for pixels, _ in batch]))
                for row, (_, future) in zip(rows, batch, strict=True):
                    future.set_result(row)
            except Exception as error:  # every caller of the batch must be told
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)

    def _take(self) -> list[tuple[Tensor, Future[Tensor]]]:
        """Wait for pictures and return those of one shape that wait in front; nothing once it is closed and empty."""
        with self._changed:
            while not self._queue and self._is_open:
                self._changed.wait()
            batch: list[tuple[Tensor, Future[Tensor]]] = []
            while self._queue and len(batch) < self._batch_size:
                if batch and self._queue[0][0].shape != batch[0][0].shape:
                    break
                batch.append(self._queue.popleft())
        if batch:
            self._observe(len(batch))
        return batch

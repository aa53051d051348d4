"""Pictures of several callers in one batch: each gets its own rows, a full queue refuses, errors reach everybody."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from kgzsl.serve.batching import BusyError, FeatureBatcher


def pixels(value: float, size: int = 2) -> torch.Tensor:
    return torch.full((3, size, size), float(value))


class Gated:
    """A backbone that waits until it is let go, and keeps the sizes of its batches."""

    def __init__(self) -> None:
        self.go, self.begun = threading.Event(), threading.Event()
        self.sizes: list[int] = []

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        self.begun.set()
        assert self.go.wait(10)
        self.sizes.append(len(batch))
        return batch.mean(dim=(2, 3))


def test_what_waits_is_taken_together_and_everybody_gets_own_rows() -> None:
    backbone = Gated()
    batcher = FeatureBatcher(backbone, batch_size=4)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(batcher, [pixels(0)])
        assert backbone.begun.wait(10)
        rest = [pool.submit(batcher, [pixels(number), pixels(number + 0.5)]) for number in range(1, 4)]
        while batcher.num_waiting < 6:
            pass
        backbone.go.set()
        assert first.result().tolist() == [[0.0] * 3]
        for number, future in enumerate(rest, start=1):
            assert future.result().tolist() == [[number] * 3, [number + 0.5] * 3]
    batcher.close()
    assert backbone.sizes == [1, 4, 2]


def test_pictures_of_different_sizes_are_not_stacked() -> None:
    backbone = Gated()
    batcher = FeatureBatcher(backbone)
    backbone.go.set()
    assert batcher([pixels(1), pixels(2, 3), pixels(3)]).tolist() == [[1.0] * 3, [2.0] * 3, [3.0] * 3]
    batcher.close()


def test_a_full_queue_refuses_at_once() -> None:
    backbone = Gated()
    batcher = FeatureBatcher(backbone, batch_size=1, waiting=2)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(batcher, [pixels(0)])
        assert backbone.begun.wait(10)
        second = pool.submit(batcher, [pixels(1), pixels(2)])
        while batcher.num_waiting < 2:
            pass
        with pytest.raises(BusyError, match="2 pictures wait already and 2 may"):
            batcher([pixels(3)])
        backbone.go.set()
        assert len(first.result()) == 1 and len(second.result()) == 2
    batcher.close()
    with pytest.raises(BusyError, match="is stopping"):
        batcher([pixels(4)])


def test_an_error_reaches_every_caller_and_the_next_is_served() -> None:
    def features(batch: torch.Tensor) -> torch.Tensor:
        if float(batch.max()) > 5:
            raise ValueError("too bright")
        return batch.mean(dim=(2, 3))

    batcher = FeatureBatcher(features)
    with pytest.raises(ValueError, match="too bright"):
        batcher([pixels(9)])
    assert batcher([pixels(1)]).tolist() == [[1.0] * 3]
    batcher.close()

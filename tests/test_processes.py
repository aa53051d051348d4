"""Several processes: what is refused, what comes back from them, how torchrun is told."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch

from kgzsl.errors import InputFileError, MissingResourceError, RecipeError, UnknownVariantError
from kgzsl.processes import (
    TORCHRUN,
    Processes,
    _original,
    is_first_process,
    place_among_processes,
    started_from_outside,
    sum_over_processes,
)

TRACEBACK = """

-- Process 1 terminated with the following error:
Traceback (most recent call last):
  File "loop.py", line 10, in run
    raise InputFileError("No pictures: check the path.")
{name}: No pictures: check the path.
"""


def double(fabric: Any, number: int) -> dict[str, Any]:
    return {"twice": 2 * number, "world": fabric.world_size, "device": str(fabric.device)}


def refuse(fabric: Any) -> None:
    raise InputFileError("No pictures.")


def test_one_process_runs_a_function_and_hands_on_its_error() -> None:
    pytest.importorskip("lightning_fabric", reason='needs pip install "kgzsl[finetune]"')
    before = dict(os.environ)
    assert Processes(1, "cpu").run(double, 21) == {"twice": 42, "world": 1, "device": "cpu"}
    with pytest.raises(InputFileError, match="No pictures"):
        Processes(1, "cpu").run(refuse)
    assert dict(os.environ) == before


def test_what_cannot_be_is_refused_before_anything_starts() -> None:
    with pytest.raises(UnknownVariantError, match="No precision is called 'fp16'; choose one of 16-mixed, bf16-mixed"):
        Processes(1, "cpu", "fp16")
    with pytest.raises(RecipeError, match="whole number from 1, found 0"):
        Processes(0, "cpu")
    with pytest.raises(MissingResourceError, match="The CPU does not compute in 16-mixed"):
        Processes(1, "cpu", "16-mixed")


def test_an_error_of_ours_is_read_from_the_traceback_of_a_process() -> None:
    found = _original(TRACEBACK.format(name="kgzsl.errors.InputFileError"))
    assert type(found) is InputFileError and str(found) == "No pictures: check the path."
    assert _original(TRACEBACK.format(name="ValueError")) is None


def test_alone_a_sum_over_processes_is_the_value() -> None:
    assert place_among_processes() == (0, 1)
    assert sum_over_processes(torch.tensor([2.0, 3.0])).tolist() == [2.0, 3.0]


def test_torchrun_says_how_many_and_which(monkeypatch: pytest.MonkeyPatch) -> None:
    fabric = pytest.importorskip("lightning_fabric", reason='needs pip install "kgzsl[finetune]"')
    assert is_first_process() and not started_from_outside()
    for name, value in {TORCHRUN: "job", "RANK": "5", "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "6"}.items():
        monkeypatch.setenv(name, value)
    asked: dict[str, Any] = {}
    monkeypatch.setattr(fabric, "Fabric", lambda **options: asked.update(options))
    Processes(1, "cpu", "bf16-mixed")._fabric()
    assert started_from_outside() and not is_first_process()
    assert asked == {
        "strategy": "ddp", "devices": 2, "num_nodes": 3, "accelerator": "cpu", "precision": "bf16-mixed"
    }  # fmt: skip

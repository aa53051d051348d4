"""A training killed mid-way goes on and ends in the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kgzsl.errors import CorruptFileError
from kgzsl.training import Checkpoint

KEPT = ("bank.safetensors", "model.safetensors", "states.safetensors", "metrics.jsonl", "recipe.toml")


def start(recipe: Path, out: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "KGZSL_HOME": str(recipe.parent / "home"), "OMP_NUM_THREADS": "1"}
    settings = ["--set", "method.epochs=1500", "method.patience=0"]
    command = [
        sys.executable,
        "-c",
        "from kgzsl.cli import main; main()",
        "train",
        str(recipe),
        "--out",
        str(out),
        *settings,
    ]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_killed_training_resumes_to_the_same_bytes(toy_recipe: Path, tmp_path: Path) -> None:
    whole = start(toy_recipe, tmp_path / "whole")
    killed = start(toy_recipe, tmp_path / "killed")
    note = tmp_path / "killed" / "checkpoint.safetensors"
    deadline = time.monotonic() + 120
    while not note.exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL, "the training ended before it could be killed"
    if killed.stderr:
        killed.stderr.close()
    assert not (tmp_path / "killed" / "manifest.json").exists()
    again = start(toy_recipe, tmp_path / "killed")
    for run in (whole, again):
        _, errors = run.communicate(timeout=300)
        assert run.returncode == 0, errors.decode()
    for name in KEPT:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes(), name
    epochs = [json.loads(line)["epoch"] for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()]
    assert epochs[:3] == [20, 40, 60] and max(epochs) == 1500


def test_a_checkpoint_of_another_training_is_left_aside(tmp_path: Path, toy_run: Path) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes((toy_run / "bank.safetensors").read_bytes())
    assert Checkpoint(tmp_path, "another").read() is None


def test_a_truncated_checkpoint_is_reported(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(b"\x10\x00\x00")
    with pytest.raises(CorruptFileError, match="not a whole safetensors file"):
        Checkpoint(tmp_path, "any").read()

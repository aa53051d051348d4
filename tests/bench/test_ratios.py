"""Claims of speed, measured with both sides in one run; never an absolute time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.mark.slow
def test_an_epoch_of_dgp_is_near_its_floor_and_far_from_the_plain_formula() -> None:
    options = ["--rounds", "1", "--epochs", "10", "--threads", "1", "--json"]
    command = [sys.executable, str(SCRIPTS / "bench_training.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    ratio = found["ratio"]
    assert ratio["cpu"] >= 80, ratio
    assert ratio["over_floor_cpu"] <= 1.5, ratio
    assert ratio["over_floor_onednn_cpu"] <= 1.9, ratio
    assert ratio["memory_mb"] >= 6, ratio
    assert found["kgzsl"]["memory_mb"] < 600, found

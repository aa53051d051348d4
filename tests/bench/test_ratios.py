"""Claims of speed, measured with both sides in one run; never an absolute time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.mark.slow
def test_an_epoch_of_dgp_costs_a_fortieth_of_the_plain_formula_and_a_quarter_of_its_memory() -> None:
    command = [
        sys.executable,
        str(SCRIPTS / "bench_training.py"),
        "--rounds",
        "1",
        "--epochs",
        "5",
        "--threads",
        "1",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ratio = json.loads(done.stdout)["ratio"]
    assert ratio["cpu"] >= 40, ratio
    assert ratio["memory_mb"] >= 4, ratio

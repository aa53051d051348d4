"""The toy recipe trained by two processes of torchrun."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from kgzsl.recipe import Recipe
from kgzsl.run_folder import RunFolder


@pytest.fixture
def by_one_and_two(toy_recipe: Path, tmp_path: Path) -> Callable[[Sequence[str]], None]:
    """A function that trains by one process and by two of torchrun, and asserts that they agree to rounding."""
    pytest.importorskip("lightning_fabric", reason='needs pip install "kgzsl[finetune]"')

    def train(settings: Sequence[str]) -> None:
        one = Recipe.load(toy_recipe, settings).train(tmp_path / "one", device="cpu")
        words = ["train", str(toy_recipe), "--out", str(tmp_path / "two"), "--device", "cpu", "--set", *settings]
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        done = subprocess.run(
            [*launcher, "-m", "kgzsl", *words], capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0 and done.stdout.count("graph_regression trained") == 1, done.stderr
        assert_same(one, RunFolder(tmp_path / "two"))

    return train


def assert_same(one: RunFolder, two: RunFolder) -> None:
    """Assert that two runs are of the same inputs and epochs, and agree to rounding."""
    assert two.manifest["inputs"] == one.manifest["inputs"]
    assert two.manifest["epochs"] == one.manifest["epochs"]
    assert torch.allclose(two.bank.weights, one.bank.weights, atol=1e-5)
    assert torch.allclose(two.bank.biases, one.bank.biases, atol=1e-5)


@pytest.fixture
def same() -> Callable[[RunFolder, RunFolder], None]:
    """`assert_same`."""
    return assert_same

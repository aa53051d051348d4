"""Runs over the toy world by several methods, and classifiers of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.recipe import Recipe

KERNEL = 'name = "kernel_regression"\n'
METHODS = {
    "kernel_regression": KERNEL,
    "conse": 'name = "conse"\n',
    "devise": 'name = "devise"\nepochs = 10\n',
    "ensemble": 'name = "ensemble"\n[[method.members]]\nname = "kernel_regression"\n[[method.members]]\n'
    'name = "exem"\n',
    "mixed": 'name = "ensemble"\n[[method.members]]\nname = "kernel_regression"\n[[method.members]]\n'
    'name = "graph_regression"\nnetwork = "sgcn"\nnetwork_options = { hidden = [8] }\nepochs = 20\nheld_out = 0.0\n',
    "graph_regression": 'name = "graph_regression"\nnetwork_options = { hidden = 8 }\nepochs = 20\nheld_out = 0.0\n',
    "nearest_seen": 'name = "nearest_seen"\n',
}


@pytest.fixture(scope="session")
def run_of(toy_run: Path) -> Callable[[str], Path]:
    """A function that returns the run folder of a method, trained once."""

    @cache
    def train(name: str) -> Path:
        whole = (toy_run.parent / "recipe.toml").read_text(encoding="utf-8")
        recipe = toy_run.parent / f"{name}.toml"
        recipe.write_text(whole[: whole.index("[method]")] + "[method]\n" + METHODS[name], encoding="utf-8")
        Recipe.load(recipe).train(toy_run.parent / name)
        return toy_run.parent / name

    return train


@pytest.fixture
def classifier_of(run_of: Callable[[str], Path], stand_ins: ModuleType) -> Callable[[str], ZeroShotClassifier]:
    """A function that returns a fresh classifier of a method, with an encoder of its own for new classes."""
    return lambda name: ZeroShotClassifier.load(run_of(name), encoder=stand_ins.seeded("toy", 4))

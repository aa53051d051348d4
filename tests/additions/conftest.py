"""A classifier over a small piece of WordNet, with few nouns beside it and an encoder whose vectors are made up."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.graph import load_graph, wordnet
from kgzsl.graph.class_graph import ClassGraph

FURTHER = ("n02439398", "n10737964", "n10694258", "n02012849", "n03126707", "n02958343", "n02128925", "n02084071")
"""Okapi, unicorn, teacher, two cranes, car, jaguar, dog."""


@pytest.fixture(scope="session")
def few_nouns(small_world: ModuleType) -> ClassGraph:
    nouns = load_graph("wordnet-nouns")
    wanted = {*small_world.SEEN, *small_world.UNSEEN, *FURTHER}
    return nouns.subgraph(wanted | nouns.ancestors(wanted), name="few nouns")


@pytest.fixture
def run(wordnet_run: Path, tmp_path: Path) -> Path:
    """A run folder that may be written to."""
    shutil.copytree(wordnet_run, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def reopen(
    run: Path, few_nouns: ClassGraph, stand_ins: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., ZeroShotClassifier]:
    monkeypatch.setattr("kgzsl.classifier.load_graph", lambda name: few_nouns)
    monkeypatch.setattr(wordnet, "definitions", lambda class_ids: {})
    return lambda folder=run: ZeroShotClassifier.load(folder, encoder=stand_ins.seeded())


@pytest.fixture
def classifier(reopen: Callable[..., ZeroShotClassifier]) -> ZeroShotClassifier:
    return reopen()

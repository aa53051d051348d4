"""Fixtures that every room shares."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import hypothesis
import jaxtyping
import numpy as np
import pytest

hypothesis.settings.register_profile("kgzsl", deadline=None)  # a slow machine is no failure
hypothesis.settings.load_profile("kgzsl")

SHAPED_ROOMS = (
    *("kgzsl.expectation", "kgzsl.explain", "kgzsl.bulk.sources", "kgzsl.bulk.vectors"),
    *(
        "kgzsl.bank",
        "kgzsl.quantisation",
        "kgzsl.features",
        "kgzsl.seen_bank",
        "kgzsl.graph.adjacency",
        "kgzsl.graph.hops",
    ),
    "kgzsl.graph.extension",
    *("kgzsl.semantics", "kgzsl.propagation", "kgzsl.training", "kgzsl.scoring", "kgzsl.evaluation", "kgzsl.methods"),
    *("kgzsl.additions", "kgzsl.classifier", "kgzsl.vision.backbone", "kgzsl.vision.labels", "kgzsl.vision.preprocess"),
    "kgzsl.vision.shards",
    *(
        "kgzsl.benchmarks",
        "kgzsl.cross_validation",
        "kgzsl.export",
        "kgzsl.few_images",
        "kgzsl.transduction",
        "kgzsl.meta_learning",
        "kgzsl.domain_shift",
        "kgzsl.fine_tuning",
        "kgzsl.plots",
    ),
)
"""Where signatures are checked while the tests run: every module that names shapes, but for three.

kgzsl.graph.class_graph and induce ask for single rows so often that checks would take most of the time, and
kgzsl.vision.extract meets stand-ins of a backbone.
"""

# The hook sees only what is imported after it, so it stands here and not in a fixture. An int may stand for a float.
jaxtyping.install_import_hook(SHAPED_ROOMS, "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

ENCODER_WORDS = {
    "okapi": (1, 0, 0),
    "zebra": (0, 2, 0),
    "animal": (0, 0, 3),
    "striped": (1, 1, 1),
    "nothing": (0, 0, 0),
}
"""What `tiny_encoder` knows; any other word is ``nothing``."""


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real data; the test is skipped with a reason where there is none."""
    root = os.environ.get("KGZSL_ASSETS")
    if not root:
        pytest.skip("needs real data: set KGZSL_ASSETS to the folder that holds backbones/, features/ and images/")
    return Path(root)


@pytest.fixture
def kgzsl(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """A function that takes the words of a command line and returns the exit code."""

    from kgzsl.cli import main

    def run(*words: object) -> int:
        monkeypatch.setattr(sys, "argv", ["kgzsl", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return int(stopped.value.code or 0)

    return run


@pytest.fixture
def unchecked_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave signatures unchecked, as for users, so that kgzsl's own errors about shapes are reached."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests' caches out of the user's."""
    monkeypatch.setenv("KGZSL_HOME", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sentence-transformers model; a text is the mean of its words in `ENCODER_WORDS`."""
    pytest.importorskip("sentence_transformers", reason='needs pip install "kgzsl[text]"')
    from sentence_transformers import SentenceTransformer

    try:
        from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    except ImportError:  # before version 6
        from sentence_transformers.models import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({word: row for row, word in enumerate(ENCODER_WORDS)}, unk_token="nothing"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    folder = tmp_path_factory.mktemp("encoder")
    module = StaticEmbedding(tokenizer, embedding_weights=np.array([*ENCODER_WORDS.values()], dtype=np.float32))
    SentenceTransformer(modules=[module], device="cpu").save(str(folder))
    return folder


@pytest.fixture
def toy_recipe(tmp_path: Path) -> Path:
    """A recipe over the toy world, with all its files beside it."""
    return toy_files().write_toy(tmp_path)


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder trained on the toy world."""
    from kgzsl.recipe import Recipe

    folder = tmp_path_factory.mktemp("toy")
    Recipe.load(toy_files().write_toy(folder)).train(folder / "run")
    return folder / "run"


@pytest.fixture(scope="session")
def small_world() -> ModuleType:
    """The module tests/wordnet_files.py: a small piece of WordNet."""
    return module_beside("wordnet_files")


@pytest.fixture(scope="session")
def wordnet_run(small_world: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder trained on a small piece of WordNet; its recipe and features lie beside it."""
    from kgzsl.recipe import Recipe

    folder = tmp_path_factory.mktemp("wordnet")
    Recipe.load(small_world.write_small(folder)).train(folder / "run")
    return folder / "run"


@pytest.fixture(scope="session")
def stand_ins() -> ModuleType:
    """The module tests/stand_in_encoders.py: encoders whose vectors can be written down."""
    return module_beside("stand_in_encoders")


def toy_files() -> ModuleType:
    """Import tests/toy_files.py."""
    return module_beside("toy_files")


def module_beside(name: str) -> ModuleType:
    """Import a module of this folder by its path."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

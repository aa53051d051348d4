"""``kgzsl import-gbu``: from published files to a run, word by word."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from kgzsl.evaluation import KINDS


def published_form():
    place = Path(__file__).resolve().parents[1] / "benchmarks" / "conftest.py"
    spec = importlib.util.spec_from_file_location("published_form", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    scipy_io = pytest.importorskip("scipy.io")
    splits, images = published_form().published()
    images["features"] = np.random.default_rng(0).normal(size=(4, 10))
    (tmp_path / "ZOO").mkdir()
    scipy_io.savemat(tmp_path / "ZOO" / "att_splits.mat", splits)
    scipy_io.savemat(tmp_path / "ZOO" / "res101.mat", images)
    return tmp_path / "ZOO"


def test_what_it_writes_trains_and_is_evaluated(folder, tmp_path, kgzsl, capsys):
    assert kgzsl("import-gbu", folder, "--out", tmp_path / "zoo") == 0
    shown = capsys.readouterr()
    assert "3 seen and 2 unseen classes, 3 attributes, 0 validation sets, 0 edges" in shown.out
    assert "images: 4 of seen classes, 3 to test them, 3 of unseen classes" in shown.out
    recipe = tmp_path / "zoo" / "recipe.toml"
    assert shown.err == f"Next: kgzsl train {recipe} --out RUN\n"
    assert kgzsl("train", recipe, "--out", tmp_path / "run") == 0
    for kind, file in (("own", "test-unseen"), ("all", "test-seen")):
        assert kind in KINDS
        images = tmp_path / "zoo" / f"{file}.safetensors"
        assert kgzsl("evaluate", tmp_path / "run", "--features", images, "--candidates", kind) == 0
    assert "3 images of 2 classes" in capsys.readouterr().out


def test_without_features_it_says_what_is_missing(folder, tmp_path, kgzsl, capsys):
    (folder / "res101.mat").unlink()
    (folder / "trainvalclasses.txt").write_text("002.Zebra\nowl\nsaw\n")
    (folder / "testclasses.txt").write_text("okapi\nkiller+whale\n")
    assert kgzsl("import-gbu", folder, "--out", tmp_path / "zoo", "--attributes", "original_att") == 0
    shown = capsys.readouterr()
    assert "3 seen and 2 unseen classes" in shown.out
    assert "holds no res101.mat, so there are no features and no recipe" in shown.err


def test_a_taxonomy_gives_edges(folder, tmp_path, kgzsl, capsys):
    lines = ["002.Zebra\tanimal", "killer+whale\tanimal", "owl\tanimal", "okapi\tanimal", "saw\ttool"]
    (tmp_path / "taxonomy.tsv").write_text("\n".join(lines) + "\n")
    assert kgzsl("import-gbu", folder, "--out", tmp_path / "zoo", "--taxonomy", tmp_path / "taxonomy.tsv") == 0
    assert "5 edges" in capsys.readouterr().out


def test_what_is_wrong_is_one_line(folder, tmp_path, kgzsl, capsys):
    assert kgzsl("import-gbu", tmp_path / "nowhere", "--out", tmp_path / "zoo") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "att_splits.mat: No such file" in error
    assert kgzsl("import-gbu", folder, "--out", tmp_path / "zoo", "--attributes", "binary") == 2
    assert "one of att, original_att, standardised, found 'binary'" in capsys.readouterr().err

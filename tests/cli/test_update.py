"""``kgzsl update``: one line on what changed, JSON, kept in the run folder, and one clear line for bad input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.calibrations import calibrate
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.cli.measured_run import with_new
from kgzsl.hidden_classes import CalibrationData
from kgzsl.run_folder import RunFolder
from kgzsl.toy import toy_features, toy_seen_features

Kgzsl = Callable[..., int]


@pytest.fixture
def run(toy_run: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(toy_run, tmp_path / "run"))
    calibrate(CalibrationData.of(RunFolder(folder), toy_seen_features()), ["few_images"])
    toy_features().save(tmp_path / "images.safetensors")
    return folder


def test_pictures_are_taken_in_and_kept(kgzsl: Kgzsl, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = run.parent / "images.safetensors"
    assert kgzsl("update", "okapi", "--features", images, "--rows", "0:1", "--run", run) == 0
    told = capsys.readouterr().out
    assert told.startswith("okapi (okapi): 1 picture; the prediction is ") and " % of the classifier now" in told
    assert kgzsl("update", "okapi", "--features", images, "--rows", "1:3", "--run", run, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["class_id"], found["new_pictures"], found["pictures"]) == ("okapi", 2, 3)
    held = ZeroShotClassifier.load(run)
    assert len(held.changes) == 2 and held.added.state.pictured["okapi"].count == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["zebra", "--features", "IMAGES"], "is a seen class"),
        (["okapi"], "Name pictures, or a feature file with --features: one of the two."),
        (["okapi", "--features", "IMAGES", "--rows", "9:12"], "holds none of the 6 rows"),
        (["okapi", "--features", "IMAGES", "--rows", "3:5"], "None of the images is of class 'okapi'"),
    ],
)
def test_one_line_where_nothing_is_changed(
    kgzsl: Kgzsl, run: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    named = [str(run.parent / "images.safetensors") if word == "IMAGES" else word for word in words]
    assert kgzsl("update", *named, "--run", run) == 2
    told = capsys.readouterr().err
    assert told.startswith("kgzsl: ") and told.count("\n") == 1 and message in told
    assert not (run / "additions").exists()


def test_evaluate_scores_the_rows_as_they_are_now_and_says_so(
    kgzsl: Kgzsl, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = run.parent / "images.safetensors"
    asked = ("evaluate", run, "--features", images, "--candidates", "unseen", "--json")
    assert kgzsl(*asked) == 0
    assert "kgzsl update" not in capsys.readouterr().err
    assert kgzsl("update", "okapi", "--features", images, "--run", run) == 0
    capsys.readouterr()
    assert kgzsl(*asked) == 0
    assert "note: 1 classifiers of the run are as kgzsl update made them" in capsys.readouterr().err
    opened = RunFolder(run)
    scorer, graph = with_new(opened, [])
    now = ZeroShotClassifier.load(run).bank_of(opened.bank.index.ids)
    assert isinstance(scorer, ClassifierBank) and graph.index.ids == opened.graph.index.ids
    assert torch.equal(scorer.weights, now.weights) and not torch.equal(scorer.weights, opened.bank.weights)

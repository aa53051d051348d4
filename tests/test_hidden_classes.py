"""Seen classes by classifiers that were predicted while they were hidden."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.errors import BackboneMismatchError, CorruptFileError, InputFileError
from kgzsl.hidden_classes import CalibrationData, hidden_scorer_of, sample_of_seen_classes
from kgzsl.refit import refit_of
from kgzsl.run_folder import HIDDEN, RunFolder
from kgzsl.splits import draw_folds
from kgzsl.toy import toy_features, toy_seen_features


@pytest.fixture
def run(toy_run: Path, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(toy_run, tmp_path / "run")))


def test_each_class_is_predicted_by_a_fit_that_did_not_know_it(run: RunFolder) -> None:
    found = hidden_scorer_of(run)
    assert isinstance(found, ClassifierBank) and found.index.ids == run.split.seen
    refit = refit_of(run)
    for part in draw_folds(run.split.seen, 2, seed=0):
        expected = refit(part).select(part)
        assert isinstance(expected, ClassifierBank)
        torch.testing.assert_close(found.select(part).weights, expected.weights)
        assert not torch.allclose(found.select(part).weights, run.bank.select(part).weights, atol=1e-3)


def test_it_is_done_once(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    first = hidden_scorer_of(run)
    monkeypatch.setattr("kgzsl.hidden_classes.refit_of", lambda *_: pytest.fail("fitted again"))
    again = hidden_scorer_of(RunFolder(run.path))
    assert isinstance(first, ClassifierBank) and isinstance(again, ClassifierBank)
    assert torch.equal(first.weights, again.weights) and torch.equal(first.biases, again.biases)


def test_a_kept_file_of_another_run_is_told(run: RunFolder) -> None:
    run.bank.save(run.path / HIDDEN)
    with pytest.raises(CorruptFileError, match="classes that are not the"):
        hidden_scorer_of(run)


def test_data_holds_images_of_seen_classes_only(run: RunFolder) -> None:
    data = CalibrationData.of(run, toy_features())
    assert set(data.images.class_ids()) <= set(run.split.seen)
    with pytest.raises(InputFileError, match="needs images of seen classes, and none of these is"):
        CalibrationData(run, data.hidden, toy_features().of_classes(run.split.unseen))


def test_images_must_be_of_the_backbone(run: RunFolder) -> None:
    with pytest.raises(InputFileError, match="no shipped images of backbone 'toy'; name a feature file"):
        sample_of_seen_classes(run)
    other = toy_seen_features()
    object.__setattr__(other, "backbone", "other")
    with pytest.raises(BackboneMismatchError):
        CalibrationData.of(run, other)
    assert not (run.path / HIDDEN).exists()

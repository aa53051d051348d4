"""Pictures of classes are taken in as one change: a few at a time, with undo, and nothing else moves."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from kgzsl.additions import row_prior_of
from kgzsl.calibrations import calibrate
from kgzsl.classes import ClassIndex
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import BackboneMismatchError, InputFileError, UnknownClassError
from kgzsl.features import FeatureSet
from kgzsl.few_images import ClassPictures
from kgzsl.hidden_classes import CalibrationData
from kgzsl.run_folder import RunFolder
from kgzsl.toy import toy_features, toy_seen_features


@pytest.fixture(scope="module")
def calibrated(toy_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(toy_run, tmp_path_factory.mktemp("update") / "run"))
    section = calibrate(CalibrationData.of(RunFolder(folder), toy_seen_features()), ["few_images"])["few_images"]
    assert section["least_pictures"] == pytest.approx(float(row_prior_of(RunFolder(folder)).strengths.min()))
    return folder


@pytest.fixture
def classifier(calibrated: Path, tmp_path: Path) -> ZeroShotClassifier:
    return ZeroShotClassifier.load(shutil.copytree(calibrated, tmp_path / "run"))


def unlabelled(rows: torch.Tensor, backbone: str = "toy") -> FeatureSet:
    return FeatureSet(rows, torch.full((len(rows),), -1), ClassIndex(()), backbone)


def weights(classifier: ZeroShotClassifier, *names: str) -> torch.Tensor:
    return classifier.bank_of(names).weights


def test_labelled_images_count_by_their_class_and_others_as_they_are(classifier: ZeroShotClassifier) -> None:
    before = classifier.bank_of(["okapi", "owl", "zebra"])
    images = toy_features()
    updated = classifier.update_class("okapi", images, by="somebody")
    assert (updated.class_id, updated.new_pictures, updated.pictures) == ("okapi", 3, 3)
    expected = row_prior_of(classifier.run).blend(before, {"okapi": ClassPictures.of(images.features[:3])})
    after = classifier.bank_of(["okapi", "owl", "zebra"])
    assert torch.equal(after.weights, expected.bank.weights) and torch.equal(after.biases, expected.bank.biases)
    assert torch.equal(after.weights[1:], before.weights[1:])
    assert updated.prior_share == pytest.approx(100 * expected.shares["okapi"])
    assert updated.cosine == pytest.approx(expected.cosines["okapi"])
    change = classifier.changes[-1]
    assert (change.verb, change.class_ids, change.by) == ("update", ("okapi",), "somebody")
    assert change.how["classes"] == [updated.to_json()]
    classifier.undo()
    classifier.update_class("okapi", unlabelled(images.features[:3]))
    assert torch.equal(weights(classifier, "okapi"), after.weights[:1])


def test_one_and_two_more_are_three_and_undo_goes_back_to_the_bit(classifier: ZeroShotClassifier) -> None:
    rows, before = toy_features().features[:3], weights(classifier, "okapi")
    classifier.update_class("okapi", unlabelled(rows[:1]))
    one = weights(classifier, "okapi")
    twice = classifier.update_class("okapi", unlabelled(rows[1:]))
    assert (twice.new_pictures, twice.pictures) == (2, 3)
    added_up = weights(classifier, "okapi")
    classifier.undo()
    assert torch.equal(weights(classifier, "okapi"), one)
    classifier.undo()
    assert torch.equal(weights(classifier, "okapi"), before)
    classifier.update_class("okapi", unlabelled(rows))
    np.testing.assert_allclose(weights(classifier, "okapi"), added_up, atol=1e-6)


def test_what_is_saved_goes_on_where_it_stopped(classifier: ZeroShotClassifier) -> None:
    images = toy_features()
    classifier.update_classes({"okapi": images, "owl": images})
    classifier.save()
    opened = ZeroShotClassifier.load(classifier.run.path)
    assert torch.equal(weights(opened, "okapi", "owl"), weights(classifier, "okapi", "owl"))
    for one in (opened, classifier):
        assert one.update_class("owl", unlabelled(images.features[:1])).pictures == 3
    assert torch.equal(weights(opened, "okapi", "owl"), weights(classifier, "okapi", "owl"))
    assert opened.changes[-1].class_ids == ("okapi", "owl")  # one common covariance: both are made anew


def test_one_call_and_two_calls_end_in_the_same_rows(classifier: ZeroShotClassifier) -> None:
    images = toy_features()
    classifier.update_classes({"okapi": images, "owl": images})
    at_once = weights(classifier, "okapi", "owl")
    classifier.undo()
    classifier.update_class("okapi", images)
    classifier.update_class("owl", images)
    np.testing.assert_allclose(weights(classifier, "okapi", "owl"), at_once, atol=1e-6)


def test_own_classes_are_updated_too(calibrated: Path, stand_ins: ModuleType) -> None:
    classifier = ZeroShotClassifier.load(calibrated, encoder=stand_ins.seeded("toy", 4))
    classifier.add_class("quokka", parents=["animal"], description="nothing")
    before = weights(classifier, "quokka")
    assert classifier.update_class("quokka", unlabelled(toy_features().features[:2])).pictures == 2
    assert not torch.equal(weights(classifier, "quokka"), before)


def test_what_cannot_be_updated_says_why_and_changes_nothing(classifier: ZeroShotClassifier, toy_run: Path) -> None:
    images = toy_features()
    with pytest.raises(InputFileError, match=r"'zebra' .* is a seen class: its own classifier comes from far more"):
        classifier.update_class("zebra", images)
    with pytest.raises(InputFileError, match=r"None of the images is of class 'bird'.*name 3 other classes"):
        classifier.update_class("bird", images)
    with pytest.raises(InputFileError, match="one picture or more"):
        classifier.update_class("okapi", images.rows(torch.tensor([], dtype=torch.int64)))
    with pytest.raises(BackboneMismatchError, match="from backbone 'other'"):
        classifier.update_class("okapi", unlabelled(images.features, "other"))
    with pytest.raises(UnknownClassError):
        classifier.update_class("unheard-of", images)
    with pytest.raises(InputFileError, match="name at least one"):
        classifier.update_classes({})
    classifier.remove_class("owl")
    with pytest.raises(UnknownClassError, match="was removed"):
        classifier.update_class("owl", images)
    assert [change.verb for change in classifier.changes] == ["remove"]
    with pytest.raises(InputFileError, match=f"run kgzsl calibrate {toy_run} first"):
        ZeroShotClassifier.load(toy_run).update_class("okapi", images)

"""Scorers made of scorers."""

from __future__ import annotations

import pytest
import torch

from kgzsl.bank import ClassifierBank, Scorer
from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError, UnknownClassError
from kgzsl.features import FeatureSet
from kgzsl.scoring import CalibratedScorer

IDS = ("dog", "cat", "okapi")


@pytest.fixture
def bank() -> ClassifierBank:
    return ClassifierBank(ClassIndex(IDS), torch.eye(3), torch.zeros(3), "toy")


@pytest.fixture
def images() -> FeatureSet:
    return FeatureSet(torch.tensor([[3.0, 1.0, 2.5], [0.0, 0.0, 0.0]]), torch.tensor([2, 0]), ClassIndex(IDS), "toy")


def test_seen_classes_give_up_gamma_and_others_nothing(bank: ClassifierBank, images: FeatureSet) -> None:
    calibrated = CalibratedScorer(bank, frozenset({"dog", "cat", "not there"}), 0.75)
    assert calibrated.score(images).tolist() == [[2.25, 0.25, 2.5], [-0.75, -0.75, 0.0]]
    assert isinstance(calibrated, Scorer)
    assert (calibrated.index, calibrated.backbone) == (bank.index, "toy")


def test_a_selection_stays_calibrated(bank: ClassifierBank, images: FeatureSet) -> None:
    few = CalibratedScorer(bank, frozenset({"dog"}), 1.0).select(("okapi", "dog"))
    assert few.score(images)[0].tolist() == [2.5, 2.0]
    with pytest.raises(UnknownClassError):
        few.select(("cat",))


def test_gamma_zero_changes_no_score(bank: ClassifierBank, images: FeatureSet) -> None:
    same = CalibratedScorer(bank, frozenset(IDS), 0.0).score(images)
    assert torch.equal(same, bank.score(images).double())


def test_rounding_does_not_undo_a_gamma_between_close_scores(bank: ClassifierBank) -> None:
    own = torch.nextafter(torch.tensor(1.0), torch.tensor(2.0))  # the next float32 after 1
    images = FeatureSet(torch.tensor([[1.0, 0.0, float(own)]]), torch.tensor([2]), ClassIndex(IDS), "toy")
    gamma = (1.0 - float(own)) / 2  # favours the seen class by half of that step
    scores = CalibratedScorer(bank, frozenset({"dog"}), gamma).score(images)
    assert 1.0 < float(scores[0, 0]) < float(scores[0, 2])


@pytest.mark.parametrize("gamma", [float("nan"), float("inf")])
def test_gamma_is_a_finite_number(bank: ClassifierBank, gamma: float) -> None:
    with pytest.raises(InputFileError, match="gamma is a finite number in the units of the scores, found"):
        CalibratedScorer(bank, frozenset(), gamma)


@pytest.mark.usefixtures("unchecked_shapes")
def test_one_id_is_not_taken_for_many(bank: ClassifierBank) -> None:
    with pytest.raises(InputFileError, match="seen is a collection of class ids, found the text 'dog'"):
        CalibratedScorer(bank, "dog", 1.0)  # type: ignore[arg-type]

"""Scorers of different classes as one."""

from __future__ import annotations

import pytest
import torch

from kgzsl.bank import ClassifierBank, Scorer
from kgzsl.classes import ClassIndex
from kgzsl.errors import BackboneMismatchError, GraphError, InputFileError, UnknownClassError
from kgzsl.features import FeatureSet
from kgzsl.scoring import CalibratedScorer, JoinedScorer

IDS = ("dog", "cat", "okapi", "saw")


@pytest.fixture
def whole() -> ClassifierBank:
    return ClassifierBank(ClassIndex(IDS), torch.arange(8.0).reshape(4, 2), torch.arange(4.0), "toy")


@pytest.fixture
def images() -> FeatureSet:
    return FeatureSet(torch.tensor([[1.0, 2.0], [-1.0, 0.5]]), torch.tensor([0, 1]), ClassIndex(IDS), "toy")


def test_parts_score_as_the_whole(whole: ClassifierBank, images: FeatureSet) -> None:
    joined = JoinedScorer((whole.select(("saw", "dog")), whole.select(("okapi", "cat"))))
    assert isinstance(joined, Scorer)
    assert joined.index.ids == ("saw", "dog", "okapi", "cat")
    assert torch.equal(joined.score(images), whole.select(joined.index.ids).score(images))


@pytest.mark.parametrize("wanted", [IDS, ("cat", "saw", "dog"), ("okapi",), ()])
def test_a_selection_has_the_order_asked_for(
    whole: ClassifierBank, images: FeatureSet, wanted: tuple[str, ...]
) -> None:
    chosen = JoinedScorer((whole.select(("saw", "dog")), whole.select(("okapi", "cat")))).select(wanted)
    assert chosen.index.ids == wanted
    assert torch.equal(chosen.score(images), whole.select(wanted).score(images))
    assert chosen.select(wanted[:1]).index.ids == wanted[:1] and chosen.backbone == "toy"


def test_parts_of_any_kind(whole: ClassifierBank, images: FeatureSet) -> None:
    calibrated = CalibratedScorer(whole.select(("dog",)), frozenset({"dog"}), 2.0)
    joined = JoinedScorer((whole.select(("cat",)), calibrated)).select(("dog", "cat"))
    assert torch.equal(joined.score(images)[:, 0], whole.score(images)[:, 0].double() - 2.0)


def test_what_cannot_be_joined(whole: ClassifierBank) -> None:
    other = ClassifierBank(ClassIndex(("ox",)), torch.zeros(1, 2), torch.zeros(1), "other")
    with pytest.raises(BackboneMismatchError, match="Cannot join scorers of different backbones: 'other', 'toy'"):
        JoinedScorer((whole, other))
    with pytest.raises(GraphError, match="'cat' stands twice in joined scorers"):
        JoinedScorer((whole, whole.select(("cat",))))
    with pytest.raises(InputFileError, match="Cannot join no scorers"):
        JoinedScorer(())
    with pytest.raises(UnknownClassError, match="'ox'"):
        JoinedScorer((whole,)).select(("ox",))

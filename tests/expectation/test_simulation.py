"""Simulated pictures: against what two Gaussians give, by hand, and through a scorer that is no bank."""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, sqrt

import pytest
import torch

from kgzsl.bank import ClassifierBank, Scorer
from kgzsl.classes import ClassIndex
from kgzsl.expectation.simulation import LinearDraws, ScoredDraws, drawn_scores, shared_spread, tally
from kgzsl.features import FeatureSet


@dataclass
class Plain:
    """A bank that does not say so."""

    bank: ClassifierBank

    @property
    def index(self) -> ClassIndex:
        return self.bank.index

    @property
    def backbone(self) -> str:
        return self.bank.backbone

    def score(self, images: FeatureSet) -> torch.Tensor:
        return self.bank.score(images)

    def select(self, class_ids: tuple[str, ...]) -> Scorer:
        return Plain(self.bank.select(class_ids))


@pytest.fixture
def bank() -> ClassifierBank:
    weights = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.6]])
    return ClassifierBank(ClassIndex(("a", "b", "c")), weights, torch.tensor([0.1, 0.0, -0.2]), "toy")


def test_two_classes_are_told_apart_as_often_as_gaussians_say(bank: ClassifierBank) -> None:
    # a - b = (x1 - x2) + 0.1, and x1 - x2 is Gaussian of mean 1 - 0.4 and variance 0.5 + 2
    scale = torch.tensor([0.5, 2.0]).sqrt()
    noise = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0)) * scale
    drawn = LinearDraws(bank.weights, bank.biases, noise)
    picture = torch.tensor([1.0, 0.4])
    counted = tally(drawn.scores(picture, torch.tensor([0, 1])), 0)
    expected = (1 + erf((1 - 0.4 + 0.1) / sqrt(2.5) / sqrt(2))) / 2
    assert counted.share == pytest.approx(expected, abs=0.005)
    assert counted.others.tolist() == [0.0, 1.0]


def test_any_scorer_draws_what_a_bank_draws(bank: ClassifierBank) -> None:
    noise = torch.randn(50, 2, generator=torch.Generator().manual_seed(1))
    linear, scored = drawn_scores((bank, bank), noise), drawn_scores((Plain(bank), bank), noise)
    assert isinstance(linear, LinearDraws) and isinstance(scored, ScoredDraws)
    columns = torch.tensor([0, 2, 4])
    for picture in (torch.tensor([0.3, -1.0]), torch.tensor([2.0, 1.0])):
        torch.testing.assert_close(linear.scores(picture, columns), scored.scores(picture, columns))
        (found,), (other,) = (drawn.rivals(picture[None], 6).tolist() for drawn in (linear, scored))
        assert set(found) == set(other) == set(range(6))


def test_rivals_are_those_that_can_score_highest(bank: ClassifierBank) -> None:
    noise = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])  # adds to a and c alone; its deviation is sqrt(2) and 0.6 sqrt(2)
    drawn = LinearDraws(bank.weights, bank.biases, noise)
    picture = torch.tensor([0.0, 2.0])
    reach = {0: 0.1 + 2 * sqrt(2), 1: 2.0, 2: 1.0 + 2 * 0.6 * sqrt(2)}
    assert drawn.rivals(picture[None], 2).tolist() == [sorted(reach, key=lambda one: -reach[one])[:2]]


def test_losses_are_shared_out_by_who_won_them() -> None:
    scores = torch.tensor([[5.0, 1.0, 0.0], [0.0, 3.0, 1.0], [0.0, 3.0, 1.0], [0.0, 1.0, 3.0]])
    counted = tally(scores, 0)
    # lost: two to b, one to c; nearest in all four pictures: b three times, c once
    assert counted.hits.tolist() == [True, False, False, False]
    assert counted.others.tolist() == pytest.approx([0.0, (2 + 3 / 4) / 4, (1 + 1 / 4) / 4])


def test_a_class_that_loses_nothing_is_still_confused_with_the_next() -> None:
    counted = tally(torch.tensor([[5.0, 1.0, 0.0], [5.0, 0.0, 1.0]]), 0)
    assert counted.share == 1.0 and counted.others.tolist() == [0.0, 0.5, 0.5]


def test_ties_are_no_hits_and_a_class_alone_wins() -> None:
    assert tally(torch.ones(4, 3), 1).share == 0.0
    alone = tally(torch.zeros(2, 1), 0)
    assert alone.share == 1.0 and alone.others.tolist() == [0.0]


def test_spread_tells_shared_luck_from_that_of_each_picture() -> None:
    generator = torch.Generator().manual_seed(0)
    each = torch.rand(4, 20_000, generator=generator) < 0.3
    together = (torch.rand(4, 5_000, generator=generator) < 0.3).repeat_interleave(4, dim=1)
    assert shared_spread(each, 4) == pytest.approx(0, abs=0.01)
    assert shared_spread(together, 4) == pytest.approx(1, abs=0.01)
    assert shared_spread(torch.cat([each, together]), 4) == pytest.approx(0.5, abs=0.02)
    assert shared_spread(torch.ones(3, 8, dtype=torch.bool), 4) == 0.0

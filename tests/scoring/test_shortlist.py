"""The best classes by int8 codes are those of the rows, ties included."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.scoring.shortlist import Shortlist


def bank_of(weights: torch.Tensor, biases: torch.Tensor) -> ClassifierBank:
    return ClassifierBank(ClassIndex(tuple(f"c{row}" for row in range(len(weights)))), weights, biases, "toy")


@given(st.integers(0, 10_000), st.integers(1, 80), st.integers(1, 90), st.sampled_from([1.0, 1e-3, 300.0]))
@settings(deadline=None, max_examples=60)
def test_the_best_are_those_of_the_rows(seed: int, classes: int, dim: int, scale: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    weights = torch.randn(classes, dim, generator=draw) * scale
    weights[classes // 2 :] = weights[: classes - classes // 2].clone()  # every second class is one of the others again
    biases = torch.zeros(classes)
    feature = torch.randn(dim, generator=draw)
    k = min(5, classes)
    values, columns = Shortlist(bank_of(weights, biases)).best(feature, k)
    exact = (weights.double() @ feature.double()).float()
    order = sorted(range(classes), key=lambda column: -float(exact[column]))[:k]
    assert columns.tolist() == order
    torch.testing.assert_close(values, exact[order])


def test_rows_in_half_precision_are_ranked_by_what_they_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgzsl.scoring.shortlist.ROWS_AT_ONCE", 7)  # coded in several pieces
    draw = torch.Generator().manual_seed(0)
    weights, biases = torch.randn(60, 70, generator=draw).half(), torch.randn(60, generator=draw).half()
    feature = torch.rand(70, generator=draw)
    values, columns = Shortlist(bank_of(weights, biases)).best(feature, 5)
    exact = weights.double() @ feature.double() + biases.double()
    assert columns.tolist() == exact.argsort(descending=True)[:5].tolist()
    torch.testing.assert_close(values, exact[columns].float())


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=40)
def test_no_score_is_off_by_more_than_the_bound(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    weights, biases = torch.randn(30, 70, generator=draw), 10 * torch.randn(30, generator=draw)
    feature = torch.rand(70, generator=draw) * 7
    scores, bound = Shortlist(bank_of(weights, biases)).scores(feature)
    exact = weights.double() @ feature.double() + biases
    assert bool(((scores - exact).abs() <= bound).all())


@pytest.mark.parametrize("feature", [torch.zeros(3), torch.tensor([1e30, -1e30, 0.0])])
def test_features_at_the_edge(feature: torch.Tensor) -> None:
    weights = torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, 0.0], [-1.0, 1.0, 0.0]])
    found = Shortlist(bank_of(weights, torch.tensor([0.0, 0.5, 0.5]))).best(feature, 3)[1]
    exact = weights @ feature + torch.tensor([0.0, 0.5, 0.5])
    assert found.tolist() == exact.argsort(descending=True, stable=True).tolist()


def test_all_scores_are_exact_for_the_leading_and_near_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgzsl.scoring.shortlist.LEADING", 20)
    draw = torch.Generator().manual_seed(0)
    weights, biases = torch.randn(500, 70, generator=draw), torch.randn(500, generator=draw)
    feature = torch.rand(70, generator=draw)
    exact = weights.double() @ feature.double() + biases
    scores, columns = Shortlist(bank_of(weights, biases)).all_scores(feature, 5)
    assert columns.tolist() == exact.topk(5).indices.tolist()
    leading = exact.topk(15).indices
    torch.testing.assert_close(scores[leading], exact[leading].float())
    assert float((scores - exact).abs().max()) < 0.2
    found, expected = torch.softmax(scores.double(), dim=0), torch.softmax(exact, dim=0)
    torch.testing.assert_close(found[columns], expected[columns], rtol=1e-3, atol=0)

"""Ranks against a brute-force reference, ties, bounds and relabelling."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError
from kgzsl.evaluation.ranking import best_in_blocks, leaders, ranks, score_in_chunks, top_k
from kgzsl.features import FeatureSet
from kgzsl.scoring import JoinedScorer


@st.composite
def scored(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores from few values, so that ties are common, and an own column for each image."""
    num_images, num_candidates = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    row = st.lists(st.integers(-2, 2), min_size=num_candidates, max_size=num_candidates)
    scores = draw(st.lists(row, min_size=num_images, max_size=num_images))
    own = draw(st.lists(st.integers(0, num_candidates - 1), min_size=num_images, max_size=num_images))
    return torch.tensor(scores, dtype=torch.float32), torch.tensor(own)


def reference_rank(scores: list[float], own: int) -> int:
    return 1 + sum(score >= scores[own] for column, score in enumerate(scores) if column != own)


@given(scored())
@settings(deadline=None)
def test_ranks_equal_the_definition(case: tuple[torch.Tensor, torch.Tensor]) -> None:
    scores, own = case
    expected = [reference_rank(row, column) for row, column in zip(scores.tolist(), own.tolist())]
    found = ranks(scores, own)
    assert found.tolist() == expected
    assert int(found.min()) >= 1 and int(found.max()) <= scores.shape[1]


@given(scored(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_relabelling_candidates_leaves_ranks_and_permutes_leaders(
    case: tuple[torch.Tensor, torch.Tensor], random: object
) -> None:
    scores, own = case
    order = list(range(scores.shape[1]))
    random.shuffle(order)  # type: ignore[attr-defined]
    place = torch.tensor([order.index(column) for column in range(len(order))])
    assert torch.equal(ranks(scores[:, order], place[own]), ranks(scores, own))
    assert torch.equal(leaders(scores[:, order]), leaders(scores)[:, order])


@given(scored(), st.integers(1, 7))
@settings(deadline=None)
def test_top_k_is_a_stable_sort(case: tuple[torch.Tensor, torch.Tensor], k: int) -> None:
    scores, _ = case
    k = min(k, scores.shape[1])
    expected = [sorted(range(len(row)), key=lambda column: -row[column])[:k] for row in scores.tolist()]
    assert top_k(scores, k).tolist() == expected


def test_all_equal_scores_rank_last() -> None:
    assert ranks(torch.zeros(2, 5), torch.tensor([0, 4])).tolist() == [5, 5]
    assert leaders(torch.zeros(1, 3)).all()


def test_a_score_that_is_no_number_never_helps() -> None:
    nan = float("nan")
    scores = torch.tensor([[nan, 1.0, 2.0], [1.0, nan, 2.0]])
    assert ranks(scores, torch.tensor([0, 2])).tolist() == [3, 2]
    assert leaders(scores).all()


def test_top_k_refuses_more_than_there_are() -> None:
    with pytest.raises(InputFileError, match="best 4 of 3 candidates"):
        top_k(torch.zeros(1, 3), 4)


def test_chunks_cover_the_images_in_order_and_score_the_same() -> None:
    bank = ClassifierBank(ClassIndex(("a", "b", "c")), torch.eye(3), torch.zeros(3), "toy")
    images = FeatureSet(torch.arange(21.0).reshape(7, 3), torch.zeros(7, dtype=torch.int64), bank.index, "toy")
    chunks = list(score_in_chunks(bank, images, max_scores=6))
    assert [(rows.start, rows.stop) for rows, _ in chunks] == [(0, 2), (2, 4), (4, 6), (6, 7)]
    assert torch.equal(torch.cat([scores for _, scores in chunks]), images.features)
    assert [len(scores) for _, scores in score_in_chunks(bank, images, max_scores=1)] == [1] * 7


@given(scored(), st.integers(1, 9), st.integers(1, 3), st.integers(1, 12))
@settings(deadline=None)
def test_best_in_blocks_is_top_k_of_all_scores(case, k, at_once, max_scores) -> None:
    scores, _ = case
    index = ClassIndex(tuple(f"c{column}" for column in range(scores.shape[1])))
    bank = ClassifierBank(index, scores.T.contiguous(), torch.zeros(len(index)), "toy")
    images = FeatureSet(torch.eye(len(scores)), torch.full((len(scores),), -1), ClassIndex(()), "toy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kgzsl.evaluation.ranking.CLASSES_AT_ONCE", at_once)
        blocks = list(best_in_blocks(bank, images, k, max_scores))
    k = min(k, scores.shape[1])
    expected = top_k(scores, k)
    assert [row for rows, _, _ in blocks for row in range(rows.start, rows.stop)] == list(range(len(scores)))
    assert torch.equal(torch.cat([columns for _, _, columns in blocks]), expected)
    assert torch.equal(torch.cat([values for _, values, _ in blocks]), scores.gather(1, expected))


def test_a_scorer_without_rows_is_ranked_in_blocks_too() -> None:
    scores = torch.tensor([[1.0, 3.0, 3.0], [2.0, 0.0, 2.0]])
    index = ClassIndex(("a", "b", "c"))
    bank = ClassifierBank(index, scores.T.contiguous(), torch.zeros(3), "toy")
    images = FeatureSet(torch.eye(2), torch.full((2,), -1), ClassIndex(()), "toy")
    joined = JoinedScorer((bank.select(["a"]), bank.select(["b", "c"])))
    found = [columns.tolist() for _, _, columns in best_in_blocks(joined, images, 2, 3)]
    assert found == [[[1, 2]], [[0, 2]]]
    with pytest.raises(InputFileError, match="at least 1"):
        next(best_in_blocks(bank, images, 0))


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 40))
@settings(deadline=None)
def test_groups_of_columns_leave_top_k_a_stable_sort(seed: int, k: int, values: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    scores = torch.randint(0, values, (5, 61), generator=draw).float()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kgzsl.evaluation.ranking.GROUP", 4)
        found = top_k(scores, k)
    assert torch.equal(found, scores.argsort(dim=1, descending=True, stable=True)[:, :k])


def test_a_bank_in_half_precision_is_scored_in_single(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgzsl.evaluation.ranking.WIDENED_AT_ONCE", 4)
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(30, 50, generator=draw).half()
    bank = ClassifierBank(ClassIndex(tuple(f"c{row}" for row in range(30))), rows, torch.zeros(30).half(), "toy")
    images = FeatureSet(torch.randn(6, 50, generator=draw), torch.full((6,), -1), ClassIndex(()), "toy")
    (_, values, columns), *rest = best_in_blocks(bank, images, 3)
    exact = images.features @ rows.float().T
    assert not rest and columns.tolist() == exact.topk(3).indices.tolist()
    torch.testing.assert_close(values, exact.topk(3).values)

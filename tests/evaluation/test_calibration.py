"""The choice of gamma on hidden seen classes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from kgzsl.bank import ClassifierBank, Scorer
from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import InputFileError
from kgzsl.evaluation.calibration import (
    Calibration,
    CrossValidatedGamma,
    beside_hidden,
    hidden_scorer,
    stand_ins,
)
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph

GROUPS, MEMBERS, UNSEEN = 4, 6, 3
SEEN = tuple(f"g{group}s{member}" for group in range(GROUPS) for member in range(MEMBERS))
NEW = tuple(f"g0u{number}" for number in range(UNSEEN))


def kin_graph() -> ClassGraph:
    """Four groups of six seen classes below a root; the unseen classes are all in the first group."""
    groups = [f"group{group}" for group in range(GROUPS)]
    ids = ("root", *groups, *SEEN, *NEW)
    index = ClassIndex(ids)
    pairs = [(group, "root") for group in groups] + [(i, f"group{i[1]}") for i in (*SEEN, *NEW)]
    edges = np.array([(index.row(child), index.row(parent)) for child, parent in pairs])
    return ClassGraph("kin", index, tuple(map(ClassText, ids)), edges, np.zeros(len(edges), dtype=np.int64))


def offset_bank(ids: tuple[str, ...], lower: float) -> ClassifierBank:
    """Score of class c: how much of its own direction an image has, less ``lower``."""
    directions = torch.eye(len(SEEN) + len(NEW))[[(*SEEN, *NEW).index(i) for i in ids]]
    return ClassifierBank(ClassIndex(ids), directions, torch.full((len(ids),), -lower), "toy")


def pictures(seed: int = 0) -> FeatureSet:
    """Images of the seen classes: their own direction, and noise."""
    rows = torch.eye(len(SEEN) + len(NEW))[torch.arange(len(SEEN)).repeat_interleave(4)]
    noise = 0.3 * torch.randn(rows.shape, generator=torch.Generator().manual_seed(seed))
    return FeatureSet(2 * rows + noise, torch.arange(len(SEEN)).repeat_interleave(4), ClassIndex(SEEN), "toy")


def chooser(lower: float, images: FeatureSet | None = None) -> CrossValidatedGamma:
    shown = pictures() if images is None else images
    return CrossValidatedGamma(
        beside_hidden(offset_bank(SEEN, 0.0), offset_bank(SEEN, lower)), shown, kin_graph(), SEEN
    )


@pytest.mark.parametrize("lower", [-1.0, 0.0, 1.0, 3.0])
def test_what_predicted_rows_lack_is_taken_from_the_seen_ones(lower: float) -> None:
    """Seen and hidden rows are as good as each other, but for a constant, which is what gamma must give back."""
    assert chooser(lower)(NEW) == pytest.approx(lower, abs=0.35)
    assert chooser(lower)(NEW) - chooser(0.0)(NEW) == pytest.approx(lower, abs=1e-5)


def test_it_is_the_gamma_of_the_highest_mean_over_folds() -> None:
    choose = chooser(0.5)
    folds = choose.folds(NEW)
    assert len(folds) == 20

    def mean_at(gamma: float) -> float:
        pairs = [fold.at(gamma) for fold in folds]
        return float(np.mean([2 * s * u / (s + u) if s + u else 0.0 for s, u in pairs]))

    chosen = mean_at(choose(NEW))
    assert chosen > 50
    assert all(mean_at(step / 20) <= chosen + 1e-6 for step in range(-60, 61))


def test_a_fold_hides_as_many_classes_as_compete_and_at_most_half() -> None:
    for fold in chooser(0.0).folds(NEW):
        assert len(fold.labels[~fold.of_seen].unique()) == UNSEEN
    many = chooser(0.0).folds([*NEW, *(f"group{group}" for group in range(GROUPS)), *SEEN])
    assert {len(fold.labels[~fold.of_seen].unique()) for fold in many} == {len(SEEN) // 2}


def test_hidden_classes_are_scored_by_hidden_rows_and_the_others_by_seen_ones() -> None:
    ordered = sorted(SEEN)
    for fold in chooser(0.7).folds(NEW):
        hidden = {ordered[number] for number in fold.labels[~fold.of_seen].unique().tolist()}
        scores = 0.0 + pictures().features @ torch.eye(len(SEEN) + len(NEW))[:, : len(SEEN)]
        is_hidden = torch.tensor([class_id in hidden for class_id in SEEN])
        gaps = scores[:, ~is_hidden].amax(dim=1) - (scores[:, is_hidden] - 0.7).amax(dim=1)
        assert torch.allclose(fold.gaps, gaps.double(), atol=1e-5)


def test_near_classes_stand_in_for_a_candidate_more_often() -> None:
    distances = np.array([[2, 2, 4, 4, 4, 4]])
    generator = np.random.default_rng(0)
    drawn = [stand_ins(distances, 1, 1.0, generator)[0] for _ in range(4000)]
    weights = np.exp(-np.array([2, 2, 4, 4, 4, 4]))
    shares = np.bincount(drawn, minlength=6) / 4000
    assert shares == pytest.approx(weights / weights.sum(), abs=0.025)
    even = [stand_ins(distances, 1, math.inf, generator)[0] for _ in range(4000)]
    assert np.bincount(even, minlength=6) / 4000 == pytest.approx(np.full(6, 1 / 6), abs=0.025)


def test_no_class_stands_in_twice_and_what_cannot_be_reached_comes_last() -> None:
    distances = np.array([[2, -1, 4], [2, -1, 2], [4, -1, 2]])
    for seed in range(20):
        found = stand_ins(distances, 3, 0.5, np.random.default_rng(seed))
        assert sorted(found.tolist()) == [0, 1, 2]
        assert set(stand_ins(distances, 2, 0.5, np.random.default_rng(seed)).tolist()) == {0, 2}


def test_the_order_of_classes_and_images_changes_nothing() -> None:
    images = pictures()
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(3))
    turned = CrossValidatedGamma(
        beside_hidden(offset_bank(SEEN[::-1], 0.0), offset_bank(SEEN[::-1], 0.5)),
        images.rows(order),
        kin_graph(),
        SEEN[::-1],
    )
    assert turned(NEW[::-1]) == pytest.approx(chooser(0.5)(NEW), abs=1e-6)


def test_each_class_is_scored_by_the_fit_that_did_not_see_it() -> None:
    hidden: list[tuple[str, ...]] = []

    def refit(held_out: tuple[str, ...]) -> Scorer:
        hidden.append(held_out)
        return offset_bank(SEEN, float(len(hidden)))  # it knows more than was asked for

    scorer = hidden_scorer(refit, SEEN, Calibration(parts=3))
    assert sorted(i for part in hidden for i in part) == sorted(SEEN) and len(hidden) == 3
    assert scorer.index.ids == SEEN
    found = scorer.score(pictures())
    for number, part in enumerate(hidden, start=1):
        columns = [SEEN.index(class_id) for class_id in part]
        expected = offset_bank(SEEN, float(number)).score(pictures())[:, columns]
        assert torch.allclose(found[:, columns], expected)


def test_few_classes_make_few_parts() -> None:
    hidden: list[tuple[str, ...]] = []
    hidden_scorer(lambda part: hidden.append(part) or offset_bank(SEEN, 0.0), SEEN[:4], Calibration(parts=5))  # type: ignore[func-returns-value]
    assert [len(part) for part in hidden] == [2, 2]


def test_refusals() -> None:
    with pytest.raises(InputFileError, match="found images of 3 and 3 candidates"):
        chooser(0.0, images=pictures().of_classes(SEEN[:3]))(NEW)
    with pytest.raises(InputFileError, match="found images of 24 and 0 candidates"):
        chooser(0.0)(())
    with pytest.raises(InputFileError, match="found 1 parts, 20 folds and a reach of"):
        Calibration(parts=1)


@pytest.mark.parametrize("scale", [1.0, 7.0])
def test_all_scores_of_a_fold_come_from_one_fit(scale: float) -> None:
    """Fits without some classes score on another scale than the whole; each is looked at by itself."""
    hidden: list[tuple[str, ...]] = []

    def refit(held_out: tuple[str, ...]) -> Scorer:
        hidden.append(held_out)
        rows = offset_bank(SEEN, 0.0)
        lower = torch.tensor([-0.5 if class_id in held_out else 0.0 for class_id in SEEN])
        return ClassifierBank(rows.index, scale * rows.weights, scale * lower, "toy")

    found = CrossValidatedGamma(refit, pictures(), kin_graph(), SEEN, Calibration(folds=6))(NEW)
    assert found == pytest.approx(scale * 0.5, abs=scale * 0.35)
    assert [len(part) for part in hidden] == [UNSEEN] * 6

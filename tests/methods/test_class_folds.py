"""Folds of classes, the rank that measures them, and the setting that wins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.methods.class_folds import (
    best_setting,
    choose_setting,
    class_folds,
    cross_validate,
    reciprocal_rank,
)


@given(st.integers(0, 60), st.integers(2, 8), st.integers(0, 5))
def test_every_class_is_left_out_once(num_classes: int, folds: int, seed: int) -> None:
    found = class_folds(num_classes, folds, seed)
    if num_classes < 4:
        assert found == []
        return
    assert len(found) == min(folds, num_classes // 2)
    assert sorted(row for _, left_out in found for row in left_out.tolist()) == list(range(num_classes))
    for kept, left_out in found:
        assert sorted([*kept.tolist(), *left_out.tolist()]) == list(range(num_classes)) and len(left_out) >= 2
    again = class_folds(num_classes, folds, seed)
    assert all(torch.equal(one[1], other[1]) for one, other in zip(found, again))


def test_the_rank_counts_classes_alike_and_ties_against_them() -> None:
    scores = torch.tensor([[3.0, 1, 2], [1, 2, 3], [1, 1, 0], [0, 5, 5]])
    labels = torch.tensor([0, 0, 0, 1])
    # class 0: ranks 1, 3, 2 (tied); class 1: rank 2 (tied); class 2 has no row
    assert reciprocal_rank(scores, labels) == pytest.approx(((1 + 1 / 3 + 1 / 2) / 3 + 1 / 2) / 2)
    assert reciprocal_rank(torch.zeros(4, 3), labels) == pytest.approx(1 / 3)


def test_the_best_mean_wins_and_of_equal_ones_the_first() -> None:
    measured = cross_validate(class_folds(8, 2), lambda fold: {"a": 0.2, "b": 0.4 + 1e-12, "c": 0.4, "d": 0.1})
    assert measured["a"] == [0.2, 0.2]
    assert best_setting(measured, ["a", "c", "b", "d"]) == "c"
    assert best_setting({}, ["x", "y"]) == "x"
    uneven = {"a": [0.0, 1.0], "b": [0.4, 0.4]}
    assert best_setting(uneven, ["b", "a"]) == "a" and np.mean(uneven["a"]) > np.mean(uneven["b"])


@dataclass(frozen=True)
class Width:
    width: float


def test_a_choice_records_what_it_measured_and_a_single_setting_is_not_measured() -> None:
    offered = [Width(1.0), Width(2.0)]
    best, tried = choose_setting(offered, lambda fold: {one: one.width / len(fold[1]) for one in offered}, 8, 2)
    assert best == Width(2.0)
    assert tried == [{"width": 1.0, "reciprocal_rank": [0.25] * 2}, {"width": 2.0, "reciprocal_rank": [0.5] * 2}]
    assert choose_setting(offered[:1], lambda fold: {}, 8, 2) == (Width(1.0), [])
    assert choose_setting(offered, lambda fold: {}, 3) == (Width(1.0), [])

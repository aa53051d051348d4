"""Flat metrics against plain references."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgzsl.evaluation import metrics

CASES = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 9)), min_size=1, max_size=30)
"""Class number and rank of each image."""


def split(case: list[tuple[int, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    labels, found = zip(*case)
    return torch.tensor(labels), torch.tensor(found)


@given(CASES, st.integers(1, 9))
@settings(deadline=None)
def test_micro_and_macro_equal_their_definitions(case: list[tuple[int, int]], k: int) -> None:
    labels, found = split(case)
    by_class: dict[int, list[bool]] = {}
    for label, rank in case:
        by_class.setdefault(label, []).append(rank <= k)
    micro = 100 * sum(rank <= k for _, rank in case) / len(case)
    macro = 100 * sum(sum(hits) / len(hits) for hits in by_class.values()) / len(by_class)
    assert metrics.hit_micro(found, k) == pytest.approx(micro)
    assert metrics.hit_macro(found, labels, k) == pytest.approx(macro)
    shares = [100 * sum(by_class[label]) / len(by_class[label]) for label in sorted(by_class)]
    assert metrics.per_class_accuracy(found <= k, labels).tolist() == pytest.approx(shares)


@given(CASES, st.permutations(range(5)))
@settings(deadline=None, max_examples=30)
def test_renaming_classes_changes_no_figure(case: list[tuple[int, int]], names: list[int]) -> None:
    labels, found = split(case)
    renamed = torch.tensor(names)[labels]
    assert metrics.hit_macro(found, renamed, 1) == pytest.approx(metrics.hit_macro(found, labels, 1))


@given(CASES)
@settings(deadline=None, max_examples=30)
def test_hits_grow_with_k_and_reach_everything(case: list[tuple[int, int]]) -> None:
    labels, found = split(case)
    micro = [metrics.hit_micro(found, k) for k in range(10)]
    assert micro == sorted(micro) and micro[0] == 0 and micro[9] == 100
    assert metrics.hit_macro(found, labels, 9) == pytest.approx(100)


def test_chance() -> None:
    assert metrics.chance(20842, 5) == pytest.approx(100 * 5 / 20842)
    assert metrics.chance(15, 20) == 100


def test_harmonic_mean() -> None:
    assert metrics.harmonic_mean(60.0, 30.0) == pytest.approx(2 * 60 * 30 / 90)
    assert metrics.harmonic_mean(0.0, 0.0) == 0
    assert metrics.harmonic_mean(80.0, 0.0) == 0

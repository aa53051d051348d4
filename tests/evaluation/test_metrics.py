"""Metrics against plain references, and the promise that a constant scorer gains nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgzsl.evaluation import metrics
from kgzsl.evaluation.ranking import leaders, ranks

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


@given(st.integers(1, 12), st.lists(st.integers(0, 11), min_size=1, max_size=20), st.integers(1, 14))
@settings(deadline=None)
def test_a_constant_scorer_is_at_or_below_chance(num_candidates: int, own: list[int], k: int) -> None:
    labels = torch.tensor(own) % num_candidates
    scores = torch.full((len(own), num_candidates), 0.25)
    found = ranks(scores, labels)
    bound = metrics.chance(num_candidates, k) + 1e-9
    assert metrics.hit_micro(found, k) <= bound
    assert metrics.hit_macro(found, labels, k) <= bound
    low, high = metrics.bootstrap_interval(found <= k, labels, draws=20)
    assert low <= high <= bound
    itself = torch.nn.functional.one_hot(labels, num_candidates).bool()
    tolerated = metrics.tolerant_hits(leaders(scores), itself)
    assert 100 * float(tolerated.double().mean()) <= metrics.chance(num_candidates, 1) + 1e-9


def test_chance() -> None:
    assert metrics.chance(20842, 5) == pytest.approx(100 * 5 / 20842)
    assert metrics.chance(15, 20) == 100


def test_harmonic_mean() -> None:
    assert metrics.harmonic_mean(60.0, 30.0) == pytest.approx(2 * 60 * 30 / 90)
    assert metrics.harmonic_mean(0.0, 0.0) == 0
    assert metrics.harmonic_mean(80.0, 0.0) == 0


def plain_interval(hits: list[int], images: list[int], draws: int, seed: int) -> list[float]:
    """The bootstrap as a loop over draws, with classes drawn one by one."""
    generator = np.random.default_rng(seed)
    shares = []
    for _ in range(draws):
        taken = generator.integers(len(hits), size=len(hits))
        shares.append(100 * sum(hits[c] for c in taken) / sum(images[c] for c in taken))
    return np.quantile(shares, [0.025, 0.975]).tolist()


def test_bootstrap_agrees_with_a_plain_loop() -> None:
    hits, images = [9, 1, 5, 0, 20, 3], [10, 10, 10, 5, 25, 30]
    labels = torch.repeat_interleave(torch.arange(6), torch.tensor(images))
    right = torch.cat([torch.arange(n) < h for h, n in zip(hits, images)])
    found = metrics.bootstrap_interval(right, labels, draws=4000)
    assert found == pytest.approx(plain_interval(hits, images, 4000, seed=1), abs=2.5)
    assert found[0] < 100 * sum(hits) / sum(images) < found[1]


def test_bootstrap_repeats_with_its_seed_and_in_any_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, right = torch.arange(40) % 7, torch.arange(40) % 3 == 0
    whole = metrics.bootstrap_interval(right, labels, seed=3)
    assert metrics.bootstrap_interval(right, labels, seed=4) != whole
    monkeypatch.setattr(metrics, "MAX_RESAMPLES", 70)
    assert metrics.bootstrap_interval(right, labels, seed=3) == whole


def test_bootstrap_of_one_class_is_a_point() -> None:
    found = metrics.bootstrap_interval(torch.tensor([True, False]), torch.tensor([5, 5]))
    assert found == (50, 50)


def test_bootstrap_widens_with_the_spread_over_classes() -> None:
    labels = torch.arange(100) // 10
    even = metrics.bootstrap_interval(torch.arange(100) % 2 == 0, labels)
    uneven = metrics.bootstrap_interval(labels < 5, labels)
    assert even == (50, 50)
    assert uneven[1] - uneven[0] > 40


def test_tolerant_hits_forgive_relatives_but_no_tied_stranger() -> None:
    best = torch.tensor([[True, False, False], [True, True, False], [True, False, True]])
    related = torch.tensor([[True, False, False], [True, True, False], [True, True, False]])
    assert metrics.tolerant_hits(best, related).tolist() == [True, True, False]


def test_tree_distance_of_tied_predictions_is_the_greatest() -> None:
    best = torch.tensor([[True, False, False], [True, True, False], [False, True, True]])
    distances = torch.tensor([[0, 4, 9], [3, 5, 9], [0, -1, 2]])
    assert metrics.tree_distances_of_leaders(best, distances).tolist() == [0, 5, -1]

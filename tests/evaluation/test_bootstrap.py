"""Intervals over classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kgzsl.evaluation import bootstrap
from kgzsl.evaluation.bootstrap import ClassDraws


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
    found = bootstrap.bootstrap_interval(right, labels, draws=4000)
    assert found == pytest.approx(plain_interval(hits, images, 4000, seed=1), abs=2.5)
    assert found[0] < 100 * sum(hits) / sum(images) < found[1]


def test_bootstrap_repeats_with_its_seed_and_in_any_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, right = torch.arange(40) % 7, torch.arange(40) % 3 == 0
    whole = bootstrap.bootstrap_interval(right, labels, seed=3)
    assert bootstrap.bootstrap_interval(right, labels, seed=4) != whole
    monkeypatch.setattr(bootstrap, "MAX_RESAMPLES", 70)
    assert bootstrap.bootstrap_interval(right, labels, seed=3) == whole


def test_bootstrap_of_one_class_is_a_point() -> None:
    found = bootstrap.bootstrap_interval(torch.tensor([True, False]), torch.tensor([5, 5]))
    assert found == (50, 50)


def test_bootstrap_widens_with_the_spread_over_classes() -> None:
    labels = torch.arange(100) // 10
    even = bootstrap.bootstrap_interval(torch.arange(100) % 2 == 0, labels)
    uneven = bootstrap.bootstrap_interval(labels < 5, labels)
    assert even == (50, 50)
    assert uneven[1] - uneven[0] > 40


def test_macro_draws_weigh_classes_alike() -> None:
    hits, images = [9, 1, 5, 0, 20, 3], [10, 10, 10, 5, 25, 30]
    labels = torch.repeat_interleave(torch.arange(6), torch.tensor(images))
    right = torch.cat([torch.arange(n) < h for h, n in zip(hits, images)])
    generator, means = np.random.default_rng(1), np.array(hits) / np.array(images)
    plain = [means[generator.integers(6, size=6)].mean() for _ in range(4000)]
    assert ClassDraws(labels, 4000).macro(right) == pytest.approx(np.quantile(plain, [0.025, 0.975]), abs=0.025)


def test_means_of_other_values_than_hits() -> None:
    labels, values = torch.tensor([3, 3, 8]), torch.tensor([1.0, 2.0, 6.0])
    low, high = ClassDraws(labels, 500).micro(values)
    assert (low, high) == (1.5, 6.0)  # both draws of one class alone occur
    assert ClassDraws(labels, 500).sums(values).tolist() == [3.0, 6.0]

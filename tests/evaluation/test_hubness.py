"""How often candidates come up."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.classes import ClassIndex
from kgzsl.evaluation.hubness import Occurrences, skewness

SCORES = st.integers(3, 6).flatmap(
    lambda classes: st.lists(st.lists(st.integers(0, 3), min_size=classes, max_size=classes), min_size=1, max_size=8)
)


@given(SCORES, st.integers(1, 2))
def test_counts_and_skewness_equal_their_definitions(rows: list[list[int]], k: int) -> None:
    ids = [f"c{number}" for number in range(len(rows[0]))]
    counts = dict.fromkeys(ids, 0)
    for row in rows:
        for class_id in sorted(ids, key=lambda i: (-row[ids.index(i)], i))[:k]:
            counts[class_id] += 1
    mean = sum(counts.values()) / len(ids)
    second = sum((count - mean) ** 2 for count in counts.values()) / len(ids)
    third = sum((count - mean) ** 3 for count in counts.values()) / len(ids)
    found = Occurrences(ClassIndex(tuple(ids)), (k,))
    for row in rows:
        found.add(torch.tensor([row]).float())
    assert found.skewness()[k] == pytest.approx(third / second**1.5 if second > 1e-12 else 0.0)


@given(SCORES, st.randoms(use_true_random=False))
def test_the_order_of_candidates_does_not_matter(rows: list[list[int]], random: object) -> None:
    ids = [f"c{number}" for number in range(len(rows[0]))]
    order = list(range(len(ids)))
    random.shuffle(order)  # type: ignore[attr-defined]
    straight, turned = Occurrences(ClassIndex(tuple(ids))), Occurrences(ClassIndex(tuple(ids[n] for n in order)))
    straight.add(torch.tensor(rows).float())
    turned.add(torch.tensor(rows).float()[:, order])
    assert straight.skewness() == pytest.approx(turned.skewness())


def test_a_constant_scorer_makes_hubs_and_an_even_one_none() -> None:
    ids = ClassIndex(tuple(f"c{number:02}" for number in range(50)))
    constant, even = Occurrences(ids), Occurrences(ids)
    constant.add(torch.zeros(100, 50))
    even.add(torch.eye(50))
    p = 1 / 50
    assert constant.skewness()[1] == pytest.approx((1 - 2 * p) / (p * (1 - p)) ** 0.5)  # one candidate takes all
    assert constant.skewness()[10] > 1 and even.skewness()[1] == 0


def test_sizes_that_all_candidates_fill_are_left_out() -> None:
    few = Occurrences(ClassIndex(("a", "b", "c")))
    few.add(torch.eye(3))
    assert few.skewness() == {1: 0.0}
    assert skewness(torch.tensor([2, 2])) == 0

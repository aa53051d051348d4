"""Hierarchical metrics against plain references, ties against the prediction."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.errors import InputFileError
from kgzsl.evaluation.hierarchy import (
    correct_sets,
    hierarchical_precision,
    tolerant_hits,
    tree_distances_of_leaders,
)


@st.composite
def scored(draw: st.DrawFn) -> tuple[list[float], list[int], int]:
    """Scores of a few candidates with many ties, their distances from the class (0 at the first), and k."""
    count = draw(st.integers(1, 9))
    scores = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, float("nan")]), min_size=count, max_size=count))
    others = draw(st.lists(st.integers(-1, 4), min_size=count - 1, max_size=count - 1))
    return scores, [0, *others], draw(st.integers(1, count))


def plain_correct_set(distances: list[int], k: int) -> set[int]:
    """Grow the radius a step at a time until k candidates are inside; what cannot be reached comes last."""
    radius, inside = 0, set[int]()
    while len(inside) < k:
        inside = {number for number, distance in enumerate(distances) if 0 <= distance <= radius}
        if radius > max(distances):
            inside = set(range(len(distances)))
        radius += 1
    return inside


def plain_precision(scores: list[float], correct: set[int], k: int) -> float:
    """Order the candidates, of equal ones those outside the set first, and look at the first k."""

    def place(number: int) -> tuple[float, bool]:
        score, inside = scores[number], number in correct
        if score != score:
            return (np.inf if inside else -np.inf), inside
        return -score, inside

    order = sorted(range(len(scores)), key=place)
    return len(set(order[:k]) & correct) / k


@given(scored())
def test_hierarchical_precision_equals_its_definition(case: tuple[list[float], list[int], int]) -> None:
    scores, distances, k = case
    correct = correct_sets(np.array([distances], dtype=np.int16), k)
    expected = plain_correct_set(distances, k)
    assert set(np.flatnonzero(correct[0]).tolist()) == expected
    found = hierarchical_precision(torch.tensor([scores]), torch.from_numpy(correct), k)
    assert found.tolist() == pytest.approx([plain_precision(scores, expected, k)])


@given(scored())
def test_a_constant_scorer_is_at_or_below_guessing(case: tuple[list[float], list[int], int]) -> None:
    scores, distances, k = case
    correct = torch.from_numpy(correct_sets(np.array([distances]), k))
    found = hierarchical_precision(torch.full((1, len(scores)), 0.25), correct, k)
    assert float(found) <= float(correct.double().mean()) + 1e-6


@given(scored(), st.randoms(use_true_random=False))
def test_the_order_of_candidates_does_not_matter(case: tuple[list[float], list[int], int], random: object) -> None:
    scores, distances, k = case
    order = list(range(len(scores)))
    random.shuffle(order)  # type: ignore[attr-defined]
    first, second = (
        hierarchical_precision(
            torch.tensor([[scores[n] for n in places]]),
            torch.from_numpy(correct_sets(np.array([[distances[n] for n in places]]), k)),
            k,
        )
        for places in (range(len(scores)), order)
    )
    assert torch.equal(first, second)


def test_a_good_neighbour_counts_and_a_stranger_does_not() -> None:
    distances = np.array([[0, 2, 2, 2, 6]])  # a class, three siblings, a stranger
    correct = torch.from_numpy(correct_sets(distances, 2))
    assert correct.tolist() == [[True, True, True, True, False]]
    siblings, stranger = torch.tensor([[0.0, 3, 2, 1, 0.5]]), torch.tensor([[2.0, 0, 1, 0, 3]])
    assert hierarchical_precision(siblings, correct, 2).tolist() == [1.0]
    assert hierarchical_precision(stranger, correct, 2).tolist() == [0.5]


def test_more_than_there_are_is_refused() -> None:
    with pytest.raises(InputFileError, match="A correct set of 4 needs as many candidates, found 3"):
        correct_sets(np.array([[0, 1, 2]]), 4)


def test_tolerant_hits_forgive_relatives_but_no_tied_stranger() -> None:
    best = torch.tensor([[True, False, False], [True, True, False], [True, False, True]])
    related = torch.tensor([[True, False, False], [True, True, False], [True, True, False]])
    assert tolerant_hits(best, related).tolist() == [True, True, False]


def test_tree_distance_of_tied_predictions_is_the_greatest() -> None:
    best = torch.tensor([[True, False, False], [True, True, False], [False, True, True]])
    distances = torch.tensor([[0, 4, 9], [3, 5, 9], [0, -1, 2]])
    assert tree_distances_of_leaders(best, distances).tolist() == [0, 5, -1]

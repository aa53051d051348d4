from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.graph.custom import from_pairs
from kgzsl.scoring import Hedges, Temperature, TradeOff, fit_back_off, level_for
from kgzsl.toy import toy_graph

LEAVES = ("okapi", "zebra", "eagle", "owl", "hammer", "saw", "tool")
CHANCES = st.lists(st.integers(0, 20), min_size=len(LEAVES), max_size=len(LEAVES)).filter(any)


def probabilities(parts: list[int]) -> torch.Tensor:
    values = torch.tensor([parts], dtype=torch.float64)
    return values / values.sum()


@settings(max_examples=30)
@given(CHANCES, st.floats(0.05, 1.0))
def test_the_answer_by_enumerating_all_classes_above(parts: list[int], level: float) -> None:
    graph, chances = toy_graph(), probabilities(parts)
    hedges = Hedges(graph, LEAVES)
    (answer,), (confidence,) = hedges.choose(chances, level)
    found = []
    for class_id in {*LEAVES, *graph.ancestors(LEAVES)}:
        below = [n for n, leaf in enumerate(LEAVES) if leaf == class_id or class_id in graph.ancestors([leaf])]
        sure = sum(float(chances[0, n]) for n in below)
        if sure >= level - 1e-9:
            found.append((math.log2(len(LEAVES) / len(below)), sure))
    bits, sure = max(found, key=lambda one: (round(one[0], 9), one[1]))
    assert float(hedges.information[answer]) == pytest.approx(bits)
    assert float(confidence) == pytest.approx(sure)


def test_confidence_counts_a_candidate_with_two_parents_once() -> None:
    hedges = Hedges(toy_graph(), ("okapi", "owl", "saw"))
    confidence = dict(zip(hedges.class_ids, hedges.confidence(torch.tensor([[0.2, 0.5, 0.3]]))[0].tolist()))
    assert confidence == pytest.approx(
        {"okapi": 0.2, "owl": 0.5, "saw": 0.3, "animal": 0.7, "tool": 0.8, "entity": 1.0}
    )


def test_a_candidate_above_others_stands_for_all_of_them() -> None:
    hedges = Hedges(toy_graph(), ("tool", "hammer", "saw", "okapi"))
    answer, confidence = hedges.choose(torch.tensor([[0.4, 0.3, 0.2, 0.1]]), 0.8)
    assert hedges.class_ids[int(answer)] == "tool" and float(confidence) == pytest.approx(0.9)
    assert float(hedges.information[int(answer)]) == pytest.approx(math.log2(4 / 3))


def test_of_classes_above_the_same_candidates_the_deepest_is_named() -> None:
    hedges = Hedges(toy_graph(), ("okapi", "zebra", "saw"))
    assert "hoofed" in hedges.class_ids and "animal" not in hedges.class_ids


def test_the_top_says_nothing() -> None:
    hedges = Hedges(toy_graph(), LEAVES)
    answer, confidence = hedges.choose(torch.full((1, len(LEAVES)), 1 / len(LEAVES)), 1.0)
    assert hedges.class_ids[int(answer)] == "entity"
    assert float(hedges.information[int(answer)]) == 0 and float(confidence) == pytest.approx(1)


def test_of_equally_informative_answers_the_more_certain() -> None:
    hedges = Hedges(toy_graph(), ("okapi", "zebra"))
    answer, _ = hedges.choose(torch.tensor([[0.45, 0.55]]), 0.3)
    assert hedges.class_ids[int(answer)] == "zebra"


def test_without_a_common_top_there_may_be_no_answer() -> None:
    hedges = Hedges(from_pairs([("a", "x"), ("b", "y")]), ("a", "b"))
    answer, _ = hedges.choose(torch.tensor([[0.5, 0.5], [0.9, 0.1]]), 0.8)
    assert answer.tolist() == [-1, hedges.class_ids.index("a")]
    curve = TradeOff.of(hedges, torch.tensor([[0.5, 0.5]]), torch.tensor([1]), [0.8])
    assert curve.correct == (1.0,) and curve.information == (0.0,)


@settings(max_examples=15)
@given(st.lists(CHANCES, min_size=4, max_size=6))
def test_a_higher_level_says_less_and_in_a_tree_is_right_more_often(rows: list[list[int]]) -> None:
    leaves = ("okapi", "zebra", "eagle", "horse", "hammer", "saw", "bird")
    values = torch.tensor(rows, dtype=torch.float64)
    curve = TradeOff.of(
        Hedges(toy_graph(), leaves), values / values.sum(dim=1, keepdim=True), torch.arange(len(rows)) % len(leaves)
    )
    assert all(low >= high - 1e-12 for low, high in zip(curve.information, curve.information[1:]))
    certain = [right for level, right in zip(curve.levels, curve.correct) if level > 0.5]
    assert certain == sorted(certain)


def test_a_curve_by_hand() -> None:
    hedges = Hedges(toy_graph(), ("okapi", "zebra", "saw", "hammer"))
    chances = torch.tensor([[0.6, 0.3, 0.1, 0.0], [0.0, 0.1, 0.2, 0.7]])
    curve = TradeOff.of(hedges, chances, torch.tensor([1, 3]), [0.5, 0.8, 0.95])
    assert curve.correct == (0.5, 1.0, 1.0)  # okapi for a zebra is wrong, hoofed is right
    assert curve.information == pytest.approx((2.0, 1.0, 0.0))
    assert curve.share == pytest.approx((1.0, 0.5, 0.0))


def test_a_mean_of_curves_counts_images() -> None:
    one, other = (TradeOff((0.5,), (right,), (2.0,), (1.0,)) for right in (1.0, 0.0))
    assert TradeOff.mean([(3, one), (1, other)]).correct == pytest.approx((0.75,))


def test_the_level_for_a_wanted_share() -> None:
    rows = [(0.5, 0.7), (0.6, 0.9), (0.7, 0.85), (0.8, 0.9), (0.9, 0.95)]
    section = {"curve": [{"level": level, "correct": correct} for level, correct in rows]}
    assert level_for(section, 0.9) == 0.8  # 0.6 is undone by 0.7
    assert level_for(section, 0.95) == 0.9
    with pytest.raises(
        InputFileError, match="No level had 99 % of its answers right on seen classes; the best had 95 %"
    ):
        level_for(section, 0.99)
    with pytest.raises(CorruptFileError, match="No back-off curve can be read"):
        level_for({}, 0.9)


def test_the_curve_of_hidden_classes(make_queries) -> None:
    queries = make_queries()
    graph = from_pairs(
        [(f"class {n}", "left" if n < 3 else "right") for n in range(6)] + [("left", "top"), ("right", "top")]
    )
    found = fit_back_off(queries, graph, Temperature(0.0))["curve"]
    answers = queries.answers(6)
    hedges = Hedges(graph, queries.class_ids)
    expected = TradeOff.of(hedges, torch.softmax(answers.scores, dim=1), answers.right)
    for row, other in zip(found, expected.rows(), strict=True):
        assert row == pytest.approx(other)


def test_a_level_is_a_share() -> None:
    for level in (0.0, 1.1, math.nan):
        with pytest.raises(InputFileError, match=r"above 0 and at most 1, such as 0\.8, found"):
            Hedges(toy_graph(), ("okapi",)).choose(torch.ones(1, 1), level)

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.scoring import STATISTICS, Rejector, auroc, fit_rejection
from kgzsl.scoring.rejection import RATES, Row, Thresholds, energy
from kgzsl.scoring.temperature import answers_of, fit_temperature

VALUES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30)


@given(VALUES, VALUES)
def test_auroc_by_pairs(higher: list[float], lower: list[float]) -> None:
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in higher for b in lower]
    assert auroc(np.array(higher), np.array(lower)) == pytest.approx(sum(pairs) / len(pairs))


def test_energy_by_the_formula() -> None:
    scores = np.array([[1.0, 2.0, -1.0], [0.0, 0.0, 0.0]])
    for t in (0.1, 1.0, 7.0):
        expected = t * np.log(np.exp(scores / t).sum(axis=1))
        np.testing.assert_allclose(energy(torch.from_numpy(scores), t).numpy(), expected)


@given(st.sets(st.integers(-1000, 1000), min_size=1, max_size=300))
def test_a_threshold_refuses_exactly_the_share_it_promises(values: set[int]) -> None:
    known = np.array(sorted(values), dtype=np.float64)
    row = Row.of(5, np.full(len(known), 1.0), known)
    for rate in RATES:
        assert int((known < row.at(rate)).sum()) == int(rate * len(known) + 1e-9)


def test_thresholds_between_sizes_and_spacings() -> None:
    def row(size: int, spacing: float, value: float) -> Row:
        return Row(size, spacing, (value,) * len(RATES))

    table = Thresholds((row(2, 1.0, 10.0), row(8, 1.0, 20.0)), (row(2, 2.0, 0.0), row(8, 2.0, 4.0)))
    assert table.at(0.05, 2, 1.0) == 10 and table.at(0.05, 8, 2.0) == 4
    assert table.at(0.05, 4, 1.0) == pytest.approx(15)  # 4 is half-way from 2 to 8 along the log
    assert table.at(0.05, 2, 1.5) == pytest.approx(5)
    assert table.at(0.05, 1000, 9.0) == 4 and table.at(0.05, 1, 0.0) == 10


def test_each_half_of_the_queries_is_refused_at_the_rate(make_queries) -> None:
    queries = make_queries(images=1200)
    rejector = Rejector.from_json(fit_rejection(queries))
    answers = queries.answers(2)
    for spacing in sorted(set(answers.spacing.tolist())):
        scores = answers.scores[answers.spacing == spacing]
        _, values = rejector.values(scores, statistic="max_score")
        refused = values < rejector.thresholds["max_score"].at(0.1, 2, spacing)
        assert int(refused.sum()) == int(0.1 * len(scores))


def test_margin_is_energy_less_that_of_the_background(make_queries) -> None:
    found = fit_rejection(make_queries())
    rejector = Rejector.from_json(found)
    assert rejector.temperature == pytest.approx(math.exp(fit_temperature(answers_of(make_queries())).level))
    scores, behind = torch.randn(4, 3).double(), torch.randn(4, 5).double()
    name, values = rejector.values(scores, behind, "margin")
    expected = energy(scores, rejector.temperature) - energy(behind, rejector.temperature)
    assert name == "margin" and torch.allclose(values, expected)
    for nothing in (None, behind[:, :0]):
        name, values = rejector.values(scores, nothing, "margin")
        assert name == "energy" and torch.equal(values, energy(scores, rejector.temperature))


def test_unknown_images_are_told_by_brute_force(make_queries) -> None:
    queries = make_queries(images=60)
    found = fit_rejection(queries)
    inside, outside = [], []
    for turn, candidates in enumerate(queries.sets[2]):
        best = queries.hidden[:, torch.from_numpy(candidates.columns)].amax(dim=1)
        known = [int(own) in candidates.columns for own in queries.own]
        others = [image for image in range(60) if not known[image]]
        step = len(others) // sum(known)
        inside += [float(best[image]) for image in range(60) if known[image]]
        outside += [float(best[image]) for image in others[turn % step :: step]]
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in inside for b in outside]
    assert found["auroc"]["max_score"]["2"] == pytest.approx(sum(pairs) / len(pairs))
    means = {name: np.mean([found["auroc"][name][size] for size in ("2", "3")]) for name in STATISTICS}
    assert means[found["statistic"]] == max(means.values())


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=6), st.floats(0, 0.5), st.floats(0, 0.49))
def test_a_higher_rate_refuses_no_less(make: list[float], rate: float, more: float) -> None:
    row = Row.of(2, np.ones(len(make)), np.array(make))
    rejector = Rejector("energy", 1.0, {"energy": Thresholds((row,), (row,))})
    scores = torch.tensor(make).double()[:, None]
    low, high = (rejector.is_unknown(scores, one, 1.0) for one in (rate, rate + more))
    assert not bool((low & ~high).any())


def test_written_and_read(make_queries) -> None:
    found = json.loads(json.dumps(fit_rejection(make_queries())))
    rejector = Rejector.from_json(found)
    assert json.loads(json.dumps(rejector.to_json())) == {name: found[name] for name in rejector.to_json()}
    for broken in ({}, {**found, "rates": [0.5]}, {**found, "statistic": "hope"}, {**found, "thresholds": {}}):
        with pytest.raises(CorruptFileError, match="run kgzsl calibrate again"):
            Rejector.from_json(broken)


def test_a_rate_is_a_share(make_queries) -> None:
    rejector = Rejector.from_json(fit_rejection(make_queries()))
    for rate in (-0.1, 1.0, math.nan):
        with pytest.raises(InputFileError, match=r"from 0 to below 1, such as 0\.05, found"):
            rejector.is_unknown(torch.zeros(1, 2), rate, 1.0)

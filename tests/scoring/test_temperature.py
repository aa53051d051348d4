from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.errors import CorruptFileError
from kgzsl.scoring import Temperature, fit_probabilities
from kgzsl.scoring.temperature import answers_of, fit_temperature, negative_log_likelihood

NUMBERS = st.floats(-50, 50, allow_nan=False)


@given(st.lists(NUMBERS, min_size=1, max_size=8), st.floats(-3, 3), st.floats(-1, 1), st.floats(-1, 1))
def test_a_temperature_never_changes_the_ranking(
    scores: list[float], level: float, by_number: float, by_spacing: float
) -> None:
    found = Temperature(level, by_number, by_spacing, (1, 100), (0.0, 3.0)).probabilities(torch.tensor([scores]), 1.0)
    assert float(found.sum()) == pytest.approx(1)
    values = torch.tensor(scores).double()  # as the scores are held: two numbers may be one in single precision
    higher = values[:, None] > values[None]
    assert bool((found[0][:, None] >= found[0][None])[higher].all())
    assert found[0, int(values.argmax())] == found.max()


def test_probabilities_by_the_formula() -> None:
    temperature = Temperature(math.log(0.5), 0.3, -0.2, (2, 10), (0.0, 2.0))
    scores = np.array([[1.0, 2.0, 0.5]])
    t = 0.5 * 3**0.3 * math.exp(-0.2 * 1.5)
    expected = np.exp(scores / t) / np.exp(scores / t).sum()
    np.testing.assert_allclose(temperature.probabilities(torch.from_numpy(scores), 1.5).numpy(), expected)


def test_beyond_what_was_fitted_the_nearest_holds() -> None:
    temperature = Temperature(0.0, 0.3, -0.2, (2, 10), (0.5, 2.0))
    assert temperature.of(20_000, 9.0) == temperature.of(10, 2.0) != temperature.of(9, 2.0)
    assert temperature.of(1, 0.0) == temperature.of(2, 0.5)


def test_one_temperature_is_the_best_of_a_grid(make_queries) -> None:
    answers = answers_of(make_queries(margin=1.5))
    found = fit_temperature(answers)
    grid = np.exp(np.linspace(-2, 2, 400))

    def loss(t: float) -> float:
        means = []
        for one in answers:
            scaled = one.scores.numpy() / t
            own = scaled[np.arange(len(scaled)), one.right.numpy()]
            means.append((np.log(np.exp(scaled).sum(axis=1)) - own).mean())
        return float(np.mean(means))

    assert found.of(3, 1.0) == pytest.approx(grid[np.argmin([loss(t) for t in grid])], rel=0.02)
    assert negative_log_likelihood(found, answers) == pytest.approx(loss(found.of(3, 1.0)))


def test_a_scale_of_the_scores_is_a_scale_of_the_temperature(make_queries) -> None:
    answers = [answers_of(make_queries(scale=scale)) for scale in (1.0, 1000.0)]
    one, large = (fit_temperature(part, "by_number_and_spacing") for part in answers)
    assert large.of(3, 1.2) == pytest.approx(1000 * one.of(3, 1.2), rel=1e-3)


def test_the_form_is_the_likeliest_on_left_out_classes(make_queries) -> None:
    found = fit_probabilities(make_queries())
    assert found["form"] == min(found["likelihoods"], key=lambda form: found["likelihoods"][form])
    assert set(found["likelihoods"]) == {"one", "by_number", "by_spacing", "by_number_and_spacing"}


def test_queries_that_stand_near_and_fail_get_a_higher_temperature(make_queries) -> None:
    queries = make_queries(images=600, margin=3.0)
    near = queries.sets[2][0].columns
    noise = torch.randn(600, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    queries.hidden[:, torch.from_numpy(near)] = 3 * noise[:, torch.from_numpy(near)]  # these two cannot be told apart
    found = fit_temperature(answers_of(queries), "by_spacing")
    assert found.by_spacing < 0 and found.of(2, 0.9) > 2 * found.of(2, 1.6)


def test_where_all_is_right_or_all_is_equal_it_stays_finite(make_queries) -> None:
    for queries in (make_queries(margin=1000.0), make_queries(scale=0.0)):
        found = fit_temperature(answers_of(queries), "by_number_and_spacing")
        assert 0 < found.of(3, 1.0) < math.inf


def test_written_and_read() -> None:
    given_ = Temperature(0.1, 0.2, -0.3, (2, 9), (0.5, 1.5))
    assert Temperature.from_json(json.loads(json.dumps({**given_.to_json(), "form": "one"}))) == given_
    for broken in ({}, {**given_.to_json(), "level": None}, {**given_.to_json(), "numbers": 3}):
        with pytest.raises(CorruptFileError, match="run kgzsl calibrate again"):
            Temperature.from_json(broken)

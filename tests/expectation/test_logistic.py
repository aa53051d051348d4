"""The regression: its optimum, what it makes of numbers that never vary, and its JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.optimize import minimize

from kgzsl.expectation.logistic import BIAS_PENALTY, LogisticRegression, log_loss, logits


@pytest.fixture
def numbers() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(60, 3)) * [1.0, 5.0, 0.2] + [0.0, 10.0, -1.0]


@pytest.fixture
def outcomes(numbers: np.ndarray) -> np.ndarray:
    odds = numbers[:, 0] - 0.3 * (numbers[:, 1] - 10)
    return (np.random.default_rng(1).random(60) < 1 / (1 + np.exp(-odds))).astype(float)


@pytest.mark.parametrize("penalty", [0.1, 1.0, 30.0])
def test_it_ends_where_a_general_minimiser_ends(numbers: np.ndarray, outcomes: np.ndarray, penalty: float) -> None:
    z = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)

    def loss(found: np.ndarray) -> float:
        odds = z @ found[:3] + found[3]
        fit = np.sum(np.log1p(np.exp(odds)) - outcomes * odds)
        return float(fit + penalty / 2 * np.sum(found[:3] ** 2) + BIAS_PENALTY / 2 * found[3] ** 2)

    best = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-8})
    fitted = LogisticRegression.fit(["a", "b", "c"], numbers, outcomes, penalty)
    np.testing.assert_allclose([*fitted.weights, fitted.bias], best.x, atol=1e-4)


def test_without_a_number_that_varies_the_mean_is_expected() -> None:
    fitted = LogisticRegression.fit(["same"], np.full((4, 1), 7.0), np.array([1.0, 0.0, 0.0, 0.0]), 1.0)
    np.testing.assert_allclose(fitted.probabilities(np.array([[7.0], [100.0]])), 0.25, atol=1e-3)
    assert fitted.contributions(np.array([[100.0]])).tolist() == [[0.0]]


def test_outcomes_that_are_all_alike_have_an_end() -> None:
    fitted = LogisticRegression.fit(["x"], np.arange(5.0)[:, None], np.ones(5), 1.0)
    found = fitted.probabilities(np.arange(5.0)[:, None])
    assert np.all(np.isfinite(fitted.weights)) and np.all(found > 0.95) and np.all(found <= 1)


def test_probabilities_follow_from_the_contributions(numbers: np.ndarray, outcomes: np.ndarray) -> None:
    fitted = LogisticRegression.fit(["a", "b", "c"], numbers, outcomes, 1.0)
    odds = fitted.bias + fitted.contributions(numbers).sum(axis=1)
    np.testing.assert_allclose(fitted.probabilities(numbers), 1 / (1 + np.exp(-odds)))
    np.testing.assert_allclose(fitted.contributions(numbers).mean(axis=0), 0, atol=1e-12)


def test_json_keeps_it(numbers: np.ndarray, outcomes: np.ndarray) -> None:
    constant = np.column_stack([numbers, np.ones(60)])
    fitted = LogisticRegression.fit(["a", "b", "c", "same"], constant, outcomes, 1.0)
    again = LogisticRegression.from_json(json.loads(json.dumps(fitted.to_json(), allow_nan=False)))
    assert again.names == fitted.names and np.isinf(again.scale[3])
    np.testing.assert_array_equal(again.probabilities(constant), fitted.probabilities(constant))


def test_sure_shares_lose_no_endless_loss() -> None:
    assert logits(np.array([0.0, 0.5, 1.0])) == pytest.approx([-np.log(99), 0, np.log(99)])
    assert log_loss(np.array([0.0]), np.array([1.0])) == pytest.approx(-np.log(0.01))
    assert log_loss(np.array([0.8, 0.8]), np.array([1.0, 0.0])) == pytest.approx(-(np.log(0.8) + np.log(0.2)) / 2)

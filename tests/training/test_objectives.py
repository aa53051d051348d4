from __future__ import annotations

import pytest
import torch

from kgzsl.training import CosineRegression, WeightRegression, compare_classifiers


def test_weight_regression_is_half_the_mean_squared_distance() -> None:
    predicted, target = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    assert float(WeightRegression().loss(predicted, target)) == pytest.approx((1 + 1 + 0 + 0) / (2 * 2))


def test_cosine_regression_is_the_mean_cosine_distance() -> None:
    predicted, target = torch.tensor([[2.0, 0.0], [0.0, 3.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    assert float(CosineRegression().loss(predicted, target)) == pytest.approx((1 + 0) / 2)


def test_perfect_classifiers_compare_as_perfect_and_constant_ones_at_the_bottom() -> None:
    target = torch.eye(4)
    assert compare_classifiers(target, target) == {"cosine": 1.0, "hit1": 1.0, "reciprocal_rank": 1.0}
    constant = compare_classifiers(torch.ones(4, 4), target)
    assert constant["hit1"] == 0 and constant["reciprocal_rank"] == pytest.approx(1 / 4)

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.quantisation import expand, is_finite, quantise


@given(st.lists(st.lists(st.floats(-9, 9, width=32), min_size=4, max_size=4), min_size=1, max_size=5))
def test_values_are_within_half_a_step(rows: list[list[float]]) -> None:
    vectors = torch.tensor(rows)
    codes, scales = quantise(vectors)
    assert codes.dtype == torch.int8 and scales.dtype == torch.float32
    step = vectors.abs().amax(dim=1, keepdim=True) / 127
    assert bool(((expand(codes, scales) - vectors).abs() <= step * 0.5001 + 1e-30).all())


def test_half_precision_is_scaled_in_single() -> None:
    codes, scales = quantise(torch.tensor([[254.0, -2.0]], dtype=torch.float16))
    assert (codes.tolist(), scales.tolist()) == ([[127, -1]], [2.0])


@given(st.lists(st.floats(width=32), min_size=1, max_size=6))
def test_finite_values_are_told_from_others(values: list[float]) -> None:
    assert is_finite(torch.tensor(values)) == all(map(math.isfinite, values))


def test_a_sum_beyond_the_range_of_half_precision_is_no_fault() -> None:
    assert is_finite(torch.full((3,), 60000.0, dtype=torch.float16))
    assert is_finite(torch.empty(0))


def test_every_part_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgzsl.quantisation.NUMBERS_AT_ONCE", 4)
    rows = torch.zeros(5, 3, dtype=torch.float16)
    assert is_finite(rows)
    rows[4, 2] = float("inf")
    assert not is_finite(rows)

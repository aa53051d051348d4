"""Integrated gradients: complete, and exact where that can be known."""

from __future__ import annotations

import pytest
import torch

from kgzsl.explain import integrated_gradients
from kgzsl.methods import GraphRegression
from kgzsl.methods.row_function import RowFunction
from kgzsl.toy import toy_supervision


def function(row, inputs: torch.Tensor, middle: torch.Tensor) -> RowFunction:
    return RowFunction(tuple("abcd"[: len(inputs)]), inputs, row, middle)


def test_a_linear_value_is_split_by_its_weights() -> None:
    weights = torch.tensor([[1.0, 2.0], [-3.0, 0.5]])
    inputs, middle = torch.tensor([[1.0, 1.0], [2.0, 4.0]]), torch.tensor([0.5, 0.0])
    found = integrated_gradients(function(lambda x: (weights * x).sum()[None], inputs, middle), lambda row: row[0], 1)
    assert found.amounts.tolist() == [0.5 * 1 + 1 * 2, 1.5 * -3 + 4 * 0.5]
    assert found.start == 0.5 * 1 + 0.5 * -3 and found.value == 3 + -6 + 2
    assert found.gap == pytest.approx(0, abs=1e-6)


def test_a_product_of_two_meanings_is_shared_between_them() -> None:
    """x1 x2 from 0 to (2, 3): both have the integral of t times 6, three."""
    inputs = torch.tensor([[2.0], [3.0]])
    found = integrated_gradients(function(lambda x: x.prod()[None], inputs, torch.zeros(1)), lambda row: row[0], 2)
    assert found.amounts.tolist() == pytest.approx([3, 3])


@pytest.mark.parametrize("network", ["sgcn", "dgp", "gat"])
def test_amounts_complete_the_value(network: str) -> None:
    options = {"hidden": [8]} if network == "sgcn" else {"hidden": 8}
    method = GraphRegression(network, network_options=options, epochs=40, held_out=0.0).fit(toy_supervision())
    direction = torch.tensor([1.0, -0.5, 0.2, 1.0])
    for class_id in ("okapi", "owl", "zebra"):
        found = integrated_gradients(method.row_function(class_id), lambda row: row @ direction, 800)
        assert found.value == pytest.approx(found.start + float(found.amounts.sum()), abs=5e-3)
        assert abs(found.gap) < 5e-3 < float(found.amounts.abs().sum())


def test_a_meaning_that_is_the_middle_adds_nothing() -> None:
    method = GraphRegression("sgcn", network_options={"hidden": [8]}, epochs=5, held_out=0.0).fit(toy_supervision())
    whole = method.row_function("okapi")
    place = whole.nodes.index("hoofed")
    inputs = whole.inputs.clone()
    inputs[place] = whole.middle
    found = integrated_gradients(RowFunction(whole.nodes, inputs, whole.row, whole.middle), lambda row: row[0])
    assert float(found.amounts[place]) == 0 and float(found.amounts.abs().sum()) > 0

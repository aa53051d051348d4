"""A graph network's row as a function of meanings: the same row as the bank's, and honest gradients."""

from __future__ import annotations

import pytest
import torch

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.graph.class_graph import NewClass
from kgzsl.graph.extension import ClassExtension
from kgzsl.methods import GraphRegression
from kgzsl.methods.row_function import PropagatingMethod
from kgzsl.propagation import PROPAGATORS
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.toy import CLASSES, toy_supervision

OPTIONS = {"sgcn": {"hidden": [8]}, "gcnz": {"hidden": [8, 6]}, "sage": {"hidden": [8]}, "rgcn": {"hidden": [8]}}


@pytest.fixture(scope="module", params=PROPAGATORS)
def method(request: pytest.FixtureRequest) -> GraphRegression:
    options = OPTIONS.get(request.param, {"hidden": 8})
    made = GraphRegression(request.param, network_options=options, epochs=20, held_out=0.0)
    return made.fit(toy_supervision())


def two_new() -> tuple[ClassExtension, SemanticEmbedding]:
    """A mule beneath an equine that the graph lacks too."""
    equine = NewClass("equine", ("hoofed",), ClassText("equine"))
    mule = NewClass("mule", ("equine", "animal"), ClassText("mule"))
    vectors = torch.tensor([[0.8, 0.0, 0.1, 0.5], [0.9, 0.1, 0.0, 0.4]])
    embedding = SemanticEmbedding(ClassIndex(("equine", "mule")), vectors, "toy", "lemmas: definition")
    return ClassExtension((equine, mule), {}), embedding


def test_it_is_the_row_of_the_bank(method: GraphRegression) -> None:
    assert isinstance(method, PropagatingMethod)
    bank = method.synthesize(CLASSES)
    for number, class_id in enumerate(CLASSES):
        function = method.row_function(class_id)
        expected = torch.cat([bank.weights[number], bank.biases[number : number + 1]])
        torch.testing.assert_close(function.row(function.inputs), expected, atol=1e-6, rtol=1e-5)
        assert class_id in function.nodes
        torch.testing.assert_close(function.inputs, toy_supervision().semantics.select(function.nodes).vectors)


def test_of_an_added_class_too(method: GraphRegression) -> None:
    extension, vectors = two_new()
    bank = method.synthesize_new([extension], vectors)
    function = method.row_function("mule", extension, vectors)
    expected = torch.cat([bank.weights[0], bank.biases])
    torch.testing.assert_close(function.row(function.inputs), expected, atol=1e-6, rtol=1e-5)
    assert function.nodes[-2:] == ("equine", "mule")


@pytest.mark.parametrize("is_new", [False, True])
def test_gradients_are_finite_differences(method: GraphRegression, is_new: bool) -> None:
    extension, vectors = two_new()
    function = method.row_function("mule", extension, vectors) if is_new else method.row_function("owl")
    direction = torch.tensor([0.5, -1.0, 0.7, 0.2])
    x = function.inputs.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(function.row(x) @ direction, x)
    way = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    step = 1e-3
    ends = [float(function.row(function.inputs + sign * step * way) @ direction) for sign in (1, -1)]
    assert float((gradient * way).sum()) == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=5e-3)


def test_what_cannot_reach_the_row_is_left_out() -> None:
    method = GraphRegression("sgcn", network_options={"hidden": [8]}, epochs=2, held_out=0.0).fit(toy_supervision())
    near = {"saw", "tool", "entity", "hammer", "owl"}  # two steps
    assert set(method.row_function("saw").nodes) == near

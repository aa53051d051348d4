"""Classes that were in no training graph get the rows that the formula gives them, and move nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kgzsl.classes import ClassText
from kgzsl.errors import RecipeError, SemanticsError, UnknownVariantError
from kgzsl.graph.adjacency import find_adjacency
from kgzsl.graph.extension import extension_from, extension_with_parents
from kgzsl.methods import GraphRegression
from kgzsl.propagation import PropagationPlan, restrict
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.toy import toy_bank, toy_graph, toy_semantics

HIDDEN = {
    "dgp": {"hidden": 8},
    "sgcn": {"hidden": [8]},
    "gcnz": {"hidden": [8, 6]},
    "gat": {"hidden": 8},
    "sage": {"hidden": [8]},
    "rgcn": {"hidden": [8]},
    "transformer": {"hidden": 8},
    "residual": {"hidden": 8},
}


def fitted(network: str, without: tuple[str, ...]) -> tuple[GraphRegression, Supervision]:
    full = toy_graph()
    graph = full.subgraph([class_id for class_id in full.index if class_id not in without])
    supervision = Supervision(graph, toy_semantics().select(graph.index.ids), toy_bank())
    method = GraphRegression(network, network_options=HIDDEN[network], epochs=30, held_out=0.0)
    return method.fit(supervision), supervision


def full_rows(method: GraphRegression) -> torch.Tensor:
    """What the trained network gives over the whole toy graph."""
    assert method._fitted is not None
    propagator = method._fitted.propagator
    plan = PropagationPlan.full([find_adjacency(name)(toy_graph()) for name in propagator.adjacencies])
    return propagator.states(toy_semantics().vectors, plan)[-1]


def test_a_dgp_leaf_gets_the_row_of_the_full_formula_where_stored_rows_are_the_same() -> None:
    # A leaf without siblings below other ancestors: its ancestors' hidden rows change when it joins, so the formula
    # is compared on the graph in which they gather from what was there.
    method, supervision = fitted("dgp", ("okapi",))
    extension = extension_from(supervision.graph, toy_graph(), "okapi")
    found = method.synthesize_new([extension], toy_semantics())
    state = method._fitted
    assert state is not None
    propagator = state.propagator
    with torch.no_grad():
        first, second = propagator.layers
        w1, w2 = first.group_weights(), second.group_weights()
        x = toy_semantics().vectors[toy_graph().index.row("okapi")]
        own = torch.nn.functional.leaky_relu(w1[0] * (x @ first.weight + first.bias), 0.2)
        hidden = {c: state.states[0][supervision.graph.index.row(c)] for c in ("hoofed", "animal", "entity")}
        total = sum(
            w2[hop] * (h @ second.weight + second.bias)
            for hop, h in enumerate((own, hidden["hoofed"], hidden["animal"], hidden["entity"]))
        )
        expected = total / total.norm()
    torch.testing.assert_close(found.weights[0], expected[:-1], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.biases[0], expected[-1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("network", ["gat", "sage", "rgcn", "transformer", "residual"])
def test_a_new_row_is_the_formula_with_stored_rows_for_what_was_there(network: str) -> None:
    method, supervision = fitted(network, ("okapi",))
    full, known = toy_graph(), supervision.graph
    found = method.synthesize_new([extension_from(known, full, "okapi")], toy_semantics())
    state = method._fitted
    assert state is not None
    own = full.index.row("okapi")
    rows = full.index.rows(known.index.ids)
    degree = np.ones(full.num_classes, dtype=np.int64) * 2  # okapi: itself and one parent
    degree[rows] = state.node_degrees
    x, first = toy_semantics().vectors.clone(), None
    for number, name in enumerate(state.propagator.inference_adjacencies):
        aggregation, _ = restrict(find_adjacency(name)(full, degree), np.arange(full.num_classes))
        with torch.no_grad():
            y = state.propagator.layer_output(number, x, aggregation, None, first)
        x = y.clone()
        x[rows] = state.states[number]  # the others keep what they held
        first = x if number == 0 else first
    torch.testing.assert_close(found.weights[0], x[own, :-1], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.biases[0], x[own, -1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("network", HIDDEN)
def test_saved_and_read_again_new_rows_are_nearly_the_same(network: str, tmp_path) -> None:
    method, supervision = fitted(network, ("okapi",))
    extension = extension_from(supervision.graph, toy_graph(), "okapi")
    bank = method.synthesize(supervision.graph.index.ids)
    method.save(tmp_path)
    again = GraphRegression.load(tmp_path, supervision.graph, supervision.semantics, bank)
    before, after = (one.synthesize_new([extension], toy_semantics()).weights for one in (method, again))
    torch.testing.assert_close(after, before, atol=2e-3, rtol=0)  # hidden rows are stored in half precision
    assert again.feature_dim == 3


@pytest.mark.parametrize("network", HIDDEN)
def test_missing_ancestors_come_along_and_nothing_moves(network: str) -> None:
    method, supervision = fitted(network, ("okapi", "owl"))
    before = method.synthesize(supervision.graph.index.ids)
    extensions = [extension_from(supervision.graph, toy_graph(), one) for one in ("okapi", "owl")]
    both = method.synthesize_new(extensions, toy_semantics())
    turned = method.synthesize_new(extensions[::-1], toy_semantics())
    assert both.index.ids == ("okapi", "owl")
    torch.testing.assert_close(both.weights, turned.weights.flip(0))  # to rounding: one product for all
    alone = method.synthesize_new(extensions[:1], toy_semantics())
    torch.testing.assert_close(alone.weights[0], both.weights[0])
    assert torch.equal(before.weights, method.synthesize(supervision.graph.index.ids).weights)


@pytest.mark.parametrize("network", HIDDEN)
def test_a_new_row_is_near_the_row_it_would_have_had_in_training(network: str) -> None:
    method, supervision = fitted(network, ("okapi",))
    extension = extension_from(supervision.graph, toy_graph(), "okapi")
    found = method.synthesize_new([extension], toy_semantics()).weights[0]
    expected = full_rows(method)[toy_graph().index.row("okapi")][: len(found)]
    assert float(torch.cosine_similarity(found, expected, dim=0)) > 0.9


def test_a_subtree_brings_its_inner_classes() -> None:
    full = toy_graph()
    graph = full.subgraph([c for c in full.index if c not in ("bird", "owl", "eagle")])
    extension = extension_from(graph, full, "owl")
    assert [new.class_id for new in extension.classes] == ["bird", "owl"]
    assert extension.classes[1].parents == ("bird", "tool")


def test_an_own_class_below_classes_of_the_graph() -> None:
    method, supervision = fitted("dgp", ())
    extension = extension_with_parents(
        supervision.graph, "tricorder", ("tool",), ClassText("tricorder", ("tricorder",))
    )
    vectors = SemanticEmbedding(extension_index("tricorder"), torch.tensor([[0.0, 0.0, 1.0, 0.5]]), "toy")
    bank = method.synthesize_new([extension], vectors)
    saw = method.synthesize(["saw"]).weights[0]
    zebra = method.synthesize(["zebra"]).weights[0]
    assert torch.cosine_similarity(bank.weights[0], saw, dim=0) > torch.cosine_similarity(bank.weights[0], zebra, dim=0)


def extension_index(*ids: str):
    from kgzsl.classes import ClassIndex

    return ClassIndex(ids)


def test_vectors_of_another_encoder_are_refused() -> None:
    method, supervision = fitted("dgp", ("okapi",))
    other = SemanticEmbedding(toy_graph().index, toy_semantics().vectors, "another encoder")
    with pytest.raises(SemanticsError, match="another encoder"):
        method.synthesize_new([extension_from(supervision.graph, toy_graph(), "okapi")], other)


def test_unknown_names_and_shares_are_refused() -> None:
    with pytest.raises(UnknownVariantError, match=r"No network is called 'dpg'.*Did you mean 'dgp'"):
        GraphRegression("dpg")
    with pytest.raises(RecipeError, match="share"):
        GraphRegression(held_out=1.5)

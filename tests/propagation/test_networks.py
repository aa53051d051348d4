"""Each network equals its formula over the whole graph; pruned rows equal the full ones."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.graph.adjacency import find_adjacency
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.propagation import DGP, GCNZ, PROPAGATORS, SGCN, DropoutMask, PropagationPlan, Propagator

spec = importlib.util.spec_from_file_location("reference", Path(__file__).with_name("reference.py"))
assert spec is not None and spec.loader is not None
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)

SEMANTIC, FEATURE = 6, 4


SMALL = {
    "gcnz": {"hidden": (7, 5)},
    "sgcn": {"hidden": (7,)},
    "dgp": {"hidden": 7},
    "gat": {"hidden": 8, "heads": 2},
    "sage": {"hidden": (7,)},
    "rgcn": {"hidden": (7,)},
    "transformer": {"hidden": 7, "neighbours": (3, 2), "feed_forward": (3, 0)},
    "residual": {"hidden": 7, "depth": 3},
}


@st.composite
def graphs(draw) -> ClassGraph:
    """Random acyclic graphs of all relations: a class's parents have lower rows."""
    count = draw(st.integers(2, 14))
    edges = set()
    for child in range(1, count):
        for parent in draw(st.lists(st.integers(0, child - 1), max_size=3)):
            edges.add((child, parent))
    ids = tuple(f"c{row}" for row in range(count))
    ends = np.array(sorted(edges), dtype=np.int64).reshape(-1, 2)
    relations = draw(st.lists(st.integers(0, 2), min_size=len(ends), max_size=len(ends)))
    texts = tuple(ClassText(name) for name in ids)
    return ClassGraph("random", ClassIndex(ids), texts, ends, np.array(relations, dtype=np.int64))


def make(name: str, seed: int = 0, dropout: float = 0.0) -> Propagator:
    options = SMALL[name] if name == "gcnz" else {**SMALL[name], "dropout": dropout}
    network = PROPAGATORS[name](SEMANTIC, FEATURE, **options)
    generator = torch.Generator().manual_seed(seed)
    network.reset(generator)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 1:  # biases, group weights and layer norms, which start as zeros or ones
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return network.double()


def formula(name: str, network: Propagator, graph: ClassGraph, x: np.ndarray, masks=None) -> np.ndarray:
    layers = [{key: value.numpy() for key, value in layer.state_dict().items()} for layer in network.layers]
    return getattr(reference, name)(graph, x, layers, masks or [None] * len(layers))


def adjacencies(network: Propagator, graph: ClassGraph):
    return [find_adjacency(name)(graph) for name in network.adjacencies]


def vectors(graph: ClassGraph, seed: int) -> torch.Tensor:
    return torch.randn(graph.num_classes, SEMANTIC, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", PROPAGATORS)
@given(graph=graphs(), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_full_plan_is_the_formula(name: str, graph: ClassGraph, seed: int) -> None:
    network = make(name, seed)
    x = vectors(graph, seed)
    plan = PropagationPlan.full(adjacencies(network, graph))
    expected = formula(name, network, graph, x.numpy())
    with torch.no_grad():
        np.testing.assert_allclose(network(x, plan).numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(network(x, plan).detach().numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("name", PROPAGATORS)
@given(graph=graphs(), seed=st.integers(0, 99), data=st.data())
@settings(max_examples=25, deadline=None)
def test_pruned_rows_equal_the_full_formula_with_given_masks(name: str, graph: ClassGraph, seed: int, data) -> None:
    p = 0.0 if name == "gcnz" else 0.5
    network = make(name, seed, dropout=p)
    x = vectors(graph, seed)
    rows = data.draw(st.lists(st.integers(0, graph.num_classes - 1), min_size=1, unique=True))
    plan = PropagationPlan.to_rows(adjacencies(network, graph), np.array(rows))
    assert plan.outputs.tolist() == sorted(rows)
    full = [
        np.random.default_rng(seed + n).random((graph.num_classes, layer.in_dim)) < 0.5
        for n, layer in enumerate(network.layers)
    ]
    pruned = [DropoutMask.of(torch.from_numpy(mask[rows]), 0.5) for mask, rows in zip(full, plan.rows)] if p else None
    expected = formula(name, network, graph, x.numpy(), full if p else None)[plan.outputs]
    found = network(x[plan.inputs], plan, pruned)
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("name", PROPAGATORS)
@given(graph=graphs(), seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_gradients_of_pruned_and_full_are_equal(name: str, graph: ClassGraph, seed: int) -> None:
    rows = np.arange(0, graph.num_classes, 2)
    x = vectors(graph, seed)
    target = torch.randn(len(rows), make(name).layers[-1].out_dim, dtype=torch.float64)
    gradients = []
    for pruned in (True, False):
        network = make(name, seed)
        stack = adjacencies(network, graph)
        plan = PropagationPlan.to_rows(stack, rows) if pruned else PropagationPlan.full(stack)
        y = network(x[plan.inputs], plan)
        ((y if pruned else y[rows]) - target).square().sum().backward()
        gradients.append([parameter.grad for parameter in network.parameters()])
    for one, other in zip(*gradients):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_gradients_are_those_of_finite_differences() -> None:
    from kgzsl.toy import toy_graph

    graph = toy_graph()
    network = make("dgp")
    plan = PropagationPlan.to_rows(adjacencies(network, graph), np.array([5, 9]))
    masks = [
        DropoutMask.draw((len(plan.rows[n]), w), 0.5, torch.Generator().manual_seed(n), torch.device("cpu"))
        for n, w in ((0, SEMANTIC), (1, 7))
    ]
    x = vectors(graph, 0)[plan.inputs]
    weight, logits = network.layers[1].weight, network.layers[1].group_logits
    assert logits is not None

    def loss() -> torch.Tensor:
        return network(x, plan, masks)[:, 0].sum()

    loss().backward()
    for parameter, place in ((weight, (3, 1)), (logits, (2,))):
        assert parameter.grad is not None
        with torch.no_grad():
            parameter[place] += 1e-4
            above = loss()
            parameter[place] -= 2e-4
            below = loss()
            parameter[place] += 1e-4
        assert float(parameter.grad[place]) == pytest.approx(float(above - below) / 2e-4, abs=1e-5)


def test_relabelling_permutes_rows() -> None:
    from kgzsl.toy import toy_graph

    graph = toy_graph()
    order = np.random.default_rng(0).permutation(graph.num_classes)
    ids = tuple(graph.index[row] for row in order)
    place = np.argsort(order)
    moved = ClassGraph(
        "moved", ClassIndex(ids), tuple(graph.texts[row] for row in order), place[graph.edges], graph.relations
    )
    x = vectors(graph, 1)
    for name in PROPAGATORS:
        network = make(name)
        with torch.no_grad():
            before = network(x, PropagationPlan.full(adjacencies(network, graph)))
            after = network(x[order], PropagationPlan.full(adjacencies(network, moved)))
        torch.testing.assert_close(after, before[order], atol=1e-6, rtol=1e-6)


def test_symmetric_convolution_is_that_of_torch_geometric() -> None:
    pytest.importorskip("torch_geometric")
    from torch_geometric.nn import GCNConv

    from kgzsl.toy import toy_graph

    graph = toy_graph()
    network = GCNZ(SEMANTIC, FEATURE, hidden=())
    network.reset(torch.Generator().manual_seed(0))
    other = GCNConv(SEMANTIC, FEATURE, bias=False)
    other.lin.weight.data = network.layers[0].weight.detach().T.clone()
    ends = torch.from_numpy(np.concatenate([graph.edges, graph.edges[:, ::-1]]).T.copy())
    x = vectors(graph, 2).float()
    expected = torch.nn.functional.normalize(other(x, ends), dim=1)
    found = network(x, PropagationPlan.full(adjacencies(network, graph)))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_residual_convolutions_are_those_of_torch_geometric() -> None:
    pytest.importorskip("torch_geometric")
    from torch_geometric.nn import GCN2Conv

    from kgzsl.toy import toy_graph

    graph = toy_graph()
    network = PROPAGATORS["residual"](SEMANTIC, FEATURE, hidden=7, depth=2, dropout=0.0)
    network.reset(torch.Generator().manual_seed(0))
    ends = torch.from_numpy(np.concatenate([graph.edges, graph.edges[:, ::-1]]).T.copy())
    states = network.states(vectors(graph, 2).float(), PropagationPlan.full(adjacencies(network, graph)))
    x = states[0]
    for depth in (1, 2):
        other = GCN2Conv(7, alpha=0.1, theta=0.5, layer=depth)
        other.weight1.data = network.layers[depth].weight.detach()
        x = other(x, states[0], ends).relu()
        torch.testing.assert_close(states[depth], x, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", PROPAGATORS)
def test_random_numbers_come_from_the_generator_alone(name: str) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, other = make(name, 3), make(name, 3)
    assert torch.equal(torch.get_rng_state(), before)
    for first, second in zip(one.parameters(), other.parameters()):
        assert torch.equal(first, second)
    fresh = PROPAGATORS[name](SEMANTIC, FEATURE, **SMALL[name])
    fresh.reset(torch.Generator().manual_seed(0))
    for key, parameter in fresh.state_dict().items():
        if parameter.dim() == 1:
            start = 1.0 if "logits" in key or ("norm" in key and "weight" in key) else 0.0
            assert bool((parameter == start).all()), key
        elif parameter.numel() > 8:  # Glorot's bound, nearly reached
            limit = (6 / (parameter.shape[-2] + parameter.shape[-1])) ** 0.5
            assert 0.5 * limit < float(parameter.abs().max()) <= limit, key


@pytest.mark.parametrize("name", PROPAGATORS)
def test_half_precision_products_give_nearly_the_same_rows_and_gradients(name: str) -> None:
    from kgzsl.toy import toy_graph

    graph = toy_graph()
    results = []
    for low in (False, True):
        network = make(name).float()
        plan = PropagationPlan.to_rows(adjacencies(network, graph), np.array([5, 9]))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            y = network(vectors(graph, 0).float()[plan.inputs], plan)
        y.float()[:, 0].sum().backward()
        results.append([y.detach().float(), *(parameter.grad for parameter in network.parameters())])
    exact, low = (torch.cat([part.flatten() for part in result]) for result in results)
    assert float(torch.cosine_similarity(exact, low, dim=0)) > 0.99


def test_a_transformer_reads_all_neighbours_after_training() -> None:
    from kgzsl.graph.custom import from_pairs

    graph = from_pairs([(f"leaf{number}", "hub") for number in range(6)])
    network = PROPAGATORS["transformer"](SEMANTIC, FEATURE, **SMALL["transformer"])
    whole = [find_adjacency(name)(graph) for name in network.inference_adjacencies]
    hub = np.array([graph.index.row("hub")])
    training, inference = (PropagationPlan.to_rows(stack, hub) for stack in (adjacencies(network, graph), whole))
    assert [a.num_arrows for a in training.aggregations] == [4 + 2 * 2, 3]  # 3 and 2 leaves, each with its hub
    assert [a.num_arrows for a in inference.aggregations] == [7 + 6 * 2, 7]
    with torch.no_grad():
        x = vectors(graph, 0)
        network = make("transformer")
        layers = [{key: value.numpy() for key, value in layer.state_dict().items()} for layer in network.layers]
        expected = reference.transformer(graph, x.numpy(), layers, [None, None], neighbours=(9, 9))
        np.testing.assert_allclose(network(x, PropagationPlan.full(whole)).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(("name", "limit"), [("transformer", "TOKENS_AT_ONCE"), ("gat", "ARROWS_AT_ONCE")])
@pytest.mark.parametrize("number", [1, 2, 7])
def test_whole_graphs_are_computed_in_pieces(name: str, limit: str, number: int, monkeypatch) -> None:
    from kgzsl.toy import toy_graph

    graph = toy_graph()
    network = make(name)
    plan = PropagationPlan.full(adjacencies(network, graph))
    with torch.no_grad():
        whole = network(vectors(graph, 0), plan)
        monkeypatch.setattr(importlib.import_module(f"kgzsl.propagation.{name}"), limit, number)
        torch.testing.assert_close(network(vectors(graph, 0), plan), whole, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gat", {"heads": 3}, "3 heads do not divide a width of 1024"),
        ("gat", {"heads": 0}, "0 heads"),
        ("rgcn", {"num_bases": 0}, "num_bases is at least 1"),
        ("residual", {"depth": 0}, "depth is at least 1"),
        ("residual", {"initial": 1.5}, "initial 1.5"),
        ("transformer", {"neighbours": (5,)}, "a number for each of the two layers"),
        ("transformer", {"feed_forward": (-1, 0)}, "feed_forward and projection are at least 1"),
        ("sage", {"dropout": 1.0}, "dropout is from 0 to below 1"),
        ("sgcn", {"hidden": (0,)}, "widths are at least 1"),
    ],
)
def test_options_out_of_range_are_refused(name: str, options: dict, message: str) -> None:
    from kgzsl.errors import RecipeError

    with pytest.raises(RecipeError, match=message):
        PROPAGATORS[name](SEMANTIC, FEATURE, **options)


def test_published_widths() -> None:
    assert [tuple(layer.weight.shape) for layer in DGP(384, 1280).layers] == [(384, 2048), (2048, 1281)]
    assert [layer.weight.shape[1] for layer in GCNZ(384, 1280).layers] == [2048, 2048, 1024, 1024, 512, 1280]
    for name in ("sage", "rgcn", "transformer"):
        widths = [(layer.in_dim, layer.out_dim) for layer in PROPAGATORS[name](384, 1280).layers]
        assert widths == [(384, 2048), (2048, 1281)], name
    assert SGCN(384, 1280).layers[1].bias is not None and GCNZ(384, 1280).layers[1].bias is None


def test_an_unknown_place_of_the_bias_is_refused() -> None:
    from kgzsl.errors import RecipeError
    from kgzsl.propagation import GraphConvolution

    with pytest.raises(RecipeError, match="No bias is called 'befor'; choose one of none, after, before"):
        GraphConvolution(2, 3, bias="befor")

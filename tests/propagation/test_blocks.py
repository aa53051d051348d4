"""All rows in blocks are all rows at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kgzsl.graph.adjacency import find_adjacency
from kgzsl.methods import FitContext, GraphRegression, KernelRegression
from kgzsl.propagation import PROPAGATORS, PropagationPlan, in_files, states_in_blocks
from kgzsl.propagation.aggregation import RowProduct
from kgzsl.toy import toy_graph, toy_semantics, toy_supervision

SMALL = {
    "gcnz": {"hidden": (7, 5)},
    "gat": {"hidden": 8, "heads": 2},
    "transformer": {"hidden": 7, "neighbours": (3, 2), "feed_forward": (3, 0)},
    "residual": {"hidden": 7, "depth": 3},
    "dgp": {"hidden": 7},
}


@pytest.mark.parametrize("at_once", [1, 3, 100])
@pytest.mark.parametrize("name", PROPAGATORS)
def test_states_in_blocks_are_the_states(name: str, at_once: int) -> None:
    vectors = toy_semantics().vectors.float()
    network = PROPAGATORS[name](vectors.shape[1], 4, **SMALL.get(name, {"hidden": (7,)})).eval()
    network.reset(torch.Generator().manual_seed(0))
    adjacencies = [find_adjacency(one)(toy_graph()) for one in network.inference_adjacencies]
    whole = network.states(vectors, PropagationPlan.full(adjacencies))
    blocks = states_in_blocks(network, vectors, adjacencies, at_once)
    assert len(blocks) == len(whole)
    for block, state in zip(blocks, whole):
        torch.testing.assert_close(block, state)


@pytest.mark.parametrize("name", ["dgp", "gat", "residual"])
def test_states_in_files_are_the_states_in_half_precision(name: str, tmp_path: Path) -> None:
    vectors = toy_semantics().vectors.half()
    network = PROPAGATORS[name](vectors.shape[1], 4, **SMALL.get(name, {"hidden": (7,)})).eval()
    network.reset(torch.Generator().manual_seed(0))
    adjacencies = [find_adjacency(one)(toy_graph()) for one in network.inference_adjacencies]
    whole = network.states(vectors.float(), PropagationPlan.full(adjacencies))
    kept = states_in_blocks(network, vectors, adjacencies, 5, keep=in_files(tmp_path))
    for number, (rows, state) in enumerate(zip(kept, whole)):
        assert rows.dtype == torch.float16
        torch.testing.assert_close(rows.float(), state, rtol=5e-3, atol=2e-3)
        assert (tmp_path / f"layer-{number}.f16").stat().st_size == 2 * state.numel()


def test_a_sum_over_half_rows_is_taken_in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgzsl.propagation.aggregation.WIDENED_BYTES", 4 * 3 * 5)  # five rows at a time
    generator = np.random.default_rng(0)
    rows, columns = np.repeat([0, 2, 3], [7, 1, 12]), generator.integers(0, 9, 20)  # row 1 has no entry
    values = np.full(20, 1e-6, dtype=np.float32)  # nearly nothing in half precision
    x = torch.from_numpy(generator.normal(size=(9, 3))).half()
    dense = np.zeros((4, 9))
    np.add.at(dense, (rows, columns), values)
    found = RowProduct.of(rows, columns, values, 4)(x)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), dense @ x.double().numpy(), rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("make", [lambda: GraphRegression("sgcn", epochs=3, held_out=0), KernelRegression])
def test_a_fit_is_the_same_for_each_number_of_rows_at_once(make) -> None:
    supervision = toy_supervision()
    ids = supervision.graph.index.ids
    whole = make().fit(supervision).synthesize(ids)
    blocks = make().fit(supervision, FitContext(rows_at_once=2)).synthesize(ids)
    torch.testing.assert_close(blocks.weights, whole.weights)
    torch.testing.assert_close(blocks.biases, whole.biases)


def test_a_fit_that_keeps_its_rows_in_files_predicts_the_same_but_for_half_precision(tmp_path: Path) -> None:
    supervision = toy_supervision()
    ids = supervision.graph.index.ids
    whole = GraphRegression("sgcn", epochs=3, held_out=0).fit(supervision).synthesize(ids)
    context = FitContext(rows_at_once=5, rows_folder=tmp_path)
    kept = GraphRegression("sgcn", epochs=3, held_out=0).fit(supervision, context).synthesize(ids)
    assert kept.weights.dtype == torch.float32
    torch.testing.assert_close(kept.weights, whole.weights, rtol=0, atol=1e-3)
    torch.testing.assert_close(kept.biases, whole.biases, rtol=0, atol=1e-3)

"""All rows in blocks are all rows at once."""

from __future__ import annotations

import pytest
import torch

from kgzsl.graph.adjacency import find_adjacency
from kgzsl.methods import FitContext, GraphRegression, KernelRegression
from kgzsl.propagation import PROPAGATORS, PropagationPlan, states_in_blocks
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


@pytest.mark.parametrize("make", [lambda: GraphRegression("sgcn", epochs=3, held_out=0), KernelRegression])
def test_a_fit_is_the_same_for_each_number_of_rows_at_once(make) -> None:
    supervision = toy_supervision()
    ids = supervision.graph.index.ids
    whole = make().fit(supervision).synthesize(ids)
    blocks = make().fit(supervision, FitContext(rows_at_once=2)).synthesize(ids)
    torch.testing.assert_close(blocks.weights, whole.weights)
    torch.testing.assert_close(blocks.biases, whole.biases)

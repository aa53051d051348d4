"""DGP by the plain formula, for comparison: every node, five hop groups, torch.sparse; to be read, not to be fast.

``H = LeakyReLU(sum_k a_k D_k^-1 A_k (drop(X) W1 + b1))``, ``Y = normalise(sum_k r_k D_k^-1 A_k' (drop(H) W2 + b2))``,
``loss = sum over seen rows (Y - T)^2 / (2 rows)``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch.nn import functional

from kgzsl.graph.adjacency import Adjacency
from kgzsl.types import Tensor


def sparse_groups(adjacency: Adjacency) -> list[Tensor]:
    """Return one sparse (N, N) matrix a hop group."""
    matrices = []
    for group in range(adjacency.num_groups):
        kept = adjacency.groups == group
        ends = torch.stack([torch.from_numpy(adjacency.targets[kept]), torch.from_numpy(adjacency.sources[kept])])
        values = torch.from_numpy(adjacency.values[kept])
        size = (adjacency.num_nodes, adjacency.num_nodes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sparse CSR is in beta
            matrices.append(torch.sparse_coo_tensor(ends, values, size).coalesce().to_sparse_csr())
    return matrices


class PlainDGP(torch.nn.Module):
    """Two dense propagation phases over the whole graph."""

    def __init__(self, semantic_dim: int, hidden: int, out_dim: int, flows: tuple[Adjacency, Adjacency]) -> None:
        super().__init__()
        widths = [(semantic_dim, hidden), (hidden, out_dim)]
        self.weights = torch.nn.ParameterList(torch.nn.init.xavier_uniform_(torch.empty(w)) for w in widths)
        self.biases = torch.nn.ParameterList(torch.zeros(wide_out) for _, wide_out in widths)
        self.logits = torch.nn.ParameterList(torch.ones(flow.num_groups) for flow in flows)
        self.groups = [sparse_groups(flow) for flow in flows]

    def forward(self, x: Tensor) -> Tensor:
        """Return a classifier for every node, rows of length one."""
        for layer in range(2):
            x = functional.dropout(x, 0.5, self.training)
            x = torch.mm(x, self.weights[layer]) + self.biases[layer]
            shares = functional.softmax(self.logits[layer], dim=0)
            x = sum(share * torch.mm(matrix, x) for share, matrix in zip(shares, self.groups[layer]))
            if layer == 0:
                x = functional.leaky_relu(x, 0.2)
        return functional.normalize(x, dim=1)


def plain_epoch(
    semantics: Tensor, rows: Tensor, target: Tensor, flows: tuple[Adjacency, Adjacency]
) -> Callable[[], None]:
    """Return a function that runs one epoch: forward, backward, Adam."""
    model = PlainDGP(semantics.shape[1], 2048, target.shape[1], flows)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=5e-4)

    def epoch() -> None:
        optimiser.zero_grad()
        loss = (model(semantics)[rows] - target).square().sum() / (2 * len(rows))
        loss.backward()
        optimiser.step()

    return epoch

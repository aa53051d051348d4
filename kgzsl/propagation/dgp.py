"""DGP: dense graph propagation along all descendants, then along all ancestors.

Every class is joined with all its ancestors; arrows are grouped by the number of hops between the two (0, 1, 2, 3 and
at least 4) and each group is weighted by a softmax over learned logits. The first phase gathers from descendants, the
second from ancestors.

References:
    Kampffmeyer, Chen, Liang, Wang, Zhang, Xing: Rethinking Knowledge Graph Propagation for Zero-Shot
    Learning, CVPR 2019.

Deviations: sentence embeddings of definitions instead of GloVe vectors; by default the ancestor-closed graph, which
keeps every class connected, instead of the published one.
"""

from __future__ import annotations

from kgzsl.graph.adjacency import MAX_HOP
from kgzsl.propagation.base import Propagator
from kgzsl.propagation.layers import convolutions

__all__ = ["DGP"]


class DGP(Propagator):
    """Two dense propagation phases, ``x' = sum_k softmax(a)_k A_k (drop(x) W + b)``; predicts [W, b].

    Args:
        in_dim: semantic dimension S.
        feature_dim: feature dimension D.
        hidden: hidden width.
        dropout: probability to drop an input of either phase.
    """

    def __init__(self, in_dim: int, feature_dim: int, hidden: int = 2048, dropout: float = 0.5) -> None:
        widths = (in_dim, hidden, feature_dim + 1)
        flows = ["from_descendants", "from_ancestors"]
        layers = convolutions(widths, num_groups=MAX_HOP + 1, bias="before", dropout=dropout)
        super().__init__(layers, flows)

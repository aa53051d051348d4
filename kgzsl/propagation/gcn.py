"""GCNZ and SGCN: graph convolutions over the undirected class graph.

GCNZ predicts classifiers with six convolutions over the symmetrically normalised graph; SGCN shows that two, over the
row-normalised graph, spread knowledge less thinly and predict better.

References:
    Wang, Ye, Gupta: Zero-shot Recognition via Semantic Embeddings and Knowledge Graphs, CVPR 2018.
    Kampffmeyer, Chen, Liang, Wang, Zhang, Xing: Rethinking Knowledge Graph Propagation for Zero-Shot
    Learning, CVPR 2019.

Deviations: sentence embeddings of definitions instead of GloVe vectors; GCNZ's inputs are not divided by their row sum
(a leftover of its released code, which never feeds its dropout either: there is none here).
"""

from __future__ import annotations

from collections.abc import Sequence

from kgzsl.propagation.base import Propagator
from kgzsl.propagation.layers import convolutions

__all__ = ["GCNZ", "SGCN"]


class GCNZ(Propagator):
    """Six graph convolutions without biases; predicts weights only, ``x' = A x W``, ``A = D^-1/2 (A + I) D^-1/2``.

    Args:
        in_dim: semantic dimension S.
        feature_dim: feature dimension D.
        hidden: hidden widths.
    """

    def __init__(self, in_dim: int, feature_dim: int, hidden: Sequence[int] = (2048, 2048, 1024, 1024, 512)) -> None:
        widths = (in_dim, *hidden, feature_dim)
        super().__init__(convolutions(widths), ["undirected_symmetric"] * (len(hidden) + 1), with_bias=False)


class SGCN(Propagator):
    """Two graph convolutions, ``x' = A drop(x) W + b`` with ``A = D^-1 (A + I)``; predicts [W, b].

    Args:
        in_dim: semantic dimension S.
        feature_dim: feature dimension D.
        hidden: hidden widths.
        dropout: probability to drop an input of either layer.
    """

    def __init__(self, in_dim: int, feature_dim: int, hidden: Sequence[int] = (2048,), dropout: float = 0.5) -> None:
        widths = (in_dim, *hidden, feature_dim + 1)
        layers = convolutions(widths, bias="after", dropout=dropout)
        super().__init__(layers, ["undirected"] * (len(hidden) + 1))

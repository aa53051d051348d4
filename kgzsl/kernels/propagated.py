"""Semantic vectors after a few steps along the class graph: what a class, its kin and their kin mean together.

After, on graph convolutions without weights between:
    Wu, Souza, Zhang, Fifty, Yu, Weinberger: Simplifying Graph Convolutional Networks, ICML 2019 (SGC).

Deviation: rows of the adjacency sum to one, as in SGCN, where SGC divides by the roots of both ends' degrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from kgzsl.classes import ClassIndex
from kgzsl.graph.adjacency import Adjacency, degrees, find_adjacency
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.extension import ClassExtension, joint_neighbourhood, neighbourhood_adjacency
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.types import Array

__all__ = ["PropagatedSemantics"]

FLOW = "undirected"


class PropagatedSemantics:
    """``A^n X`` with ``A = D^-1 (adjacency + I)`` over the undirected graph, for its classes and for new ones.

    Args:
        graph: the class graph.
        semantics: X, a vector for every class of the graph, in its order.
        steps: n, at least 1.

    Example:
        >>> from kgzsl.toy import toy_graph, toy_semantics
        >>> one = PropagatedSemantics(toy_graph(), toy_semantics(), steps=1).semantics.select(["okapi"]).vectors
        >>> torch.equal(one[0], toy_semantics().select(["okapi", "hoofed"]).vectors.mean(dim=0))
        True
    """

    def __init__(self, graph: ClassGraph, semantics: SemanticEmbedding, steps: int = 2) -> None:
        self._graph, self._semantics, self._degrees = graph, semantics, degrees(graph)
        adjacency = find_adjacency(FLOW)(graph)
        self._states = [semantics.vectors.numpy()]
        for _ in range(steps):
            self._states.append(_gather(adjacency, self._states[-1]))

    @property
    def semantics(self) -> SemanticEmbedding:
        """The propagated vectors of the graph's classes."""
        return replace(self._semantics, vectors=torch.from_numpy(self._states[-1]))

    def of_new(self, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding) -> SemanticEmbedding:
        """Return the propagated vectors of classes that the graph lacks, from the stored ones around them.

        Args:
            extensions: the new classes.
            vectors: semantic vectors of all that they bring along.

        Raises:
            SemanticsError: the vectors are of another encoder, or one is missing.
        """
        self._semantics.check_encoder(vectors.encoder)
        around = joint_neighbourhood(self._graph, extensions)
        ids = [new.class_id for extension in extensions for new in extension.classes]
        num_known = around.num_classes - len(ids)
        known = self._graph.index.rows(around.index.ids[:num_known])
        adjacency = neighbourhood_adjacency(FLOW, around, num_known, self._degrees[known])
        chosen = vectors.select(tuple(dict.fromkeys(ids)))
        state = chosen.vectors.numpy()[chosen.index.rows(ids)]
        for before in self._states[:-1]:
            state = _gather(adjacency, np.concatenate([before[known], state]))[num_known:]
        own = np.cumsum([len(extension.classes) for extension in extensions]) - 1  # each stands behind its kin
        index = ClassIndex(tuple(extension.class_id for extension in extensions))
        return SemanticEmbedding(index, torch.from_numpy(state[own]), vectors.encoder, vectors.text_form)


def _gather(adjacency: Adjacency, rows: Array) -> Array:
    from scipy.sparse import csr_matrix

    shape = (adjacency.num_nodes, adjacency.num_nodes)
    matrix = csr_matrix((adjacency.values, (adjacency.targets, adjacency.sources)), shape=shape)
    return np.asarray(matrix @ rows)

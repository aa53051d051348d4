"""Classes are alike when they share ancestors, the more so the nearer and rarer those are."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING

import numpy as np
import torch

from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.extension import ClassExtension
from kgzsl.graph.hops import ancestor_hops
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.types import Array, Float, Int, Tensor

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["AncestorKernel"]


class AncestorKernel:
    """The cosine of ancestor profiles.

    The profile of a class has an entry for each of its ancestors and itself,
    ``decay ** hop * log(1 + K / max(1, seen classes at or below the ancestor))``: what stands above everything says
    little. A class that no seen class lies under counts as if one did, so that a held-out class looks like an unseen
    one.

    Args:
        graph: the class graph.
        seen: (K,) rows of the seen classes.
        decay: the weight of one step upward, above 0 and at most 1.
        hops: `ancestor_hops` of the graph, where it is at hand.
    """

    def __init__(
        self, graph: ClassGraph, seen: Int[Array, "K"], decay: float, hops: Int[Array, "E 3"] | None = None
    ) -> None:
        below, above, hop = (ancestor_hops(graph) if hops is None else hops).T
        self.decay = decay
        self._graph = graph
        is_seen = np.zeros(graph.num_classes, dtype=bool)
        is_seen[seen] = True
        counts = np.bincount(above[is_seen[below]], minlength=graph.num_classes)
        self._rarity = np.log1p(len(seen) / np.maximum(counts, 1))
        self._most = float(np.log1p(len(seen)))
        self._columns = _columns(graph, counts)
        self._profiles = self._normalised(below, above, decay**hop * self._rarity[above])
        self._seen: Array = self._profiles[seen].toarray().T  # (A ancestors of seen classes, K)

    def to(self, precision: torch.dtype) -> AncestorKernel:
        """Return the kernel in another precision."""
        other, kind = copy(self), torch.empty(0, dtype=precision).numpy().dtype
        other._profiles, other._seen = self._profiles.astype(kind), self._seen.astype(kind)
        return other

    def _normalised(self, below: Array, above: Array, weights: Array) -> csr_matrix:
        """Return unit profiles (C, A), without the columns that no seen class has; these count in the length only."""
        from scipy.sparse import csr_matrix

        count = self._graph.num_classes
        length = np.sqrt(np.bincount(below, weights * weights, minlength=count))
        column = self._columns[above]
        kept = column >= 0
        values = (weights / length[below])[kept]
        shape = (count, int(self._columns.max(initial=-1)) + 1)
        profiles = csr_matrix((values, (below[kept], column[kept])), shape=shape)
        profiles.sort_indices()
        return profiles

    def to_seen(self, rows: Int[Array, "R"]) -> Float[Tensor, "R K"]:
        """Return the likeness of rows of the graph to the seen classes."""
        return torch.from_numpy(self._profiles[rows] @ self._seen)

    def new_to_seen(self, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding) -> Float[Tensor, "N K"]:
        """Return the likeness of new classes to the seen classes; their vectors do not matter here."""
        from scipy.sparse import csr_matrix

        profiles = [self._profile_of_new(extension) for extension in extensions]
        pointer = np.cumsum([0, *(len(columns) for columns, _ in profiles)])
        columns = [column for columns, _ in profiles for column in columns]
        values = [value for _, values in profiles for value in values]
        shape = (len(extensions), len(self._seen))
        matrix = csr_matrix((np.array(values), np.array(columns, dtype=np.int64), pointer), shape=shape)
        matrix.sort_indices()
        return torch.from_numpy(matrix.astype(self._seen.dtype) @ self._seen)

    def _profile_of_new(self, extension: ClassExtension) -> tuple[list[int], list[float]]:
        """Return the columns of a new class's unit profile and its values there."""
        columns, values, square = list[int](), list[float](), 0.0
        for class_id, steps in extension.steps_up(self._graph).items():
            row = self._graph.index.row(class_id) if class_id in self._graph.index else None
            weight = self.decay**steps * (self._most if row is None else float(self._rarity[row]))
            square += weight * weight
            if row is not None and self._columns[row] >= 0:
                columns.append(int(self._columns[row]))
                values.append(weight)
        return columns, [value / square**0.5 for value in values]


def _columns(graph: ClassGraph, counts: Int[Array, "C"]) -> Int[Array, "C"]:
    """Number the ancestors of seen classes by class id, so that sums do not depend on the order of the graph's rows."""
    columns = np.full(graph.num_classes, -1, dtype=np.int64)
    used = sorted(np.flatnonzero(counts).tolist(), key=lambda row: graph.index[row])
    columns[used] = np.arange(len(used))
    return columns

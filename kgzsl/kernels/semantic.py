"""Classes are alike when their semantic vectors point the same way."""

from __future__ import annotations

import torch
from torch.nn import functional

from kgzsl.graph.extension import ClassExtension
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.types import Array, Float, Int, Tensor

__all__ = ["SemanticKernel"]


class SemanticKernel:
    """A Gaussian of the chord between unit vectors: ``k(a, b) = exp(-(1 - cos(a, b)) / width)``.

    Args:
        semantics: a vector for every class of the graph, in its order.
        seen: (K,) rows of the seen classes.
        width: how much of a cosine may be missing, greater than 0.
    """

    def __init__(self, semantics: SemanticEmbedding, seen: Int[Array, "K"], width: float) -> None:
        self.width = width
        self._semantics = semantics
        self._seen = _unit(semantics.vectors[torch.from_numpy(seen)])

    def to_seen(self, rows: Int[Array, "R"]) -> Float[Tensor, "R K"]:
        """Return the likeness of rows of the graph to the seen classes."""
        return self._likeness(_unit(self._semantics.vectors[torch.from_numpy(rows)]))

    def new_to_seen(self, extension: ClassExtension, vectors: SemanticEmbedding) -> Float[Tensor, "K"]:
        """Return the likeness of a new class to the seen classes.

        Raises:
            SemanticsError: the class has no vector, or one of another encoder.
        """
        self._semantics.check_encoder(vectors.encoder)
        return self._likeness(_unit(vectors.select([extension.class_id]).vectors))[0]

    def _likeness(self, vectors: Float[Tensor, "R S"]) -> Float[Tensor, "R K"]:
        return torch.exp((vectors @ self._seen.T - 1) / self.width)


def _unit(vectors: Float[Tensor, "R S"]) -> Float[Tensor, "R S"]:
    return functional.normalize(vectors.double(), dim=1)

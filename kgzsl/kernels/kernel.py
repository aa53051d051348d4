"""What a kernel of classes answers, and the weighted sum of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kgzsl.errors import RecipeError
from kgzsl.graph.extension import ClassExtension
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.types import Array, Float, Int, Tensor

__all__ = ["MixedKernel", "SeenKernel"]


class SeenKernel(Protocol):
    """Likeness of classes to K seen classes in a fixed order: symmetric, positive, 1 of a class to itself."""

    def to_seen(self, rows: Int[Array, "R"]) -> Float[Tensor, "R K"]:
        """Return the likeness of rows of the graph to the seen classes, float64 as a rule."""
        ...

    def new_to_seen(self, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding) -> Float[Tensor, "N K"]:
        """Return the likeness of N classes that the graph lacks to the seen classes, float64.

        It is what a class would have inside the graph, and depends on nothing but the class.
        """
        ...


@dataclass(frozen=True, slots=True)
class MixedKernel:
    """A sum of kernels, ``k = sum of share_i k_i``, with shares that sum to one.

    Args:
        parts: the kernels, of the same seen classes in the same order.
        shares: a weight for each of them.

    Raises:
        RecipeError: a share is negative, or they do not sum to one.
    """

    parts: Sequence[SeenKernel]
    shares: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.parts) != len(self.shares) or min(self.shares) < 0 or abs(sum(self.shares) - 1) > 1e-9:
            raise RecipeError(
                f"{len(self.parts)} kernels need as many shares of at least 0 that sum to 1, found {list(self.shares)}."
            )

    def to_seen(self, rows: Int[Array, "R"]) -> Float[Tensor, "R K"]:
        """Return the weighted sum of what the parts return."""
        return self._sum([part.to_seen(rows) for part in self.parts])

    def new_to_seen(self, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding) -> Float[Tensor, "N K"]:
        """Return the weighted sum of what the parts return."""
        return self._sum([part.new_to_seen(extensions, vectors) for part in self.parts])

    def _sum(self, values: Sequence[Tensor]) -> Tensor:
        return sum((value * share for share, value in zip(self.shares[1:], values[1:])), values[0] * self.shares[0])

"""What each seen class adds to a classifier: for methods whose rows are linear in what they know of seen classes.

Such a row is a sum over seen classes that is exact,

    [w_c, b_c] = sum over seen s of  weight_cs [w_s, b_s]  +  [0, offset_cs],

with one row for each seen class: its own classifier (kernel regression, nearest seen), its exemplar (EXEM), the
phantom classifier in its place (SYNC), or what its images say (ESZSL). So is the score of a picture, and everything
else that is linear in the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from kgzsl.graph.extension import ClassExtension
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.types import ClassId, ClassIds, Float, Tensor

__all__ = ["ContributingMethod", "SeenContributions"]


@dataclass(frozen=True, slots=True, eq=False)
class SeenContributions:
    """How the rows of C classes are made of K seen classes.

    Args:
        class_ids: the C classes.
        seen: the K seen classes.
        weights: (C, K) float64, how much of each seen class's row is in a class's.
        rows: (K, D + 1) float64, [w, b] that each seen class gives.
        offsets: (C, K) float64, what each seen class adds to the bias beside; None for nothing.

    Example:
        >>> import torch
        >>> rows = torch.tensor([[2.0, 0.0, 1.0], [0.0, 4.0, 0.0]], dtype=torch.float64)
        >>> half = torch.full((1, 2), 0.5, dtype=torch.float64)
        >>> SeenContributions(("okapi",), ("zebra", "giraffe"), half, rows).whole().tolist()
        [[1.0, 2.0, 0.5]]
    """

    class_ids: tuple[ClassId, ...]
    seen: tuple[ClassId, ...]
    weights: Float[Tensor, "C K"]
    rows: Float[Tensor, "K O"]
    offsets: Float[Tensor, "C K"] | None = None

    def whole(self) -> Float[Tensor, "C O"]:
        """Return the sums over the seen classes: the rows [w, b] themselves."""
        summed = self.weights @ self.rows
        if self.offsets is not None:
            summed[:, -1] += self.offsets.sum(dim=1)
        return summed

    def amounts(self, direction: Float[Tensor, "O"]) -> Float[Tensor, "C K"]:
        """Return what each seen class adds to ``row . direction``; ``[x, 1]`` is the direction of a score.

        Args:
            direction: (D + 1,) float64.
        """
        parts = self.weights * (self.rows @ direction)
        return parts if self.offsets is None else parts + self.offsets * direction[-1]


@runtime_checkable
class ContributingMethod(Protocol):
    """A fitted method that can say what each seen class adds to a classifier, exactly."""

    def contributions(
        self,
        class_ids: ClassIds,
        extensions: Sequence[ClassExtension] = (),
        vectors: SemanticEmbedding | None = None,
    ) -> SeenContributions:
        """Return how the rows of classes are made of the seen ones.

        Args:
            class_ids: classes of the fitted graph.
            extensions: classes that it lacks, which come behind.
            vectors: semantic vectors of the latter, where there are any.

        Raises:
            NotFittedError: `fit` has not been called.
            UnknownClassError: a class is not in the graph.
        """
        ...

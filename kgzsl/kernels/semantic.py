"""Classes are alike when their semantic vectors point the same way."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import torch
from torch.nn import functional

from kgzsl.errors import SemanticsError
from kgzsl.graph.extension import ClassExtension
from kgzsl.runtime import product
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.types import Array, Float, Int, Tensor

__all__ = ["SemanticKernel"]


class SemanticKernel:
    """The mean over texts of a Gaussian of the chord: ``k(a, b) = mean over p of exp(-(1 - cos(a_p, b_p)) / width)``.

    The texts are the parts of the semantics (see `SemanticEmbedding.parts`), such as definition and names; alike in one
    of them is half as good as alike in two, which one long vector would not say.

    Args:
        semantics: a vector for every class of the graph, in its order.
        seen: (K,) rows of the seen classes.
        width: how much of a cosine may be missing, greater than 0.
        precision: in which likeness is computed.
    """

    def __init__(
        self,
        semantics: SemanticEmbedding,
        seen: Int[Array, "K"],
        width: float,
        precision: torch.dtype = torch.float64,
    ) -> None:
        self.width, self.precision = width, precision
        self._semantics = semantics
        rows = torch.from_numpy(seen)
        self._seen = [self._unit(part[rows]) for part in semantics.parts().values()]

    def to(self, precision: torch.dtype) -> SemanticKernel:
        """Return the kernel in another precision."""
        other = copy(self)
        other.precision, other._seen = precision, [seen.to(precision) for seen in self._seen]
        return other

    def to_seen(self, rows: Int[Array, "R"]) -> Float[Tensor, "R K"]:
        """Return the likeness of rows of the graph to the seen classes."""
        chosen = torch.from_numpy(rows)
        return self._likeness([part[chosen] for part in self._semantics.parts().values()])

    def new_to_seen(self, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding) -> Float[Tensor, "N K"]:
        """Return the likeness of new classes to the seen classes.

        Raises:
            SemanticsError: the class has no vector, or one of another encoder or with other parts.
        """
        self._semantics.check_encoder(vectors.encoder)
        parts = list(vectors.select([extension.class_id for extension in extensions]).parts().values())
        if len(parts) != len(self._seen):
            raise SemanticsError(
                f"A new class needs {len(self._seen)} texts side by side ({self._semantics.text_form!r}), found "
                f"{len(parts)} ({vectors.text_form!r}); embed it with the text form of the run."
            )
        return self._likeness(parts)

    def _likeness(self, parts: Sequence[Float[Tensor, "R S"]]) -> Float[Tensor, "R K"]:
        cosines = [product(self._unit(part), seen.T) for part, seen in zip(parts, self._seen)]
        each = [cosine.sub_(1).div_(self.width).exp_() for cosine in cosines]
        return each[0] if len(each) == 1 else torch.stack(each).mean(dim=0)

    def _unit(self, vectors: Float[Tensor, "R S"]) -> Float[Tensor, "R S"]:
        return functional.normalize(vectors.to(self.precision), dim=1)

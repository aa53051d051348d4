"""How many of the wanted classes have a vector."""

from __future__ import annotations

from dataclasses import dataclass

from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.types import ClassId, ClassIds

__all__ = ["Coverage", "coverage"]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which of some classes have a vector.

    Args:
        num_classes: how many classes were asked for.
        missing: those without a vector, in the order asked.
    """

    num_classes: int
    missing: tuple[ClassId, ...]

    @property
    def share(self) -> float:
        """The share of classes with a vector, 0 to 1 (1 where none was asked for)."""
        return 1 - len(self.missing) / self.num_classes if self.num_classes else 1.0

    def __str__(self) -> str:
        present = self.num_classes - len(self.missing)
        return f"{present:,} of {self.num_classes:,} classes have a vector ({self.share:.1%})"


def coverage(embedding: SemanticEmbedding, class_ids: ClassIds) -> Coverage:
    """Compare the classes of an embedding with the wanted ones."""
    return Coverage(len(class_ids), embedding.missing(class_ids))

"""A class that is asked about, as methods take it: one of their graph, or one that was added with what it brings."""

from __future__ import annotations

from dataclasses import dataclass

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.graph.extension import ClassExtension
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.types import ClassId

__all__ = ["AskedClass", "placement_of", "source_of"]

TRAINED = "trained"


@dataclass(frozen=True, slots=True, eq=False)
class AskedClass:
    """A class of the run's graph, or one that the run lacks.

    Args:
        class_id: the class.
        extension: its place with the ancestors it brings along, None where the run's graph has it.
        vectors: semantic vectors of all that the extension holds.
    """

    class_id: ClassId
    extension: ClassExtension | None = None
    vectors: SemanticEmbedding | None = None

    @classmethod
    def of(cls, classifier: ZeroShotClassifier, class_id: ClassId) -> AskedClass:
        """Return a class as a classifier knows it; one that it lacks is added on the fly.

        Raises:
            UnknownClassError: it can be neither found nor added.
        """
        if class_id in classifier.graph.index:
            return cls(class_id)
        classifier.scorer_of([class_id])
        added = classifier.added
        extension = added[class_id].extension
        nodes = {new.class_id: new for new in extension.classes}
        vectors, _ = added.synthesis.embed(nodes, kept=added.state.vectors)
        return cls(class_id, extension, vectors)


def source_of(classifier: ZeroShotClassifier, class_id: ClassId) -> str:
    """Return where the semantic vector of a class came from, as predictions say it."""
    return classifier.added[class_id].source if class_id in classifier.added else TRAINED


def placement_of(classifier: ZeroShotClassifier, class_id: ClassId) -> str:
    """Return why an added class is where it is; empty for a class of the run's graph."""
    if class_id in classifier.graph.index:
        return ""
    added = classifier.added.state.added
    if class_id in added:
        return added[class_id].why
    return "a noun of WordNet that the run lacks, placed by WordNet for this question"

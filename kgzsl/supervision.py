"""All that a method may look at while it fits: no image of an unseen class can leak in."""

from __future__ import annotations

from dataclasses import dataclass

from kgzsl.bank import ClassifierBank
from kgzsl.errors import GraphError
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.semantics.embedding import SemanticEmbedding

__all__ = ["Supervision"]


@dataclass(frozen=True, slots=True, eq=False)
class Supervision:
    """Graph, semantics of its classes, classifiers of the seen classes, and seen features where there are any.

    Args:
        graph: the class graph.
        semantics: a vector for every class of the graph, in the graph's order.
        seen_bank: the classifiers of the seen classes, as the backbone has them (not normalised).
        seen_features: labelled features of seen classes, or None.

    Raises:
        UnknownClassError: a seen class is not in the graph.
        GraphError: the semantics are not in the graph's order.
        BackboneMismatchError: the features are of another backbone than the bank.
        GraphError: a feature row belongs to no seen class.
    """

    graph: ClassGraph
    semantics: SemanticEmbedding
    seen_bank: ClassifierBank
    seen_features: FeatureSet | None = None

    def __post_init__(self) -> None:
        if self.semantics.index.ids != self.graph.index.ids:
            raise GraphError(
                "The semantics must hold the graph's classes in its order; use semantics.select(graph.index.ids)."
            )
        self.graph.index.rows(self.seen_bank.index)
        if self.seen_features is not None:
            self.seen_bank.check_backbone(self.seen_features)
            for class_id in set(self.seen_features.class_ids()):
                if class_id is None or class_id not in self.seen_bank.index:
                    raise GraphError(
                        f"Seen features hold images of {class_id!r}, which is not a seen class; leave them out."
                    )

    def without(self, held_out: tuple[str, ...]) -> Supervision:
        """Return what is left when some seen classes are hidden: their classifiers and their images are gone."""
        hidden = set(held_out)
        kept = [class_id for class_id in self.seen_bank.index if class_id not in hidden]
        features = None if self.seen_features is None else self.seen_features.of_classes(kept)
        return Supervision(self.graph, self.semantics, self.seen_bank.select(kept), features)

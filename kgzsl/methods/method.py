"""The method protocol: learn from seen classes, then synthesize a scorer for any classes of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from kgzsl.bank import Scorer, StoredScorer
from kgzsl.graph.extension import ClassExtension
from kgzsl.methods.context import FitContext
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.types import ClassIds, PathLike

__all__ = ["InductiveMethod", "Method"]


@runtime_checkable
class Method(Protocol):
    """One paper's way from the supervision of seen classes to a scorer of any classes.

    A constructor takes hyper-parameters only; data enters through `fit`.
    """

    def fit(self, supervision: Supervision, context: FitContext | None = None) -> Method:
        """Learn from graph, semantics and seen classifiers; return the method itself.

        Args:
            supervision: all that may be looked at.
            context: where to compute and to save checkpoints; never what is learned.
        """
        ...

    def synthesize(self, class_ids: ClassIds) -> Scorer:
        """Return a scorer of classes of the fitted graph, in the order given.

        Raises:
            NotFittedError: `fit` has not been called.
            UnknownClassError: a class is not in the graph.
        """
        ...


@runtime_checkable
class InductiveMethod(Method, Protocol):
    """A method that also places classes which its graph lacks, and that can be saved.

    Such a class also has ``load(folder, graph, semantics, scorer)``, which reads what `save` wrote; the scorer is the
    one that `synthesize` made of all classes of the graph.
    """

    def synthesize_new(self, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding) -> StoredScorer:
        """Return a scorer of classes that the fitted graph lacks, in the order given.

        Args:
            extensions: the new classes with the ancestors they bring along.
            vectors: semantic vectors of all of those.

        Raises:
            SemanticsError: the vectors are of another encoder, or one is missing.
        """
        ...

    def save(self, folder: PathLike) -> None:
        """Write what `load` needs into a folder."""
        ...

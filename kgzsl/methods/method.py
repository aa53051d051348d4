"""The method protocol: learn from seen classes, then synthesize a scorer for any classes of the graph."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from kgzsl.bank import Scorer
from kgzsl.supervision import Supervision
from kgzsl.types import ClassIds

__all__ = ["Method"]


@runtime_checkable
class Method(Protocol):
    """One paper's way from the supervision of seen classes to a scorer of any classes.

    A constructor takes hyper-parameters only; data enters through `fit`.
    """

    def fit(self, supervision: Supervision) -> Method:
        """Learn from graph, semantics and seen classifiers; return the method itself."""
        ...

    def synthesize(self, class_ids: ClassIds) -> Scorer:
        """Return a scorer of classes of the fitted graph, in the order given.

        Raises:
            NotFittedError: `fit` has not been called.
            UnknownClassError: a class is not in the graph.
        """
        ...

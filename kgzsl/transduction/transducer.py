"""The protocol of this room."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from kgzsl.bank import Scorer
from kgzsl.features import FeatureSet

__all__ = ["Transducer"]


@runtime_checkable
class Transducer(Protocol):
    """Anything that makes a scorer better with unlabelled images of its classes."""

    def adapt(self, scorer: Scorer, unlabelled: FeatureSet) -> Scorer:
        """Return a scorer of the same classes.

        The class of an image is not looked at. For no image the scorer itself comes back. A scorer that was adapted
        before by the same kind of transducer goes on from there, so that images may come in batches.

        Args:
            scorer: scores the candidates.
            unlabelled: images of them.
        """
        ...

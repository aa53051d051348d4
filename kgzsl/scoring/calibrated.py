"""Calibrated stacking: seen classes give up a constant, so that unseen ones stand a chance against them.

References:
    W.-L. Chao, S. Changpinyo, B. Gong, F. Sha: An empirical study and analysis of generalized zero-shot learning for
    object recognition in the wild, ECCV 2016.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from kgzsl.bank import Scorer
from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError
from kgzsl.features import FeatureSet
from kgzsl.types import ClassId, ClassIds, Float, Tensor

__all__ = ["CalibratedScorer"]


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedScorer:
    """A scorer whose seen classes score lower by gamma: ``s'(x, c) = s(x, c) - gamma [c is seen]``.

    Args:
        scorer: what is calibrated.
        seen: the seen classes; those that the scorer lacks are passed over.
        gamma: what they give up, in the units of the scores; a negative one favours them.

    Raises:
        InputFileError: gamma is not a finite number.

    Example:
        >>> from kgzsl.bank import ClassifierBank
        >>> bank = ClassifierBank(ClassIndex(("zebra", "okapi")), torch.eye(2), torch.zeros(2), "toy")
        >>> images = FeatureSet(torch.tensor([[2.0, 1.5]]), torch.tensor([1]), ClassIndex(("zebra", "okapi")), "toy")
        >>> CalibratedScorer(bank, frozenset({"zebra"}), 1.0).score(images).tolist()
        [[1.0, 1.5]]
    """

    scorer: Scorer
    seen: frozenset[ClassId]
    gamma: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "seen", frozenset(_ids(self.seen)))
        if not math.isfinite(self.gamma):
            raise InputFileError(f"gamma is a finite number in the units of the scores, found {self.gamma}.")

    @property
    def index(self) -> ClassIndex:
        """The classes, in the order of the score columns."""
        return self.scorer.index

    @property
    def backbone(self) -> str:
        """Id of the backbone whose features it takes."""
        return self.scorer.backbone

    def score(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        """Score every image against every class, those of seen classes less gamma.

        In double precision: rounding must not undo a gamma that lies between two close scores.
        """
        given_up = [self.gamma if class_id in self.seen else 0.0 for class_id in self.index]
        scores = self.scorer.score(images).double()
        return scores - torch.tensor(given_up, dtype=torch.float64, device=scores.device)

    def select(self, class_ids: ClassIds) -> CalibratedScorer:
        """Return a scorer of some of the classes, in the order given."""
        return CalibratedScorer(self.scorer.select(class_ids), self.seen, self.gamma)


def _ids(seen: Iterable[ClassId]) -> Iterable[ClassId]:
    """Refuse one id where many are meant: its letters would pass for classes."""
    if isinstance(seen, str):
        raise InputFileError(f"seen is a collection of class ids, found the text {seen!r}.")
    return seen

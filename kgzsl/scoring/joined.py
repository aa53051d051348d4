"""Scorers of different classes, side by side as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from kgzsl.bank import Scorer
from kgzsl.classes import ClassIndex
from kgzsl.errors import BackboneMismatchError, InputFileError
from kgzsl.features import FeatureSet
from kgzsl.types import ClassIds, Float, Tensor

__all__ = ["JoinedScorer"]


@dataclass(frozen=True, slots=True, eq=False)
class JoinedScorer:
    """Several scorers as one; their scores must be of one scale, which is for the caller to know.

    Args:
        parts: scorers of different classes, at least one.

    Raises:
        InputFileError: there is no part.
        BackboneMismatchError: the parts take features of different backbones.
        GraphError: a class stands in two of them.
    """

    parts: tuple[Scorer, ...]
    index: ClassIndex = field(init=False)

    def __post_init__(self) -> None:
        parts: Sequence[Scorer] = tuple(self.parts)
        if not parts:
            raise InputFileError("Cannot join no scorers; give at least one.")
        if len({part.backbone for part in parts}) > 1:
            named = ", ".join(sorted({repr(part.backbone) for part in parts}))
            raise BackboneMismatchError(f"Cannot join scorers of different backbones: {named}.")
        ids = tuple(class_id for part in parts for class_id in part.index)
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "index", ClassIndex(ids, "joined scorers"))

    @property
    def backbone(self) -> str:
        """Id of the backbone whose features all parts take."""
        return self.parts[0].backbone

    def score(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        """Score every image against the classes of all parts."""
        return torch.cat([part.score(images) for part in self.parts], dim=1)

    def select(self, class_ids: ClassIds) -> Scorer:
        """Return a scorer of some of the classes, in the order given; UnknownClassError where one is missing."""
        self.index.rows(class_ids)
        wanted = set(class_ids)
        kept = [
            part.select(mine)
            for part in self.parts
            if (mine := [class_id for class_id in part.index if class_id in wanted])
        ]
        joined = JoinedScorer(tuple(kept or [self.parts[0].select(())]))
        return _Reordered(joined, ClassIndex(tuple(class_ids), "joined scorers"))


@dataclass(frozen=True, slots=True, eq=False)
class _Reordered:
    """A scorer with its columns in another order."""

    scorer: Scorer
    index: ClassIndex

    @property
    def backbone(self) -> str:
        return self.scorer.backbone

    def score(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        columns = torch.from_numpy(self.scorer.index.rows(self.index.ids))
        return self.scorer.score(images)[:, columns]

    def select(self, class_ids: ClassIds) -> Scorer:
        return self.scorer.select(class_ids)

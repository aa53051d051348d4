"""Seen bias: images of unseen classes that seen classes swallow."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass

import torch

from kgzsl.bank import Scorer
from kgzsl.evaluation.ranking import score_in_chunks
from kgzsl.features import FeatureSet
from kgzsl.types import ClassId

__all__ = ["SeenBias"]


@dataclass(frozen=True, slots=True)
class SeenBias:
    """What happens where seen and unseen classes compete as they score.

    Args:
        unseen_as_seen: percent of the images of unseen classes that are taken for a seen one.
        seen_as_unseen: percent of the images of seen classes that are taken for an unseen one.
        margin: over images of unseen classes, the mean of best seen less best unseen score, in standard deviations of a
            picture's scores; above 0 seen classes lead.
    """

    unseen_as_seen: float
    seen_as_unseen: float
    margin: float

    @classmethod
    def of(cls, scorer: Scorer, images: FeatureSet, seen: Collection[ClassId]) -> SeenBias:
        """Measure.

        Args:
            scorer: of seen and unseen classes.
            images: of both kinds, each with its class.
            seen: the seen classes.
        """
        columns = torch.tensor([class_id in seen for class_id in scorer.index])
        own = torch.tensor([class_id in seen for class_id in images.class_ids()])
        leads: list[float] = []
        taken: list[bool] = []
        for _, scores in score_in_chunks(scorer, images):
            double = scores.double()
            gap = double[:, columns].amax(dim=1) - double[:, ~columns].amax(dim=1)
            leads += (gap / double.std(dim=1).clamp(min=1e-12)).tolist()
            taken += (gap > 0).tolist()
        as_seen = torch.tensor(taken, dtype=torch.float64)
        return cls(
            100 * float(as_seen[~own].mean()),
            100 * float(1 - as_seen[own].mean()),
            float(torch.tensor(leads, dtype=torch.float64)[~own].mean()),
        )

    def to_json(self) -> dict[str, float]:
        """Return the numbers by name."""
        return {name: round(value, 4) for name, value in asdict(self).items()}

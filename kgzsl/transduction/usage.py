"""How pictures spread over classes before and after, and the guard against a few classes swallowing the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from kgzsl.bank import Scorer
from kgzsl.classes import ClassIndex
from kgzsl.features import FeatureSet
from kgzsl.types import ClassId, ClassIds, Float, Tensor

__all__ = ["ClassUsage", "TransducedScorer", "UsageReport", "guarded"]

LEAST = 0.5
"""Fewer than this share of the effective classes of before is a collapse."""


@dataclass(frozen=True, slots=True)
class ClassUsage:
    """How often each class is the best.

    Args:
        counts: pictures by class, classes without any too.
    """

    counts: Mapping[ClassId, int]

    @classmethod
    def of(cls, scorer: Scorer, images: FeatureSet) -> ClassUsage:
        """Count the best class of every picture; of equal ones the first."""
        best = scorer.score(images).argmax(dim=1)
        return cls(dict(zip(scorer.index, torch.bincount(best, minlength=len(scorer.index)).tolist())))

    @property
    def entropy(self) -> float:
        """The entropy of the shares, in nats.

        Example:
            >>> round(ClassUsage({"okapi": 5, "owl": 5}).entropy, 4)
            0.6931
        """
        counts = torch.tensor(list(self.counts.values()), dtype=torch.float64)
        return float(torch.special.entr(counts / counts.sum().clamp(min=1)).sum())

    @property
    def effective(self) -> float:
        """How many classes as often as each other have that entropy: its exponential."""
        return float(torch.tensor(self.entropy, dtype=torch.float64).exp())

    @property
    def unused(self) -> tuple[ClassId, ...]:
        """The classes that no picture is given to."""
        return tuple(class_id for class_id, count in self.counts.items() if not count)


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Class usage before and after.

    Args:
        before, after: of the same pictures.
        fell_back: whether what was found is a collapse, so that the start's scores are kept.
    """

    before: ClassUsage
    after: ClassUsage
    fell_back: bool

    @property
    def died(self) -> tuple[ClassId, ...]:
        """Classes that had pictures before and have none after."""
        return tuple(one for one in self.after.unused if self.before.counts[one])

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        sides = {"before": self.before, "after": self.after}
        told = {
            name: {
                "counts": dict(one.counts),
                "entropy": one.entropy,
                "effective": one.effective,
                "unused": list(one.unused),
            }
            for name, one in sides.items()
        }
        return {**told, "died": list(self.died), "fell_back": self.fell_back}

    def __str__(self) -> str:
        spread = f"{self.before.effective:.1f} effective classes before, {self.after.effective:.1f} after"
        died = f"; {len(self.died)} classes lost all their pictures" if self.died else ""
        kept = "; a collapse, so the scores of before are kept" if self.fell_back else ""
        return spread + died + kept


@dataclass(frozen=True, slots=True, eq=False)
class TransducedScorer:
    """A scorer that unlabelled images were used for, with the report on its classes.

    Args:
        start: what was adapted.
        scorer: what came out; the start where that was a collapse.
        report: class usage before and after; None for a selection of classes.
    """

    start: Scorer
    scorer: Scorer
    report: UsageReport | None

    @property
    def index(self) -> ClassIndex:
        """The classes, in the order of the score columns."""
        return self.scorer.index

    @property
    def backbone(self) -> str:
        """Id of the backbone whose features it takes."""
        return self.scorer.backbone

    def score(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        """Score every image against every class."""
        return self.scorer.score(images)

    def select(self, class_ids: ClassIds) -> TransducedScorer:
        """Return a scorer of some of the classes, in the order given; what was learned on all of them is kept."""
        report = self.report if tuple(class_ids) == self.index.ids else None
        return TransducedScorer(self.start.select(class_ids), self.scorer.select(class_ids), report)


def guarded(start: Scorer, adapted: Scorer, unlabelled: FeatureSet, least: float = LEAST) -> TransducedScorer:
    """Return what was adapted, or the start where classes died.

    Args:
        start: the scorer of before.
        adapted: the scorer of after.
        unlabelled: what both are counted on.
        least: the share of the effective number of classes that must be left; 0 never falls back.
    """
    before, after = ClassUsage.of(start, unlabelled), ClassUsage.of(adapted, unlabelled)
    fell_back = after.effective < least * before.effective
    return TransducedScorer(start, start if fell_back else adapted, UsageReport(before, after, fell_back))

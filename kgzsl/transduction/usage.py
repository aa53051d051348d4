"""How pictures spread over classes before and after, and the guard against a few classes swallowing the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from kgzsl.bank import Scorer
from kgzsl.classes import ClassIndex
from kgzsl.features import FeatureSet
from kgzsl.types import ClassId, ClassIds, Float, Int, Tensor

__all__ = ["ClassUsage", "TransducedScorer", "UsageReport", "carried", "guarded", "separation"]

Found = TypeVar("Found")

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
        return cls.of_best(scorer.index, scorer.score(images).argmax(dim=1))

    @classmethod
    def of_best(cls, index: ClassIndex, best: Int[Tensor, "N"]) -> ClassUsage:
        """Count the rows of pictures' best classes."""
        return cls(dict(zip(index, torch.bincount(best, minlength=len(index)).tolist())))

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
        fell_back: whether what was found is a collapse, or told classes apart no better, so that the start's scores are
            kept.
        separated: the `separation` of the classes before and after; None where it was not asked for.
    """

    before: ClassUsage
    after: ClassUsage
    fell_back: bool
    separated: tuple[float, float] | None = None

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
        parts = None if self.separated is None else list(self.separated)
        return {**told, "died": list(self.died), "fell_back": self.fell_back, "separated": parts}

    def __str__(self) -> str:
        spread = f"{self.before.effective:.1f} effective classes before, {self.after.effective:.1f} after"
        died = f"; {len(self.died)} classes lost all their pictures" if self.died else ""
        apart = "" if self.separated is None else "; separation {:.3f} before, {:.3f} after".format(*self.separated)
        why = "a collapse" if self.separated is None else "no gain, or a collapse"
        kept = f"; {why}, so the scores of before are kept" if self.fell_back else ""
        return spread + died + apart + kept


@dataclass(frozen=True, slots=True, eq=False)
class TransducedScorer:
    """A scorer that unlabelled images were used for, with the report on its classes.

    Args:
        start: what was adapted.
        scorer: what came out; the start where that was a collapse.
        report: class usage before and after; None for a selection of classes.
        found: what came out in any case, for another batch to go on from.
    """

    start: Scorer
    scorer: Scorer
    report: UsageReport | None
    found: Scorer

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
        return TransducedScorer(self.start.select(class_ids), self.scorer.select(class_ids), report, self.found)


def carried(scorer: Scorer, kind: type[Found]) -> tuple[Scorer, Found | None]:
    """Return what an adaptation starts from, and what one of the same kind found in the batches before.

    Args:
        scorer: what is to be adapted.
        kind: of the scorer that comes out.
    """
    if isinstance(scorer, TransducedScorer) and scorer.report is not None and isinstance(scorer.found, kind):
        return scorer.start, scorer.found
    return scorer, None


def separation(scorer: Scorer, images: FeatureSet) -> float:
    """Return by how much pictures are nearer to the class they are given to than to the next one.

    A class is the direction, from the mean picture, of the pictures that it is best for; the mean over pictures of the
    cosine with the own class less the highest with another. No class label is looked at.
    """
    return _separated(images, scorer.score(images).argmax(dim=1), len(scorer.index))


def _separated(images: FeatureSet, best: Int[Tensor, "N"], classes: int) -> float:
    units = torch.nn.functional.normalize(images.features.double(), dim=1)
    away = torch.nn.functional.normalize(units - units.mean(dim=0), dim=1)
    shares = torch.nn.functional.one_hot(best, classes).to(away)
    directions = torch.nn.functional.normalize((shares - shares.mean(dim=0)).T @ away, dim=1)
    cosines = away @ directions.T
    own = cosines.gather(1, best[:, None])
    others = cosines.scatter(1, best[:, None], -1.0).amax(dim=1, keepdim=True)
    return float((own - others).mean())


def guarded(
    start: Scorer,
    adapted: Scorer,
    unlabelled: FeatureSet,
    least: float = LEAST,
    least_gain: float | None = None,
) -> TransducedScorer:
    """Return what was adapted, or the start where classes died or are told apart no better.

    Args:
        start: the scorer of before.
        adapted: the scorer of after.
        unlabelled: what both are counted on.
        least: the share of the effective number of classes that must be left; 0 never falls back.
        least_gain: what must be gained in `separation`; None does not ask.
    """
    best = tuple(one.score(unlabelled).argmax(dim=1) for one in (start, adapted))
    before, after = (ClassUsage.of_best(start.index, one) for one in best)
    fell_back = after.effective < least * before.effective
    separated = None
    if least_gain is not None:
        one, other = (_separated(unlabelled, rows, len(start.index)) for rows in best)
        separated = (one, other)
        fell_back = fell_back or separated[1] - separated[0] < least_gain
    report = UsageReport(before, after, fell_back, separated)
    return TransducedScorer(start, start if fell_back else adapted, report, adapted)

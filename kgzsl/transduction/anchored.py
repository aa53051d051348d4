"""The generalised setting: seen classes compete, and stay where they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kgzsl.bank import Scorer
from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError
from kgzsl.features import FeatureSet
from kgzsl.scoring import CalibratedScorer
from kgzsl.transduction.transducer import Transducer
from kgzsl.transduction.usage import TransducedScorer, UsageReport
from kgzsl.types import ClassId, ClassIds, Float, Tensor

__all__ = ["AnchoredScorer", "GeneralisedTransduction"]


@dataclass(frozen=True, slots=True, eq=False)
class AnchoredScorer:
    """Scores of seen classes as they were; unseen classes keep their best score, and share it out anew.

    ``s'(x, u) = max_v s(x, v) + log p(u | x) - max_v log p(v | x)`` over unseen v, p after adapting: whether an
    image is of a seen class is decided as before, of which unseen one as adapted.

    Args:
        start: scores seen and unseen classes.
        adapted: scores the unseen ones.
        index: the classes shown.
    """

    start: Scorer
    adapted: Scorer
    index: ClassIndex

    @property
    def backbone(self) -> str:
        """Id of the backbone whose features it takes."""
        return self.start.backbone

    @property
    def report(self) -> UsageReport | None:
        """Class usage of the images that were taken for unseen ones."""
        return self.adapted.report if isinstance(self.adapted, TransducedScorer) else None

    def score(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        """Score every image against every class."""
        scores = self.start.score(images).double()
        place = torch.from_numpy(self.start.index.rows(self.adapted.index))
        within = self.adapted.score(images).double()
        highest = scores[:, place].amax(dim=1, keepdim=True)
        scores[:, place] = highest + within - within.amax(dim=1, keepdim=True)
        return scores[:, torch.from_numpy(self.start.index.rows(self.index))]

    def select(self, class_ids: ClassIds) -> AnchoredScorer:
        """Return a scorer of some of the classes, in the order given."""
        self.index.rows(class_ids)
        return AnchoredScorer(self.start, self.adapted, ClassIndex(tuple(class_ids), self.index.owner))


@dataclass(frozen=True, slots=True)
class GeneralisedTransduction:
    """Adapt unseen classes while seen ones compete.

    Images whose best class, after seen classes gave up gamma, is unseen are what the unseen classes are adapted to.

    Args:
        transducer: how.
        seen: the seen classes, anchored.
        gamma: what they give up while those images are picked, in units of the scores; the scorer returned is not
            calibrated, so that `CalibratedScorer` or ``evaluate(calibrate=...)`` goes on top.
    """

    transducer: Transducer
    seen: frozenset[ClassId]
    gamma: float = 0.0

    def adapt(self, scorer: Scorer, unlabelled: FeatureSet) -> Scorer:
        """Return a scorer of the same classes; the scorer itself where no image looks unseen.

        Raises:
            InputFileError: no class is unseen.
        """
        start, held = (scorer.start, scorer.adapted) if isinstance(scorer, AnchoredScorer) else (scorer, None)
        unseen = tuple(class_id for class_id in start.index if class_id not in self.seen)
        if not unseen:
            raise InputFileError("All candidates are seen classes; there is nothing to adapt.")
        if not len(unlabelled):
            return scorer
        best = CalibratedScorer(start, self.seen, self.gamma).score(unlabelled).argmax(dim=1)
        new = torch.tensor([class_id not in self.seen for class_id in start.index])[best]
        if not bool(new.any()):
            return scorer
        adapted = self.transducer.adapt(start.select(unseen) if held is None else held, unlabelled.rows(new))
        return AnchoredScorer(start, adapted, start.index)

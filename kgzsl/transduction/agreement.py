"""Agreement: several transducers look at the same images, and their probabilities are multiplied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from kgzsl.bank import Scorer
from kgzsl.classes import ClassIndex
from kgzsl.features import FeatureSet
from kgzsl.transduction.gaussian import GaussianClustering
from kgzsl.transduction.transducer import Transducer
from kgzsl.transduction.usage import carried, guarded
from kgzsl.types import ClassIds, Float, Tensor

__all__ = ["AgreementScorer", "TransducerAgreement"]

FLOOR = 1e-6
"""No member can rule a class out further than that."""
NEIGHBOURS, ALIGNED = 1, 0.5
"""How the four beginnings differ: how much is read off the images, and how many images hubs are measured on."""


@dataclass(frozen=True, slots=True, eq=False)
class AgreementScorer:
    """Scores by the mean of the members' log probabilities.

    Args:
        members: scorers of the same classes in the same order.
        columns: which classes are shown.
    """

    members: tuple[Scorer, ...]
    columns: tuple[int, ...]

    @property
    def index(self) -> ClassIndex:
        """The classes, in the order of the score columns."""
        whole = self.members[0].index
        return ClassIndex(tuple(whole[column] for column in self.columns), whole.owner)

    @property
    def backbone(self) -> str:
        """Id of the backbone whose features it takes."""
        return self.members[0].backbone

    def score(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        """Score every image against every class."""
        floor = float(torch.tensor(FLOOR, dtype=torch.float64).log())
        told = [member.score(images).double().log_softmax(dim=1).clamp(min=floor) for member in self.members]
        return torch.stack(told).mean(dim=0)[:, list(self.columns)]

    def select(self, class_ids: ClassIds) -> AgreementScorer:
        """Return a scorer of some of the classes, in the order given; what members say of the others still counts."""
        chosen = tuple(self.columns[row] for row in self.index.rows(class_ids).tolist())
        return AgreementScorer(self.members, chosen)


def _members() -> tuple[Transducer, ...]:
    return tuple(
        GaussianClustering(aligned=aligned, neighbours=neighbours, least=0.0)
        for aligned in (0.0, ALIGNED)
        for neighbours in (0, NEIGHBOURS)
    )


@dataclass(frozen=True, slots=True)
class TransducerAgreement:
    """Adapt by several transducers, and multiply their probabilities (a product of experts; Hinton, 2002).

    Clusters that one of them begins at the wrong place are seldom begun there by all. On held-out seen classes the
    product gained more than any of its members, and lost fewer games against no transducer at all.

    Args:
        members: the transducers, without a guard of their own; else `GaussianClustering` from four beginnings: at the
            scores or half read off the images, as they are or measured against each class's best images.
        least: share of the effective classes below which the start is kept.
        least_gain: what classes must at least gain in separation, see `guarded`.
    """

    members: Sequence[Transducer] = field(default_factory=_members)
    least: float = 0.5
    least_gain: float = 0.0

    def adapt(self, scorer: Scorer, unlabelled: FeatureSet) -> Scorer:
        """Return a scorer of what the members agree on; the scorer itself for no image.

        Another batch is given to every member, which goes on as it does.
        """
        if not len(unlabelled):
            return scorer
        start, before = carried(scorer, AgreementScorer)
        held = (start,) * len(self.members) if before is None else before.members
        adapted = tuple(one.adapt(own, unlabelled) for one, own in zip(self.members, held, strict=True))
        columns = tuple(range(len(start.index)))
        return guarded(start, AgreementScorer(adapted, columns), unlabelled, self.least, self.least_gain)

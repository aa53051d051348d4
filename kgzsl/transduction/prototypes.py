"""Prototype refinement: soft clustering of the unlabelled images, started at the synthesized classifiers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from kgzsl.bank import Scorer
from kgzsl.features import FeatureSet
from kgzsl.transduction.aligned import AlignedScorer
from kgzsl.transduction.directions import DirectionScorer, DirectionSettings, DirectionSums, unit_rows
from kgzsl.transduction.start import StartScale
from kgzsl.transduction.usage import carried, guarded
from kgzsl.types import Float, Tensor

__all__ = ["PrototypeRefinement", "em_step"]

NEAR = 1e-5


def em_step(
    scorer: DirectionScorer,
    units: Float[Tensor, "N D"],
    start: Float[Tensor, "N C"],
    earlier: DirectionSums | None = None,
) -> tuple[DirectionScorer, Float[Tensor, "N C"]]:
    """Share the pictures out among the classes, then put every class where its pictures are.

    Args:
        scorer: the classes as they are.
        units: (N, D), unit rows of the pictures.
        start: (N, C), their start logits.
        earlier: sums of batches before, which are kept as they are.

    Returns:
        The classes afterwards, and the shares p(c | x).
    """
    shares = scorer.logits(units, start).softmax(dim=1)
    sums = DirectionSums.of(units, shares)
    return replace(scorer, sums=sums if earlier is None else earlier + sums), shares


@dataclass(frozen=True, slots=True)
class PrototypeRefinement:
    """Cluster the images by expectation maximisation with a von-Mises-Fisher direction a class (Banerjee et al. 2005).

    The first shares are the softmax of the start's scores, half of them read off the images (`AlignedScorer`), so the
    clusters begin where the classifiers point. The class shares are estimated along. Another batch goes on from the
    classes of before: its sums are added to theirs.

    The defaults were chosen on held-out seen classes by scripts/choose_transducers.py; clustering from several
    beginnings and taking the mean was no better there.

    Args:
        kappa: concentration of a class around its direction.
        prior_pull: how strongly the estimated class shares are drawn to equal ones, in pictures per picture.
        pull: share of each class's mean score that is taken away from the start's scores.
        temperature: of the start's scores, in their standard deviations.
        anchor: weight of the start's scores beside the directions.
        aligned: share of the start that is read off the images of the first batch.
        steps: at most so many steps.
        least: share of the effective classes below which the start is kept.
    """

    kappa: float = 14.0
    prior_pull: float = 0.01
    pull: float = 0.0
    temperature: float = 0.25
    anchor: float = 0.3
    aligned: float = 0.5
    steps: int = 50
    least: float = 0.5

    @property
    def settings(self) -> DirectionSettings:
        """What the scorer needs to know."""
        return DirectionSettings(self.kappa, self.prior_pull, self.pull, self.temperature, self.anchor)

    def adapt(self, scorer: Scorer, unlabelled: FeatureSet) -> Scorer:
        """Return a scorer whose classes stand where the images are; the scorer itself for no image."""
        if not len(unlabelled):
            return scorer
        start, before = carried(scorer, DirectionScorer)
        begun = AlignedScorer.of(start, unlabelled, self.aligned) if before is None else before.start
        units, scores = unit_rows(unlabelled.features), begun.score(unlabelled)
        scale = StartScale.of(scores) if before is None else before.scale + StartScale.of(scores)
        logits = scale.logits(scores, self.pull, self.temperature)
        if before is None:
            sums = DirectionSums.of(units, logits.softmax(dim=1))
            fitted = DirectionScorer(begun, scale, sums, self.settings, tuple(range(len(start.index))))
        else:
            fitted = replace(before, scale=scale, settings=self.settings)
        shares = torch.zeros_like(logits)
        for _ in range(self.steps):
            last = shares
            fitted, shares = em_step(fitted, units, logits, None if before is None else before.sums)
            if float((shares - last).abs().mean()) < NEAR:
                break
        return guarded(start, fitted, unlabelled, self.least)

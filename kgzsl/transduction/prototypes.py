"""Prototype refinement: soft clustering of the unlabelled images, started at the synthesized classifiers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import torch

from kgzsl.bank import Scorer
from kgzsl.features import FeatureSet
from kgzsl.transduction.directions import DirectionScorer, DirectionSettings, DirectionSums, unit_rows
from kgzsl.transduction.start import StartScale
from kgzsl.transduction.usage import TransducedScorer, guarded
from kgzsl.types import Float, Tensor

__all__ = ["PrototypeRefinement", "continued", "em_step"]

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


def continued(scorer: Scorer) -> tuple[Scorer, DirectionScorer | None]:
    """Return what an adaptation starts from: the scorer itself, or the start and the state of one before."""
    if isinstance(scorer, TransducedScorer) and isinstance(scorer.scorer, DirectionScorer) and scorer.report:
        return scorer.start, scorer.scorer
    return scorer, None


@dataclass(frozen=True, slots=True)
class PrototypeRefinement:
    """Cluster the images by expectation maximisation with a von-Mises-Fisher direction a class (Banerjee et al. 2005).

    The first shares are the softmax of the start's scores, so the clusters begin where the classifiers point; the class
    shares are estimated along. Clusters depend on their beginning: each pull and temperature is one, all are clustered,
    and the mean of their shares is what the last clustering begins with. Another batch goes on from the classes of
    before: its sums are added to theirs.

    Args:
        kappa: concentration of a class around its direction.
        prior_pull: how strongly the estimated class shares are drawn to equal ones, in pictures per picture.
        pulls: shares of each class's mean score that are taken away from the start's scores.
        temperatures: of the start's scores, in their standard deviations.
        anchor: weight of the start's scores beside the directions; they are read at the mean pull and temperature.
        steps: at most so many steps a clustering.
        least: share of the effective classes below which the start is kept.
    """

    kappa: float = 14.0
    prior_pull: float = 0.1
    pulls: tuple[float, ...] = (0.0, 0.5, 1.0)
    temperatures: tuple[float, ...] = (0.25, 0.5)
    anchor: float = 0.3
    steps: int = 50
    least: float = 0.5

    @property
    def settings(self) -> DirectionSettings:
        """What the scorer needs to know."""
        pull = sum(self.pulls) / len(self.pulls)
        temperature = sum(self.temperatures) / len(self.temperatures)
        return DirectionSettings(self.kappa, self.prior_pull, pull, temperature, self.anchor)

    def adapt(self, scorer: Scorer, unlabelled: FeatureSet) -> Scorer:
        """Return a scorer whose classes stand where the images are; the scorer itself for no image."""
        if not len(unlabelled):
            return scorer
        start, before = continued(scorer)
        units, scores = unit_rows(unlabelled.features), start.score(unlabelled)
        if before is None:
            fitted = self._begun(start, units, scores)
        else:
            again = replace(before, scale=before.scale + StartScale.of(scores), settings=self.settings)
            fitted, _ = self._clustered(again, units, scores, before.sums)
        return guarded(start, fitted, unlabelled, self.least)

    def _begun(self, start: Scorer, units: Float[Tensor, "N D"], scores: Float[Tensor, "N C"]) -> DirectionScorer:
        """Cluster from every beginning, then from the mean of what they ended with."""
        scale, columns = StartScale.of(scores), tuple(range(len(start.index)))
        ends = []
        for pull, temperature in product(self.pulls, self.temperatures):
            settings = replace(self.settings, pull=pull, temperature=temperature)
            shares = scale.logits(scores, pull, temperature).softmax(dim=1)
            one = DirectionScorer(start, scale, DirectionSums.of(units, shares), settings, columns)
            ends.append(self._clustered(one, units, scores)[1])
        mean = torch.stack(ends).mean(dim=0)
        last = DirectionScorer(start, scale, DirectionSums.of(units, mean), self.settings, columns)
        return last if len(ends) == 1 else self._clustered(last, units, scores)[0]

    def _clustered(
        self,
        fitted: DirectionScorer,
        units: Float[Tensor, "N D"],
        scores: Float[Tensor, "N C"],
        earlier: DirectionSums | None = None,
    ) -> tuple[DirectionScorer, Tensor]:
        """Step until the shares stand still."""
        start = fitted.scale.logits(scores, fitted.settings.pull, fitted.settings.temperature)
        shares = torch.zeros_like(start)
        for _ in range(self.steps):
            last = shares
            fitted, shares = em_step(fitted, units, start, earlier)
            if float((shares - last).abs().mean()) < NEAR:
                break
        return fitted, shares

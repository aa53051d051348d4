"""Gaussian clustering: a mean a class and one covariance for all, in the main directions of the images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from kgzsl.bank import Scorer
from kgzsl.classes import ClassIndex
from kgzsl.features import FeatureSet
from kgzsl.transduction.aligned import AlignedScorer
from kgzsl.transduction.directions import unit_rows
from kgzsl.transduction.prior import pulled_prior
from kgzsl.transduction.start import StartScale
from kgzsl.transduction.usage import carried, guarded
from kgzsl.types import ClassIds, Float, Tensor

__all__ = ["GaussianClustering", "GaussianScorer", "GaussianSums", "MainDirections"]

NEAR = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class MainDirections:
    """The space that clusters are found in: ``z = A' (x / |x| - m)``.

    Args:
        mean: (D,), m.
        axes: (D, K), A: the first principal axes.
    """

    mean: Float[Tensor, "D"]
    axes: Float[Tensor, "D K"]

    @classmethod
    def of(cls, units: Float[Tensor, "N D"], most: int) -> MainDirections:
        """Return the first principal axes of unit rows, at most so many."""
        mean = units.mean(dim=0)
        away = units - mean
        if len(away) < away.shape[1]:  # the smaller of the two square matrices has the same axes
            values, weights = torch.linalg.eigh(away @ away.T)
            axes = unit_rows((away.T @ weights[:, values > values[-1] * 1e-12]).T).T
        else:
            _, axes = torch.linalg.eigh(away.T @ away)
        return cls(mean, axes[:, -most:].contiguous())

    def places(self, units: Float[Tensor, "N D"]) -> Float[Tensor, "N K"]:
        """Return where pictures are."""
        return (units - self.mean) @ self.axes


@dataclass(frozen=True, slots=True, eq=False)
class GaussianSums:
    """What is kept of pictures: sums that add up over batches.

    Args:
        class_counts: (C,), how many pictures are of each class, in shares.
        class_sums: (C, K), the sums of their places by those shares.
        products: (K, K), the sum of all places' outer products.
    """

    class_counts: Float[Tensor, "C"]
    class_sums: Float[Tensor, "C K"]
    products: Float[Tensor, "K K"]

    @classmethod
    def of(cls, places: Float[Tensor, "N K"], shares: Float[Tensor, "N C"]) -> GaussianSums:
        """Return the sums of some pictures."""
        return cls(shares.sum(dim=0), shares.T @ places, places.T @ places)

    def __add__(self, other: GaussianSums) -> GaussianSums:
        return GaussianSums(
            self.class_counts + other.class_counts,
            self.class_sums + other.class_sums,
            self.products + other.products,
        )

    def means(self) -> Float[Tensor, "C K"]:
        """Return the mean of each class; zero for a class without pictures."""
        return self.class_sums / self.class_counts[:, None].clamp(min=1e-9)

    def covariance(self, ridge: float) -> Float[Tensor, "K K"]:
        """Return ``(1 - ridge) S + ridge tr(S) / K I``, S the covariance of pictures around their classes' means."""
        within = (self.products - self.class_sums.T @ self.means()) / self.class_counts.sum()
        level = torch.trace(within).clamp(min=1e-12) / len(within)
        return (1 - ridge) * within + ridge * level * torch.eye(len(within), dtype=within.dtype)


@dataclass(frozen=True, slots=True, eq=False)
class GaussianScorer:
    """Scores ``(m_c' S^-1 z - m_c' S^-1 m_c / 2) / temper + log prior_c + anchor L_c(x)``.

    Args:
        start: the scorer of before, with scores L on the common scale.
        scale: brings them there.
        space: where pictures have their places z.
        sums: what is kept of the pictures.
        settings: how they are read.
        columns: which classes are shown.
    """

    start: Scorer
    scale: StartScale
    space: MainDirections
    sums: GaussianSums
    settings: GaussianClustering
    columns: tuple[int, ...]

    @property
    def index(self) -> ClassIndex:
        """The classes, in the order of the score columns."""
        return ClassIndex(tuple(self.start.index[column] for column in self.columns), self.start.index.owner)

    @property
    def backbone(self) -> str:
        """Id of the backbone whose features it takes."""
        return self.start.backbone

    def start_logits(self, scores: Float[Tensor, "N C"]) -> Float[Tensor, "N C"]:
        """Return the start's scores on the common scale."""
        return self.scale.logits(scores, self.settings.pull, self.settings.temperature)

    def logits(self, places: Float[Tensor, "N K"], start: Float[Tensor, "N C"]) -> Float[Tensor, "N C"]:
        """Return the scores of all classes.

        Args:
            places: of the pictures.
            start: their start logits.
        """
        one, means = self.settings, self.sums.means()
        leaning = torch.linalg.solve(self.sums.covariance(one.ridge), means.T)  # (K, C)
        near = places @ leaning - (means * leaning.T).sum(dim=1) / 2
        prior = pulled_prior(self.sums.class_counts, one.prior_pull).clamp(min=1e-300).log()
        told: Float[Tensor, "N C"] = near / one.temper + prior + one.anchor * start
        return told

    def score(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        """Score every image against every class."""
        places = self.space.places(unit_rows(images.features))
        return self.logits(places, self.start_logits(self.start.score(images)))[:, list(self.columns)]

    def select(self, class_ids: ClassIds) -> GaussianScorer:
        """Return a scorer of some of the classes, in the order given."""
        chosen = tuple(self.columns[row] for row in self.index.rows(class_ids).tolist())
        return replace(self, columns=chosen)


@dataclass(frozen=True, slots=True)
class GaussianClustering:
    """Cluster the images by expectation maximisation with Gaussians that share one covariance (Dempster et al., 1977).

    It is linear discriminant analysis whose labels are estimated along: directions in which images of one class differ
    count for less. The first shares are the softmax of the start's scores, half of them read off the images
    (`AlignedScorer`). The space is that of the first batch; another batch goes on from the classes of before, and its
    sums are added to theirs.

    Args:
        dims: how many of the images' main directions.
        ridge: how much the covariance is drawn to a sphere, 0 to 1.
        temper: what log densities are divided by: dimensions are not independent, and no class is quite Gaussian.
        prior_pull: how strongly the estimated class shares are drawn to equal ones, in pictures per picture.
        pull: share of each class's mean score that is taken away from the start's scores.
        temperature: of the start's scores, in their standard deviations.
        anchor: weight of the start's scores beside the densities.
        aligned: share of the start that is read off the images of the first batch.
        neighbours: how many of its best images a class's start scores are measured against; 0 leaves them.
        steps: at most so many steps.
        least: share of the effective classes below which the start is kept.

    References:
        A. Dempster, N. Laird, D. Rubin: Maximum likelihood from incomplete data via the EM algorithm, JRSS B 1977.
    """

    dims: int = 32
    ridge: float = 0.5
    temper: float = 3.0
    prior_pull: float = 0.1
    pull: float = 0.0
    temperature: float = 0.25
    anchor: float = 0.3
    aligned: float = 0.5
    neighbours: int = 0
    steps: int = 50
    least: float = 0.5

    def adapt(self, scorer: Scorer, unlabelled: FeatureSet) -> Scorer:
        """Return a scorer whose classes stand where the images are; the scorer itself for no image."""
        if not len(unlabelled):
            return scorer
        start, before = carried(scorer, GaussianScorer)
        begun = before.start if before else AlignedScorer.of(start, unlabelled, self.aligned, self.neighbours)
        units, scores = unit_rows(unlabelled.features), begun.score(unlabelled)
        if before is None:
            scale, space = StartScale.of(scores), MainDirections.of(units, self.dims)
            places = space.places(units)
            sums = GaussianSums.of(places, scale.logits(scores, self.pull, self.temperature).softmax(dim=1))
            fitted = GaussianScorer(begun, scale, space, sums, self, tuple(range(len(start.index))))
        else:
            fitted = replace(before, scale=before.scale + StartScale.of(scores), settings=self)
            places = before.space.places(units)
        fitted = self._fitted(fitted, places, fitted.start_logits(scores), None if before is None else before.sums)
        return guarded(start, fitted, unlabelled, self.least)

    def _fitted(
        self,
        scorer: GaussianScorer,
        places: Float[Tensor, "N K"],
        start: Float[Tensor, "N C"],
        earlier: GaussianSums | None,
    ) -> GaussianScorer:
        """Share the pictures out and move the classes, until nothing moves."""
        last = torch.zeros_like(start)
        for _ in range(self.steps):
            shares = scorer.logits(places, start).softmax(dim=1)
            sums = GaussianSums.of(places, shares)
            scorer = replace(scorer, sums=sums if earlier is None else earlier + sums)
            if float((shares - last).abs().mean()) < NEAR:
                break
            last = shares
        return scorer

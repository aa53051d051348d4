"""Where pictures of a class are expected among the features, with no picture of it.

The mean picture of a class is predicted from the mean pictures of the seen classes by Gaussian-process regression on
how alike the classes are (text and shared ancestors, half each), as Changpinyo et al. predict exemplars. What is left
over on seen classes that were left out is how pictures scatter around it.

References:
    S. Changpinyo, W.-L. Chao, F. Sha: Predicting visual exemplars of unseen classes, ICCV 2017.
    C. E. Rasmussen, C. K. I. Williams: Gaussian processes for machine learning, MIT Press 2006, chapter 5.4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from kgzsl.classes import ClassIndex
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.kernels import AncestorKernel, GaussianProcess, SemanticKernel, leave_out
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.types import ClassIds, Float, Int, Tensor

__all__ = ["ExpectedPictures", "class_likeness", "class_means"]

WIDTH, DECAY = 0.3, 0.85
"""Where the search of kernel regression starts."""
RIDGES = (0.25, 0.5, 1.0, 2.0, 4.0)


def class_likeness(
    graph: ClassGraph, semantics: SemanticEmbedding, known: ClassIds, class_ids: ClassIds
) -> Float[Tensor, "C K"]:
    """Return how alike classes are to K known ones: half by their vectors, half by shared ancestors; float64."""
    by_text = SemanticKernel(semantics, semantics.index.rows(known), WIDTH).to_seen(semantics.index.rows(class_ids))
    by_place = AncestorKernel(graph, graph.index.rows(known), DECAY).to_seen(graph.index.rows(class_ids))
    return (by_text + by_place) / 2


def class_means(images: FeatureSet, class_ids: ClassIds) -> Float[Tensor, "K D"]:
    """Return the mean feature of each class, float64; each must have an image."""
    number = _numbers(images, class_ids)
    sums = torch.zeros(len(class_ids), images.dim, dtype=torch.float64)
    sums.index_add_(0, number, images.features.double())
    return sums / torch.bincount(number, minlength=len(class_ids))[:, None]


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedPictures:
    """A regression of mean pictures, and how pictures scatter around what it expects.

    Args:
        process: the regression on all known classes.
        hidden: (K, D) what is expected of each known class while its fold is left out.
        hidden_variance: (K,) the posterior variance of each while its fold is left out, 1 far from everything known.
        scatter: (N, D) images minus what is expected of their class while it is left out.
        class_share: which share of the scatter all images of a class have in common, 0 to 1.
    """

    process: GaussianProcess
    hidden: Float[Tensor, "K D"]
    hidden_variance: Float[Tensor, "K"]
    scatter: Float[Tensor, "N D"]
    class_share: float

    @classmethod
    def fit(
        cls,
        kernel: Float[Tensor, "K K"],
        images: FeatureSet,
        known: ClassIds,
        folds: Sequence[Int[Tensor, "_"]],
        ridge: float | None = None,
    ) -> ExpectedPictures:
        """Fit to images of known classes.

        Args:
            kernel: how alike the known classes are; see `class_likeness`.
            images: at least one of each known class, and none of others.
            known: the K known classes.
            folds: rows of the known classes that are left out together.
            ridge: the noise of a mean picture, where classes vary by 1; by default the one of the smallest squared
                error on left-out classes.
        """
        means = class_means(images, known)
        chosen = _best_ridge(kernel, means, folds) if ridge is None else ridge
        process = GaussianProcess.fit(kernel, means, chosen)
        hidden = torch.empty_like(means)
        variance = torch.empty(len(known), dtype=torch.float64)
        inverse = torch.linalg.inv(kernel + chosen * torch.eye(len(kernel), dtype=kernel.dtype))
        for fold, predicted in zip(folds, leave_out(kernel, means, chosen, folds)):
            hidden[fold] = predicted
            variance[fold] = torch.linalg.inv(inverse[fold][:, fold]).diagonal() - chosen
        number = _numbers(images, known)
        scatter = images.features.double() - hidden[number]
        within = images.features.double() - means[number]
        share = _class_share(scatter, within, number, float(variance.mean()), chosen)
        return cls(process, hidden, variance.clamp(min=0), scatter, share)

    @property
    def centre(self) -> Float[Tensor, "D"]:
        """The mean over known classes of their mean pictures."""
        return self.process.mean

    def stretched(self, expected: Float[Tensor, "C D"], stretch: float) -> Float[Tensor, "C D"]:
        """Return ``centre + stretch (expected - centre)``: a regression falls short of how far apart classes are."""
        return self.centre + stretch * (expected - self.centre)

    def noise(self, classes: int, pictures: int, seed: int = 0) -> Float[Tensor, "U D"]:
        """Draw Gaussian scatter of the measured covariance: ``classes`` draws of what a class shares, pictures of each.

        Args:
            classes: how many draws of the shared part.
            pictures: how many draws around each; those of one class stand side by side.
            seed: of the draws.

        Returns:
            (classes * pictures, D).
        """
        generator = torch.Generator().manual_seed(seed)
        count = len(self.scatter)
        shared, own = (
            torch.randn(draws, count, generator=generator, dtype=torch.float64) @ self.scatter / count**0.5
            for draws in (classes, classes * pictures)
        )
        common = shared.repeat_interleave(pictures, dim=0)
        drawn: Tensor = self.class_share**0.5 * common + (1 - self.class_share) ** 0.5 * own
        return drawn


def _numbers(images: FeatureSet, class_ids: ClassIds) -> Int[Tensor, "N"]:
    index = ClassIndex(tuple(class_ids), "the known classes")
    return torch.from_numpy(index.rows(class_id for class_id in images.class_ids() if class_id is not None))


def _best_ridge(kernel: Tensor, means: Tensor, folds: Sequence[Tensor]) -> float:
    def error(ridge: float) -> float:
        predicted = leave_out(kernel, means, ridge, folds)
        return sum(float((one - means[fold]).square().sum()) for one, fold in zip(predicted, folds))

    return min(RIDGES, key=error)


def _class_share(scatter: Tensor, within: Tensor, number: Tensor, variance: float, ridge: float) -> float:
    """Return the shared part of the scatter: measured where classes have several images, else the regression's own."""
    counts = torch.bincount(number)
    several = counts[number] > 1
    if int(several.sum()) == 0:
        return variance / (variance + ridge)
    free = float(several.sum()) - float((counts > 1).sum())
    spread = float(within[several].square().sum()) / free
    total = float(scatter[several].square().sum(dim=1).mean())
    return min(max(1 - spread / total, 0.0), 1.0)

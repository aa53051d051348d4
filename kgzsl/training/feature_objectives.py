"""What training minimises where it looks at images: their cross-entropy under the predicted classifiers.

With predicted rows ``p_r = [w_r, b_r]`` of length one and images ``x_i`` of class ``y_i``,

    loss = mean_i -log softmax_r(s (w_r x_i + b_r))[y_i].

The sum over images is shared: each process takes every P-th image, computes its part of the loss and of its gradient
with respect to the rows, and both are summed over the processes before anything flows back through the network. So
every process moves the same parameters by the same gradient, what travels is one matrix of the rows' size an epoch, and
one process and many give the same up to rounding. Memory is bounded: images come in chunks, and no score outlives its
own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import RecipeError
from kgzsl.features import FeatureSet
from kgzsl.processes import place_among_processes, sum_over_processes
from kgzsl.types import ClassIds, Float, Int, Tensor

__all__ = ["FEATURE_OBJECTIVES", "FeatureCrossEntropy", "logit_scale"]

CHUNK = 4096
"""Images whose scores are held at one time."""

SCALES = tuple(2.0**power for power in range(-4, 8))


class FeatureCrossEntropy:
    """Mean cross-entropy of labelled images, full-batch; see the module.

    Args:
        features: of all images, (N, D).
        labels: row of the class of each image among the predicted rows, (N,).
        scale: factor of the logits.
    """

    def __init__(self, features: Float[Tensor, "N D"], labels: Int[Tensor, "N"], scale: float) -> None:
        place, number = place_among_processes()
        self.features, self.labels = features[place::number].contiguous(), labels[place::number].contiguous()
        self.count, self.scale = len(features), scale

    @classmethod
    def of(cls, images: FeatureSet | None, class_ids: ClassIds, bank: ClassifierBank) -> FeatureCrossEntropy:
        """Return the objective of the images of some seen classes, in the order of their predicted rows.

        Raises:
            RecipeError: there are no images of these classes.
        """
        chosen = None if images is None else images.of_classes(class_ids)
        if chosen is None or not len(chosen):
            raise RecipeError(
                "Objective 'feature_cross_entropy' learns from images of seen classes, and there are none; name a "
                "feature file in table [seen_features] of the recipe, or take another objective."
            )
        index = ClassIndex(tuple(class_ids), "the rows that are fitted")
        labels = torch.from_numpy(index.rows(str(one) for one in chosen.class_ids()))
        features = chosen.features.float()
        return cls(features, labels, logit_scale(features, labels, bank.select(class_ids)))

    def to(self, device: torch.device) -> FeatureCrossEntropy:
        """Return this object with its images on another device."""
        self.features, self.labels = self.features.to(device), self.labels.to(device)
        return self

    def loss(self, predicted: Float[Tensor, "R O"], target: Float[Tensor, "R O"]) -> Float[Tensor, ""]:
        """Return the mean over the images of all processes; the target rows are not looked at."""
        total: Tensor = _SharedCrossEntropy.apply(predicted, self)  # type: ignore[no-untyped-call]
        return total

    def parts(self, predicted: Float[Tensor, "R O"]) -> tuple[Float[Tensor, ""], Float[Tensor, "R O"]]:
        """Return what this process's images add to the loss and to its gradient."""
        dim = self.features.shape[1]
        weights, biases = predicted[:, :dim], predicted[:, dim:].sum(dim=1)  # no column: no bias
        loss, gradient = predicted.new_zeros(()), torch.zeros_like(predicted)
        for first in range(0, len(self.features), CHUNK):
            rows, labels = self.features[first : first + CHUNK], self.labels[first : first + CHUNK]
            logits = self.scale * (rows @ weights.T + biases)
            loss += functional.cross_entropy(logits, labels, reduction="sum")
            surplus = logits.softmax(dim=1)
            surplus[torch.arange(len(labels), device=labels.device), labels] -= 1  # d loss / d logits
            gradient[:, :dim] += surplus.T @ rows
            gradient[:, dim:] += surplus.sum(dim=0)[:, None]
        return loss / self.count, gradient * (self.scale / self.count)


class _SharedCrossEntropy(torch.autograd.Function):
    """The loss and its gradient in closed form, summed over processes."""

    @staticmethod
    def forward(ctx: Any, predicted: Tensor, objective: FeatureCrossEntropy) -> Tensor:
        loss, gradient = objective.parts(predicted)
        summed = sum_over_processes(torch.cat([gradient.reshape(-1), loss.reshape(1)]))
        ctx.save_for_backward(summed[:-1].reshape(gradient.shape))
        return summed[-1].clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return gradients[0] * gradient, None


@torch.no_grad()
def logit_scale(features: Float[Tensor, "N D"], labels: Int[Tensor, "N"], bank: ClassifierBank) -> float:
    """Return the scale under which the given classifiers, scaled to length one, have the least cross-entropy.

    Predicted rows have length one; how sharp a softmax over their scores has to be depends on the length of features.

    Args:
        features, labels: images, at most 4,096 of which are looked at.
        bank: the given classifiers, in the order of the labels.
    """
    step = max(1, len(features) // CHUNK)
    rows, own, given = features[::step][:CHUNK], labels[::step][:CHUNK], bank.normalised("joint")
    scores = torch.addmm(given.biases.float(), rows, given.weights.float().T)
    losses = [float(functional.cross_entropy(scale * scores, own)) for scale in SCALES]
    return SCALES[losses.index(min(losses))]


FEATURE_OBJECTIVES: dict[str, type[FeatureCrossEntropy]] = {"feature_cross_entropy": FeatureCrossEntropy}
"""Objectives that look at images; recipes name them where they name the others."""

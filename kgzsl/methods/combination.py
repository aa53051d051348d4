"""Combination: from the rows that several methods predict for a class to one row that ranks well among many.

Each method's rows lose the method's mean over the seen classes, get length one, and are summed with weights:

    d_c = sum over m of weight_m * unit(r_c,m - mean over seen s of r_s,m).

What is summed is then equalised. The classifiers of the seen classes vary much in a few directions (animal or artefact)
and little in the many that tell one animal from another; regression predicts the former best and so lets them rule.
With the directions v_i and strengths s_i (their mean being one) of the seen classifiers' principal components,

    e_c = d_c + sum over i of (s_i ** -equalise - 1) (d_c . v_i) v_i,    row_c = unit(e_c).

Where there are images of seen classes, with mean x and covariance S, the bias makes the mean picture's score zero, so
that nothing is taken of the bias predicted, and ``spread`` divides by a power of how widely the scores of a class vary
over pictures, so that no class wins by its scale. With u_c the weights of e_c, made unit,

    w_c = u_c / (u_c' S u_c) ** (spread / 2),    b_c = -w_c . x.

References:
    Dinu, Lazaridou, Baroni: Improving zero-shot learning by mitigating the hubness problem, ICLR workshop 2015, for
        correcting the scale of each class over a set of images.
    Equalised principal components are own to this project; they are a partial whitening of the seen classifiers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from kgzsl.bank import ClassifierBank
from kgzsl.errors import RecipeError
from kgzsl.features import FeatureSet
from kgzsl.supervision import Supervision
from kgzsl.types import Float, Tensor

__all__ = ["Combination", "bank_rows"]

WEAKEST = 1e-3
"""Principal components weaker than this share of the mean strength are rounding and stay as they are."""


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """What makes one row of several methods' rows.

    Args:
        means: (M, D + 1) mean of each method's rows over the seen classes.
        directions, gains: (P, D + 1) principal components of the seen classifiers, (P,) what each is multiplied by.
        image_mean, covariance: (D,) and (D, D) of the seen images, both empty where there are none.
    """

    means: Float[Tensor, "M O"]
    directions: Float[Tensor, "P O"]
    gains: Float[Tensor, "P"]
    image_mean: Float[Tensor, "_"]
    covariance: Float[Tensor, "_ _"]

    @classmethod
    def fit(cls, predicted: Sequence[Float[Tensor, "C O"]], supervision: Supervision, equalise: float) -> Combination:
        """Take the means of each method's rows of the graph's classes, and the directions of the seen classifiers."""
        seen = tuple(sorted(supervision.seen_bank.index))  # nothing depends on the order in which classes are given
        places = torch.from_numpy(supervision.graph.index.rows(seen))
        targets = bank_rows(supervision.seen_bank.select(seen).normalised("joint"), "seen bank").double()
        _, strengths, directions = torch.linalg.svd(targets - targets.mean(dim=0), full_matrices=False)
        strengths = strengths / strengths.mean().clamp(min=torch.finfo(strengths.dtype).tiny)
        kept = strengths > WEAKEST
        return cls(
            torch.stack([rows[places].mean(dim=0) for rows in predicted]),
            directions[kept].float().contiguous(),
            (strengths[kept] ** -equalise).float(),
            *_moments(supervision.seen_features),
        )

    def rows(
        self, predicted: Sequence[Float[Tensor, "C O"]], weights: Sequence[float], spread: float
    ) -> Float[Tensor, "C O"]:
        """Combine the methods' rows [W, b] of the same classes.

        Args:
            predicted: (C, D + 1) of each method.
            weights: a weight for each of them.
            spread: 0 to 1; without images of seen classes it does nothing.
        """
        each = [
            weight * functional.normalize(rows - mean, dim=1)
            for weight, rows, mean in zip(weights, predicted, self.means)
        ]
        equalised = self.equalised(torch.stack(each).sum(dim=0))
        if not len(self.image_mean):
            return functional.normalize(equalised, dim=1)
        unit = functional.normalize(equalised[:, :-1], dim=1)
        deviation = ((unit @ self.covariance) * unit).sum(dim=1).clamp(min=torch.finfo(unit.dtype).tiny).sqrt()
        scaled = unit / deviation[:, None] ** spread
        return torch.cat([scaled, -(scaled @ self.image_mean)[:, None]], dim=1)

    def equalised(self, rows: Float[Tensor, "C O"]) -> Float[Tensor, "C O"]:
        """Return ``e_c`` of ``d_c``; the map is linear and symmetric."""
        return rows + (rows @ self.directions.T * (self.gains - 1)) @ self.directions

    def scales(
        self, predicted: Sequence[Float[Tensor, "O"]], weights: Sequence[float], spread: float
    ) -> Float[Tensor, "M"]:
        """Return what each method's deviation from its mean is multiplied by in the row of one class.

        The row is linear in the deviations but for these: ``row . a = sum over m of scale_m (r_m - mean_m) . a'``
        with ``a' = seen_through(a)``, float64.

        Args:
            predicted: the row [w, b] of each method.
            weights: a weight for each of them.
            spread: as of `rows`.
        """
        deviations = [(row - mean).double() for row, mean in zip(predicted, self.means)]
        each = torch.tensor(weights, dtype=torch.float64) / torch.stack([one.norm() for one in deviations])
        summed = torch.stack([scale * one for scale, one in zip(each, deviations)]).sum(dim=0)
        equalised = self.equalised(summed.float()[None])[0].double()
        row = self.rows([row[None] for row in predicted], weights, spread)[0].double()
        kept = slice(None) if not len(self.image_mean) else slice(-1)
        scales: Tensor = each * (row[kept].norm() / equalised[kept].norm())
        return scales

    def seen_through(self, direction: Float[Tensor, "O"]) -> Float[Tensor, "O"]:
        """Return the direction whose product with summed deviations is that of a direction with the row made of them.

        Args:
            direction: (D + 1,) float64.
        """
        if len(self.image_mean):
            weights = direction[:-1] - direction[-1] * self.image_mean.double()
            direction = torch.cat([weights, direction.new_zeros(1)])
        directions, gains = self.directions.double(), self.gains.double()
        return direction + (directions @ direction * (gains - 1)) @ directions


def bank_rows(bank: object, name: str) -> Float[Tensor, "C O"]:
    """Return [W, b] of a bank; RecipeError where a method of that name makes none."""
    if not isinstance(bank, ClassifierBank):
        raise RecipeError(f"Method {name!r} makes no linear classifiers and cannot be a member of an ensemble.")
    return torch.cat([bank.weights, bank.biases[:, None]], dim=1).float()


def _moments(images: FeatureSet | None) -> tuple[Float[Tensor, "_"], Float[Tensor, "_ _"]]:
    """Return mean and covariance of images, empty where there are none."""
    if images is None or not len(images):
        return torch.empty(0), torch.empty(0, 0)
    features = images.features.double()
    centred = features - features.mean(dim=0)
    return features.mean(dim=0).float(), (centred.T @ centred / len(features)).float()

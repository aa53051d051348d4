"""EXEM: the mean image of a class is predicted from its semantics, and an image goes to the nearest one.

After S. Changpinyo, W.-L. Chao and F. Sha, Predicting visual exemplars of unseen classes for zero-shot learning, ICCV
2017. Images are projected on their principal components, z = U'(x - mean), at most 500; the exemplar of a seen class is
the mean of its projections; a regression with a radial kernel ``k(a, b) = exp(-|a - b|^2 / width^2)`` predicts the
exemplar e(a) of any class from its semantic vector. The score is EXEM (1NN)'s or, with each component divided by a
standard deviation d, EXEM (1NNs)'s:

    score = -sum over components i of  ((z_i - e_i(a)) / d_i)^2.

The part of it that differs between classes, ``2 z.e/d^2 - |e/d|^2``, is linear in the image: a row of a bank.

Deviations from the paper:
- Kernel ridge regression in the place of support vector regression: a closed form for all components at once.
- Width (in units of the median distance between seen classes), ridge and standardising are chosen by the reciprocal
  rank of images of seen classes left out.
- d_i is the mean over seen classes of the deviation within a class, as in the paper; where no class has two exemplars
  it is the deviation of the exemplars between classes.
- Without images it learns from class means, or from rows of the head in the place of images
  (see `kgzsl.methods.class_exemplars`). Lengths of the head's rows are no lengths of images, so the nearest exemplar
  is then the one at the least angle: the row is divided by ``|e/d|`` and has no offset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from kgzsl.bank import ClassifierBank
from kgzsl.errors import RecipeError
from kgzsl.graph.extension import ClassExtension
from kgzsl.kernels import prediction_weights
from kgzsl.methods.class_exemplars import ClassExemplars, check_kind, class_exemplars
from kgzsl.methods.class_folds import Fold, choose_by_images, positive_values
from kgzsl.methods.context import FitContext
from kgzsl.methods.contributions import SeenContributions
from kgzsl.methods.semantic_method import LearnedTensors, SemanticMethod, joint_bank
from kgzsl.methods.semantic_space import in_parts, median_distance, squared_distances, unit_rows
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.types import ClassIds, Float, Tensor

__all__ = ["EXEM", "ExemplarSpace", "exemplar_regression"]


@dataclass(frozen=True, slots=True)
class Setting:
    """The choice: width of the kernel in units of the median distance, ridge, and whether components are scaled."""

    width: float
    ridge: float
    standardised: bool


@dataclass(frozen=True, slots=True, eq=False)
class ExemplarSpace:
    """Principal components of images, and the exemplars of the seen classes in them.

    Args:
        components: (E, P) orthonormal columns.
        exemplars: (K, P) mean projection of each class.
        deviations: (P,) what components are divided by where they are scaled.
    """

    components: Float[Tensor, "E P"]
    exemplars: Float[Tensor, "K P"]
    deviations: Float[Tensor, "P"]

    @classmethod
    def of(cls, images: ClassExemplars, most: int) -> ExemplarSpace:
        """Find the components of centred rows, the strongest first and no more than they have."""
        rows = images.rows - images.rows.mean(dim=0)
        values, vectors = torch.linalg.eigh(rows.T @ rows)
        count = min(most, int((values > 1e-10 * values[-1]).sum()))
        components = vectors[:, -count:].flip(1)
        exemplars = images.means() @ components
        within = (images.rows @ components - exemplars[images.labels]).square()
        counts = torch.bincount(images.labels, minlength=len(exemplars))
        sums = within.new_zeros(exemplars.shape).index_add_(0, images.labels, within)
        several = counts > 1
        if bool(several.any()):
            deviations = (sums[several] / counts[several, None]).sqrt().mean(dim=0)
        else:
            deviations = exemplars.std(dim=0)
        return cls(components, exemplars, deviations.clamp(min=1e-6 * float(deviations.max())))

    def divisors(self, standardised: bool) -> Float[Tensor, "P"]:
        """Return what the components are divided by."""
        return self.deviations if standardised else torch.ones_like(self.deviations)


def exemplar_regression(kernel: Float[Tensor, "K K"], exemplars: Float[Tensor, "K P"], ridge: float) -> Tensor:
    """Return ``(K + ridge I)^-1 (E - mean E)``: what kernel values are multiplied by, (K, P)."""
    damped = kernel + ridge * torch.eye(len(kernel), dtype=kernel.dtype)
    solved: Tensor = torch.linalg.solve(damped, exemplars - exemplars.mean(dim=0))
    return solved


def nearest_directions(
    exemplars: Float[Tensor, "C P"], divisors: Float[Tensor, "P"], by_angle: bool
) -> tuple[Float[Tensor, "C P"], Float[Tensor, "C"]]:
    """Return directions and offsets whose score of a projected image is that of the nearest exemplar."""
    scaled = exemplars / divisors
    if by_angle:
        return unit_rows(scaled) / divisors, scaled.new_zeros(len(scaled))
    return 2 * scaled / divisors, -scaled.square().sum(dim=1)


class EXEM(SemanticMethod):
    """Predicted exemplars, nearest neighbour.

    Args:
        widths: of the kernel, in units of the median distance between seen classes, those that are offered.
        ridges: of the regression, those that are offered.
        standardised: whether components are divided by their deviations; both are tried.
        components: at most so many principal components.
        exemplars: ``images``, ``class-means``, ``head``, or ``auto``: images where there are any, else the head.
        folds: how many parts of the seen classes are left out in turn.
        seed: draws the folds.

    Raises:
        UnknownVariantError, RecipeError: a value is not known or out of range.

    Example:
        >>> from kgzsl.toy import toy_supervision
        >>> EXEM().fit(toy_supervision()).synthesize(["okapi", "owl"]).index.ids
        ('okapi', 'owl')
    """

    def __init__(
        self,
        *,
        widths: Sequence[float] = (0.7, 0.35, 0.5, 1.0, 1.4),
        ridges: Sequence[float] = (0.1, 0.001, 0.01, 1.0),
        standardised: Sequence[bool] = (True, False),
        components: int = 500,
        exemplars: str = "auto",
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.widths, self.ridges = positive_values(widths=widths, ridges=ridges)
        self.standardised = tuple(map(bool, standardised))
        if not self.standardised:
            raise RecipeError("standardised is a list of true, false or both, found an empty one.")
        if components < 1:
            raise RecipeError(f"components is a whole number of at least 1, found {components!r}.")
        self.components, self.exemplars, self.folds, self.seed = components, check_kind(exemplars), folds, seed

    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters as a plain dictionary."""
        offered = {"widths": list(self.widths), "ridges": list(self.ridges), "standardised": list(self.standardised)}
        chosen = {"components": self.components, "exemplars": self.exemplars}
        return {**offered, **chosen, "folds": self.folds, "seed": self.seed}

    def learn(self, supervision: Supervision, context: FitContext) -> LearnedTensors:
        """Choose width, ridge and standardising on left-out seen classes, then fit all of them."""
        images = class_exemplars(supervision, self.exemplars)
        vectors = unit_rows(supervision.semantics.select(images.class_ids).vectors.double())
        unit, squares = median_distance(vectors), squared_distances(vectors, vectors)
        offered = [Setting(w, r, s) for w in self.widths for r in self.ridges for s in self.standardised]

        def score(fold: Fold, given: ClassExemplars, rows: Tensor) -> Iterator[tuple[Setting, Tensor]]:
            kept, left_out = fold
            space = ExemplarSpace.of(given, self.components)
            projected = rows @ space.components
            for width in self.widths:
                kernel = torch.exp(-squares[:, kept] / (width * unit) ** 2)
                for ridge in self.ridges:
                    dual = exemplar_regression(kernel[kept], space.exemplars, ridge)
                    predicted = kernel[left_out] @ dual + space.exemplars.mean(dim=0)
                    for scaled in self.standardised:
                        divisors = space.divisors(scaled)
                        directions, offsets = nearest_directions(predicted, divisors, images.kind == "head")
                        yield Setting(width, ridge, scaled), projected @ directions.T + offsets

        best, tried = choose_by_images(offered, images, score, self.folds, self.seed)
        space, width = ExemplarSpace.of(images, self.components), best.width * unit
        tensors = {
            "coordinates": vectors,
            "dual": exemplar_regression(torch.exp(-squares / width**2), space.exemplars, best.ridge),
            "mean": space.exemplars.mean(dim=0),
            "divisors": space.divisors(best.standardised),
            "images": images.joint(space.components.T.contiguous()),  # (P, D + 1): an image [x, 1] to its projection
        }
        chosen = {**asdict(best), "kernel_width": width, "by_angle": images.kind == "head"}
        return LearnedTensors(tensors, supervision.seen_bank.backbone, chosen, tried, images.class_ids)

    def scorer(self, learned: LearnedTensors, class_ids: ClassIds, vectors: Float[Tensor, "C S"]) -> ClassifierBank:
        """Return the bank that finds the nearest predicted exemplar."""
        unit, width = unit_rows(vectors), float(learned.chosen["kernel_width"])
        squares = (squared_distances(unit[part], learned["coordinates"]) for part in in_parts(len(unit)))
        predicted = torch.cat([torch.exp(-square / width**2) @ learned["dual"] for square in squares])
        predicted += learned["mean"]
        directions, offsets = nearest_directions(predicted, learned["divisors"], bool(learned.chosen["by_angle"]))
        rows = directions @ learned["images"]
        rows[:, -1] += offsets
        return joint_bank(class_ids, rows, learned.backbone)

    def contributions(
        self, class_ids: ClassIds, extensions: Sequence[ClassExtension] = (), vectors: SemanticEmbedding | None = None
    ) -> SeenContributions:
        """Return how much of each seen exemplar is in a predicted one.

        The exemplar e of a class is a sum over seen ones, ``sum a_s e_s``, and so are its direction and its offset,
        ``-|e/d|^2 = -sum a_s (e_s/d).(e/d)``.
        """
        learned = self._with_seen_rows()
        ids, given = self._asked(class_ids, extensions, vectors)
        places, width, ridge = learned["coordinates"], *(float(learned.chosen[n]) for n in ("kernel_width", "ridge"))
        kernel = torch.exp(-squared_distances(places, places) / width**2)
        to_seen = torch.exp(-squared_distances(unit_rows(given), places) / width**2)
        weights = prediction_weights(kernel, to_seen, ridge)
        exemplars = learned["mean"] + kernel @ learned["dual"] + ridge * learned["dual"]
        scaled, divisors = exemplars / learned["divisors"], learned["divisors"]
        own = weights @ scaled  # (C, P)
        rows = (scaled / divisors) @ learned["images"]
        if learned.chosen["by_angle"]:
            return SeenContributions(ids, learned.seen, weights / own.norm(dim=1, keepdim=True), rows)
        return SeenContributions(ids, learned.seen, weights, 2 * rows, -weights * (own @ scaled.T))

"""Class-wise cross-validation: how well a method predicts seen classes that it was not shown, with or without images.

Each fold of the seen classes is hidden in turn, the method is fitted to the others and asked for the hidden ones. Their
true classifiers are known, so that no image is needed: each true row plays the part of an image of its class and is
ranked by the predicted rows of the fold, as in `kgzsl.training.compare_classifiers`. Where there are images of seen
classes, those of the hidden ones are ranked too. It is what to choose hyper-parameters and methods by.

Values are kept for each class, because classes, not images, are what figures must be carried over to; intervals are
drawn over classes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from kgzsl.bank import ClassifierBank, Scorer
from kgzsl.classes import ClassIndex
from kgzsl.errors import GraphError, InputFileError
from kgzsl.evaluation import ranks, score_in_chunks
from kgzsl.features import FeatureSet
from kgzsl.methods import FitContext, Method
from kgzsl.runtime import progress
from kgzsl.supervision import Supervision
from kgzsl.types import Array, ClassId, Float, Int, Tensor

__all__ = ["CRITERIA", "IMAGE_CRITERIA", "CrossValidation", "cross_validate"]

CRITERIA = ("cosine", "hit1", "hit5", "reciprocal_rank")
"""What is measured of classifiers; ``cosine`` of linear ones only."""

IMAGE_CRITERIA = ("image_hit1", "image_hit5")
"""What is measured of images, each the mean over the images of a class."""

DIGITS = 4


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidation:
    """What was measured on hidden classes.

    Args:
        name: what was validated.
        folds: the classes hidden together, fold by fold.
        values: criterion to one mapping a fold, class id to value; higher is better, hits are 0 or 1 or a share.
        seconds: how long all fits took.
    """

    name: str
    folds: tuple[tuple[ClassId, ...], ...]
    values: Mapping[str, tuple[Mapping[ClassId, float], ...]]
    seconds: float = 0.0

    @property
    def criteria(self) -> tuple[str, ...]:
        """The criteria that were measured, in the order of `CRITERIA` and `IMAGE_CRITERIA`."""
        return tuple(name for name in (*CRITERIA, *IMAGE_CRITERIA) if name in self.values)

    def by_class(self, criterion: str) -> dict[ClassId, float]:
        """Return the mean of each class over the folds that hid it, the classes in the order of their ids."""
        gathered: dict[ClassId, list[float]] = {}
        for fold in self.values[criterion]:
            for class_id, value in fold.items():
                gathered.setdefault(class_id, []).append(value)
        return {class_id: float(np.mean(gathered[class_id])) for class_id in sorted(gathered)}

    def mean(self, criterion: str) -> float:
        """Return the mean over classes."""
        return float(np.mean([*self.by_class(criterion).values()]))

    def interval(self, criterion: str, *, draws: int = 1000, seed: int = 0, level: float = 0.95) -> tuple[float, float]:
        """Return the interval of the mean over draws of the classes with replacement."""
        values = np.array([*self.by_class(criterion).values()])
        chosen = np.random.default_rng(seed).integers(len(values), size=(draws, len(values)))
        low, high = np.quantile(values[chosen].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def fold_spread(self, criterion: str) -> float | None:
        """Return the standard deviation of the folds' means; None with a single fold."""
        means = [np.mean([*fold.values()]) for fold in self.values[criterion] if fold]
        return float(np.std(means, ddof=1)) if len(means) > 1 else None

    @property
    def chance(self) -> float:
        """Hit@1 of guessing: the mean of one over the size of a class's fold."""
        return float(np.average([1 / len(fold) for fold in self.folds], weights=[len(fold) for fold in self.folds]))

    def to_json(self, *, draws: int = 1000, seed: int = 0) -> dict[str, Any]:
        """Return everything as plain values."""
        figures = {}
        for criterion in self.criteria:
            spread = self.fold_spread(criterion)
            figures[criterion] = {
                "mean": round(self.mean(criterion), DIGITS),
                "interval": [round(end, DIGITS) for end in self.interval(criterion, draws=draws, seed=seed)],
                "spread_over_folds": None if spread is None else round(spread, DIGITS),
            }
        classes = len({class_id for fold in self.folds for class_id in fold})
        facts = {
            "recipe": self.name,
            "folds": len(self.folds),
            "classes": classes,
            "chance": round(self.chance, DIGITS),
        }
        return facts | {"criteria": figures, "seconds": round(self.seconds, 1)}


def cross_validate(
    make_method: Callable[[], Method],
    supervision: Supervision,
    folds: Sequence[Sequence[ClassId]],
    *,
    images: FeatureSet | None = None,
    without: Callable[[Supervision, Sequence[ClassId]], Supervision] | None = None,
    context: FitContext | None = None,
    name: str = "method",
) -> CrossValidation:
    """Hide each fold in turn, fit, and measure on the hidden classes.

    Args:
        make_method: makes a method that is not fitted.
        supervision: all seen classes; ``supervision.without(fold)`` is what a fit sees.
        folds: sets of seen classes; a class may be hidden several times.
        images: labelled features, of which those of hidden classes are ranked.
        without: makes the supervision of a fold where it takes more than to hide rows, such as
            `kgzsl.recipe_inputs.RecipeInputs.without`.
        context: the device of the fits.
        name: what is validated.

    Raises:
        GraphError: there is no fold, a fold has fewer than two classes, or hides a class that is not seen or all.
        InputFileError: there are images, but none of a hidden class.
        BackboneMismatchError: the images are of another backbone.
    """
    _check(supervision, folds, images)
    held: list[dict[str, dict[ClassId, float]]] = []
    seconds = 0.0
    with progress(f"validating {name}", len(folds)) as advance:
        for fold in folds:
            left = without(supervision, fold) if without else supervision.without(tuple(fold))
            start = time.perf_counter()
            scorer = make_method().fit(left, context).synthesize(tuple(fold))
            seconds += time.perf_counter() - start
            measured = _of_rows(scorer, supervision.seen_bank.select(tuple(fold)), left.seen_bank)
            held.append(measured | (_of_images(scorer, images, fold) if images is not None else {}))
            advance(1)
    kinds = {criterion: tuple(measured[criterion] for measured in held) for criterion in held[0]}
    return CrossValidation(name, tuple(tuple(fold) for fold in folds), kinds, seconds)


def _check(supervision: Supervision, folds: Sequence[Sequence[ClassId]], images: FeatureSet | None) -> None:
    if not folds:
        raise GraphError("There is no fold of classes to hide; give one at least.")
    seen = supervision.seen_bank.index
    for fold in folds:
        seen.rows(fold)
        if len(fold) < 2 or len(set(fold)) != len(fold):
            raise GraphError(f"A fold needs two different classes or more, found {', '.join(fold) or 'none'}.")
        if len(fold) > len(seen) - 2:
            raise GraphError(f"A fold hides {len(fold)} of the {len(seen)} seen classes; two must stay to learn from.")
    if images is not None:
        supervision.seen_bank.check_backbone(images)
        if not len(images.of_classes(class_id for fold in folds for class_id in fold)):
            raise InputFileError("No image is of a seen class that is hidden; give labelled features of seen classes.")


def _of_rows(scorer: Scorer, true: ClassifierBank, seen: ClassifierBank) -> dict[str, dict[ClassId, float]]:
    """Measure with the true rows in place of images; what is no bank scores the true rows as images."""
    target = true.normalised("joint")
    rows = torch.cat([target.weights, target.biases[:, None]], dim=1).float()
    values = {}
    if isinstance(scorer, ClassifierBank):
        predicted = functional.normalize(torch.cat([scorer.weights, scorer.biases[:, None]], dim=1).float(), dim=1)
        values["cosine"] = (predicted * rows).sum(dim=1)
        scores = functional.normalize(rows - rows.mean(dim=0), dim=1) @ predicted.T
    else:
        numbers = torch.arange(len(true.index))
        images = _as_images(true.weights, seen)
        scores = scorer.score(FeatureSet(images, numbers, ClassIndex(true.index.ids), true.backbone))
    found = ranks(scores, torch.arange(len(scores)))
    return {criterion: dict(zip(true.index, value.tolist())) for criterion, value in (values | _hits(found)).items()}


def _as_images(weights: Float[Tensor, "R D"], seen: ClassifierBank) -> Float[Tensor, "R D"]:
    """Return rows as images of a length at which the head is as sure of its own rows as one chance in two.

    A scorer that takes probabilities of the head needs images of a fitting length, and rows have any. The length is
    that at which the seen rows, less their mean, get 1/2 from the softmax of the head on average.
    """
    mean = seen.weights.float().mean(dim=0)
    directions = functional.normalize(seen.weights.float() - mean, dim=1)
    logits = directions @ seen.weights.float().T
    low, high = 1e-3, 1e6
    for _ in range(40):
        middle = (low * high) ** 0.5
        sure = float((middle * logits + seen.biases.float()).softmax(dim=1).diagonal().mean()) > 0.5
        low, high = (low, middle) if sure else (middle, high)
    return low * functional.normalize(weights.float() - mean, dim=1)


def _hits(found: Int[Tensor, "N"]) -> dict[str, Float[Tensor, "N"]]:
    return {"hit1": (found <= 1).double(), "hit5": (found <= 5).double(), "reciprocal_rank": 1 / found.double()}


def _of_images(scorer: Scorer, images: FeatureSet, fold: Sequence[ClassId]) -> dict[str, dict[ClassId, float]]:
    """Rank the images of the fold's classes among the fold's classes; the mean over the images of each class."""
    kept = images.of_classes(fold)
    if not len(kept):
        return {criterion: {} for criterion in IMAGE_CRITERIA}
    columns = torch.from_numpy(scorer.index.rows(class_id or "" for class_id in kept.class_ids()))
    found = torch.cat([ranks(scores, columns[rows]) for rows, scores in score_in_chunks(scorer, kept)])
    counts = torch.bincount(columns, minlength=len(fold)).double()
    values = {}
    for criterion, k in zip(IMAGE_CRITERIA, (1, 5)):
        hits: Array = torch.bincount(columns, weights=(found <= k).double(), minlength=len(fold)).numpy()
        values[criterion] = {
            class_id: float(hit / count)
            for class_id, hit, count in zip(scorer.index, hits, counts.tolist())
            if count > 0
        }
    return values

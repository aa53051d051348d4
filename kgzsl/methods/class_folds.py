"""Hyper-parameters by leaving classes out: a seen class that is hidden stands for an unseen one.

The seen classes are cut into folds. Each fold is predicted by a fit of the others, and what stands for images of its
classes is ranked among the classes of the fold. No unseen class and no image of one is looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np
import torch

from kgzsl.errors import RecipeError
from kgzsl.evaluation import ranks
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.methods.class_exemplars import ClassExemplars
from kgzsl.types import ClassIds, Float, Int, Tensor

__all__ = [
    "Fold",
    "best_setting",
    "choose_by_images",
    "choose_setting",
    "class_folds",
    "cross_validate",
    "positive_values",
    "reciprocal_rank",
    "related_groups",
]

Setting = TypeVar("Setting")
Fold = tuple[Tensor, Tensor]
"""Rows of the classes that are fitted, and of those that are left out."""

DIGITS = 9
"""Means that agree in so many digits are equal: rounding chooses no hyper-parameter."""


def class_folds(num_classes: int, folds: int = 5, seed: int = 0) -> list[Fold]:
    """Cut classes into folds of two or more, drawn with a seed; none where there are fewer than four classes.

    Example:
        >>> [len(left_out) for _, left_out in class_folds(7, folds=3)]
        [3, 2, 2]
    """
    count = min(folds, num_classes // 2)
    if count < 2:
        return []
    order = np.random.default_rng(seed).permutation(num_classes)
    parts = [np.sort(part) for part in np.array_split(order, count)]
    rest = [np.setdiff1d(order, part) for part in parts]
    return [(torch.from_numpy(kept), torch.from_numpy(part)) for kept, part in zip(rest, parts)]


def related_groups(graph: ClassGraph, class_ids: ClassIds, most: int) -> list[list[int]]:
    """Group classes that stand close together in the graph, to be left out together.

    Most unseen classes have no seen sibling; a seen class that is left out by itself has. A class belongs to its
    ancestor (or itself) above the most of the given classes, but no more than ``most``; of equal ones, to the first by
    class id.

    Args:
        graph: the class graph.
        class_ids: the classes.
        most: how many of them a group may hold at most.

    Returns:
        Positions in ``class_ids``, group by group, in the order of the groups' class ids.
    """
    above = [graph.ancestors((class_id,)) | {class_id} for class_id in class_ids]
    below = Counter(ancestor for ancestors in above for ancestor in ancestors)
    groups: dict[str, list[int]] = {}
    for position, (class_id, ancestors) in enumerate(zip(class_ids, above)):
        fitting = [one for one in ancestors if below[one] <= most]
        chosen = min(fitting, key=lambda one: (-below[one], one)) if fitting else class_id
        groups.setdefault(chosen, []).append(position)
    return [groups[name] for name in sorted(groups)]


def reciprocal_rank(scores: Float[Tensor, "N R"], labels: Int[Tensor, "N"]) -> float:
    """Return the mean over classes of the mean of 1 / rank of a class for its own rows; ties are pessimistic."""
    each = 1.0 / ranks(scores, labels).double()
    counts = torch.bincount(labels, minlength=scores.shape[1])
    sums = each.new_zeros(scores.shape[1]).index_add_(0, labels, each)
    return float((sums[counts > 0] / counts[counts > 0]).mean())


def cross_validate(
    folds: Sequence[Fold], measure: Callable[[Fold], Mapping[Setting, float]]
) -> dict[Setting, list[float]]:
    """Return what each setting reaches on each fold.

    Args:
        folds: as of `class_folds`.
        measure: fits all settings to one fold's kept classes and measures them on those left out.
    """
    found: dict[Setting, list[float]] = {}
    for fold in folds:
        for setting, value in measure(fold).items():
            found.setdefault(setting, []).append(value)
    return found


def best_setting(measured: Mapping[Setting, Sequence[float]], offered: Iterable[Setting]) -> Setting:
    """Return the setting with the best mean over folds; of equal ones, and where nothing was measured, the first."""
    first, *others = offered
    if not measured:
        return first
    means = {setting: round(float(np.mean(values)), DIGITS) for setting, values in measured.items()}
    return max([first, *others], key=means.__getitem__)


def choose_setting(
    offered: Sequence[Setting],
    measure: Callable[[Fold], Mapping[Setting, float]],
    num_classes: int,
    folds: int = 5,
    seed: int = 0,
) -> tuple[Setting, list[dict[str, Any]]]:
    """Choose among settings on folds of classes; a single one is taken as it is, without a fit.

    Args:
        offered: data classes of hyper-parameters; of equally good ones the first is taken.
        measure: as of `cross_validate`.
        num_classes: the classes to cut into folds.
        folds: how many.
        seed: draws them.

    Returns:
        The best setting, and a record of each: its hyper-parameters and ``reciprocal_rank``, a value a fold.
    """
    measured = cross_validate(class_folds(num_classes, folds, seed) if len(offered) > 1 else [], measure)
    tried = [
        {**asdict(setting), "reciprocal_rank": values}  # type: ignore[call-overload]
        for setting, values in measured.items()
    ]
    return best_setting(measured, offered), tried


def choose_by_images(
    offered: Sequence[Setting],
    exemplars: ClassExemplars,
    score: Callable[[Fold, ClassExemplars, Tensor], Iterator[tuple[Setting, Tensor]]],
    folds: int = 5,
    seed: int = 0,
) -> tuple[Setting, list[dict[str, Any]]]:
    """Choose the setting whose fit ranks best what stands for images of the classes that were left out.

    Args:
        offered: as of `choose_setting`.
        exemplars: what stands for images of the seen classes.
        score: takes a fold, the exemplars of its kept classes and the rows (N, E) of those left out; yields each
            setting with the scores (N, R) of these rows for the classes left out.
        folds, seed: as of `choose_setting`.

    Returns:
        As `choose_setting`.
    """

    def measure(fold: Fold) -> dict[Setting, float]:
        kept, left_out = fold
        held = exemplars.of(left_out)
        found = score(fold, exemplars.of(kept), held.rows)
        return {setting: reciprocal_rank(scores, held.labels) for setting, scores in found}

    return choose_setting(offered, measure, len(exemplars.class_ids), folds, seed)


def positive_values(**offered: Sequence[float]) -> tuple[tuple[float, ...], ...]:
    """Return the values that are offered of each hyper-parameter, in the order given.

    Raises:
        RecipeError: a list is empty, or a value is not above 0.

    Example:
        >>> positive_values(gammas=[1, 10], lambdas=[0.1])
        ((1.0, 10.0), (0.1,))
    """
    values = tuple(tuple(map(float, each)) for each in offered.values())
    if not all(each and min(each) > 0 for each in values):
        found = " and ".join(repr(each) for each in offered.values())
        raise RecipeError(f"{' and '.join(offered)} are lists of positive numbers, found {found}.")
    return values

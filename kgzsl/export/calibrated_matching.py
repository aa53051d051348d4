"""Scale and shift of new rows, chosen on images of seen classes that play new.

Some seen classes are taken out of the head and stand there as new ones instead, each by the row that was predicted
while it was hidden from the method. With the best old logit o and the best predicted one p of an image, the image of a
class that stayed is lost where ``o <= scale p + shift``, and that of a class that plays new is found where
``o < scale p + shift``: with the gap ``o - scale p`` of every image all shifts are known at once.

- *scale*: of a few multiples of the ratio of the median lengths, the one with the largest area under the curve of both
  accuracies, the mean over the numbers of new classes below.
- *shift*: for each number of new classes, those at which 1, 2, 5 and 10 % of the seen images that were right are lost,
  and the one with the highest harmonic mean of both accuracies.

Classes are drawn from all over the head. New classes that crowd in one branch, such as fifty birds, take more from the
old classes in that branch and less elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.evaluation.seen_unseen import SeenUnseen, best_gamma
from kgzsl.export.matching import LEVELS, norm_matching
from kgzsl.features import FeatureSet
from kgzsl.hidden_classes import CalibrationData
from kgzsl.types import Array, Bool, Float, Int, Tensor

__all__ = ["Duel", "duels", "fit_matching", "shift_that_loses"]

NUMBERS = (1, 3, 10, 30, 100, 300)
FACTORS = (0.35, 0.5, 0.7, 1.0, 1.4)
DRAWS = 20
CHUNK = 2048
DIGITS = 5


def fit_matching(data: CalibrationData, seed: int = 0) -> dict[str, Any]:
    """Choose scale and shifts on images of seen classes; a section of ``scoring.json``.

    Args:
        data: the run, its seen classes as predicted while hidden, and images of seen classes.
        seed: of the classes that play new.

    Returns:
        ``scale``, and under ``numbers`` for each number of new classes the shift of each level of `LEVELS`, with the
        percent of right seen images that it loses and the percent of new images that it finds. Where nothing can be
        chosen, ``unavailable`` with the reason.
    """
    hidden, old = data.hidden, data.run.seen_bank
    if not isinstance(hidden, ClassifierBank):
        return {"unavailable": "the method makes no linear rows"}
    found = duels(old, hidden.select(old.index.ids), data.images, seed)
    if not found:
        return {"unavailable": "too few seen classes, or images of them that are right"}
    base = norm_matching(old, hidden).scale
    areas = {factor: _area(found, factor * base) for factor in FACTORS}
    factor = max(areas, key=lambda one: (areas[one], -one))
    scale = round(factor * base, DIGITS)
    numbers = [{"num_new": number, "levels": _levels(duel, scale)} for number, duel in found.items()]
    return {"scale": scale, "factor": factor, "numbers": numbers}


@dataclass(frozen=True, slots=True, eq=False)
class Duel:
    """Best old against best new logit of images, over several draws of the classes that play new.

    Args:
        old, new: (N,) the best logit of an old row, and of a predicted one before it is matched.
        right: (N,) whether the class of the image is strictly the best of its own kind.
        of_old: (N,) whether the class of the image stayed an old one.
    """

    old: Float[Tensor, "N"]
    new: Float[Tensor, "N"]
    right: Bool[Tensor, "N"]
    of_old: Bool[Tensor, "N"]

    def at(self, scale: float) -> SeenUnseen:
        """Return what every shift would bring at a scale."""
        gaps = self.old.double() - scale * self.new.double()
        return SeenUnseen(gaps, self.right, self.of_old.long(), self.of_old)

    def shares(self, scale: float, shift: float) -> tuple[float, float]:
        """Return the percent of right seen images that are lost, and of new ones that are found."""
        hits = self.at(scale).hits(shift)
        before = self.right & self.of_old
        lost = 100 * float((before & ~hits).sum() / before.sum().clamp(min=1))
        return lost, 100 * float((hits & ~self.of_old).sum() / (~self.of_old).sum())


def duels(old: ClassifierBank, hidden: ClassifierBank, images: FeatureSet, seed: int = 0) -> dict[int, Duel]:
    """Let seen classes play new, as many as each of `NUMBERS` up to half of those that have images.

    Args:
        old: the head's own rows.
        hidden: predicted rows of the same classes, in the same order.
        images: of these classes.
        seed: of the draws.
    """
    own = torch.from_numpy(old.index.rows(tuple(c for c in images.class_ids() if c is not None)))
    able = torch.unique(own)
    generator = np.random.default_rng(seed)
    numbers = [number for number in NUMBERS if 2 * number <= len(able)]
    draws = {number: [_draw(able, number, len(old.index), generator) for _ in range(DRAWS)] for number in numbers}
    parts: dict[int, list[tuple[Tensor, ...]]] = {number: [] for number in numbers}
    for rows, classes in zip(torch.split(images.features, CHUNK), torch.split(own, CHUNK)):
        shown, predicted = old.logits(rows), hidden.logits(rows)
        for number, chosen in draws.items():
            parts[number] += [_duel(shown, predicted, classes, is_new) for is_new in chosen]
    found = {number: Duel(*(torch.cat(part) for part in zip(*parts[number]))) for number in numbers}
    return {number: duel for number, duel in found.items() if bool((duel.right & duel.of_old).any())}


def _draw(able: Int[Tensor, "_"], number: int, count: int, generator: np.random.Generator) -> Bool[Tensor, "C"]:
    """Return which of the classes play new."""
    is_new = torch.zeros(count, dtype=torch.bool)
    is_new[able[torch.from_numpy(generator.permutation(len(able))[:number])]] = True
    return is_new


def _duel(
    old: Float[Tensor, "N C"], hidden: Float[Tensor, "N C"], own: Int[Tensor, "N"], is_new: Bool[Tensor, "C"]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the fields of a `Duel` for one draw."""
    mixed = torch.where(is_new, hidden, old)
    own_score = mixed.gather(1, own[:, None])
    rivals = (mixed >= own_score) & (is_new == is_new[own][:, None])
    right = rivals.sum(dim=1) == 1
    return old[:, ~is_new].amax(dim=1), hidden[:, is_new].amax(dim=1), right, ~is_new[own]


def _area(found: dict[int, Duel], scale: float) -> float:
    return float(np.mean([duel.at(scale).curve("image").area for duel in found.values()]))


def _levels(duel: Duel, scale: float) -> dict[str, dict[str, float]]:
    at_scale = duel.at(scale)
    gaps = at_scale.gaps[duel.right & duel.of_old].numpy()
    shifts = {level: shift_that_loses(gaps, float(level)) for level in LEVELS[:-1]}
    shifts[LEVELS[-1]] = best_gamma([at_scale.curve("image")])[0]
    return {level: _entry(duel, scale, shift) for level, shift in shifts.items()}


def _entry(duel: Duel, scale: float, shift: float) -> dict[str, float]:
    lost, found = duel.shares(scale, shift)
    return {"shift": shift, "lost": round(lost, 2), "found": round(found, 2)}


def shift_that_loses(gaps: Float[Array, "N"] | Sequence[float], percent: float) -> float:
    """Return a shift that loses a percentage of images, rounded down to whole images and whole ties.

    Args:
        gaps: best old logit minus the best new one of each image that is right; lost where the shift is not below.
        percent: below 100.

    Example:
        >>> shift_that_loses([1.0, 2.0, 3.0, 4.0], 25.0), shift_that_loses([1.0, 3.0], 0.0)
        (1.5, 0.0)
    """
    ranked = np.sort(np.asarray(gaps, dtype=np.float64))
    lost = int(percent / 100 * len(ranked))
    while lost and ranked[lost - 1] == ranked[lost]:
        lost -= 1
    before = ranked[lost - 1] if lost else ranked[0] - 2.0
    return float((before + ranked[lost]) / 2)

"""The pictures of a fine-tuning: which are trained on, in what order, cut out at random.

Order, crops and flips are functions of (seed, epoch, picture) and of nothing else. A resumed training therefore needs
no state of a random generator, and any number of processes sees the same pictures cut the same way: with P processes
process p takes the pictures p, p + P, p + 2P, ... of an epoch's order, which makes the batches of P processes
together those of one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError
from kgzsl.types import Tensor
from kgzsl.vision import ImageFile, Preprocessor

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["epoch_order", "hold_out", "of_seen_classes", "random_cut"]

RATIOS = (3 / 4, 4 / 3)
TRIES = 10
ORDER, HELD_OUT, CUT = 0, 1, 2
"""What a draw is for, so that equal seeds give independent draws."""


def of_seen_classes(images: Sequence[ImageFile], seen: ClassIndex) -> tuple[ImageFile, ...]:
    """Return the pictures of seen classes; pictures of other classes and of none are left out.

    Raises:
        InputFileError: there are none.
    """
    kept = tuple(image for image in images if image.class_id in seen)
    if not kept:
        found = sorted({str(image.class_id) for image in images if image.class_id is not None})
        shown = f"their classes are {', '.join(found[:5])}" if found else "they have no classes"
        raise InputFileError(
            f"None of the {len(images)} pictures is of one of the {len(seen):,} seen classes ({shown}); give pictures "
            "of seen classes in a folder for each, or a list with a class behind each path."
        )
    return kept


def hold_out(images: Sequence[ImageFile], share: float, seed: int) -> tuple[list[ImageFile], list[ImageFile]]:
    """Split pictures into those to train on and those to measure on, class by class.

    Args:
        images: with classes.
        share: of each class's pictures; rounded, and at least one picture of a class is left to train on.
        seed: which ones.
    """
    by_class = defaultdict[str | None, list[int]](list)
    for row, image in enumerate(images):
        by_class[image.class_id].append(row)
    held = set[int]()
    for number, class_id in enumerate(sorted(by_class, key=str)):
        rows = by_class[class_id]
        count = min(round(share * len(rows)), len(rows) - 1)
        chosen = np.random.default_rng([seed, HELD_OUT, number]).permutation(len(rows))[:count]
        held |= {rows[place] for place in chosen}
    trained = [image for row, image in enumerate(images) if row not in held]
    return trained, [image for row, image in enumerate(images) if row in held]


def epoch_order(count: int, epoch: int, seed: int) -> list[int]:
    """Return the order of an epoch's pictures.

    Example:
        >>> sorted(epoch_order(4, epoch=1, seed=0))
        [0, 1, 2, 3]
    """
    order: list[int] = np.random.default_rng([seed, ORDER, epoch]).permutation(count).tolist()
    return order


def random_cut(
    preprocess: Preprocessor, images: Sequence[ImageFile], epoch: int, seed: int, least: float
) -> Callable[[ImageFile, Image], Tensor]:
    """Return what cuts a decoded picture at random, resizes it, mirrors every other one, and makes pixels of it.

    The cut has ``least`` to all of the picture's area, evenly, and a width by height of 3/4 to 4/3, evenly on a
    logarithmic scale.

    Args:
        preprocess: of the backbone; its output size is the size of the cut, its mapping that of the pixels.
        images: the pictures of the training, which number them.
        epoch, seed: what the draws depend on beside the picture.
        least: share of the area.
    """
    rows = {image: row for row, image in enumerate(images)}
    height, width = preprocess.size

    def cut(image: ImageFile, picture: Image) -> Tensor:
        from PIL.Image import Resampling, Transpose

        draw = np.random.default_rng([seed, CUT, epoch, rows[image]])
        box = _box(picture.width, picture.height, draw, least)
        part = picture.resize((width, height), Resampling.BILINEAR, box=box)
        if draw.random() < 0.5:
            part = part.transpose(Transpose.FLIP_LEFT_RIGHT)
        return preprocess.of_cut(part)

    return cut


def _box(width: int, height: int, draw: np.random.Generator, least: float) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a random cut; where none fits, the largest one in the middle."""
    low, high = (math.log(ratio) for ratio in RATIOS)
    for _ in range(TRIES):
        area, ratio = width * height * draw.uniform(least, 1), math.exp(draw.uniform(low, high))
        wide, tall = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < tall <= height:
            left, top = int(draw.integers(width - wide + 1)), int(draw.integers(height - tall + 1))
            return left, top, left + wide, top + tall
    wide = min(width, round(height * RATIOS[1])) if width > height else width
    tall = min(height, round(width / RATIOS[0])) if height > width else height
    left, top = (width - wide) // 2, (height - tall) // 2
    return left, top, left + wide, top + tall

"""What stands for images of the seen classes while a method is fitted: images, class means, or the head's own rows.

The older methods of the field learn from labelled images. Where there are none, the classifier of a class is the
direction in which its images lie, and takes the place of one image of it. Three kinds, each centred and then divided by
one number, so that rows have a mean square length of one and strengths of regularisation mean the same for all:

| kind            | one row                                             | what a bank scores                     |
|-----------------|-----------------------------------------------------|----------------------------------------|
| ``images``      | an image, ``(x - m) / s``, m the mean image         | ``v . (x - m) / s``                    |
| ``class-means`` | the mean of a class's images, ``(x_c - m) / s``, m the mean of these | the same              |
| ``head``        | ``([w_c, b_c] - m) / s``, of rows of length one, m their mean | ``v . [x, 1]``               |

``auto`` is ``images`` where the supervision has any, else ``head``. Classes stand in the order of their ids, so that no
result depends on the order in which they are given.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Literal

import torch

from kgzsl import registry
from kgzsl.bank import ClassifierBank
from kgzsl.errors import InputFileError
from kgzsl.features import FeatureSet
from kgzsl.supervision import Supervision
from kgzsl.types import ClassId, Float, Int, Tensor

__all__ = ["KINDS", "ClassExemplars", "check_kind", "class_exemplars"]

log = logging.getLogger(__name__)

Kind = Literal["images", "class-means", "head"]
KINDS = ("auto", "images", "class-means", "head")


def check_kind(kind: str) -> str:
    """Return the kind, or raise an UnknownVariantError that lists the others."""
    return registry.choose({name: name for name in KINDS}, kind, "kind of exemplars")


@dataclass(frozen=True, slots=True, eq=False)
class ClassExemplars:
    """Rows that stand for images of seen classes.

    Args:
        kind: what they are.
        class_ids: the K seen classes, in the order of their ids.
        rows: (N, E) float64, grouped by class; E is the feature dimension D, or D + 1 of the head.
        labels: (N,) rows of ``class_ids``.
        origin: (D,) the mean image, taken off every row; zeros for rows of the head.
        scale: what the rows were divided by.
    """

    kind: Kind
    class_ids: tuple[ClassId, ...]
    rows: Float[Tensor, "N E"]
    labels: Int[Tensor, "N"]
    origin: Float[Tensor, "D"]
    scale: float

    def of(self, classes: Int[Tensor, "R"]) -> ClassExemplars:
        """Return the rows of some of the classes, over these classes alone, in the order given."""
        place = torch.full((len(self.class_ids),), -1)
        place[classes] = torch.arange(len(classes))
        labels = place[self.labels]
        kept = labels >= 0
        ids = tuple(self.class_ids[row] for row in classes.tolist())
        return replace(self, class_ids=ids, rows=self.rows[kept], labels=labels[kept])

    def means(self) -> Float[Tensor, "K E"]:
        """Return the mean row of each class."""
        counts = torch.bincount(self.labels, minlength=len(self.class_ids)).to(self.rows)
        return self.sums() / counts[:, None]

    def sums(self) -> Float[Tensor, "K E"]:
        """Return the sum of each class's rows."""
        return self.rows.new_zeros(len(self.class_ids), self.rows.shape[1]).index_add_(0, self.labels, self.rows)

    def joint(self, directions: Float[Tensor, "C E"], offsets: Float[Tensor, "C"] | None = None) -> Tensor:
        """Return the rows ``[w, b]`` (C, D + 1) that score an image as directions score its exemplar, plus offsets.

        ``directions @ row + offsets`` of the row that the image would have; for ``head`` images have the row [x, 1].
        """
        added = directions.new_zeros(len(directions)) if offsets is None else offsets
        if self.kind == "head":
            return torch.cat([directions[:, :-1], (directions[:, -1] + added)[:, None]], dim=1)
        weights = directions / self.scale
        return torch.cat([weights, (added - weights @ self.origin)[:, None]], dim=1)


def class_exemplars(supervision: Supervision, kind: str = "auto") -> ClassExemplars:
    """Return what stands for images of the seen classes.

    Args:
        supervision: the seen bank, and seen features where there are any.
        kind: one of `KINDS`.

    Raises:
        UnknownVariantError: the kind is not known.
        InputFileError: images are asked for and there are none, or all rows are alike.
    """
    check_kind(kind)
    images = supervision.seen_features
    if kind == "head" or (kind == "auto" and images is None):
        return _of_head(supervision.seen_bank)
    if images is None or not len(images):
        raise InputFileError(
            f"Exemplars of kind {kind!r} need images of seen classes and there are none; name a file of them in "
            '[seen_features], or take exemplars = "head".'
        )
    return _of_images(images, supervision, kind == "class-means")


def _of_head(bank: ClassifierBank) -> ClassExemplars:
    class_ids = tuple(sorted(bank.index))
    unit = bank.select(class_ids).normalised("joint")
    rows = torch.cat([unit.weights, unit.biases[:, None]], dim=1).double()
    rows, _, scale = _centred(rows)
    return ClassExemplars("head", class_ids, rows, torch.arange(len(rows)), rows.new_zeros(bank.dim), scale)


def _of_images(images: FeatureSet, supervision: Supervision, take_means: bool) -> ClassExemplars:
    held = set(images.class_ids())
    class_ids = tuple(sorted(class_id for class_id in supervision.seen_bank.index if class_id in held))
    if without := len(supervision.seen_bank.index) - len(class_ids):
        log.info("%d of the seen classes have no image and are not learned from", without)
    place = {class_id: row for row, class_id in enumerate(class_ids)}
    given = torch.tensor([place[class_id] for class_id in images.class_ids() if class_id is not None])
    order = given.argsort(stable=True)
    rows, labels = images.features.double()[order], given[order]
    if take_means:
        whole = ClassExemplars("images", class_ids, rows, labels, rows[0], 1.0)
        rows, labels = whole.means(), torch.arange(len(class_ids))
    rows, origin, scale = _centred(rows)
    return ClassExemplars("class-means" if take_means else "images", class_ids, rows, labels, origin, scale)


def _centred(rows: Float[Tensor, "N E"]) -> tuple[Float[Tensor, "N E"], Float[Tensor, "E"], float]:
    origin = rows.mean(dim=0)
    scale = float((rows - origin).square().sum(dim=1).mean().sqrt())
    if not scale > 0:
        raise InputFileError("The images, or the classifiers, of the seen classes are all alike; give others.")
    return (rows - origin) / scale, origin, scale

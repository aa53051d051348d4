"""What is kept of the pictures of a class: how many there were, their mean, and how they spread; no picture is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.features import NO_CLASS, FeatureSet
from kgzsl.runtime import load_tensors, save_tensors
from kgzsl.types import ClassId, Float, PathLike, Tensor

__all__ = ["ClassPictures", "load_pictures", "pictures_by_class", "save_pictures"]


@dataclass(frozen=True, slots=True, eq=False)
class ClassPictures:
    """The pictures of one class, as far as a blend needs them.

    Args:
        count: how many.
        mean: (D,) mean of their features, float64.
        spread: (R, D) with ``spread' spread = sum (x - mean)(x - mean)'`` and R at most ``count - 1`` and D: their
            principal components, each as long as it is strong.

    Raises:
        InputFileError: there is none, or a number is not finite.

    Example:
        >>> two = ClassPictures.of(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        >>> both = two + ClassPictures.of(torch.tensor([[2.0, 2.0]]))
        >>> both.count, both.mean.tolist()
        (3, [1.0, 1.0])
    """

    count: int
    mean: Float[Tensor, "D"]
    spread: Float[Tensor, "R D"]

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputFileError(f"A class is updated by one picture or more, found {self.count}.")
        if not bool(torch.isfinite(self.mean).all() and torch.isfinite(self.spread).all()):
            raise InputFileError("The mean of the pictures is not finite; extract their features again.")

    @classmethod
    def of(cls, features: Float[Tensor, "N D"]) -> ClassPictures:
        """Take together the features of pictures of a class."""
        if not len(features):
            raise InputFileError("A class is updated by one picture or more, found none.")
        mean = features.double().mean(dim=0)
        return cls(len(features), mean, _components(features.double() - mean, len(features) - 1))

    def __add__(self, other: ClassPictures) -> ClassPictures:
        """Return what both together are."""
        count = self.count + other.count
        mean = (self.count * self.mean + other.count * other.mean) / count
        between = (self.count * other.count / count) ** 0.5 * (self.mean - other.mean)
        rows = torch.cat([self.spread.double(), other.spread.double(), between[None]])
        return ClassPictures(count, mean, _components(rows, count - 1))


def pictures_by_class(images: FeatureSet) -> dict[ClassId, ClassPictures]:
    """Return the pictures of each class of a labelled feature set, in the order of its index.

    Raises:
        InputFileError: no image has a class.
    """
    present = [row for row in torch.unique(images.labels).tolist() if row != NO_CLASS]
    if not present:
        raise InputFileError("None of the images has a class; say which class they show, or label them.")
    return {images.index[row]: ClassPictures.of(images.features[images.labels == row]) for row in present}


def save_pictures(path: PathLike, pictures: Mapping[ClassId, ClassPictures]) -> None:
    """Write what is kept of the pictures of one class or more: one safetensors file."""
    held = list(pictures.values())
    tensors = {
        "counts": torch.tensor([one.count for one in held]),
        "means": torch.stack([one.mean for one in held]),
        "ranks": torch.tensor([len(one.spread) for one in held]),
        "spreads": torch.cat([one.spread for one in held]),
    }
    save_tensors(path, tensors, {"classes": ClassIndex(tuple(pictures)).to_json()})


def load_pictures(path: PathLike) -> dict[ClassId, ClassPictures]:
    """Read what `save_pictures` wrote.

    Raises:
        InputFileError: the file is missing.
        CorruptFileError: it is damaged, or holds something else.
    """
    tensors, metadata = load_tensors(path)
    try:
        ids = ClassIndex.from_json(metadata["classes"], f"pictures {path}").ids
        spreads = torch.split(tensors["spreads"], tensors["ranks"].tolist())
        kept = zip(tensors["counts"].tolist(), tensors["means"], spreads, strict=True)
        return dict(zip(ids, (ClassPictures(count, mean, spread) for count, mean, spread in kept), strict=True))
    except (KeyError, ValueError, RuntimeError) as error:
        raise CorruptFileError(f"{path} holds no pictures of classes ({error}).") from error


def _components(rows: Float[Tensor, "N D"], most: int) -> Float[Tensor, "R D"]:
    """Return at most so many rows of the same sum of squares."""
    if most < 1:
        return rows[:0]
    _, lengths, directions = torch.linalg.svd(rows, full_matrices=False)
    kept = min(most, int((lengths > 1e-9 * lengths[0]).sum()))
    components: Tensor = lengths[:kept, None] * directions[:kept]
    return components

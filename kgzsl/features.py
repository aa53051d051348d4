"""Image features with the class of each row and the backbone that made them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.quantisation import expand, is_finite, quantise
from kgzsl.runtime import save_tensors
from kgzsl.runtime.files import open_tensors
from kgzsl.types import ClassId, Float, Int, PathLike, Tensor

__all__ = ["FeatureFile", "FeatureSet"]

NO_CLASS = -1


@dataclass(frozen=True, slots=True, eq=False)
class FeatureSet:
    """Features of N images.

    Args:
        features: (N, D), floating point.
        labels: (N,), rows of ``index``; -1 where the class of an image is not known.
        index: the class ids that labels point to.
        backbone: id of the backbone that made the features.
        paths: where each image came from, or None.

    Raises:
        InputFileError: shapes do not fit, a label points nowhere, a value is not finite.
    """

    features: Float[Tensor, "N D"]
    labels: Int[Tensor, "N"]
    index: ClassIndex
    backbone: str
    paths: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or self.labels.shape != (len(self.features),):
            shapes = f"features {tuple(self.features.shape)} and labels {tuple(self.labels.shape)}"
            raise InputFileError(f"Expected features (N, D) and labels (N,), found {shapes}.")
        if len(self.labels) and not (int(self.labels.min()) >= NO_CLASS and int(self.labels.max()) < len(self.index)):
            raise InputFileError(f"Labels must be rows of the {len(self.index)} classes, or -1 for no class.")
        if self.paths is not None and len(self.paths) != len(self.features):
            raise InputFileError(f"{len(self.features)} features but {len(self.paths)} paths.")
        if not is_finite(self.features):
            row = int((~torch.isfinite(self.features).all(dim=1)).nonzero()[0])
            raise InputFileError(f"Feature row {row} holds a value that is not finite; extract the features again.")

    def __len__(self) -> int:
        return len(self.features)

    @property
    def dim(self) -> int:
        """The feature dimension D."""
        return self.features.shape[1]

    def class_ids(self) -> tuple[ClassId | None, ...]:
        """Return the class id of each row, None where it is not known."""
        return tuple(None if row == NO_CLASS else self.index[row] for row in self.labels.tolist())

    def rows(self, rows: Tensor) -> FeatureSet:
        """Return some rows, chosen by a boolean mask or row numbers, over the same index."""
        numbers = rows.nonzero()[:, 0] if rows.dtype == torch.bool else rows
        paths = None if self.paths is None else tuple(self.paths[row] for row in numbers.tolist())
        return replace(self, features=self.features[numbers], labels=self.labels[numbers], paths=paths)

    def of_classes(self, class_ids: Iterable[ClassId]) -> FeatureSet:
        """Return the rows whose class is one of the given ones."""
        wanted = set(class_ids)
        held = torch.tensor([class_id in wanted for class_id in self.index] or [False], dtype=torch.bool)
        return self.rows((self.labels != NO_CLASS) & held[self.labels.clamp(min=0)])

    def save(self, path: PathLike, quantised: bool = False) -> None:
        """Write the project's feature format: one safetensors file.

        Args:
            path: where.
            quantised: store int8 ``features`` with float32 ``scales`` (N,), ``scale = max|x| / 127`` a row, which
                `load` expands; off by at most half a scale.
        """
        metadata = {"classes": self.index.to_json(), "backbone": self.backbone}
        if self.paths is not None:
            metadata["paths"] = json.dumps(list(self.paths), ensure_ascii=False)
        tensors = {"features": self.features, "labels": self.labels.to(torch.int64)}
        if quantised:
            tensors["features"], tensors["scales"] = quantise(self.features)
        save_tensors(path, tensors, metadata)

    @classmethod
    def load(cls, path: PathLike) -> FeatureSet:
        """Read the project's feature format; int8 rows with a scale a row are expanded.

        Raises:
            InputFileError: the file is missing or holds no features.
            CorruptFileError: the file is truncated, or its metadata is damaged.
        """
        file = FeatureFile(path)
        return file.read(0, len(file))


class FeatureFile:
    """A feature file of which only some rows are read at a time: it may be larger than the memory.

    Args:
        path: the file, as `FeatureSet.save` writes it.

    Raises:
        InputFileError: the file is missing or holds no features.
        CorruptFileError: the file is truncated, or its metadata is damaged.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = path
        with open_tensors(path) as file:
            metadata = dict(file.metadata() or {})
            names = set(file.keys())
            if missing := {"features", "labels"} - names or {"classes", "backbone"} - metadata.keys():
                raise InputFileError(
                    f"{path} is no feature file: it lacks {', '.join(sorted(missing))}. Make one with kgzsl extract."
                )
            features = file.get_slice("features")
            labels = file.get_slice("labels").get_shape()
            self.shape, self._is_coded = tuple(features.get_shape()), features.get_dtype() == "I8"
        if labels != [len(self)]:
            found = f"features {self.shape} and labels {tuple(labels)}"
            raise InputFileError(f"Expected features (N, D) and labels (N,) in {path}, found {found}.")
        if self._is_coded and "scales" not in names:
            raise CorruptFileError(f"{path} holds int8 features without scales; write it again.")
        self.backbone = metadata["backbone"]
        self.index = ClassIndex.from_json(metadata["classes"], f"feature file {path}")
        try:
            self.paths = tuple(json.loads(metadata["paths"])) if "paths" in metadata else None
        except (json.JSONDecodeError, TypeError) as error:
            raise CorruptFileError(f"{path} has damaged metadata ({error}); write it again.") from error

    def __len__(self) -> int:
        return self.shape[0] if self.shape else 0

    def read(self, start: int, stop: int) -> FeatureSet:
        """Return the features of the rows from ``start`` to below ``stop``; int8 rows are expanded.

        Raises:
            InputFileError: a value is not finite, a label points nowhere, or the shapes do not fit.
        """
        with open_tensors(self.path) as file:
            part = [file.get_slice(name)[start:stop] for name in ("features", "labels")]
            features = expand(part[0], file.get_slice("scales")[start:stop]) if self._is_coded else part[0]
        paths = None if self.paths is None else self.paths[start:stop]
        return FeatureSet(features, part[1].long(), self.index, self.backbone, paths)

    def blocks(self, rows: int = 8192) -> Iterator[FeatureSet]:
        """Return the whole file, so many rows at a time."""
        for start in range(0, len(self), rows):
            yield self.read(start, min(start + rows, len(self)))

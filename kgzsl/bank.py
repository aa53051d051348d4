"""The scorer protocols, and their main implementation: a bank of linear classifiers with named rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import BackboneMismatchError, InputFileError
from kgzsl.features import FeatureSet
from kgzsl.markup import facts, page, some_of
from kgzsl.quantisation import is_finite
from kgzsl.runtime import load_tensors, save_tensors
from kgzsl.types import ClassIds, Float, PathLike, Tensor

__all__ = ["NORMALISATIONS", "ClassifierBank", "Scorer", "StoredScorer", "normalise_rows", "single_at_least"]

NORMALISATIONS = ("none", "joint", "weights")


@runtime_checkable
class Scorer(Protocol):
    """Anything that scores images against named classes."""

    @property
    def index(self) -> ClassIndex:
        """The classes, in the order of the score columns."""
        ...

    @property
    def backbone(self) -> str:
        """Id of the backbone whose features it takes."""
        ...

    def score(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        """Score every image against every class; higher is better."""
        ...

    def select(self, class_ids: ClassIds) -> Scorer:
        """Return a scorer of some of the classes, in the order given."""
        ...


@runtime_checkable
class StoredScorer(Scorer, Protocol):
    """A scorer that a run folder holds: it checks features, grows by classes, and is one file.

    Its class also has ``load(path)``, which reads what `save` wrote.
    """

    def check_backbone(self, images: FeatureSet) -> None:
        """Refuse features of another backbone, or of another width, with a BackboneMismatchError."""
        ...

    def select(self, class_ids: ClassIds) -> StoredScorer:
        """Return a scorer of some of the classes, in the order given."""
        ...

    def concat(self, other: Any) -> StoredScorer:
        """Return a scorer with the classes of another of the same kind behind; own scores stay as they are."""
        ...

    def save(self, path: PathLike) -> None:
        """Write one file."""
        ...


def normalise_rows(weights: Float[Tensor, "C D"], biases: Float[Tensor, "C"], kind: str) -> tuple[Tensor, Tensor]:
    """Scale the rows of [W, b] to length one.

    ``joint`` divides by ``sqrt(|w|^2 + b^2)``, ``weights`` by ``|w|``, ``none`` leaves them.
    """
    if kind not in NORMALISATIONS:
        raise InputFileError(f"No normalisation is called {kind!r}; choose one of {', '.join(NORMALISATIONS)}.")
    if kind == "none":
        return weights, biases
    squares = weights.square().sum(dim=1) + (biases.square() if kind == "joint" else 0)
    length = squares.sqrt().clamp(min=torch.finfo(weights.dtype).tiny)
    return weights / length[:, None], biases / length


def single_at_least(kind: torch.dtype) -> torch.dtype:
    """Return the precision in which rows of a precision are scored: half is how they are kept, no more.

    Example:
        >>> single_at_least(torch.float16), single_at_least(torch.float64)
        (torch.float32, torch.float64)
    """
    return torch.promote_types(kind, torch.float32)


@dataclass(frozen=True, slots=True, eq=False)
class ClassifierBank:
    """Linear classifiers ``score = W x + b`` with a named row a class.

    Args:
        index: the classes, in row order.
        weights: (C, D).
        biases: (C,).
        backbone: id of the backbone whose features it scores.
        normalisation: how the rows were scaled, one of `NORMALISATIONS`.

    Raises:
        InputFileError: shapes do not fit or a value is not finite.

    Example:
        >>> bank = ClassifierBank(ClassIndex(("a", "b")), torch.eye(2), torch.zeros(2), "toy")
        >>> bank.logits(torch.tensor([[2.0, 1.0]])).tolist()
        [[2.0, 1.0]]
    """

    index: ClassIndex
    weights: Float[Tensor, "C D"]
    biases: Float[Tensor, "C"]
    backbone: str
    normalisation: str = "none"

    def __post_init__(self) -> None:
        count = len(self.index)
        if self.weights.ndim != 2 or len(self.weights) != count or self.biases.shape != (count,):
            shapes = f"weights {tuple(self.weights.shape)} and biases {tuple(self.biases.shape)}"
            raise InputFileError(
                f"A bank of {count} classes needs weights ({count}, D) and biases ({count},), found {shapes}."
            )
        if self.normalisation not in NORMALISATIONS:
            raise InputFileError(
                f"No normalisation is called {self.normalisation!r}; choose one of {', '.join(NORMALISATIONS)}."
            )
        if not (is_finite(self.weights) and is_finite(self.biases)):
            raise InputFileError("A bank must hold finite numbers only; the training that made it diverged.")

    def __repr__(self) -> str:
        shape = f"{len(self.index):,} classes, {self.dim}-d"
        return f"ClassifierBank({shape}, backbone={self.backbone!r}, normalisation={self.normalisation!r})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: size, backbone, and how long the rows are."""
        pairs = [
            ("classes", f"{len(self.index):,}"),
            ("dimensions", f"{self.dim:,}"),
            ("backbone", self.backbone),
            ("rows scaled", self.normalisation),
            ("length of the weights", _spread(self.weights.double().norm(dim=1))),
            ("biases", _spread(self.biases.double())),
            ("first classes", some_of(self.index, len(self.index))),
        ]
        return page("bank of classifiers", facts(pairs))

    @property
    def dim(self) -> int:
        """The feature dimension D."""
        return self.weights.shape[1]

    def check_backbone(self, images: FeatureSet) -> None:
        """Refuse features of another backbone, or of another width, with a BackboneMismatchError."""
        if images.backbone != self.backbone:
            raise BackboneMismatchError(
                f"The features come from backbone {images.backbone!r}, the bank scores those of {self.backbone!r}; "
                "extract them with the same backbone."
            )
        if images.dim != self.dim:
            raise BackboneMismatchError(
                f"The features are {images.dim}-d, the bank takes {self.dim}-d ones; extract them again."
            )

    def score(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        """Score images: ``X W' + b``.

        Raises:
            BackboneMismatchError: the features come from another backbone.
        """
        self.check_backbone(images)
        return self.logits(images.features)

    def logits(self, features: Float[Tensor, "N D"]) -> Float[Tensor, "N C"]:
        """Return ``X W' + b`` in the bank's precision, without the check of the backbone."""
        return torch.addmm(self.biases, features.to(self.weights), self.weights.T)

    def select(self, class_ids: ClassIds) -> ClassifierBank:
        """Return the rows of some classes, in the order given; UnknownClassError where one is missing."""
        if tuple(class_ids) == self.index.ids:
            return self
        rows = torch.from_numpy(self.index.rows(class_ids))
        index = ClassIndex(tuple(class_ids), self.index.owner)
        return replace(self, index=index, weights=self.weights[rows], biases=self.biases[rows])

    def concat(self, other: ClassifierBank) -> ClassifierBank:
        """Return a bank with the rows of another behind; own rows stay as they are, to the bit.

        Raises:
            BackboneMismatchError: the other bank is of another backbone.
            GraphError: a class stands in both.
        """
        if (other.backbone, other.dim) != (self.backbone, self.dim):
            raise BackboneMismatchError(
                f"Cannot join banks of {self.backbone!r} ({self.dim}-d) and {other.backbone!r} ({other.dim}-d)."
            )
        index = self.index.appended(other.index)
        weights = torch.cat([self.weights, other.weights.to(self.weights)])
        return replace(
            self, index=index, weights=weights, biases=torch.cat([self.biases, other.biases.to(self.biases)])
        )

    def normalised(self, kind: str) -> ClassifierBank:
        """Return the bank with rows of length one; see `normalise_rows`."""
        weights, biases = normalise_rows(self.weights, self.biases, kind)
        return replace(self, weights=weights, biases=biases, normalisation=kind)

    def save(self, path: PathLike) -> None:
        """Write the project's bank format: one safetensors file."""
        metadata = {"classes": self.index.to_json(), "backbone": self.backbone, "normalisation": self.normalisation}
        save_tensors(path, {"weights": self.weights, "biases": self.biases}, metadata)

    @classmethod
    def load(cls, path: PathLike) -> ClassifierBank:
        """Read the project's bank format.

        Raises:
            InputFileError: the file is missing or holds no bank.
            CorruptFileError: it is truncated or its metadata is damaged.
        """
        tensors, metadata = load_tensors(path)
        needed = {"weights", "biases"} - tensors.keys() or {
            "classes",
            "backbone",
            "normalisation",
        } - metadata.keys()
        if needed:
            raise InputFileError(f"{path} is no bank: it lacks {', '.join(sorted(needed))}.")
        index = ClassIndex.from_json(metadata["classes"], f"bank {path}")
        return cls(index, tensors["weights"], tensors["biases"], metadata["backbone"], metadata["normalisation"])


def _spread(values: Float[Tensor, "C"]) -> str:
    if not len(values):
        return ""
    return f"{float(values.min()):.3g} to {float(values.max()):.3g}, mean {float(values.mean()):.3g}"

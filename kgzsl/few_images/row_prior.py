"""Blend a synthesized classifier with the pictures of its class: a Gaussian posterior, in closed form.

**The model.** Pictures x of class c scatter around the mean m_c of the class, and m_c around what the synthesized row
w_c says of it:

    x | c ~ N(m_c, v S),    m_c ~ N(m + a S w_c, T).

m is the mean picture and S the covariance of all pictures (shrunk), so ``a S w`` is where a row w of a discriminant
analysis puts its class: there ``w = S^-1 (m_c - m)``. T says how far and in which directions predictions err. After n
pictures with mean x_n the expected mean of the class is

    m_n = m_0 + T (T + v S / n)^-1 (x_n - m_0),    m_0 = m + a S w_c,

and its row is ``S^-1 (m_n - m)``. With the generalised eigenvectors P of T and S (P' S P = I, P' T P = diag t) and
coordinates ``c_0 = a P^-1 w_c`` and ``z = P' (x_n - m)`` this reads, direction by direction,

    c_j = (k_j c_0j + n z_j) / (k_j + n),    k_j = v / t_j,    row = P c:

the prediction counts as k_j pictures. In directions in which class means hardly differ from what is predicted k_j is
large and pictures say little; where classes do differ it is a few pictures.

Pictures also tell how pictures of this kind scatter, which may not be how those of seen classes do. With an inverse
Wishart prior on the covariance, worth d = `DEGREES` pictures, and the scatter Q of all pictures that arrived around the
means of their classes, its expectation is proportional to ``d v S + Q``, and the row becomes

    (d v S + Q)^-1 (m_n - m) ~ P (I + P' Q P / (d v))^-1 c.

Q is pooled over all classes that have pictures, so their rows hang together; k is left as it is. One picture a class
has no scatter.

**Where it comes from.** Seen classes have a row of their own, w*, and one that was predicted while they were hidden, w.
With pictures of seen classes for m and S: the scale s of rows is the regression of pictures on S w*, v is what it
leaves over, a = s <w*, w> / <w, w> (inner products by S) is how far predictions are to be trusted, and
T = S cov(s w* - a w) S, mixed with a multiple of S (`SMOOTHING`). All this is estimated, not searched. `SHRINKAGE`,
`SMOOTHING`, `DEGREES` and `LENGTH` were chosen on held-out seen classes by ``scripts/choose_few_images.py``. T scaled
for each class by the marginal likelihood of its pictures was tried there and was worse: a few pictures do not tell.

**Beside other classes with pictures.** Their rows are told from each other by a ridge regression around the blended
ones: `kgzsl.few_images.contrast`.

**Beside the other rows.** A row's score of the mean picture (its offset) and its length say nothing of the class and
decide who wins. The prediction's share of the row is ``r = <k c_0 / (k + n), c> / <c, c>``; length and offset are
those of the old row by r, and by 1 - r those that predicted rows have in the mean, the length times `LENGTH`. So one
class with pictures does not win by scale against many without, no pictures leave a row as it is, and with ever more
pictures it becomes the classifier from images alone. (One class alone; several are told from each other after that.)

References:
    Rasmussen, Williams: Gaussian Processes for Machine Learning, MIT Press 2006, chapter 2.1 (the posterior).
    S. Ioffe: Probabilistic linear discriminant analysis, ECCV 2006 (T and v S as between- and within-class covariance).
    J. Snell, K. Swersky, R. Zemel: Prototypical networks for few-shot learning, NeurIPS 2017 (class means as classes).
    The predicted row as mean of the prior, and T from what predictions of hidden classes miss, are our own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from kgzsl.bank import ClassifierBank
from kgzsl.errors import BackboneMismatchError, CorruptFileError, InputFileError
from kgzsl.features import FeatureSet
from kgzsl.few_images.class_pictures import ClassPictures
from kgzsl.few_images.contrast import RIDGE, STRETCH, told_apart
from kgzsl.runtime import load_tensors, save_tensors
from kgzsl.types import ClassId, Float, PathLike, Tensor

__all__ = ["DEGREES", "LENGTH", "SHRINKAGE", "SMOOTHING", "BlendedRows", "RowPrior"]

SHRINKAGE = 2.0
"""What is added to the covariance of pictures, in units of its mean eigenvalue."""
SMOOTHING = 0.5
"""How much of T is a multiple of S."""
DEGREES = 1000.0
"""The pictures that the covariance of seen pictures is worth, where others scatter differently."""
LENGTH = 0.9
"""The length of a row from images alone, in units of the mean length of predicted rows."""
MOST = 1e6
"""Pictures that a prediction counts as at most."""


@dataclass(frozen=True, slots=True, eq=False)
class BlendedRows:
    """Rows after pictures.

    Args:
        bank: the classes given, in their order; those without pictures have their old rows, to the bit.
        shares: of each class with pictures, how much of its row is the prediction, 0 to 1.
        cosines: of each class with pictures, the cosine of its old and new weights.
    """

    bank: ClassifierBank
    shares: Mapping[ClassId, float]
    cosines: Mapping[ClassId, float]


@dataclass(frozen=True, eq=False)
class RowPrior:
    """What a predicted row is worth in pictures.

    Args:
        mean: (D,) the mean picture m.
        basis: (D, D) P, generalised eigenvectors in columns.
        strengths: (D,) k, in pictures.
        trust: a.
        noise: v.
        degrees: d, in pictures.
        length: of a row from images alone.
        offset: its score of the mean picture.
        backbone: whose features they are.
    """

    mean: Float[Tensor, "D"]
    basis: Float[Tensor, "D D"]
    strengths: Float[Tensor, "D"]
    trust: float
    noise: float
    degrees: float
    length: float
    offset: float
    backbone: str

    @classmethod
    def fit(
        cls,
        seen: ClassifierBank,
        predicted: ClassifierBank,
        images: FeatureSet,
        *,
        shrinkage: float = SHRINKAGE,
        smoothing: float = SMOOTHING,
        degrees: float = DEGREES,
        length: float = LENGTH,
    ) -> RowPrior:
        """Learn from seen classes.

        Args:
            seen: the classifiers of K seen classes as given.
            predicted: the rows that were predicted for them while they were hidden, in any order.
            images: images of seen classes; one of each is enough.
            shrinkage, smoothing, degrees, length: as the constants of this module.

        Raises:
            BackboneMismatchError: images and classifiers are of different backbones.
            InputFileError: no image is of one of the classes, the images are all alike, or the classifiers do not tell
                them apart.
        """
        seen.check_backbone(images)
        predicted.check_backbone(images)
        images = images.of_classes(seen.index)
        if not len(images):
            raise InputFileError("To blend in pictures, images of seen classes are needed, and none of these is.")
        pictures = images.features.double()
        mean = pictures.mean(dim=0)
        lower = _root(pictures - mean, shrinkage)  # S = lower lower'
        own = seen.normalised("joint").weights.double() @ lower  # rows in coordinates in which S is the identity
        place = torch.from_numpy(seen.index.rows(images.index[label] for label in images.labels.tolist()))
        whitened = torch.linalg.solve_triangular(lower, (pictures - mean).T, upper=False).T  # (N, D)
        scale = _slope(own[place], whitened)
        if not scale > 0:
            raise InputFileError(
                "The classifiers of the seen classes do not score their own images above others; check the labels."
            )
        noise = float((whitened - scale * own[place]).square().mean())
        guess = predicted.select(seen.index.ids).normalised("joint").weights.double() @ lower
        trust = max(_slope(guess, own), 0.0)
        values, vectors = _spread(scale * (own - trust * guess), smoothing)
        basis = torch.linalg.solve_triangular(lower.T, vectors, upper=True)  # (D, D)
        rows, biases = predicted.weights.double(), predicted.biases.double()
        lengths = float(rows.norm(dim=1).mean()) * length
        offset = float((rows @ mean + biases).mean())
        strengths = noise / values.clamp(min=max(noise, 1 / MOST) / MOST)
        return cls(mean, basis, strengths, scale * trust, noise, degrees, lengths, offset, images.backbone)

    def blend(
        self,
        rows: ClassifierBank,
        pictures: Mapping[ClassId, ClassPictures],
        *,
        stretch: float = STRETCH,
        ridge: float = RIDGE,
    ) -> BlendedRows:
        """Return a bank in which the classes that have pictures have blended rows.

        Args:
            rows: synthesized classifiers, C classes.
            pictures: of some of the classes.
            stretch, ridge: as the constants of `kgzsl.few_images.contrast`.

        Raises:
            BackboneMismatchError: rows or pictures are of another backbone.
            UnknownClassError: a class is not among the rows.
        """
        self._check(rows, pictures)
        if not pictures:
            return BlendedRows(rows, {}, {})
        old = rows.select(tuple(pictures))
        expected, shares = self._posterior(old, list(pictures.values()))
        spread = torch.cat([one.spread.double() for one in pictures.values()]) @ self.basis.double()
        fresh = _narrowed(expected, spread, self.degrees * self.noise) @ self.basis.double().T
        weights, offsets = self._beside_others(old, fresh, shares)
        weights = told_apart(weights, list(pictures.values()), self.mean.double(), stretch=stretch, ridge=ridge)
        biases = offsets - weights @ self.mean.double()
        cosines = torch.cosine_similarity(old.weights.double(), weights, dim=1)
        place = torch.from_numpy(rows.index.rows(pictures))
        new_weights, new_biases = rows.weights.clone(), rows.biases.clone()
        new_weights[place], new_biases[place] = weights.to(new_weights), biases.to(new_biases)
        bank = replace(rows, weights=new_weights, biases=new_biases, normalisation="none")
        told = (dict(zip(pictures, values.tolist())) for values in (shares, cosines))
        return BlendedRows(bank, *told)

    def _posterior(
        self, old: ClassifierBank, pictures: Sequence[ClassPictures]
    ) -> tuple[Float[Tensor, "C D"], Float[Tensor, "C"]]:
        """Return the coordinates of the expected means, and the share of the prediction in each."""
        counts = torch.tensor([float(one.count) for one in pictures], dtype=torch.float64)[:, None]
        means = torch.stack([one.mean.double() for one in pictures])
        basis, strengths = self.basis.double(), self.strengths.double()
        unit = old.normalised("joint").weights.double()
        coordinates = self.trust * unit @ self._to_coordinates  # (C, D)
        prior = strengths / (strengths + counts) * coordinates
        both = prior + counts / (strengths + counts) * ((means - self.mean.double()) @ basis)
        shares = (prior * both).sum(dim=1) / both.square().sum(dim=1)
        return both, shares.clamp(0, 1)

    @cached_property
    def _to_coordinates(self) -> Float[Tensor, "D D"]:
        """What takes rows to coordinates: the transposed inverse of the basis."""
        inverse: Tensor = torch.linalg.inv(self.basis.double().T)
        return inverse

    def _beside_others(
        self, old: ClassifierBank, fresh: Float[Tensor, "C D"], shares: Float[Tensor, "C"]
    ) -> tuple[Float[Tensor, "C D"], Float[Tensor, "C"]]:
        """Bring rows to their lengths, and return them with their offsets."""
        mean, weights = self.mean.double(), old.weights.double()
        lengths = shares * weights.norm(dim=1) + (1 - shares) * self.length
        offsets = shares * (weights @ mean + old.biases.double()) + (1 - shares) * self.offset
        return fresh * (lengths / fresh.norm(dim=1))[:, None], offsets

    def _check(self, rows: ClassifierBank, pictures: Mapping[ClassId, ClassPictures]) -> None:
        if (rows.backbone, rows.dim) != (self.backbone, len(self.mean)):
            raise BackboneMismatchError(
                f"The prior is of backbone {self.backbone!r} ({len(self.mean)}-d), the classifiers are of "
                f"{rows.backbone!r} ({rows.dim}-d); fit it on the same one."
            )
        for class_id, one in pictures.items():
            if one.mean.shape != (rows.dim,):
                raise BackboneMismatchError(
                    f"The pictures of {class_id!r} have {one.mean.numel()} features, the classifiers take {rows.dim}."
                )

    def summary(self) -> dict[str, float]:
        """Return what was learned in plain numbers; pictures are those that a prediction counts as."""
        return {
            "least_pictures": float(self.strengths.min()),
            "pictures": float(self.strengths.median()),
            "trust": self.trust,
            "length": self.length,
        }

    def save(self, path: PathLike) -> None:
        """Write one safetensors file, in single precision."""
        tensors = {"mean": self.mean.float(), "basis": self.basis.float(), "strengths": self.strengths.float()}
        numbers = {"trust": self.trust, "noise": self.noise, "degrees": self.degrees}
        numbers |= {"length": self.length, "offset": self.offset}
        save_tensors(path, tensors, {"backbone": self.backbone, "numbers": json.dumps(numbers)})

    @classmethod
    def load(cls, path: PathLike) -> RowPrior:
        """Read what `save` wrote.

        Raises:
            InputFileError: the file is missing.
            CorruptFileError: it is damaged, or holds something else.
        """
        tensors, metadata = load_tensors(path)
        try:
            numbers = {name: float(value) for name, value in json.loads(metadata["numbers"]).items()}
            mean, basis, strengths = (tensors[name] for name in ("mean", "basis", "strengths"))
            return cls(mean, basis, strengths, backbone=metadata["backbone"], **numbers)
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptFileError(f"{path} holds no prior ({error}); run kgzsl calibrate again.") from error


def _root(centred: Float[Tensor, "N D"], shrinkage: float) -> Float[Tensor, "D D"]:
    """Return the lower root of the shrunk covariance."""
    covariance = centred.T @ centred / len(centred)
    level = float(covariance.trace()) / len(covariance)
    if not level > 0:
        raise InputFileError("The images of seen classes are all alike; give several different ones.")
    covariance.diagonal().add_(shrinkage * level)
    lower: Tensor = torch.linalg.cholesky(covariance)
    return lower


def _slope(of: Float[Tensor, "N D"], on: Float[Tensor, "N D"]) -> float:
    """Return the number by which rows come closest to others: ``<of, on> / <of, of>``, 0 where they are nothing."""
    square = float(of.square().sum())
    return float((of * on).sum()) / square if square > 0 else 0.0


def _spread(errors: Float[Tensor, "K D"], smoothing: float) -> tuple[Float[Tensor, "D"], Float[Tensor, "D D"]]:
    """Return eigenvalues and eigenvectors of the mean square of rows, evened out by ``smoothing``."""
    square = errors.T @ errors / len(errors)
    level = float(square.trace()) / len(square)
    square *= 1 - smoothing
    square.diagonal().add_(smoothing * level)
    values, vectors = torch.linalg.eigh(square)
    return values, vectors


def _narrowed(rows: Float[Tensor, "C D"], spread: Float[Tensor, "R D"], worth: float) -> Float[Tensor, "C D"]:
    """Return ``rows (I + spread' spread / worth)^-1``, by the inverse of the smaller side."""
    if not len(spread):
        return rows
    square = spread @ spread.T
    square.diagonal().add_(worth)
    solved: Tensor = rows - torch.linalg.solve(square, spread @ rows.T).T @ spread
    return solved

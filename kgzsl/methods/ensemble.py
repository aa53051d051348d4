"""Ensemble: several methods predict a classifier each, and what is common to their predictions is taken.

Methods err in different ways: a kernel is sure of what its texts tell, a graph network of what the neighbours are. Each
member's rows lose the member's mean over the seen classes, get length one, and are summed with weights:

    d_c = sum over members m of weight_m * unit(r_c,m - mean over seen s of r_s,m).

What is summed is then equalised. The classifiers of the seen classes vary much in a few directions (animal or artefact)
and little in the many that tell one animal from another; regression predicts the former best and so lets them rule.
With the directions v_i and strengths s_i (their mean being one) of the seen classifiers' principal components,

    e_c = d_c + sum over i of (s_i ** -equalise - 1) (d_c . v_i) v_i,    row_c = unit(e_c).

Where there are images of seen classes, with mean x and covariance S, the bias makes the mean picture's score zero, and
``spread`` divides a row by a power of how widely its scores vary over pictures, so that no class wins by its scale:

    w_c = row_c / (row_c' S row_c) ** (spread / 2),    b_c = -w_c . x.

References:
    Lakshminarayanan, Pritzel, Blundell: Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles,
        NeurIPS 2017, for ensembles.
    Dinu, Lazaridou, Baroni: Improving zero-shot learning by mitigating the hubness problem, ICLR workshop 2015, for
        correcting the scale of each class.
    The equalised principal components are own to this project.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import CorruptFileError, KgzslError, NotFittedError, RecipeError
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.extension import ClassExtension
from kgzsl.methods.context import FitContext
from kgzsl.methods.method import InductiveMethod
from kgzsl.registry import build, choose
from kgzsl.runtime import load_tensors, save_tensors
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.training import Checkpoint
from kgzsl.types import ClassIds, Float, PathLike, Tensor

__all__ = ["Ensemble"]

MODEL, MEMBERS = "model.safetensors", "members"
DEFAULT_MEMBERS: tuple[Mapping[str, Any], ...] = (
    {"name": "kernel_regression"},
    {"name": "graph_regression", "network": "dgp"},
)
WEAKEST = 1e-3
"""Principal components weaker than this share of the mean strength are rounding and stay as they are."""


@dataclass(frozen=True, slots=True, eq=False)
class _Combination:
    """What makes one row of the members' rows.

    Args:
        means: (M, D + 1) mean of each member's rows over the seen classes.
        directions, gains: (P, D + 1) principal components of the seen classifiers, and what each is multiplied by.
        image_mean, covariance: (D,) and (D, D) of the seen images, both empty where there are none.
    """

    means: Float[Tensor, "M O"]
    directions: Float[Tensor, "P O"]
    gains: Float[Tensor, "P"]
    image_mean: Float[Tensor, "_"]
    covariance: Float[Tensor, "_ _"]

    def rows(
        self, predicted: Sequence[Float[Tensor, "C O"]], weights: Sequence[float], spread: float
    ) -> Float[Tensor, "C O"]:
        """Combine the members' rows [W, b] of the same classes."""
        summed = torch.stack(
            [
                weight * functional.normalize(rows - mean, dim=1)
                for weight, rows, mean in zip(weights, predicted, self.means)
            ]
        ).sum(dim=0)
        equalised = summed + (summed @ self.directions.T * (self.gains - 1)) @ self.directions
        rows = functional.normalize(equalised, dim=1)
        if not len(self.image_mean):
            return rows
        along = rows[:, :-1]
        if spread:
            deviation = ((along @ self.covariance) * along).sum(dim=1).clamp(min=torch.finfo(rows.dtype).tiny).sqrt()
            along = along / deviation[:, None] ** spread
        return torch.cat([along, -(along @ self.image_mean)[:, None]], dim=1)


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    graph: ClassGraph
    semantics: SemanticEmbedding
    members: tuple[InductiveMethod, ...]
    combination: _Combination
    bank: ClassifierBank


class Ensemble:
    """Combine the classifiers that several methods predict.

    Args:
        members: a table a member: ``name`` of the method and its keywords, and optionally ``weight`` (1) and ``parts``,
            the text forms of the semantics that it reads (all of them); the members of `DEFAULT_MEMBERS` by default.
        equalise: 0 leaves the rows as they are, 1 makes the seen classifiers vary alike in every direction.
        spread: 0 leaves the scale of a class as it is, 1 lets the scores of all classes vary alike over the images of
            seen classes; without such images it does nothing.
        seed: for the members that take one and are given none.

    Raises:
        RecipeError: a member is missing, no inductive method with linear classifiers, or a value is out of range.
        UnknownVariantError: a member's method is not known.
    """

    def __init__(
        self,
        *,
        members: Sequence[Mapping[str, Any]] = DEFAULT_MEMBERS,
        equalise: float = 0.5,
        spread: float = 0.0,
        seed: int = 0,
    ) -> None:
        for name, value in (("equalise", equalise), ("spread", spread)):
            if not 0 <= value <= 1:
                raise RecipeError(f"{name} is a number from 0 to 1, found {value!r}.")
        if not members:
            raise RecipeError("An ensemble needs at least one member; write a table [[method.members]] for each.")
        self.members = [dict(member) for member in members]
        self.equalise, self.spread, self.seed = equalise, spread, seed
        self.weights = [float(member.get("weight", 1.0)) for member in self.members]
        if min(self.weights) <= 0:
            raise RecipeError(f"The weight of a member is a number greater than 0, found {min(self.weights)!r}.")
        self._built()  # refuses wrong keywords now, not after the data is read
        self._fitted: _Fitted | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters as a plain dictionary."""
        return {"equalise": self.equalise, "spread": self.spread, "seed": self.seed, "members": self.members}

    def _variant(self, member: Mapping[str, Any]) -> type[InductiveMethod]:
        from kgzsl.methods import METHODS

        if "name" not in member:
            raise RecipeError("A member of an ensemble lacks its name; name a method, as in [method] name.")
        variant = choose(METHODS, str(member["name"]), "method")
        if not issubclass(variant, InductiveMethod) or variant is Ensemble:
            raise RecipeError(
                f"Method {member['name']!r} cannot be a member of an ensemble; choose one that places new classes."
            )
        return variant

    def _built(self) -> tuple[InductiveMethod, ...]:
        """Return the members, not fitted."""
        made = []
        for member in self.members:
            variant = self._variant(member)
            keywords = {key: value for key, value in member.items() if key not in ("name", "weight", "parts")}
            if "seed" in inspect.signature(variant).parameters:
                keywords.setdefault("seed", self.seed)
            made.append(build({str(member["name"]): variant}, str(member["name"]), "method", keywords))
        return tuple(made)

    def _parts(self, number: int, vectors: SemanticEmbedding) -> SemanticEmbedding:
        """Return the parts of the vectors that a member reads."""
        forms = self.members[number].get("parts")
        return vectors if forms is None else vectors.select_parts(forms)

    def fit(self, supervision: Supervision, context: FitContext | None = None) -> Ensemble:
        """Fit every member, then learn how their rows are combined.

        Args:
            supervision: graph, semantics, classifiers of the seen classes, and images of them where there are any.
            context: device and folder; each member has a folder of its own below.

        Returns:
            This object.
        """
        context = context or FitContext()
        members = self._built()
        for number, member in enumerate(members):
            given = Supervision(
                supervision.graph,
                self._parts(number, supervision.semantics),
                supervision.seen_bank,
                supervision.seen_features,
            )
            folder = None if context.folder is None else Path(context.folder) / MEMBERS / str(number)
            member.fit(given, FitContext(context.device, folder, context.checkpoint_every))
        graph, seen = supervision.graph, tuple(sorted(supervision.seen_bank.index))
        predicted = [
            _rows(member.synthesize(graph.index.ids), str(one["name"])) for member, one in zip(members, self.members)
        ]
        combination = self._combination(predicted, graph.index, supervision, seen)
        rows = combination.rows(predicted, self.weights, self.spread)
        bank = self._bank(graph.index.ids, rows, supervision.seen_bank.backbone, combination)
        self._fitted = _Fitted(graph, supervision.semantics, members, combination, bank)
        return self

    def _combination(
        self, predicted: Sequence[Tensor], index: ClassIndex, supervision: Supervision, seen: tuple[str, ...]
    ) -> _Combination:
        places = torch.from_numpy(index.rows(seen))
        means = torch.stack([rows[places].mean(dim=0) for rows in predicted])
        targets = _rows(supervision.seen_bank.select(seen).normalised("joint"), "seen bank").double()
        _, strengths, directions = torch.linalg.svd(targets - targets.mean(dim=0), full_matrices=False)
        strengths = strengths / strengths.mean().clamp(min=torch.finfo(strengths.dtype).tiny)
        kept = strengths > WEAKEST
        return _Combination(
            means,
            directions[kept].float().contiguous(),
            (strengths[kept] ** -self.equalise).float(),
            *_moments(supervision.seen_features),
        )

    def _bank(
        self, class_ids: ClassIds, rows: Float[Tensor, "C O"], backbone: str, combination: _Combination
    ) -> ClassifierBank:
        index = ClassIndex(tuple(class_ids), "bank of an ensemble")
        normalisation = "none" if len(combination.image_mean) else "joint"
        return ClassifierBank(index, rows[:, :-1].contiguous(), rows[:, -1].contiguous(), backbone, normalisation)

    def _require(self) -> _Fitted:
        if self._fitted is None:
            raise NotFittedError("Ensemble has not been fitted; call fit(supervision) first.")
        return self._fitted

    def synthesize(self, class_ids: ClassIds) -> ClassifierBank:
        """Return the classifiers of classes of the fitted graph.

        Raises:
            UnknownClassError: a class is not in that graph; see `synthesize_new`.
        """
        fitted = self._require()
        fitted.graph.index.rows(class_ids)
        return fitted.bank.select(class_ids)

    def synthesize_new(self, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding) -> ClassifierBank:
        """Return the classifiers of classes that the fitted graph lacks, each by every member.

        Args:
            extensions: the new classes, each with the missing ancestors it brings along.
            vectors: semantic vectors of all of those, with the parts of the run's.

        Raises:
            SemanticsError: the vectors are of another encoder, one is missing, or a part is.
        """
        fitted = self._require()
        predicted = [
            _rows(member.synthesize_new(extensions, self._parts(number, vectors)), str(self.members[number]["name"]))
            for number, member in enumerate(fitted.members)
        ]
        rows = fitted.combination.rows(predicted, self.weights, self.spread)
        ids = tuple(extension.class_id for extension in extensions)
        return self._bank(ids, rows, fitted.bank.backbone, fitted.combination)

    def save(self, folder: PathLike) -> None:
        """Write ``model.safetensors``, and each member into a folder below ``members``."""
        fitted, one = self._require(), self._require().combination
        tensors = {"means": one.means, "directions": one.directions, "gains": one.gains}
        tensors |= {"image_mean": one.image_mean, "covariance": one.covariance}
        save_tensors(Path(folder) / MODEL, tensors, {"parameters": json.dumps(self.parameters())})
        for number, member in enumerate(fitted.members):
            (Path(folder) / MEMBERS / str(number)).mkdir(parents=True, exist_ok=True)
            member.save(Path(folder) / MEMBERS / str(number))
            Checkpoint(Path(folder) / MEMBERS / str(number), "").clear()

    @classmethod
    def load(cls, folder: PathLike, graph: ClassGraph, semantics: SemanticEmbedding, bank: ClassifierBank) -> Ensemble:
        """Read what `save` wrote, with the graph, semantics and bank that stand beside it.

        The members' own rows of the graph's classes are not stored: loaded members are asked for new classes only.

        Raises:
            CorruptFileError: a file is damaged or does not belong to the others.
        """
        tensors, metadata = load_tensors(Path(folder) / MODEL)
        try:
            method = cls(**json.loads(metadata["parameters"]))
            names = ("means", "directions", "gains", "image_mean", "covariance")
            combination = _Combination(*(tensors[name] for name in names))
        except (KeyError, TypeError, ValueError, KgzslError) as error:
            raise CorruptFileError(f"{folder} holds no whole ensemble ({error}); train it again.") from error
        if combination.means.shape != (len(method.members), bank.dim + 1):
            raise CorruptFileError(f"{folder}: the stored means are not those of the bank beside; train it again.")
        members = tuple(
            method._variant(member).load(  # type: ignore[attr-defined]
                Path(folder) / MEMBERS / str(number), graph, method._parts(number, semantics), bank
            )
            for number, member in enumerate(method.members)
        )
        method._fitted = _Fitted(graph, semantics, members, combination, bank.select(graph.index.ids))
        return method


def _rows(bank: object, name: str) -> Float[Tensor, "C O"]:
    """Return [W, b] of a bank."""
    if not isinstance(bank, ClassifierBank):
        raise RecipeError(f"Method {name!r} makes no linear classifiers and cannot be a member of an ensemble.")
    return torch.cat([bank.weights, bank.biases[:, None]], dim=1).float()


def _moments(images: FeatureSet | None) -> tuple[Float[Tensor, "_"], Float[Tensor, "_ _"]]:
    """Return mean and covariance of images, empty where there are none."""
    if images is None or not len(images):
        return torch.empty(0), torch.empty(0, 0)
    features = images.features.double()
    centred = features - features.mean(dim=0)
    return features.mean(dim=0).float(), (centred.T @ centred / len(features)).float()

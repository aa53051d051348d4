"""Ensemble: several methods predict a classifier each, and what is common to their predictions is taken.

Methods err in different ways: a kernel is sure of what its texts tell, a graph network of what the neighbours are. How
their rows become one, and what is done against classes that win too often, stands in `kgzsl.methods.combination`.

References:
    Lakshminarayanan, Pritzel, Blundell: Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles,
        NeurIPS 2017. There the members are networks of one kind and their probabilities are averaged.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import CorruptFileError, KgzslError, NotFittedError, RecipeError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.extension import ClassExtension
from kgzsl.methods.combination import Combination, bank_rows
from kgzsl.methods.context import FitContext
from kgzsl.methods.method import InductiveMethod
from kgzsl.registry import build, choose, closest
from kgzsl.runtime import load_tensors, save_tensors
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.training import Checkpoint
from kgzsl.types import ClassIds, Float, PathLike, Tensor

__all__ = ["Ensemble"]

MODEL, MEMBERS = "model.safetensors", "members"
OWN_KEYS = ("name", "weight", "parts")
"""Keys of a member's table that are the ensemble's; the others are options of the method."""
DEFAULT_MEMBERS: tuple[Mapping[str, Any], ...] = (
    {"name": "kernel_regression"},
    {"name": "graph_regression", "network": "dgp"},
)


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    graph: ClassGraph
    semantics: SemanticEmbedding
    members: tuple[InductiveMethod, ...]
    combination: Combination
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
        self.members = [_checked(member) for member in members]
        if not self.members:
            raise RecipeError("An ensemble needs at least one member; write a table [[method.members]] for each.")
        self.equalise, self.spread, self.seed = equalise, spread, seed
        self.weights = [float(member.get("weight", 1.0)) for member in self.members]
        self._built()  # refuses wrong keywords now, not after the data is read
        self._fitted: _Fitted | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters as a plain dictionary."""
        return {"equalise": self.equalise, "spread": self.spread, "seed": self.seed, "members": self.members}

    @property
    def reads_links(self) -> bool:
        """Whether a member gathers along links beside the hierarchy."""
        return any(getattr(member, "reads_links", False) for member in self._built())

    def _variant(self, member: Mapping[str, Any]) -> type[InductiveMethod]:
        from kgzsl.methods import METHODS

        variant = choose(METHODS, str(member["name"]), "method")
        if not issubclass(variant, InductiveMethod) or variant is Ensemble:
            raise RecipeError(
                f"Method {member['name']!r} cannot be a member of an ensemble; choose one with linear classifiers that "
                "places new classes, and no ensemble."
            )
        return variant

    def _built(self) -> tuple[InductiveMethod, ...]:
        """Return the members, not fitted."""
        made = []
        for member in self.members:
            variant = self._variant(member)
            keywords = {key: value for key, value in member.items() if key not in OWN_KEYS}
            _check_keys(str(member["name"]), keywords, variant)
            if "seed" in inspect.signature(variant).parameters:
                keywords.setdefault("seed", self.seed)
            made.append(build({str(member["name"]): variant}, str(member["name"]), "method", keywords))
        return tuple(made)

    def parts_of(self, number: int, vectors: SemanticEmbedding) -> SemanticEmbedding:
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
                self.parts_of(number, supervision.semantics),
                supervision.seen_bank,
                supervision.seen_features,
            )
            folder = None if context.folder is None else Path(context.folder) / MEMBERS / str(number)
            member.fit(given, FitContext(context.device, folder, context.checkpoint_every))
        graph = supervision.graph
        predicted = [
            bank_rows(member.synthesize(graph.index.ids), str(one["name"]))
            for member, one in zip(members, self.members)
        ]
        combination = Combination.fit(predicted, supervision, self.equalise)
        rows = combination.rows(predicted, self.weights, self.spread)
        bank = self._bank(graph.index.ids, rows, supervision.seen_bank.backbone, combination)
        self._fitted = _Fitted(graph, supervision.semantics, members, combination, bank)
        return self

    def _bank(
        self, class_ids: ClassIds, rows: Float[Tensor, "C O"], backbone: str, combination: Combination
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
            bank_rows(
                member.synthesize_new(extensions, self.parts_of(number, vectors)), str(self.members[number]["name"])
            )
            for number, member in enumerate(fitted.members)
        ]
        rows = fitted.combination.rows(predicted, self.weights, self.spread)
        ids = tuple(extension.class_id for extension in extensions)
        return self._bank(ids, rows, fitted.bank.backbone, fitted.combination)

    @property
    def fitted_members(self) -> tuple[InductiveMethod, ...]:
        """The members as fitted; their rows are combined by `combination`."""
        return self._require().members

    @property
    def combination(self) -> Combination:
        """How the members' rows become one."""
        return self._require().combination

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
            combination = Combination(*(tensors[name] for name in names))
        except (KeyError, TypeError, ValueError, KgzslError) as error:
            raise CorruptFileError(f"{folder} holds no whole ensemble ({error}); train it again.") from error
        if combination.means.shape != (len(method.members), bank.dim + 1):
            raise CorruptFileError(f"{folder}: the stored means are not those of the bank beside; train it again.")
        members = tuple(
            method._variant(member).load(  # type: ignore[attr-defined]
                Path(folder) / MEMBERS / str(number), graph, method.parts_of(number, semantics), bank
            )
            for number, member in enumerate(method.members)
        )
        method._fitted = _Fitted(graph, semantics, members, combination, bank.select(graph.index.ids))
        return method


def _check_keys(name: str, keywords: Mapping[str, Any], variant: type[InductiveMethod]) -> None:
    """Refuse a key of a member that is neither the ensemble's nor an option of the method."""
    valid = [key for key in inspect.signature(variant).parameters if key != "self"]
    for key in keywords:
        if key not in valid:
            raise RecipeError(
                f"A member of an ensemble has no key {key!r}; it takes {', '.join(OWN_KEYS)}, and the options of "
                f"{name!r}: {', '.join(valid)}.{closest(key, [*OWN_KEYS, *valid])}"
            )


def _checked(member: object) -> dict[str, Any]:
    """Return the table of a member, RecipeError where it is none or one of its own keys is off."""
    if not isinstance(member, Mapping) or "name" not in member:
        raise RecipeError(f"A member of an ensemble is a table with the name of a method, found {member!r}.")
    weight, parts = member.get("weight", 1.0), member.get("parts", [""])
    if not isinstance(weight, (int, float)) or not 0 < weight < float("inf"):
        raise RecipeError(f"The weight of a member is a number greater than 0, found {weight!r}.")
    if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts:
        raise RecipeError(f"The parts of a member are a list of text forms, found {parts!r}.")
    return dict(member)

"""Gaussian-process regression of classifiers: alike classes have alike classifiers.

The classifier of a class is the mean of the seen ones plus a weighted sum of their deviations, and the weights follow
in closed form from how alike the class is to each seen class, by the vectors of its texts (each part of the semantics,
such as definition and names, counts alike) and by the ancestors that they share. No network, no epochs: a fit is one
inverse of the size of the seen classes.

All hyper-parameters are chosen on seen classifiers alone. Each fold of the seen classes is predicted from the other
folds, which one inverse gives for all folds, and the prediction is compared with the true classifiers as in
`kgzsl.training.compare_classifiers`. The search changes one hyper-parameter after the other until none improves by
more than the standard error over folds: what is not told apart stays as it was.

After, on kernel regression of classifiers or exemplars from semantics:
    Elhoseiny, Saleh, Elgammal: Write a Classifier, ICCV 2013.
    Changpinyo, Chao, Sha: Predicting Visual Exemplars of Unseen Classes, ICCV 2017.
    Rasmussen, Williams: Gaussian Processes for Machine Learning, MIT Press 2006.

Own to this project: the kernel of ancestors, the mixture, the choice by classes left out, the target [W, b]. How many
seen classes stand below an ancestor is counted over all of them, also while some are left out: it is known from the
graph and no classifier tells it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgzsl import registry
from kgzsl.bank import ClassifierBank
from kgzsl.errors import CorruptFileError, KgzslError, NotFittedError, RecipeError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.extension import ClassExtension
from kgzsl.graph.hops import ancestor_hops
from kgzsl.kernels import AncestorKernel, GaussianProcess, MixedKernel, SemanticKernel, leave_out
from kgzsl.methods.class_folds import related_groups
from kgzsl.methods.context import FitContext
from kgzsl.methods.contributions import SeenContributions
from kgzsl.methods.fitted_process import ROWS_AT_ONCE, FittedProcess, parts_of_rows, unit_rows
from kgzsl.runtime import load_tensors, save_tensors, write_text
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.training import CRITERIA, compare_classifiers
from kgzsl.types import ClassIds, Float, Int, PathLike, Tensor

__all__ = ["KernelRegression", "KernelSetting"]

MODEL, METRICS = "model.safetensors", "metrics.jsonl"
OWNER = "bank of kernel regression"
DIGITS = 9
"""Criteria that agree in so many digits are equal: rounding chooses no hyper-parameter."""


@dataclass(frozen=True, slots=True)
class KernelSetting:
    """One choice of the hyper-parameters.

    Args:
        width: of the `SemanticKernel`.
        decay: of the `AncestorKernel`.
        share: of the `SemanticKernel` in the mixture; the `AncestorKernel` has the rest.
        ridge: variance of the noise, where a class varies by 1.
    """

    width: float
    decay: float
    share: float
    ridge: float


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """What the left-out classes of each fold say of a setting: criterion to a value a fold of each repetition."""

    folds: Mapping[str, Float[np.ndarray, "N F"]]

    def mean(self, criterion: str) -> float:
        """Return the mean over folds, without the digits that are rounding."""
        return round(float(self.folds[criterion].mean()), DIGITS)

    def is_better(self, other: _Measured, criterion: str) -> bool:
        """Say whether the mean is higher, by more than the standard error of the difference over folds.

        Repetitions cut the same classes anew; they make the mean and the error steadier, not the error smaller.
        """
        difference = self.folds[criterion] - other.folds[criterion]
        error = float(difference.std(ddof=1)) / np.sqrt(difference.shape[1])
        return bool(self.mean(criterion) - other.mean(criterion) > error)


class _Kernels:
    """The mixtures over one graph; a part that two settings share is made once."""

    def __init__(self, graph: ClassGraph, semantics: SemanticEmbedding, seen: Int[np.ndarray, "K"]) -> None:
        self.seen = seen
        self._semantic = partial(SemanticKernel, semantics, seen)
        self._ancestor = partial(AncestorKernel, graph, seen, hops=ancestor_hops(graph))
        self._made: dict[tuple[str, float], tuple[SemanticKernel | AncestorKernel, Tensor]] = {}

    def mixture(self, setting: KernelSetting) -> tuple[MixedKernel, Float[Tensor, "K K"]]:
        """Return the kernel of a setting and its values among the seen classes."""
        for key in (wanted := (("semantic", setting.width), ("ancestor", setting.decay))):
            if key not in self._made:
                part = self._semantic(key[1]) if key[0] == "semantic" else self._ancestor(key[1])
                self._made[key] = part, part.to_seen(self.seen)
        parts, values = zip(*(self._made[key] for key in wanted))
        shares = (setting.share, 1 - setting.share)
        return MixedKernel(parts, shares), sum(share * value for share, value in zip(shares, values))

    def in_single(self, setting: KernelSetting) -> MixedKernel:
        """Return the kernel of a setting whose `mixture` was made, in single precision."""
        parts = (self._made["semantic", setting.width][0], self._made["ancestor", setting.decay][0])
        return MixedKernel([part.to(torch.float32) for part in parts], (setting.share, 1 - setting.share))


class KernelRegression:
    """Predict classifiers by Gaussian-process regression on a kernel of classes.

    Of each hyper-parameter several values are offered; the first is where the search starts, and what is taken where
    fewer than four classes (or groups of related ones) are seen. One value fixes it.

    Args:
        widths: of the semantic kernel, ``exp(-(1 - cos) / width)``; greater than 0.
        decays: of the ancestor kernel, the weight of one step upward; above 0 and at most 1.
        shares: of the semantic kernel in the sum of both; 0 to 1.
        ridges: variance of the noise in the seen classifiers, where classes vary by 1; greater than 0.
        criterion: what the choice maximises, one of ``cosine``, ``hit1``, ``reciprocal_rank``.
        most_related: how many seen classes below one ancestor are left out together, see `related_groups`; 1 draws
            classes one by one.
        folds: how many parts of the seen classes are left out in turn; fewer where a part would hold one class.
        repeats: how often the parts are drawn anew.
        seed: draws the folds.

    Raises:
        UnknownVariantError, RecipeError: the criterion is not known, or a value is out of range.

    Example:
        >>> from kgzsl.toy import toy_supervision
        >>> method = KernelRegression().fit(toy_supervision())
        >>> bank = method.synthesize(["okapi", "zebra", "hammer"])
        >>> bool(bank.weights[0] @ bank.weights[1] > bank.weights[0] @ bank.weights[2])
        True
    """

    def __init__(
        self,
        *,
        widths: Sequence[float] = (0.3, 0.15, 0.2, 0.45, 0.6),
        decays: Sequence[float] = (0.85, 0.6, 0.7, 1.0),
        shares: Sequence[float] = (0.5, 0.35, 0.65, 0.8),
        ridges: Sequence[float] = (0.15, 0.05, 0.1, 0.25, 0.4),
        criterion: str = "reciprocal_rank",
        most_related: int = 1,
        folds: int = 5,
        repeats: int = 4,
        seed: int = 0,
    ) -> None:
        self.widths = _offered("widths", widths, 0, np.inf, "greater than 0")
        self.decays = _offered("decays", decays, 0, 1, "above 0 and at most 1")
        self.shares = _offered("shares", shares, -1e-12, 1, "from 0 to 1")
        self.ridges = _offered("ridges", ridges, 0, np.inf, "greater than 0")
        self.criterion = registry.choose({name: name for name in CRITERIA}, criterion, "criterion")
        if folds < 2:
            raise RecipeError(f"folds is a whole number of at least 2, found {folds!r}.")
        if repeats < 1:
            raise RecipeError(f"repeats is a whole number of at least 1, found {repeats!r}.")
        if most_related < 1:
            raise RecipeError(f"most_related is a whole number of at least 1, found {most_related!r}.")
        self.most_related, self.folds, self.repeats, self.seed = most_related, folds, repeats, seed
        self.tried: list[dict[str, float]] = []
        self._fitted: FittedProcess[KernelSetting] | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters as a plain dictionary."""
        offered = {name: list(values) for name, values in self._offered().items()}
        names = ("criterion", "most_related", "folds", "repeats", "seed")
        return {**offered, **{name: getattr(self, name) for name in names}}

    def _offered(self) -> dict[str, tuple[float, ...]]:
        return {"widths": self.widths, "decays": self.decays, "shares": self.shares, "ridges": self.ridges}

    @property
    def setting(self) -> KernelSetting:
        """The values chosen by the fit."""
        return self._require().setting

    def fit(self, supervision: Supervision, context: FitContext | None = None) -> KernelRegression:
        """Choose the hyper-parameters on left-out seen classes, then fit all seen classes.

        The fit is computed on the CPU in double precision; the rows that it predicts, which are kept in single
        precision, in that: cosines of both are 1 to eleven digits on the ImageNet-21K graph.

        Args:
            supervision: graph, semantics of all its classes, classifiers of the seen ones.
            context: the folder in which ``metrics.jsonl`` lists every setting that was tried.

        Returns:
            This object.
        """
        graph, bank = supervision.graph, supervision.seen_bank
        seen = tuple(sorted(bank.index))  # nothing depends on the order in which classes are given
        kernels = _Kernels(graph, supervision.semantics, graph.index.rows(seen))
        rows = bank.select(seen).normalised("joint")
        targets = torch.cat([rows.weights, rows.biases[:, None]], dim=1).double()
        setting = self._choose(kernels, targets, self._cut(graph, seen))
        if context is not None and context.folder is not None:
            write_text(Path(context.folder) / METRICS, "".join(f"{json.dumps(record)}\n" for record in self.tried))
        kernel, values = kernels.mixture(setting)
        process = GaussianProcess.fit(values, targets, setting.ridge)
        at_once = (context or FitContext()).rows_at_once or ROWS_AT_ONCE
        single = kernels.in_single(setting)
        predicted = [
            unit_rows(process.predict(single.to_seen(part))) for part in parts_of_rows(graph.num_classes, at_once)
        ]
        self._fitted = FittedProcess(graph, bank.backbone, seen, setting, kernel, process, torch.cat(predicted))
        return self

    def _choose(
        self, kernels: _Kernels, targets: Float[Tensor, "K O"], folds: list[list[Int[Tensor, "_"]]]
    ) -> KernelSetting:
        """Return the setting that the search ends at; each that it tries is kept in ``tried``."""
        offered = self._offered()
        best = KernelSetting(*(values[0] for values in offered.values()))
        tried = dict[KernelSetting, _Measured]()

        def measured(setting: KernelSetting) -> _Measured:
            if setting not in tried:
                tried[setting] = _measure(kernels, targets, setting, folds)
            return tried[setting]

        improved = bool(folds)
        while improved:
            start = best
            for name, values in offered.items():
                around = [KernelSetting(**{**asdict(best), name.removesuffix("s"): value}) for value in values]
                other = max(around, key=lambda setting: measured(setting).mean(self.criterion))
                if measured(other).is_better(measured(best), self.criterion):
                    best = other
            improved = best != start
        self.tried = [
            {**asdict(setting), **{name: values.mean(name) for name in CRITERIA}} for setting, values in tried.items()
        ]
        return best

    def _cut(self, graph: ClassGraph, seen: tuple[str, ...]) -> list[list[Int[Tensor, "_"]]]:
        """Cut the seen classes into parts, several times; related ones stay together where that is asked for."""
        if self.most_related == 1:
            return self._folds(len(seen))
        groups = related_groups(graph, seen, self.most_related)
        return [
            [torch.tensor(sorted(position for row in fold.tolist() for position in groups[row])) for fold in repetition]
            for repetition in self._folds(len(groups))
        ]

    def _folds(self, num_seen: int) -> list[list[Int[Tensor, "_"]]]:
        """Cut so many things into parts of two or more, several times; none where there are fewer than four."""
        count = min(self.folds, num_seen // 2)
        if count < 2:
            return []
        rng = np.random.default_rng(self.seed)
        orders = [rng.permutation(num_seen) for _ in range(self.repeats)]
        return [[torch.from_numpy(part) for part in np.array_split(order, count)] for order in orders]

    def _require(self) -> FittedProcess[KernelSetting]:
        if self._fitted is None:
            raise NotFittedError("KernelRegression has not been fitted; call fit(supervision) first.")
        return self._fitted

    def synthesize(self, class_ids: ClassIds) -> ClassifierBank:
        """Return the classifiers of classes of the fitted graph.

        Raises:
            UnknownClassError: a class is not in that graph; see `synthesize_new`.
        """
        return self._require().bank_of(class_ids, OWNER)

    def synthesize_new(self, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding) -> ClassifierBank:
        """Return the classifiers of classes that the fitted graph lacks.

        Each is the one that the class would have inside the graph.

        Args:
            extensions: the new classes, each with the missing ancestors it brings along.
            vectors: semantic vectors of the new classes.

        Raises:
            SemanticsError: the vectors are of another encoder, or one is missing.
        """
        return self._require().bank_of_new(extensions, vectors, OWNER)

    def contributions(
        self, class_ids: ClassIds, extensions: Sequence[ClassExtension] = (), vectors: SemanticEmbedding | None = None
    ) -> SeenContributions:
        """Return how much of each seen classifier is in a class's; see `GaussianProcess.weights`."""
        return self._require().contributions(class_ids, extensions, vectors)

    def variance(self, class_ids: ClassIds) -> Float[Tensor, "C"]:
        """Return how uncertain classifiers are: about 0 at a seen class, 1 far from everything seen; float64.

        Raises:
            UnknownClassError: a class is not in the fitted graph.
        """
        fitted = self._require()
        rows = fitted.graph.index.rows(class_ids)
        parts = [fitted.process.variance(fitted.kernel.to_seen(rows[part])) for part in parts_of_rows(len(rows))]
        return torch.cat([*parts, torch.empty(0, dtype=torch.float64)])

    def save(self, folder: PathLike) -> None:
        """Write ``model.safetensors``: what was chosen, the seen classes and their weights in a prediction."""
        fitted = self._require()
        facts = {"parameters": self.parameters(), "setting": asdict(fitted.setting), "seen": fitted.seen}
        metadata = {name: json.dumps(fact, ensure_ascii=False) for name, fact in facts.items()}
        save_tensors(Path(folder) / MODEL, {"mean": fitted.process.mean, "dual": fitted.process.dual}, metadata)

    @classmethod
    def load(
        cls, folder: PathLike, graph: ClassGraph, semantics: SemanticEmbedding, bank: ClassifierBank
    ) -> KernelRegression:
        """Read what `save` wrote, with the graph, semantics and bank that stand beside it.

        Raises:
            CorruptFileError: a file is damaged or does not belong to the others.
        """
        tensors, metadata = load_tensors(Path(folder) / MODEL)
        try:
            method = cls(**json.loads(metadata["parameters"]))
            setting = KernelSetting(**json.loads(metadata["setting"]))
            seen = tuple(json.loads(metadata["seen"]))
            kernel, values = _Kernels(graph, semantics, graph.index.rows(seen)).mixture(setting)
            process = GaussianProcess(values, setting.ridge, tensors["mean"], tensors["dual"])
        except (KeyError, TypeError, ValueError, KgzslError) as error:
            raise CorruptFileError(f"{folder} holds no whole kernel regression ({error}); train it again.") from error
        if process.dual.shape != (len(seen), bank.dim + 1) or process.mean.shape != (bank.dim + 1,):
            raise CorruptFileError(f"{folder}: the stored weights are not those of the bank beside; train it again.")
        own = bank.select(graph.index.ids)
        rows = torch.cat([own.weights, own.biases[:, None]], dim=1)
        method._fitted = FittedProcess(graph, bank.backbone, seen, setting, kernel, process, rows)
        return method


def _offered(name: str, values: Sequence[float], above: float, most: float, words: str) -> tuple[float, ...]:
    """Check the values that are offered of a hyper-parameter."""
    offered = tuple(float(value) for value in values)
    if not offered or not all(above < value <= most and np.isfinite(value) for value in offered):
        raise RecipeError(f"{name} is a list of values {words}, found {list(values)!r}.")
    return offered


def _measure(
    kernels: _Kernels,
    targets: Float[Tensor, "K O"],
    setting: KernelSetting,
    repetitions: Sequence[Sequence[Int[Tensor, "_"]]],
) -> _Measured:
    """Return each criterion for the left-out classes of each fold."""
    _, values = kernels.mixture(setting)
    folds = [fold for repetition in repetitions for fold in repetition]
    predictions = leave_out(values, targets, setting.ridge, folds)
    compared = [compare_classifiers(predicted, targets[fold]) for predicted, fold in zip(predictions, folds)]
    shape = (len(repetitions), -1)
    return _Measured({name: np.array([one[name] for one in compared]).reshape(shape) for name in CRITERIA})

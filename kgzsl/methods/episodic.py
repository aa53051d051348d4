"""Episodic: kernel regression that has learned, on hidden classes, what makes two classes alike.

The classifier of a class is a Gaussian-process regression of the seen ones, as in `KernelRegression`. Its kernel has
three parts: the meaning of a class, the ancestors that it shares, and the meaning of all that stands around it in the
graph (`PropagatedSemantics`, the part of a graph convolution that has no weights). How wide and how much of each, and
the noise, are learned by gradients through the closed form, from episodes that hide seen classes and ask for their
rows.

After:
    Bertinetto, Henriques, Torr, Vedaldi: Meta-Learning with Differentiable Closed-Form Solvers, ICLR 2019.
    Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra: Matching Networks for One Shot Learning, NeurIPS 2016.
    Further references stand in `kgzsl.meta_learning`.

Own to this project: the parts of the kernel, episodes of whole branches, rows of classifiers in place of labels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from kgzsl import registry
from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import CorruptFileError, KgzslError, NotFittedError, RecipeError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.extension import ClassExtension
from kgzsl.kernels import AncestorKernel, GaussianProcess, MixedKernel, PropagatedSemantics, SemanticKernel
from kgzsl.meta_learning import EpisodeSampler, HiddenRanking, KernelLearner, MetaSettings, meta_train
from kgzsl.methods.context import FitContext
from kgzsl.methods.contributions import SeenContributions
from kgzsl.runtime import load_tensors, save_tensors, write_text
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.training import OBJECTIVES, Objective
from kgzsl.types import Array, ClassIds, Float, Int, PathLike, Tensor

__all__ = ["EPISODE_OBJECTIVES", "Episodic", "EpisodicSetting"]

MODEL, METRICS = "model.safetensors", "metrics.jsonl"
ROWS_AT_ONCE = 4096
STEPS = 2
"""Steps along the graph of the propagated meaning, as many as SGCN takes."""

EPISODE_OBJECTIVES: dict[str, type[Objective]] = {**OBJECTIVES, "hidden_ranking": HiddenRanking}
"""What an episode asks of the rows of its hidden classes, by the name that recipes use."""


@dataclass(frozen=True, slots=True)
class EpisodicSetting:
    """What is learned: widths of the meaning and of the propagated meaning, shares of these and the ancestors."""

    widths: tuple[float, float]
    shares: tuple[float, float, float]
    ridge: float


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    graph: ClassGraph
    backbone: str
    seen: tuple[str, ...]
    setting: EpisodicSetting
    kernels: _Kernels
    process: GaussianProcess
    rows: Float[Tensor, "C O"]


class _Kernels:
    """The three parts over one graph, at given widths."""

    def __init__(self, graph: ClassGraph, semantics: SemanticEmbedding, seen: Int[Array, "K"], decay: float) -> None:
        self.seen, self.semantics = seen, semantics
        self.propagated = PropagatedSemantics(graph, semantics, STEPS)
        self.ancestors = AncestorKernel(graph, seen, decay)

    def cosines(self) -> list[list[Float[Tensor, "K K"]]]:
        """Return the cosines of each text among the seen classes, plain and propagated; float32."""
        rows = torch.from_numpy(self.seen)
        kinds = (self.semantics, self.propagated.semantics)
        units = [[functional.normalize(text[rows], dim=1) for text in kind.parts().values()] for kind in kinds]
        return [[unit @ unit.T for unit in texts] for texts in units]

    def parts(self, setting: EpisodicSetting) -> tuple[SemanticKernel, SemanticKernel, AncestorKernel]:
        """Return the kernels at the widths of a setting."""
        plain = SemanticKernel(self.semantics, self.seen, setting.widths[0])
        return plain, SemanticKernel(self.propagated.semantics, self.seen, setting.widths[1]), self.ancestors

    def mixture(self, setting: EpisodicSetting) -> MixedKernel:
        """Return the kernel of a setting."""
        return MixedKernel(self.parts(setting), setting.shares)

    def new_to_seen(
        self, setting: EpisodicSetting, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding
    ) -> Float[Tensor, "N K"]:
        """Return how alike classes that the graph lacks are to the seen ones; float64."""
        plain, propagated, ancestors = self.parts(setting)
        around = self.propagated.of_new(extensions, vectors)
        values = (
            plain.new_to_seen(extensions, vectors),
            propagated.new_to_seen(extensions, around),
            ancestors.new_to_seen(extensions, vectors),
        )
        return torch.stack([share * value for share, value in zip(setting.shares, values)]).sum(dim=0)


class Episodic:
    """Kernel regression learned from episodes.

    Args:
        strategy, share, hops: how episodes hide classes; see `EpisodeSampler`.
        episodes: how many; 0 takes the values to begin with as they are.
        learning_rate: of Adam.
        objective: what an episode asks for; see `EPISODE_OBJECTIVES`.
        widths: of the meaning and of the propagated meaning, to begin with.
        shares: of these two and of the ancestors, to begin with; they sum to 1.
        decay: of the ancestors, the weight of one step upward; not learned.
        ridge: variance of the noise, to begin with.
        seed: draws the episodes.

    Raises:
        UnknownVariantError, RecipeError: a name is not known, or a value is out of range.

    Example:
        >>> from kgzsl.toy import toy_supervision
        >>> bank = Episodic(episodes=5).fit(toy_supervision()).synthesize(["okapi", "zebra", "hammer"])
        >>> bool(bank.weights[0] @ bank.weights[1] > bank.weights[0] @ bank.weights[2])
        True
    """

    def __init__(
        self,
        *,
        strategy: str = "uniform",
        share: float = 0.2,
        hops: int = 3,
        episodes: int = 15,
        learning_rate: float = 0.05,
        objective: str = "hidden_ranking",
        widths: Sequence[float] = (0.3, 0.3),
        shares: Sequence[float] = (0.4, 0.3, 0.3),
        decay: float = 0.7,
        ridge: float = 0.15,
        seed: int = 0,
    ) -> None:
        self.sampler = EpisodeSampler(strategy, share, hops, seed)
        self.settings = MetaSettings(episodes, learning_rate, 0.0, seed)
        self.objective = registry.choose({name: name for name in EPISODE_OBJECTIVES}, objective, "objective")
        if len(widths) != 2 or len(shares) != 3 or not min(*widths, *shares, ridge) > 0 or not 0 < decay <= 1:
            raise RecipeError(
                "widths are two numbers, shares three and ridge one, all above 0, and decay is above 0 and at most 1; "
                f"found {list(widths)}, {list(shares)}, {ridge!r} and {decay!r}."
            )
        if abs(sum(shares) - 1) > 1e-6:
            raise RecipeError(f"shares sum to 1, found {list(shares)}.")
        self.start = EpisodicSetting(tuple(widths), tuple(shares), ridge)  # type: ignore[arg-type]
        self.decay = decay
        self.tried: list[dict[str, float]] = []
        self._fitted: _Fitted | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters as a plain dictionary."""
        steps = {"episodes": self.settings.episodes, "learning_rate": self.settings.learning_rate}
        start = {"widths": list(self.start.widths), "shares": list(self.start.shares), "ridge": self.start.ridge}
        return {**asdict(self.sampler), **steps, "objective": self.objective, **start, "decay": self.decay}

    @property
    def setting(self) -> EpisodicSetting:
        """What the fit learned."""
        return self._require().setting

    def fit(self, supervision: Supervision, context: FitContext | None = None) -> Episodic:
        """Learn from episodes of the seen classes, then fit all of them.

        It is computed on the CPU.

        Args:
            supervision: graph, semantics of all its classes, classifiers of the seen ones.
            context: the folder in which ``metrics.jsonl`` lists the loss of every episode.

        Returns:
            This object.
        """
        context, graph = context or FitContext(), supervision.graph
        seen = tuple(sorted(supervision.seen_bank.index))  # nothing depends on the order in which classes are given
        kernels = _Kernels(graph, supervision.semantics, graph.index.rows(seen), self.decay)
        bank = supervision.seen_bank.select(seen).normalised("joint")
        targets = torch.cat([bank.weights, bank.biases[:, None]], dim=1).float()
        setting = self._learn(graph, seen, kernels, targets)
        if context.folder is not None:
            write_text(Path(context.folder) / METRICS, "".join(f"{json.dumps(record)}\n" for record in self.tried))
        kernel = kernels.mixture(setting)
        process = GaussianProcess.fit(kernel.to_seen(kernels.seen), targets.double(), setting.ridge)
        parts = np.array_split(np.arange(graph.num_classes), graph.num_classes // ROWS_AT_ONCE + 1)
        rows = torch.cat([_unit_rows(process.predict(kernel.to_seen(part))) for part in parts])
        self._fitted = _Fitted(graph, bank.backbone, seen, setting, kernels, process, rows)
        return self

    def _learn(
        self, graph: ClassGraph, seen: ClassIds, kernels: _Kernels, targets: Float[Tensor, "K O"]
    ) -> EpisodicSetting:
        """Return the setting after all episodes; the start where there are too few classes for any."""
        self.tried = []
        if len(seen) < 3 or not self.settings.episodes:
            return self.start
        among = kernels.ancestors.to_seen(kernels.seen).float()
        start = self.start
        shares = start.shares
        learner = KernelLearner(kernels.cosines(), [among], widths=start.widths, shares=shares, ridge=start.ridge)
        loss = EPISODE_OBJECTIVES[self.objective]().loss
        self.tried = meta_train(learner, targets, self.sampler.episodes(graph, seen), loss, self.settings)
        return EpisodicSetting(tuple(learner.widths), tuple(learner.shares), learner.ridge)  # type: ignore[arg-type]

    def _require(self) -> _Fitted:
        if self._fitted is None:
            raise NotFittedError("Episodic has not been fitted; call fit(supervision) first.")
        return self._fitted

    def synthesize(self, class_ids: ClassIds) -> ClassifierBank:
        """Return the classifiers of classes of the fitted graph.

        Raises:
            UnknownClassError: a class is not in that graph; see `synthesize_new`.
        """
        fitted = self._require()
        return self._bank(tuple(class_ids), fitted.rows[torch.from_numpy(fitted.graph.index.rows(class_ids))])

    def _bank(self, class_ids: tuple[str, ...], rows: Float[Tensor, "C O"]) -> ClassifierBank:
        index = ClassIndex(class_ids, "bank of episodic kernel regression")
        weights, biases = rows[:, :-1].contiguous(), rows[:, -1].contiguous()
        return ClassifierBank(index, weights, biases, self._require().backbone, "joint")

    def synthesize_new(self, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding) -> ClassifierBank:
        """Return the classifiers of classes that the fitted graph lacks.

        Args:
            extensions: the new classes, each with the missing ancestors it brings along.
            vectors: semantic vectors of all of those.

        Raises:
            SemanticsError: the vectors are of another encoder, or one is missing.
        """
        fitted = self._require()
        ids = tuple(extension.class_id for extension in extensions)
        if not extensions:
            return self._bank(ids, fitted.rows[:0])
        values = fitted.kernels.new_to_seen(fitted.setting, extensions, vectors)
        return self._bank(ids, _unit_rows(fitted.process.predict(values)))

    def contributions(
        self, class_ids: ClassIds, extensions: Sequence[ClassExtension] = (), vectors: SemanticEmbedding | None = None
    ) -> SeenContributions:
        """Return how much of each seen classifier is in a class's; see `GaussianProcess.weights`."""
        fitted, ids = self._require(), (*class_ids, *(extension.class_id for extension in extensions))
        new = [fitted.kernels.new_to_seen(fitted.setting, extensions, vectors)] if vectors and extensions else []
        known = fitted.kernels.mixture(fitted.setting).to_seen(fitted.graph.index.rows(class_ids))
        weights, targets = fitted.process.weights(torch.cat([known, *new])), fitted.process.targets
        return SeenContributions(ids, fitted.seen, weights / (weights @ targets).norm(dim=1, keepdim=True), targets)

    def save(self, folder: PathLike) -> None:
        """Write ``model.safetensors``: what was learned, the seen classes and their weights in a prediction."""
        fitted = self._require()
        facts = {"parameters": self.parameters(), "setting": asdict(fitted.setting), "seen": fitted.seen}
        metadata = {name: json.dumps(fact, ensure_ascii=False) for name, fact in facts.items()}
        save_tensors(Path(folder) / MODEL, {"mean": fitted.process.mean, "dual": fitted.process.dual}, metadata)

    @classmethod
    def load(cls, folder: PathLike, graph: ClassGraph, semantics: SemanticEmbedding, bank: ClassifierBank) -> Episodic:
        """Read what `save` wrote, with the graph, semantics and bank that stand beside it.

        Raises:
            CorruptFileError: a file is damaged or does not belong to the others.
        """
        tensors, metadata = load_tensors(Path(folder) / MODEL)
        try:
            method = cls(**json.loads(metadata["parameters"]))
            stored = json.loads(metadata["setting"])
            setting = EpisodicSetting(tuple(stored["widths"]), tuple(stored["shares"]), stored["ridge"])
            seen = tuple(json.loads(metadata["seen"]))
            kernels = _Kernels(graph, semantics, graph.index.rows(seen), method.decay)
            values = kernels.mixture(setting).to_seen(kernels.seen)
            process = GaussianProcess(values, setting.ridge, tensors["mean"], tensors["dual"])
        except (KeyError, TypeError, ValueError, KgzslError) as error:
            raise CorruptFileError(f"{folder} holds no whole Episodic ({error}); train it again.") from error
        if process.dual.shape != (len(seen), bank.dim + 1) or process.mean.shape != (bank.dim + 1,):
            raise CorruptFileError(f"{folder}: the stored weights are not those of the bank beside; train it again.")
        own = bank.select(graph.index.ids)
        rows = torch.cat([own.weights, own.biases[:, None]], dim=1)
        method._fitted = _Fitted(graph, bank.backbone, seen, setting, kernels, process, rows)
        return method


def _unit_rows(rows: Float[Tensor, "R O"]) -> Float[Tensor, "R O"]:
    return functional.normalize(rows, dim=1).float()

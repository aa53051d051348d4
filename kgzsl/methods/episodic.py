"""Episodic: kernel regression that has learned, on hidden classes, what makes two classes alike.

The classifier of a class is a Gaussian-process regression of the seen ones, as in `KernelRegression`. Its kernel has
three parts: the meaning of a class, the ancestors that it shares, and the meaning of all that stands around it in the
graph (`PropagatedSemantics`, the part of a graph convolution that has no weights). How wide and how much of each, the
noise, and how much of the mean of the seen classifiers a prediction keeps are learned by gradients through the closed
form, from episodes that hide whole branches of seen classes and ask that they be told from each other.

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

import torch
from torch.nn import functional

from kgzsl import registry
from kgzsl.bank import ClassifierBank
from kgzsl.errors import CorruptFileError, KgzslError, NotFittedError, RecipeError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.extension import ClassExtension
from kgzsl.kernels import AncestorKernel, GaussianProcess, MixedKernel, PropagatedSemantics, SemanticKernel
from kgzsl.meta_learning import EpisodeSampler, HiddenRanking, KernelLearner, MetaSettings, around_mean, meta_train
from kgzsl.methods.context import FitContext
from kgzsl.methods.contributions import SeenContributions
from kgzsl.methods.fitted_process import FittedProcess, parts_of_rows, unit_rows
from kgzsl.runtime import load_tensors, save_tensors, write_text
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.training import OBJECTIVES, Objective
from kgzsl.types import Array, ClassIds, Float, Int, PathLike, Tensor

__all__ = ["EPISODE_OBJECTIVES", "Episodic", "EpisodicSetting"]

MODEL, METRICS = "model.safetensors", "metrics.jsonl"
OWNER = "bank of episodic kernel regression"
STEPS = 2
"""Steps along the graph of the propagated meaning, as many as SGCN takes."""

EPISODE_OBJECTIVES: dict[str, type[Objective]] = {**OBJECTIVES, "hidden_ranking": HiddenRanking}
"""What an episode asks of the rows of its hidden classes, by the name that recipes use."""


@dataclass(frozen=True, slots=True)
class EpisodicSetting:
    """What is learned: widths of the meaning and of the propagated meaning, shares of these and the ancestors.

    Besides: the noise, and the share of the mean of the seen classifiers that a prediction keeps.
    """

    widths: tuple[float, float]
    shares: tuple[float, float, float]
    ridge: float
    mean: float = 1.0

    @classmethod
    def of(cls, one: Any) -> EpisodicSetting:
        """Return it from numbers under the same names."""
        return cls(tuple(one["widths"]), tuple(one["shares"]), one["ridge"], one.get("mean", 1.0))


class _AroundKernel:
    """A `SemanticKernel` of the propagated meaning, which new classes get from what stands around them."""

    def __init__(self, propagated: PropagatedSemantics, seen: Int[Array, "K"], width: float) -> None:
        self.propagated = propagated
        self.inner = SemanticKernel(propagated.semantics, seen, width)

    def to_seen(self, rows: Int[Array, "R"]) -> Float[Tensor, "R K"]:
        """Return how alike rows of the graph are to the seen ones."""
        return self.inner.to_seen(rows)

    def new_to_seen(self, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding) -> Float[Tensor, "N K"]:
        """Return how alike classes that the graph lacks are to the seen ones."""
        return self.inner.new_to_seen(extensions, self.propagated.of_new(extensions, vectors))


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

    def mixture(self, setting: EpisodicSetting) -> MixedKernel:
        """Return the kernel of a setting."""
        plain = SemanticKernel(self.semantics, self.seen, setting.widths[0])
        around = _AroundKernel(self.propagated, self.seen, setting.widths[1])
        return MixedKernel((plain, around, self.ancestors), setting.shares)


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
        mean: how much of the mean of the seen classifiers is in a prediction, to begin with; 1 is plain regression.
        seed: draws the episodes.

    Raises:
        UnknownVariantError, RecipeError: a name is not known, or a value is out of range.

    Example:
        >>> from kgzsl.toy import toy_supervision
        >>> bank = Episodic(episodes=5).fit(toy_supervision()).synthesize(["okapi", "zebra", "hammer"])
        >>> bool(bank.weights[0] @ bank.weights[1] > bank.weights[0] @ bank.weights[2])
        True
    """

    reads_links = True
    """The propagated meaning gathers along links beside the hierarchy, too."""

    def __init__(
        self,
        *,
        strategy: str = "subtree",
        share: float = 0.2,
        hops: int = 3,
        episodes: int = 30,
        learning_rate: float = 0.05,
        objective: str = "hidden_ranking",
        widths: Sequence[float] = (0.3, 0.3),
        shares: Sequence[float] = (0.4, 0.3, 0.3),
        decay: float = 0.7,
        ridge: float = 0.15,
        mean: float = 0.3,
        seed: int = 0,
    ) -> None:
        self.sampler = EpisodeSampler(strategy, share, hops, seed)
        self.settings = MetaSettings(episodes, learning_rate, 0.0, seed)
        self.objective = registry.choose({name: name for name in EPISODE_OBJECTIVES}, objective, "objective")
        positive = min(*widths, *shares, ridge, mean) > 0
        if len(widths) != 2 or len(shares) != 3 or not positive or not 0 < decay <= 1:
            raise RecipeError(
                "widths are two numbers, shares three, ridge and mean one each, all above 0, and decay is above 0 and "
                f"at most 1; found {list(widths)}, {list(shares)}, {ridge!r}, {mean!r} and {decay!r}."
            )
        if abs(sum(shares) - 1) > 1e-6:
            raise RecipeError(f"shares sum to 1, found {list(shares)}.")
        self.start = EpisodicSetting.of({"widths": widths, "shares": shares, "ridge": ridge, "mean": mean})
        self.decay = decay
        self.tried: list[dict[str, float]] = []
        self._fitted: FittedProcess[EpisodicSetting] | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters as a plain dictionary."""
        steps = {"episodes": self.settings.episodes, "learning_rate": self.settings.learning_rate}
        start = asdict(self.start) | {"widths": list(self.start.widths), "shares": list(self.start.shares)}
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
        around = around_mean(targets.double(), setting.mean)
        process = GaussianProcess.fit(kernel.to_seen(kernels.seen), around, setting.ridge)
        parts = parts_of_rows(graph.num_classes)
        rows = torch.cat([unit_rows(process.predict(kernel.to_seen(part))) for part in parts])
        self._fitted = FittedProcess(graph, bank.backbone, seen, setting, kernel, process, rows)
        return self

    def _learn(
        self, graph: ClassGraph, seen: ClassIds, kernels: _Kernels, targets: Float[Tensor, "K O"]
    ) -> EpisodicSetting:
        """Return the setting after all episodes; the start where there are too few classes for any."""
        self.tried = []
        if len(seen) < 3 or not self.settings.episodes:
            return self.start
        among = kernels.ancestors.to_seen(kernels.seen).float()
        learner = KernelLearner(kernels.cosines(), [among], **asdict(self.start))
        loss = EPISODE_OBJECTIVES[self.objective]().loss
        self.tried = meta_train(learner, targets, self.sampler.episodes(graph, seen), loss, self.settings)
        return EpisodicSetting.of({name: getattr(learner, name) for name in asdict(self.start)})

    def _require(self) -> FittedProcess[EpisodicSetting]:
        if self._fitted is None:
            raise NotFittedError("Episodic has not been fitted; call fit(supervision) first.")
        return self._fitted

    def synthesize(self, class_ids: ClassIds) -> ClassifierBank:
        """Return the classifiers of classes of the fitted graph.

        Raises:
            UnknownClassError: a class is not in that graph; see `synthesize_new`.
        """
        return self._require().bank_of(class_ids, OWNER)

    def synthesize_new(self, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding) -> ClassifierBank:
        """Return the classifiers of classes that the fitted graph lacks.

        Args:
            extensions: the new classes, each with the missing ancestors it brings along.
            vectors: semantic vectors of all of those.

        Raises:
            SemanticsError: the vectors are of another encoder, or one is missing.
        """
        return self._require().bank_of_new(extensions, vectors, OWNER)

    def contributions(
        self, class_ids: ClassIds, extensions: Sequence[ClassExtension] = (), vectors: SemanticEmbedding | None = None
    ) -> SeenContributions:
        """Return how much of each seen classifier is in a class's; see `GaussianProcess.weights`."""
        return self._require().contributions(class_ids, extensions, vectors)

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
            setting = EpisodicSetting.of(json.loads(metadata["setting"]))
            seen = tuple(json.loads(metadata["seen"]))
            kernels = _Kernels(graph, semantics, graph.index.rows(seen), method.decay)
            kernel = kernels.mixture(setting)
            process = GaussianProcess(kernel.to_seen(kernels.seen), setting.ridge, tensors["mean"], tensors["dual"])
        except (KeyError, TypeError, ValueError, KgzslError) as error:
            raise CorruptFileError(f"{folder} holds no whole Episodic ({error}); train it again.") from error
        if process.dual.shape != (len(seen), bank.dim + 1) or process.mean.shape != (bank.dim + 1,):
            raise CorruptFileError(f"{folder}: the stored weights are not those of the bank beside; train it again.")
        own = bank.select(graph.index.ids)
        rows = torch.cat([own.weights, own.biases[:, None]], dim=1)
        method._fitted = FittedProcess(graph, bank.backbone, seen, setting, kernel, process, rows)
        return method

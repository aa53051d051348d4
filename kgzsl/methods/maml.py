"""MAML: a graph network that starts where a few gradient steps on given classifiers lead far.

The start is learned from episodes: steps on the shown classes, then the loss on the hidden ones. A fit ends with such
steps on all seen classes; `MAML.adapt` takes them on the classifiers of another taxonomy instead.

References:
    Finn, Abbeel, Levine: Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks, ICML 2017.
    Li, Zhou, Chen, Li: Meta-SGD: Learning to Learn Quickly for Few-Shot Learning, 2017.

Deviations: a task is a piece of one class graph, not a data set of its own; the inner loop regresses classifiers; its
rates are learned, one a parameter tensor.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from kgzsl import registry
from kgzsl.bank import ClassifierBank
from kgzsl.errors import BackboneMismatchError, CorruptFileError, NotFittedError, RecipeError
from kgzsl.graph.adjacency import find_adjacency
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.meta_learning import EpisodeSampler, InnerLoop, MAMLLearner, MetaSettings, meta_train, twice_differentiable
from kgzsl.methods.context import FitContext
from kgzsl.methods.episodic import EPISODE_OBJECTIVES
from kgzsl.methods.graph_regression import GraphRegression
from kgzsl.propagation import PropagationPlan, Propagator
from kgzsl.runtime import load_tensors, save_tensors, write_text
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.training import OBJECTIVES
from kgzsl.types import Float, Int, PathLike, Tensor

__all__ = ["MAML"]

START, METRICS = "start.safetensors", "metrics.jsonl"
MOVED = ("all", "last")


class MAML(GraphRegression):
    """A graph network meta-trained on episodes.

    Args:
        network, network_options: as of `GraphRegression`.
        strategy, share, hops: how episodes hide classes; see `EpisodeSampler`.
        episodes: how many.
        learning_rate, weight_decay: of Adam, over episodes.
        inner_steps: gradient steps on the shown classes.
        inner_rate: their rate to begin with; it is learned.
        order: 2, or 1 to take the inner gradients as constants.
        moved: which parameters the inner steps move, ``all`` or those of the ``last`` layer.
        objective: what an episode asks of hidden rows; see `EPISODE_OBJECTIVES`.
        inner_objective: what the inner steps minimise; see `kgzsl.training.OBJECTIVES`.
        seed: of the first parameters, of dropout and of the episodes.

    Raises:
        UnknownVariantError, RecipeError: a name is not known, or a value is out of range.
    """

    def __init__(
        self,
        network: str = "sgcn",
        *,
        network_options: Mapping[str, Any] | None = None,
        strategy: str = "subtree",
        share: float = 0.2,
        hops: int = 3,
        episodes: int = 100,
        learning_rate: float = 3e-3,
        weight_decay: float = 5e-4,
        inner_steps: int = 2,
        inner_rate: float = 1.0,
        order: int = 2,
        moved: str = "all",
        objective: str = "weight_regression",
        inner_objective: str = "weight_regression",
        seed: int = 0,
    ) -> None:
        super().__init__(network, network_options=network_options, objective=inner_objective, held_out=0, seed=seed)
        self.sampler = EpisodeSampler(strategy, share, hops, seed)
        self.meta = MetaSettings(episodes, learning_rate, weight_decay, seed)
        self.inner = {"inner_steps": inner_steps, "inner_rate": inner_rate, "order": order}
        self.moved = registry.choose({name: name for name in MOVED}, moved, "choice of moved parameters")
        self.outer = registry.choose({name: name for name in EPISODE_OBJECTIVES}, objective, "objective")
        registry.choose(OBJECTIVES, inner_objective, "inner objective")
        InnerLoop([], inner_rate, inner_steps, order)  # refuses wrong values now, not after the data is read
        self.tried: list[dict[str, float]] = []
        self._start: dict[str, Tensor] | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters as a plain dictionary."""
        steps = {**asdict(self.meta), **self.inner, "moved": self.moved}
        asked = {"objective": self.outer, "inner_objective": self.objective}
        network = {"network": self.network, "network_options": self.network_options}
        return {**network, **asdict(self.sampler), **steps, **asked}

    def fit(self, supervision: Supervision, context: FitContext | None = None) -> MAML:
        """Learn the start from episodes of the seen classes, then adapt it to all of them.

        Args:
            supervision: graph, semantics of all its classes, classifiers of the seen ones.
            context: the folder in which ``metrics.jsonl`` lists the loss of every episode.

        Returns:
            This object.
        """
        context = context or FitContext()
        propagator = self._network(supervision.semantics.dim, supervision.seen_bank.dim)
        propagator.reset(torch.Generator().manual_seed(self.meta.seed))
        learner, rows, seen = self._learner(propagator, supervision)
        episodes = self.sampler.episodes(supervision.graph, seen) if self.meta.episodes else iter(())
        self.tried = meta_train(learner, rows, episodes, EPISODE_OBJECTIVES[self.outer]().loss, self.meta)
        if context.folder is not None:
            write_text(Path(context.folder) / METRICS, "".join(f"{json.dumps(record)}\n" for record in self.tried))
        self._start = {name: tensor.detach().clone() for name, tensor in learner.state_dict().items()}
        self._settle(learner, rows, supervision, context, None)
        return self

    def adapt(self, supervision: Supervision, steps: int | None = None, context: FitContext | None = None) -> MAML:
        """Return a method for another taxonomy: the learned start after a few steps on the classifiers given there.

        Args:
            supervision: the other graph, vectors of all its classes by the same encoder, and the classifiers known.
            steps: how many; None for as many as in training.
            context: as of `fit`.

        Raises:
            NotFittedError: `fit` has not been called.
            SemanticsError: the vectors are of another encoder.
            BackboneMismatchError: the classifiers are of another width.
        """
        if self._start is None:
            raise NotFittedError("MAML has not been fitted; call fit(supervision) first.")
        if steps is not None and steps < 0:
            raise RecipeError(f"steps is a whole number of at least 0, found {steps!r}.")
        fitted = self._require()
        fitted.semantics.check_encoder(supervision.semantics.encoder)
        if (found := supervision.seen_bank.dim) != self.feature_dim:
            raise BackboneMismatchError(
                f"The classifiers have {found} numbers, those of the fit {self.feature_dim}; "
                "take classifiers of the same backbone."
            )
        other = copy.copy(self)
        propagator = self._network(supervision.semantics.dim, self.feature_dim)
        learner, rows, _ = other._learner(propagator, supervision)
        learner.load_state_dict(self._start)
        other._settle(learner, rows, supervision, context or FitContext(), steps)
        return other

    def _learner(
        self, propagator: Propagator, supervision: Supervision
    ) -> tuple[MAMLLearner, Float[Tensor, "K O"], tuple[str, ...]]:
        """Return the learner over the seen classes, their rows, and their ids in the order of both."""
        graph, seen = supervision.graph, tuple(sorted(supervision.seen_bank.index))
        adjacencies = [find_adjacency(name)(graph) for name in propagator.adjacencies]
        wanted = graph.index.rows(seen)
        plan = PropagationPlan.to_rows(adjacencies, wanted)
        place = {row: number for number, row in enumerate(plan.outputs.tolist())}
        order: Int[Tensor, "K"] = torch.tensor([place[row] for row in wanted.tolist()])
        inputs = supervision.semantics.vectors[torch.from_numpy(plan.inputs)]
        names = [name for name, _ in propagator.named_parameters()]
        last = f"layers.{propagator.num_layers - 1}."
        moved = names if self.moved == "all" else [name for name in names if name.startswith(last)]
        inner = InnerLoop(moved, self.inner["inner_rate"], int(self.inner["inner_steps"]), int(self.inner["order"]))
        loss = OBJECTIVES[self.objective]().loss
        learner = MAMLLearner(propagator, inputs, twice_differentiable(plan), order, inner, loss)
        return learner, self._target(supervision.seen_bank, seen, propagator.with_bias), seen

    def _settle(
        self,
        learner: MAMLLearner,
        rows: Float[Tensor, "K O"],
        supervision: Supervision,
        context: FitContext,
        steps: int | None,
    ) -> None:
        """Adapt to all rows, and keep what is needed of it."""
        learner.eval()
        with torch.no_grad():
            adapted = learner.adapted(torch.arange(len(rows)), rows, steps)
        propagator = copy.deepcopy(learner.propagator)
        propagator.load_state_dict({**propagator.state_dict(), **adapted})
        adjacencies = [find_adjacency(name)(supervision.graph) for name in propagator.inference_adjacencies]
        self._fitted = self._keep(propagator.to(context.device), supervision, adjacencies, context)
        self._functions = None

    def save(self, folder: PathLike) -> None:
        """Write what `GraphRegression.save` writes, and ``start.safetensors``: what `adapt` starts from."""
        super().save(folder)
        assert self._start is not None
        save_tensors(Path(folder) / START, self._start, {})

    @classmethod
    def load(cls, folder: PathLike, graph: ClassGraph, semantics: SemanticEmbedding, bank: ClassifierBank) -> MAML:
        """Read what `save` wrote, with the graph, semantics and bank that stand beside it.

        Raises:
            CorruptFileError: a file is damaged or does not belong to the others.
        """
        method = super().load(folder, graph, semantics, bank)
        assert isinstance(method, MAML)
        start, _ = load_tensors(Path(folder) / START)
        held = {f"propagator.{name}" for name in method._require().propagator.state_dict()}
        if start.keys() != held | {"inner.log_rates"}:
            raise CorruptFileError(f"{Path(folder) / START} is not of the network beside; train it again.")
        method._start = dict(start)
        return method

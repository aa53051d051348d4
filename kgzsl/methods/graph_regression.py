"""A graph network regresses the classifiers of the seen classes and predicts those of all others.

The network reads a semantic vector a class and the class graph; its outputs at the seen classes are pulled to the
backbone's own classifiers, and its outputs elsewhere are the classifiers of unseen classes. What its layers put out is
kept, so that a class which was in no training graph needs only its own few rows.

References:
    Wang, Ye, Gupta: Zero-shot Recognition via Semantic Embeddings and Knowledge Graphs, CVPR 2018.
    Kampffmeyer et al.: Rethinking Knowledge Graph Propagation for Zero-Shot Learning, CVPR 2019.
    Those of the other networks stand in their files in `kgzsl.propagation`.

Deviations: the number of epochs is chosen on held-out seen classes, after which all seen classes are fitted for as
many; the published recipes run a fixed number. ``held_out = 0`` does that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgzsl import registry
from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import CorruptFileError, NotFittedError, RecipeError
from kgzsl.graph.adjacency import Adjacency, degrees, find_adjacencies, reads_links
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.extension import ClassExtension, joint_neighbourhood, neighbourhood_adjacency
from kgzsl.methods.context import FitContext
from kgzsl.methods.row_function import RowFunction, RowFunctions
from kgzsl.propagation import (
    PROPAGATORS,
    PropagationPlan,
    Propagator,
    in_files,
    in_memory,
    restrict,
    states_in_blocks,
)
from kgzsl.runtime import load_tensors, save_tensors, sha256_text
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.splits import Split
from kgzsl.supervision import Supervision
from kgzsl.training import (
    FEATURE_OBJECTIVES,
    OBJECTIVES,
    Checkpoint,
    Problem,
    Progress,
    Settings,
    Trainer,
    WeightRegression,
    plan_of_process,
)
from kgzsl.types import ClassId, ClassIds, Float, PathLike, Tensor

__all__ = ["GraphRegression"]

MODEL = "model.safetensors"
STATES = "states.safetensors"
EXTENSIONS_AT_ONCE = 512
"""New classes that are propagated together; what they need at one time grows with it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """What is left of a fit: the network, the graph it knows and what its layers put out."""

    propagator: Propagator
    graph: ClassGraph
    semantics: SemanticEmbedding
    backbone: str
    states: list[Tensor]
    node_degrees: np.ndarray


class GraphRegression:
    """Predict classifiers with a graph network.

    Args:
        network: ``dgp``, ``sgcn``, ``gcnz``, ``gat``, ``sage``, ``rgcn``, ``transformer`` or ``residual``; see
            `kgzsl.propagation`.
        network_options: keywords of the network, such as ``hidden`` and ``dropout``.
        objective: ``weight_regression``, ``cosine_regression``, or ``feature_cross_entropy``, which needs images of the
            seen classes.
        held_out: share of the seen classes that choose the number of epochs; 0 trains all ``epochs``.
        epochs, learning_rate, weight_decay, evaluate_every, patience, criterion, precision, seed, schedule: see
            `kgzsl.training.Settings`.

    Raises:
        UnknownVariantError, RecipeError: a name is not known, or a value is out of range.
    """

    def __init__(
        self,
        network: str = "dgp",
        *,
        network_options: Mapping[str, Any] | None = None,
        objective: str = "weight_regression",
        held_out: float = 0.2,
        epochs: int = 3000,
        learning_rate: float = 1e-3,
        weight_decay: float = 5e-4,
        evaluate_every: int = 25,
        patience: int = 300,
        criterion: str = "reciprocal_rank",
        precision: str = "float32",
        seed: int = 0,
        schedule: str = "constant",
    ) -> None:
        registry.choose(PROPAGATORS, network, "network")
        registry.choose({name: name for name in (*OBJECTIVES, *FEATURE_OBJECTIVES)}, objective, "objective")
        if not 0 <= held_out < 1:
            raise RecipeError(f"held_out is a share from 0 to below 1, found {held_out!r}.")
        self.network = network
        self.network_options = dict(network_options or {})
        with torch.device("meta"):
            self._network(1, 1)  # refuses wrong options now, not after the data is read
        self.objective = objective
        self.held_out = held_out
        self.settings = Settings(
            epochs, learning_rate, weight_decay, evaluate_every, patience, criterion, precision, seed, schedule
        )
        self.progress: Progress | None = None
        self._fitted: _Fitted | None = None
        self._functions: RowFunctions | None = None

    @property
    def reads_links(self) -> bool:
        """Whether the network gathers along links beside the hierarchy."""
        with torch.device("meta"):
            network = self._network(1, 1)
        return any(map(reads_links, (*network.adjacencies, *network.inference_adjacencies)))

    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters as a plain dictionary."""
        own = {"network": self.network, "network_options": self.network_options, "objective": self.objective}
        return {**own, "held_out": self.held_out, **asdict(self.settings)}

    def fit(self, supervision: Supervision, context: FitContext | None = None) -> GraphRegression:
        """Fit the network to the classifiers of the seen classes.

        Args:
            supervision: graph, semantics of all its classes, classifiers of the seen ones.
            context: device, the folder in which the training saves itself, how many rows are propagated at once.

        Returns:
            This object.
        """
        context = context or FitContext()
        propagator = self._network(supervision.semantics.dim, supervision.seen_bank.dim)
        names = {*propagator.adjacencies, *propagator.inference_adjacencies}
        adjacencies = find_adjacencies(sorted(names), supervision.graph)
        training = [adjacencies[name] for name in propagator.adjacencies]
        inference = [adjacencies[name] for name in propagator.inference_adjacencies]

        look = FEATURE_OBJECTIVES.get(self.objective)

        def problem(fitted: ClassIds, held_out: ClassIds = (), stack: Sequence[Adjacency] = training) -> Problem:
            index = supervision.graph.index
            rows = index.rows(fitted)  # images are shared by their own objective, classes here
            plan, share = (
                (PropagationPlan.to_rows(stack, rows), None)
                if look
                else plan_of_process(supervision.graph, stack, rows)
            )
            inputs = supervision.semantics.vectors[plan.inputs]
            ids = tuple(index[row] for row in plan.outputs)
            target = self._target(supervision.seen_bank, ids, propagator.with_bias)
            own = look.of(supervision.seen_features, ids, supervision.seen_bank) if look and stack is training else None
            validation = problem(held_out, (), inference) if held_out else None
            return Problem(plan, inputs, target, validation, own, share)

        seen = tuple(supervision.seen_bank.index)
        split = Split(seen).hold_out(self.held_out, self.settings.seed) if self.held_out else Split(seen)
        checkpoint = Checkpoint(
            context.folder, self._fingerprint(supervision, context.device.type), context.checkpoint_every
        )
        objective = OBJECTIVES.get(self.objective, WeightRegression)()
        trainer = Trainer(propagator, objective, self.settings, context.device, checkpoint)
        select = (lambda: problem(split.fitted, split.held_out)) if split.held_out else None
        self.progress = trainer.run(select, lambda: problem(seen))
        self._fitted = self._keep(propagator, supervision, inference, context) if context.predicts else None
        self._functions = None
        return self

    def _network(self, semantic_dim: int, feature_dim: int) -> Propagator:
        dims = {"in_dim": semantic_dim, "feature_dim": feature_dim}
        return registry.build(PROPAGATORS, self.network, "network", {**dims, **self.network_options})

    @staticmethod
    def _target(bank: ClassifierBank, class_ids: ClassIds, with_bias: bool) -> Float[Tensor, "R O"]:
        rows = bank.select(class_ids).normalised("joint" if with_bias else "weights")
        weights = rows.weights.float()
        return torch.cat([weights, rows.biases.float()[:, None]], dim=1) if with_bias else weights

    def _fingerprint(self, supervision: Supervision, device: str) -> str:
        """Digest all that decides the training, the kind of device too: its random numbers are of its own making."""
        bank, graph = supervision.seen_bank, supervision.graph
        edges = (graph.edges, graph.links.ends, graph.links.kinds) if len(graph.links) else (graph.edges,)
        arrays = (bank.weights, bank.biases, supervision.semantics.vectors, *map(torch.from_numpy, edges))
        digests = [hashlib.sha256(array.contiguous().numpy().tobytes()).hexdigest() for array in arrays]
        if self.objective in FEATURE_OBJECTIVES and (images := supervision.seen_features) is not None:
            digests.append(hashlib.sha256(images.features.float().numpy().tobytes()).hexdigest())
            digests.append(sha256_text(json.dumps(images.class_ids())))
        names = sha256_text("\n".join([*graph.index, "", *bank.index]))
        return sha256_text(json.dumps([self.parameters(), device, digests, names]))

    def _keep(
        self, propagator: Propagator, supervision: Supervision, inference: Sequence[Adjacency], context: FitContext
    ) -> _Fitted:
        propagator.eval()
        vectors = supervision.semantics.vectors
        at_once = context.rows_at_once or len(vectors)
        keep = in_memory if context.rows_folder is None else in_files(context.rows_folder)
        states = states_in_blocks(propagator, vectors, inference, at_once, context.device, keep)
        propagator.to("cpu")
        graph, backbone = supervision.graph, supervision.seen_bank.backbone
        return _Fitted(propagator, graph, supervision.semantics, backbone, states, degrees(graph))

    def _require(self) -> _Fitted:
        if self._fitted is None:
            raise NotFittedError("GraphRegression has not been fitted; call fit(supervision) first.")
        return self._fitted

    def synthesize(self, class_ids: ClassIds) -> ClassifierBank:
        """Return the classifiers of classes of the training graph.

        Raises:
            UnknownClassError: a class is not in that graph; see `synthesize_new`.
        """
        fitted = self._require()
        rows = torch.from_numpy(fitted.graph.index.rows(class_ids))
        return self._bank(tuple(class_ids), fitted.states[-1][rows].float())

    def _bank(self, class_ids: tuple[str, ...], rows: Float[Tensor, "C O"]) -> ClassifierBank:
        fitted = self._require()
        index = ClassIndex(class_ids, f"bank of {self.network}")
        if fitted.propagator.with_bias:
            weights, biases = rows[:, :-1].contiguous(), rows[:, -1].contiguous()
            return ClassifierBank(index, weights, biases, fitted.backbone, "joint")
        return ClassifierBank(index, rows, rows.new_zeros(len(rows)), fitted.backbone, "weights")

    def synthesize_new(self, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding) -> ClassifierBank:
        """Return the classifiers of classes that the training graph lacks.

        Only their own rows are propagated, from the stored rows of what was there.

        Args:
            extensions: the new classes, each with the missing ancestors it brings along.
            vectors: semantic vectors of all of those.

        Raises:
            SemanticsError: the vectors are of another encoder, or one is missing.
        """
        fitted = self._require()
        fitted.semantics.check_encoder(vectors.encoder)
        at_once = 1 if any(_walks(name) for name in fitted.propagator.inference_adjacencies) else EXTENSIONS_AT_ONCE
        parts = [extensions[first : first + at_once] for first in range(0, len(extensions), at_once)]
        rows = [self._propagate(fitted, part, vectors) for part in parts]
        ids = tuple(extension.class_id for extension in extensions)
        return self._bank(ids, torch.cat(rows) if rows else torch.empty(0, fitted.states[-1].shape[1]))

    @staticmethod
    @torch.no_grad()
    def _propagate(
        fitted: _Fitted, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding
    ) -> Float[Tensor, "N O"]:
        around = joint_neighbourhood(fitted.graph, extensions)
        ids = [new.class_id for extension in extensions for new in extension.classes]
        num_known = around.num_classes - len(ids)
        known = fitted.graph.index.rows(around.index.ids[:num_known])
        new_rows = np.arange(num_known, around.num_classes)
        chosen = vectors.select(tuple(dict.fromkeys(ids)))
        state = chosen.vectors[torch.from_numpy(chosen.index.rows(ids))]
        stored = [fitted.semantics.vectors, *fitted.states[:-1]]
        carried: Tensor | None = None
        for number, name in enumerate(fitted.propagator.inference_adjacencies):
            adjacency = neighbourhood_adjacency(name, around, num_known, fitted.node_degrees[known])
            aggregation, sources = restrict(adjacency, new_rows)
            x = torch.cat([stored[number][known].float(), state])[sources]
            state = fitted.propagator.layer_output(number, x, aggregation, None, carried)
            carried = state if number == fitted.propagator.carried else carried
        own = np.cumsum([len(extension.classes) for extension in extensions]) - 1  # each class stands behind its kin
        return state[torch.from_numpy(own)]

    def row_function(
        self, class_id: ClassId, extension: ClassExtension | None = None, vectors: SemanticEmbedding | None = None
    ) -> RowFunction:
        """Return the classifier of a class as a function of the semantic vectors that reach it.

        Args:
            class_id: the class.
            extension: its place, where the training graph lacks it.
            vectors: semantic vectors of all that the extension brings along.
        """
        fitted = self._require()
        if self._functions is None:
            self._functions = RowFunctions(fitted.propagator, fitted.graph, fitted.semantics, fitted.node_degrees)
        if extension is None or vectors is None:
            return self._functions.of(class_id)
        fitted.semantics.check_encoder(vectors.encoder)
        return self._functions.of_new(extension, vectors)

    def save(self, folder: PathLike) -> None:
        """Write ``model.safetensors`` (parameters) and ``states.safetensors`` (hidden rows in half precision)."""
        fitted = self._require()
        metadata = {"parameters": json.dumps(self.parameters()), "backbone": fitted.backbone}
        metadata["dims"] = json.dumps([fitted.semantics.dim, self.feature_dim])
        save_tensors(Path(folder) / MODEL, fitted.propagator.state_dict(), metadata)
        hidden = {f"state.{n}": state.half() for n, state in enumerate(fitted.states[:-1], start=1)}
        degree = torch.from_numpy(fitted.node_degrees.astype(np.int32))
        save_tensors(Path(folder) / STATES, {**hidden, "degrees": degree}, {})

    @property
    def feature_dim(self) -> int:
        """The feature dimension D of the classifiers."""
        fitted = self._require()
        return fitted.propagator.layers[-1].out_dim - int(fitted.propagator.with_bias)

    @classmethod
    def load(
        cls, folder: PathLike, graph: ClassGraph, semantics: SemanticEmbedding, bank: ClassifierBank
    ) -> GraphRegression:
        """Read what `save` wrote, with the graph, semantics and bank that stand beside it.

        Raises:
            CorruptFileError: a file is damaged or does not belong to the others.
        """
        tensors, metadata = load_tensors(Path(folder) / MODEL)
        hidden, _ = load_tensors(Path(folder) / STATES)
        try:
            method = cls(**json.loads(metadata["parameters"]))
            propagator = method._network(*json.loads(metadata["dims"]))
            propagator.load_state_dict(tensors)
            states = [hidden[f"state.{number}"] for number in range(1, propagator.num_layers)]
            node_degrees = hidden["degrees"].numpy().astype(np.int64)
        except (KeyError, TypeError, RuntimeError, json.JSONDecodeError) as error:
            raise CorruptFileError(f"{folder} holds no whole graph regression ({error}); train it again.") from error
        if any(len(state) != graph.num_classes for state in states):
            raise CorruptFileError(f"{folder}: the stored rows are not those of graph {graph.name!r}; train it again.")
        rows = bank.select(graph.index.ids)
        last = torch.cat([rows.weights, rows.biases[:, None]], dim=1) if propagator.with_bias else rows.weights
        states.append(last)
        method._fitted = _Fitted(propagator.eval(), graph, semantics, bank.backbone, states, node_degrees)
        return method


def _walks(adjacency: str) -> bool:
    """Say whether an adjacency looks at more than a class and what is joined to it, so that classes go one by one."""
    return adjacency.startswith("most_visited")

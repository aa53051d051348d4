"""What the methods share that know a class by its semantic vector alone.

Such a method learns a few tensors from the seen classes; with them, the vector of any class gives its scorer. Classes
of the graph get theirs at once, and a class that the graph lacks needs nothing but its vector.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kgzsl.bank import ClassifierBank, StoredScorer
from kgzsl.classes import ClassIndex
from kgzsl.errors import CorruptFileError, KgzslError, NotAvailableError, NotFittedError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.extension import ClassExtension
from kgzsl.methods.context import FitContext
from kgzsl.runtime import load_tensors, save_tensors, write_text
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.types import ClassId, ClassIds, Float, PathLike, Tensor

__all__ = ["LearnedTensors", "SemanticMethod", "joint_bank"]

MODEL, METRICS = "model.safetensors", "metrics.jsonl"
CLASSES_AT_ONCE = 4096
"""New classes whose scorers are made in one go."""


@dataclass(frozen=True, slots=True, eq=False)
class LearnedTensors:
    """What a fit ends in.

    Args:
        tensors: what the scorer of a class is computed from, by name.
        backbone: id of the backbone whose features are scored.
        chosen: the hyper-parameters that the fit chose, in plain values.
        tried: what was measured for the choice, a record each.
        seen: the classes that the tensors with a row a seen class are of, in their order; empty where there are none.
    """

    tensors: Mapping[str, Tensor]
    backbone: str
    chosen: Mapping[str, Any] = field(default_factory=dict)
    tried: Sequence[Mapping[str, Any]] = ()
    seen: tuple[ClassId, ...] = ()

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]


class SemanticMethod(ABC):
    """A method whose scorer of a class depends on the semantic vector of the class and on nothing else of it.

    A method of this kind says what it learns (`learn`), what that makes of semantic vectors (`scorer`), and which
    hyper-parameters it has (`parameters`).
    """

    def __init__(self) -> None:
        self._semantics: SemanticEmbedding | None = None
        self._learned: LearnedTensors | None = None
        self._scorer: StoredScorer | None = None

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters as a plain dictionary."""

    @abstractmethod
    def learn(self, supervision: Supervision, context: FitContext) -> LearnedTensors:
        """Learn from the seen classes."""

    @abstractmethod
    def scorer(self, learned: LearnedTensors, class_ids: ClassIds, vectors: Float[Tensor, "C S"]) -> StoredScorer:
        """Return a scorer of classes from what was learned and their vectors, float64 and as they were given."""

    @property
    def chosen(self) -> Mapping[str, Any]:
        """The hyper-parameters that the fit chose."""
        return self._require()[0].chosen

    def fit(self, supervision: Supervision, context: FitContext | None = None) -> SemanticMethod:
        """Learn from graph, semantics and seen classes; return the method itself.

        Args:
            supervision: all that may be looked at.
            context: the folder in which ``metrics.jsonl`` lists what was measured for the choice of hyper-parameters.
        """
        context = context or FitContext()
        learned = self.learn(supervision, context)
        if context.folder is not None and learned.tried:
            lines = (f"{json.dumps(record)}\n" for record in learned.tried)
            write_text(Path(context.folder) / METRICS, "".join(lines))
        graph, semantics = supervision.graph, supervision.semantics
        self._semantics, self._learned = semantics, learned
        self._scorer = self.scorer(learned, graph.index.ids, semantics.vectors.double())
        return self

    def _require(self) -> tuple[LearnedTensors, SemanticEmbedding, StoredScorer]:
        if self._learned is None or self._semantics is None or self._scorer is None:
            raise NotFittedError(f"{type(self).__name__} has not been fitted; call fit(supervision) first.")
        return self._learned, self._semantics, self._scorer

    def synthesize(self, class_ids: ClassIds) -> StoredScorer:
        """Return a scorer of classes of the fitted graph, in the order given.

        Raises:
            NotFittedError: `fit` has not been called.
            UnknownClassError: a class is not in that graph; see `synthesize_new`.
        """
        return self._require()[2].select(class_ids)

    def synthesize_new(self, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding) -> StoredScorer:
        """Return a scorer of classes that the fitted graph lacks, in the order given.

        Args:
            extensions: the new classes; where they stand in the graph does not matter.
            vectors: semantic vectors of the new classes.

        Raises:
            SemanticsError: the vectors are of another encoder, or one is missing.
        """
        learned, semantics, scorer = self._require()
        semantics.check_encoder(vectors.encoder)
        whole = scorer.select(())
        ids = tuple(extension.class_id for extension in extensions)
        for first in range(0, len(ids), CLASSES_AT_ONCE):
            part = ids[first : first + CLASSES_AT_ONCE]
            whole = whole.concat(self.scorer(learned, part, vectors.select(part).vectors.double()))
        return whole

    def _asked(
        self, class_ids: ClassIds, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding | None
    ) -> tuple[tuple[ClassId, ...], Float[Tensor, "C S"]]:
        """Return classes of the graph with added ones behind, and their vectors, float64."""
        _, semantics, _ = self._require()
        whole, new = semantics.select(class_ids), [extension.class_id for extension in extensions]
        if vectors is not None and new:
            whole = whole.concat(vectors.select(new))
        return (*class_ids, *new), whole.select((*class_ids, *new)).vectors.double()

    def _with_seen_rows(self) -> LearnedTensors:
        """Return what was learned, where it tells the seen classes of its rows."""
        learned = self._require()[0]
        if not learned.seen:
            raise NotAvailableError(
                f"This {type(self).__name__} was trained by a kgzsl that did not keep what each seen class gives; "
                "train it again to have it explained."
            )
        return learned

    def save(self, folder: PathLike) -> None:
        """Write ``model.safetensors``: the hyper-parameters, what was chosen, and what was learned."""
        learned, semantics, _ = self._require()
        facts = {"parameters": self.parameters(), "chosen": dict(learned.chosen), "semantic_dim": semantics.dim}
        facts |= {"seen": list(learned.seen)} if learned.seen else {}
        metadata = {name: json.dumps(fact, ensure_ascii=False) for name, fact in facts.items()}
        save_tensors(Path(folder) / MODEL, learned.tensors, {**metadata, "backbone": learned.backbone})

    @classmethod
    def load(
        cls, folder: PathLike, graph: ClassGraph, semantics: SemanticEmbedding, scorer: StoredScorer
    ) -> SemanticMethod:
        """Read what `save` wrote, with the graph, semantics and scorer that stand beside it.

        Raises:
            CorruptFileError: a file is damaged or does not belong to the others.
        """
        tensors, metadata = load_tensors(Path(folder) / MODEL)
        try:
            method = cls(**json.loads(metadata["parameters"]))
            seen = tuple(json.loads(metadata.get("seen", "[]")))
            learned = LearnedTensors(tensors, metadata["backbone"], json.loads(metadata["chosen"]), seen=seen)
            fits = json.loads(metadata["semantic_dim"]) == semantics.dim and learned.backbone == scorer.backbone
            method.scorer(learned, graph.index.ids[:1], semantics.select(graph.index.ids[:1]).vectors.double())
        except (KeyError, TypeError, ValueError, RuntimeError, KgzslError) as error:
            raise CorruptFileError(f"{folder} holds no whole {cls.__name__} ({error}); train it again.") from error
        if not fits:
            raise CorruptFileError(f"{folder}: the stored {cls.__name__} is of another run; train it again.")
        method._semantics, method._learned = semantics, learned
        method._scorer = scorer.select(graph.index.ids)
        return method


def joint_bank(class_ids: ClassIds, rows: Float[Tensor, "C O"], backbone: str) -> ClassifierBank:
    """Return the bank of rows ``[w, b]`` as they are: their lengths matter to these methods."""
    index = ClassIndex(tuple(class_ids), "synthesized bank")
    weights, biases = rows[:, :-1].float().contiguous(), rows[:, -1].float().contiguous()
    return ClassifierBank(index, weights, biases, backbone)

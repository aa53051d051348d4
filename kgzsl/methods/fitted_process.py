"""What is left of a fit of classifiers by a Gaussian process, and what all methods of that kind answer from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

import numpy as np
import torch
from torch.nn import functional

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.extension import ClassExtension
from kgzsl.kernels import GaussianProcess, MixedKernel
from kgzsl.methods.contributions import SeenContributions
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.types import ClassIds, Float, Int, Tensor

__all__ = ["ROWS_AT_ONCE", "FittedProcess", "parts_of_rows", "unit_rows"]

ROWS_AT_ONCE = 4096
Setting = TypeVar("Setting")


@dataclass(frozen=True, slots=True, eq=False)
class FittedProcess(Generic[Setting]):
    """A fitted process over a class graph.

    Args:
        graph: the graph it knows.
        backbone: whose features its classifiers take.
        seen: the classes it was fitted to.
        setting: the hyper-parameters that were chosen or learned.
        kernel: says how alike a class is to each seen one.
        process: predicts [W, b] from that.
        rows: (C, O) classifiers of the graph's classes, of length one.
    """

    graph: ClassGraph
    backbone: str
    seen: tuple[str, ...]
    setting: Setting
    kernel: MixedKernel
    process: GaussianProcess
    rows: Float[Tensor, "C O"]

    def bank_of(self, class_ids: ClassIds, owner: str) -> ClassifierBank:
        """Return the classifiers of classes of the graph; UnknownClassError where one is not in it."""
        return self._bank(class_ids, self.rows[torch.from_numpy(self.graph.index.rows(class_ids))], owner)

    def bank_of_new(
        self, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding, owner: str
    ) -> ClassifierBank:
        """Return the classifiers of classes that the graph lacks, so many at a time as memory is bounded to."""
        parts = [extensions[part.start : part.stop] for part in _stretches(len(extensions), ROWS_AT_ONCE)]
        rows = [unit_rows(self.process.predict(self.kernel.new_to_seen(part, vectors))) for part in parts]
        ids = tuple(extension.class_id for extension in extensions)
        return self._bank(ids, torch.cat(rows) if rows else self.rows[:0], owner)

    def _bank(self, class_ids: ClassIds, rows: Float[Tensor, "R O"], owner: str) -> ClassifierBank:
        weights, biases = rows[:, :-1].contiguous(), rows[:, -1].contiguous()
        return ClassifierBank(ClassIndex(tuple(class_ids), owner), weights, biases, self.backbone, "joint")

    def contributions(
        self, class_ids: ClassIds, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding | None
    ) -> SeenContributions:
        """Return how much of each seen classifier is in a class's; see `GaussianProcess.weights`."""
        ids = (*class_ids, *(extension.class_id for extension in extensions))
        new = [self.kernel.new_to_seen(extensions, vectors)] if vectors is not None and extensions else []
        known = self.kernel.to_seen(self.graph.index.rows(class_ids))
        weights, targets = self.process.weights(torch.cat([known, *new])), self.process.targets
        return SeenContributions(ids, self.seen, weights / (weights @ targets).norm(dim=1, keepdim=True), targets)


def parts_of_rows(count: int, at_once: int = ROWS_AT_ONCE) -> Iterator[Int[np.ndarray, "R"]]:
    """Cut rows into parts whose likeness to the seen classes fits into memory."""
    return (np.arange(part.start, part.stop) for part in _stretches(count, at_once))


def _stretches(count: int, at_once: int) -> Iterator[range]:
    yield from (range(first, last) for first, last in pairwise([*range(0, count, at_once), count]))


def unit_rows(rows: Float[Tensor, "R O"]) -> Float[Tensor, "R O"]:
    """Return rows of length one in single precision."""
    return functional.normalize(rows, dim=1).float()

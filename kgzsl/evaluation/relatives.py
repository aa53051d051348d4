"""Which candidates are kin of an image's class, and how far each of them is from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from kgzsl.evaluation.hierarchy import correct_sets
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.hops import tree_distances
from kgzsl.types import Array, Bool, ClassId, Int, Tensor

__all__ = ["Kinship", "Relatives"]


@dataclass(frozen=True, slots=True, eq=False)
class Kinship:
    """How the classes of some images stand to the candidates; a class of several images is held once.

    Args:
        number: (N,) which of the U classes each image is of.
        related: (U, C) whether the candidate is the class, an ancestor or a descendant of it.
        distances: (U, C) undirected distance, -1 where there is no path.
    """

    number: Int[Tensor, "N"]
    related: Bool[Tensor, "U C"]
    distances: Int[Array, "U C"]

    def related_of_images(self) -> Bool[Tensor, "N C"]:
        """Return ``related`` with a row an image."""
        return self.related[self.number]

    def distances_of_images(self) -> Int[Tensor, "N C"]:
        """Return ``distances`` with a row an image."""
        return torch.from_numpy(self.distances)[self.number]

    def correct_sets(self, k: int) -> Bool[Tensor, "U C"]:
        """Return the candidates that count as correct for hierarchical precision@k, a row a class."""
        return torch.from_numpy(correct_sets(self.distances, k))


class Relatives:
    """The candidates as places in a class graph; asked for a chunk of images at a time.

    Args:
        graph: the class graph.
        candidates: C classes of it.
    """

    def __init__(self, graph: ClassGraph, candidates: tuple[ClassId, ...]) -> None:
        self.candidates = candidates
        self._graph = graph
        self._rows = graph.index.rows(candidates)
        self._column = np.full(graph.num_classes, -1, dtype=np.int64)
        self._column[self._rows] = np.arange(len(candidates))

    def columns(self, class_ids: Iterable[ClassId]) -> Int[Tensor, "K"]:
        """Return the column of each class among the candidates, -1 where it is none."""
        column = {class_id: number for number, class_id in enumerate(self.candidates)}
        return torch.tensor([column.get(class_id, -1) for class_id in class_ids], dtype=torch.int64)

    def of(self, own: Int[Tensor, "N"]) -> Kinship:
        """Compare the class of each image with every candidate.

        Args:
            own: (N,) column of the class of each image.
        """
        classes, number = torch.unique(own, return_inverse=True)
        related = torch.zeros(len(classes), len(self.candidates), dtype=torch.bool)
        for line, column in enumerate(classes.tolist()):
            related[line, torch.from_numpy(self._lineage(self.candidates[column]))] = True
        distances = tree_distances(self._graph, self._rows[classes.numpy()])[:, self._rows]  # (U, C)
        return Kinship(number, related, np.ascontiguousarray(distances))

    def _lineage(self, class_id: ClassId) -> Int[Array, "R"]:
        lineage = {class_id} | self._graph.ancestors([class_id]) | self._graph.descendants([class_id])
        columns: Array = self._column[self._graph.index.rows(lineage)]
        return columns[columns >= 0]

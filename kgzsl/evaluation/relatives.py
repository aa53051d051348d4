"""Which candidates are kin of an image's class, and how far each of them is from it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.hops import tree_distances
from kgzsl.types import Array, Bool, ClassId, Int, Tensor

__all__ = ["Relatives"]


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

    def of(self, own: Int[Tensor, "N"]) -> tuple[Bool[Tensor, "N C"], Int[Tensor, "N C"]]:
        """Compare the class of each image with every candidate.

        Args:
            own: (N,) column of the class of each image.

        Returns:
            Whether the candidate is the class, an ancestor or a descendant of it, and their undirected distance,
            -1 where there is no path.
        """
        classes, number = torch.unique(own, return_inverse=True)
        related = torch.zeros(len(classes), len(self.candidates), dtype=torch.bool)
        for line, column in enumerate(classes.tolist()):
            related[line, torch.from_numpy(self._lineage(self.candidates[column]))] = True
        distances = tree_distances(self._graph, self._rows[classes.numpy()])[:, self._rows]  # (U, C)
        return related[number], torch.from_numpy(np.ascontiguousarray(distances))[number]

    def _lineage(self, class_id: ClassId) -> Int[Array, "R"]:
        lineage = {class_id} | self._graph.ancestors([class_id]) | self._graph.descendants([class_id])
        columns: Array = self._column[self._graph.index.rows(lineage)]
        return columns[columns >= 0]

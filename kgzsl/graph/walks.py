"""Which neighbours of a class a random walk from it visits most often.

References:
    Ying et al.: Graph Convolutional Neural Networks for Web-Scale Recommender Systems, KDD 2018 (hitting frequency).
    Nayak, Bach: Zero-Shot Learning with Common Sense Knowledge Graphs, TMLR 2022 (20 steps, direct neighbours).

Deviation: the published frequencies are counted on ten walks that are drawn; here their expectation is computed, so
that nothing depends on a seed. Equal expectations are put in an order by a digest of the class id, which favours
nobody and does not change when rows are relabelled.
"""

from __future__ import annotations

import hashlib

import numpy as np

from kgzsl.graph.class_graph import ClassGraph
from kgzsl.types import Array, Float, Int

__all__ = ["expected_visits", "most_visited_neighbours"]

STEPS = 20
"""Length of a walk (the published number)."""
DIGITS = 9
"""Expectations that agree in so many digits count as equal."""


def expected_visits(graph: ClassGraph, rows: Int[Array, "R"], steps: int = STEPS) -> Float[Array, "R C"]:
    """Return how often a random walk from each row comes to each class, ``sum_t P^t`` with ``P = D^-1 A``.

    Args:
        graph: the class graph; its edges and links count in both directions.
        rows: where walks start.
        steps: length of a walk.
    """
    from scipy.sparse import csr_array

    pairs = np.concatenate([graph.edges, graph.links.ends])
    ends = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    degree = np.bincount(ends[:, 0], minlength=graph.num_classes)
    shape = (graph.num_classes, graph.num_classes)
    backward = csr_array((1.0 / degree[ends[:, 0]], (ends[:, 1], ends[:, 0])), shape=shape)  # P transposed
    here = np.zeros((graph.num_classes, len(rows)))
    here[rows, np.arange(len(rows))] = 1.0
    visits = np.zeros_like(here)
    for _ in range(steps):
        here = backward @ here
        visits += here
    return visits.T


def most_visited_neighbours(graph: ClassGraph, rows: Int[Array, "R"], number: int) -> Int[Array, "A 2"]:
    """Return (row, neighbour) for the neighbours of each row that a walk from it visits most often.

    Args:
        graph: the class graph.
        rows: classes with more than ``number`` neighbours.
        number: how many neighbours each keeps.
    """
    chosen: list[tuple[int, int]] = []
    for row, visits in zip(rows.tolist(), expected_visits(graph, rows)):
        near = sorted({*graph.parent_rows(row), *graph.child_rows(row)})
        scores = {other: -round(float(visits[other]), DIGITS) for other in near}
        near.sort(key=lambda other: (scores[other], hashlib.sha256(graph.index[other].encode()).digest()))
        chosen += [(row, other) for other in near[:number]]
    return np.array(chosen, dtype=np.int64).reshape(-1, 2)

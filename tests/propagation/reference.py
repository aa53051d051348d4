"""The formulas of GCNZ, SGCN and DGP over the whole graph in plain numpy, written without kgzsl's adjacencies."""

from __future__ import annotations

import numpy as np

from kgzsl.graph.class_graph import ClassGraph


def neighbours(graph: ClassGraph) -> np.ndarray:
    """A + I of the undirected graph."""
    matrix = np.eye(graph.num_classes)
    for child, parent in graph.edges:
        matrix[child, parent] = matrix[parent, child] = 1
    return matrix


def hops_up(graph: ClassGraph) -> np.ndarray:
    """(C, C) fewest steps up from row to column, -1 where the column is no ancestor."""
    count = graph.num_classes
    up = np.zeros((count, count), dtype=bool)
    for child, parent in graph.edges:
        up[child, parent] = True
    hops = np.where(np.eye(count, dtype=bool), 0, -1)
    reached = np.eye(count, dtype=bool)
    for step in range(1, count):
        reached = (reached.astype(int) @ up.astype(int)) > 0
        hops[reached & (hops < 0)] = step
    return hops


def row_normalised(matrix: np.ndarray) -> np.ndarray:
    """D^-1 A, rows without entries stay zero."""
    sums = matrix.sum(axis=1, keepdims=True)
    return np.divide(matrix, sums, out=np.zeros_like(matrix), where=sums > 0)


def leaky(x: np.ndarray, slope: float = 0.2) -> np.ndarray:
    return np.where(x > 0, x, slope * x)


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def drop(x: np.ndarray, mask: np.ndarray | None, p: float) -> np.ndarray:
    return x if mask is None else x * mask / (1 - p)


def gcnz(graph: ClassGraph, x: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """A = D^-1/2 (A + I) D^-1/2; x' = LeakyReLU(A x W) but for the last."""
    plain = neighbours(graph)
    scale = 1 / np.sqrt(plain.sum(axis=1))
    matrix = plain * scale[:, None] * scale[None, :]
    for number, weight in enumerate(weights):
        x = matrix @ x @ weight
        if number < len(weights) - 1:
            x = leaky(x)
    return unit(x)


def sgcn(graph, x, weights, biases, masks=(None, None), p=0.5):
    """x' = D^-1 (A + I) drop(x) W + b."""
    matrix = row_normalised(neighbours(graph))
    x = leaky(matrix @ (drop(x, masks[0], p) @ weights[0]) + biases[0])
    return unit(matrix @ (drop(x, masks[1], p) @ weights[1]) + biases[1])


def dgp(graph, x, weights, biases, logits, masks=(None, None), p=0.5):
    """x' = sum_k softmax(a)_k D_k^-1 A_k (drop(x) W + b), from descendants, then from ancestors."""
    hops = hops_up(graph)
    for layer in range(2):
        shares = np.exp(logits[layer]) / np.exp(logits[layer]).sum()
        rows = drop(x, masks[layer], p) @ weights[layer] + biases[layer]
        total = np.zeros_like(rows)
        for group in range(5):
            held = (hops == group) if group < 4 else (hops >= 4)
            matrix = held.T if layer == 0 else held
            total += shares[group] * row_normalised(matrix.astype(float)) @ rows
        x = leaky(total) if layer == 0 else total
    return unit(x)

"""The formulas of all networks over the whole graph in plain numpy, written without kgzsl's adjacencies.

``layers`` are the parameters of each layer by name, ``masks`` the dropout masks of each layer or None.
"""

from __future__ import annotations

import hashlib
import math

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


def drop(x: np.ndarray, mask: np.ndarray | None, p: float = 0.5) -> np.ndarray:
    return x if mask is None else x * mask / (1 - p)


def softmax(x: np.ndarray) -> np.ndarray:
    raised = np.exp(x - x.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def gcnz(graph: ClassGraph, x, layers, masks) -> np.ndarray:
    """A = D^-1/2 (A + I) D^-1/2; x' = LeakyReLU(A x W) but for the last."""
    matrix = symmetric(graph)
    for number, layer in enumerate(layers):
        x = matrix @ x @ layer["weight"]
        if number < len(layers) - 1:
            x = leaky(x)
    return unit(x)


def symmetric(graph: ClassGraph) -> np.ndarray:
    plain = neighbours(graph)
    scale = 1 / np.sqrt(plain.sum(axis=1))
    return plain * scale[:, None] * scale[None, :]


def sgcn(graph, x, layers, masks):
    """x' = D^-1 (A + I) drop(x) W + b."""
    matrix = row_normalised(neighbours(graph))
    first, second = layers
    x = leaky(matrix @ (drop(x, masks[0]) @ first["weight"]) + first["bias"])
    return unit(matrix @ (drop(x, masks[1]) @ second["weight"]) + second["bias"])


def dgp(graph, x, layers, masks):
    """x' = sum_k softmax(a)_k D_k^-1 A_k (drop(x) W + b), from descendants, then from ancestors."""
    hops = hops_up(graph)
    for number, layer in enumerate(layers):
        shares = softmax(layer["group_logits"])
        rows = drop(x, masks[number]) @ layer["weight"] + layer["bias"]
        total = np.zeros_like(rows)
        for group in range(5):
            held = (hops == group) if group < 4 else (hops >= 4)
            matrix = held.T if number == 0 else held
            total += shares[group] * row_normalised(matrix.astype(float)) @ rows
        x = leaky(total) if number == 0 else total
    return unit(x)


def gat(graph, x, layers, masks):
    """alpha_i = softmax_j(a' LeakyReLU(V x_j + W x_i)), y_i = sum_j alpha_ij V x_j, head by head, plus b."""
    near = neighbours(graph) > 0
    for number, layer in enumerate(layers):
        x = drop(x, masks[number])
        left = x @ layer["operator.lin_l.weight"].T + layer["operator.lin_l.bias"]
        right = x @ layer["operator.lin_r.weight"].T + layer["operator.lin_r.bias"]
        heads = layer["operator.att"].shape[1]
        parts = []
        for head, (v, w) in enumerate(zip(np.split(left, heads, axis=1), np.split(right, heads, axis=1))):
            scores = leaky(w[:, None, :] + v[None, :, :]) @ layer["operator.att"][0, head]
            parts.append(softmax(np.where(near, scores, -np.inf)) @ v)
        x = np.concatenate(parts, axis=1) + layer["operator.bias"]
        x = leaky(x) if number == 0 else x
    return unit(x)


def sage(graph, x, layers, masks):
    """y_i = mean_{j near i} x_j V + x_i W + b; no neighbours, no mean."""
    matrix = row_normalised(neighbours(graph) - np.eye(graph.num_classes))
    for number, layer in enumerate(layers):
        x = drop(x, masks[number])
        mean = matrix @ x
        x = (
            mean @ layer["operator.lin_l.weight"].T
            + x @ layer["operator.lin_r.weight"].T
            + layer["operator.lin_l.bias"]
        )
        x = leaky(x) if number < len(layers) - 1 else x
    return unit(x)


def rgcn(graph, x, layers, masks):
    """y_i = sum_r mean_{j in N_r(i)} x_j W_r + x_i W_0 + b with W_r = sum_b c_rb V_b."""
    count = graph.num_classes
    relations = np.zeros((4, count, count))
    for (child, parent), relation in zip(graph.edges, graph.relations):
        first = 2 if relation == 1 else 0
        relations[first, child, parent] = relations[first + 1, parent, child] = 1
    for number, layer in enumerate(layers):
        x = drop(x, masks[number])
        weights = np.einsum("rb,bio->rio", layer["operator.comp"], layer["operator.weight"])
        y = x @ layer["operator.root"] + layer["operator.bias"]
        for matrix, weight in zip(relations, weights):
            y = y + row_normalised(matrix) @ x @ weight
        x = leaky(y) if number < len(layers) - 1 else y
    return unit(x)


def residual(graph, x, layers, masks, initial=0.1, strength=0.5):
    """h = relu(x W + b); x' = relu((1 - b_l) s + b_l s W) with s = (1 - a) A x + a h; last x W + b."""
    matrix = symmetric(graph)
    first, *middle, last = layers
    x = held = np.maximum(drop(x, masks[0]) @ first["weight"] + first["bias"], 0)
    for depth, (layer, mask) in enumerate(zip(middle, masks[1:]), start=1):
        mixed = (1 - initial) * matrix @ drop(x, mask) + initial * held
        share = math.log(strength / depth + 1)
        x = np.maximum((1 - share) * mixed + share * mixed @ layer["weight"], 0)
    return unit(drop(x, masks[-1]) @ last["weight"] + last["bias"])


def most_visited(graph, number, steps=20):
    """A + I, of whose neighbours only the most visited are kept."""
    plain = neighbours(graph) - np.eye(graph.num_classes)
    walk = row_normalised(plain)
    visits, power = np.zeros_like(walk), np.eye(graph.num_classes)
    for _ in range(steps):
        power = power @ walk
        visits += power
    kept = np.eye(graph.num_classes)
    for row in range(graph.num_classes):
        near = np.flatnonzero(plain[row]).tolist()
        digest = {other: hashlib.sha256(graph.index[other].encode()).digest() for other in near}
        near.sort(key=lambda other: (-round(visits[row, other], 9), digest[other]))
        kept[row, near[:number]] = 1
    return kept


def transformer(graph, x, layers, masks, neighbours=(3, 2)):
    """Feed-forward, self-attention among the neighbourhood, mean, W and b; see kgzsl.propagation.transformer."""
    for number, layer in enumerate(layers):
        x = drop(x, masks[number])
        inner = np.maximum(x @ layer["widen.weight"].T + layer["widen.bias"], 0)
        z = normed(x + inner @ layer["narrow.weight"].T + layer["narrow.bias"], layer, "norm_nodes")
        qkv = z @ layer["queries_keys_values.weight"].T + layer["queries_keys_values.bias"]
        q, k, v = np.split(qkv, 3, axis=1)
        pooled = []
        for held in most_visited(graph, neighbours[number]) > 0:
            seen = softmax(q[held] @ k[held].T / math.sqrt(q.shape[1])) @ v[held]
            tokens = z[held] + seen @ layer["attended.weight"].T + layer["attended.bias"]
            pooled.append(normed(tokens, layer, "norm_tokens").mean(axis=0))
        y = np.stack(pooled) @ layer["combine.weight"].T + layer["combine.bias"]
        x = unit(leaky(y)) if number == 0 else unit(y)
    return x


def normed(x, layer, name, epsilon=1e-5):
    centred = x - x.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + epsilon)
    return scaled * layer[f"{name}.weight"] + layer[f"{name}.bias"]

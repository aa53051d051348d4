"""The closed-form methods of the field in plain numpy, as their papers write them."""

from __future__ import annotations

import numpy as np


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def one_hot(labels: np.ndarray, count: int, other: float) -> np.ndarray:
    target = np.full((len(labels), count), other)
    target[np.arange(len(labels)), labels] = 1
    return target


def eszsl(images: np.ndarray, labels: np.ndarray, semantics: np.ndarray, gamma: float, lam: float) -> np.ndarray:
    """V of the paper, (E, S): images are columns of X, classes columns of S, targets 1 and -1."""
    X, S = images.T, semantics.T
    Y = one_hot(labels, len(semantics), -1)
    left = np.linalg.inv(X @ X.T + gamma * np.eye(len(X)))
    return left @ X @ Y @ S.T @ np.linalg.inv(S @ S.T + lam * np.eye(len(S)))


def shares(vectors: np.ndarray, phantoms: np.ndarray, sigma: float) -> np.ndarray:
    weights = np.array([[np.exp(-np.square(a - b).sum() / sigma**2) for b in phantoms] for a in vectors])
    return weights / weights.sum(axis=1, keepdims=True)


def phantom_classifiers(images: np.ndarray, labels: np.ndarray, P: np.ndarray, lam: float) -> np.ndarray:
    """The V (R, E) that minimises |X (P V)' - Y|^2 + lam |V|^2, as one least-squares problem of all its numbers."""
    Y = one_hot(labels, len(P), 0)
    design = np.kron(P, images)  # rows: class then image; columns: phantom then feature
    normal = design.T @ design + lam * np.eye(design.shape[1])
    return np.linalg.solve(normal, design.T @ Y.T.reshape(-1)).reshape(P.shape[1], -1)


def phantom_regression(classifiers: np.ndarray, P: np.ndarray, lam: float) -> np.ndarray:
    return np.linalg.solve(P.T @ P + lam * np.eye(P.shape[1]), P.T @ classifiers)


def kernel_ridge(vectors: np.ndarray, seen: np.ndarray, values: np.ndarray, width: float, ridge: float) -> np.ndarray:
    def kernel(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.array([[np.exp(-np.square(a - b).sum() / width**2) for b in second] for a in first])

    mean = values.mean(axis=0)
    return mean + kernel(vectors, seen) @ np.linalg.solve(kernel(seen, seen) + ridge * np.eye(len(seen)), values - mean)

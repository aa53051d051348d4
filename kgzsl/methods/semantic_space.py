"""Geometry of semantic vectors: lengths, distances, and how far apart the seen classes lie."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch.nn import functional

from kgzsl.types import Float, Tensor

__all__ = ["in_parts", "median_distance", "squared_distances", "unit_rows"]

ROWS_AT_ONCE = 4096


def unit_rows(vectors: Float[Tensor, "C S"]) -> Float[Tensor, "C S"]:
    """Scale rows to length one; a row of zeros stays."""
    return functional.normalize(vectors, dim=1)


def squared_distances(vectors: Float[Tensor, "C S"], others: Float[Tensor, "R S"]) -> Float[Tensor, "C R"]:
    """Return ``|a_c - b_r|^2``.

    Example:
        >>> squared_distances(torch.tensor([[0.0, 3.0]]), torch.tensor([[4.0, 0.0], [0.0, 3.0]])).tolist()
        [[25.0, 0.0]]
    """
    squares = vectors.square().sum(dim=1)[:, None] + others.square().sum(dim=1)
    return (squares - 2 * vectors @ others.T).clamp(min=0)


def median_distance(vectors: Float[Tensor, "K S"]) -> float:
    """Return the median distance between two classes, a unit of width; one where all are at one place."""
    if len(vectors) < 2:
        return 1.0
    return float(torch.pdist(vectors).median()) or 1.0


def in_parts(count: int) -> list[slice]:
    """Cut rows into parts whose likeness to the seen classes fits into memory."""
    return [slice(*ends) for ends in pairwise([*range(0, count, ROWS_AT_ONCE), count])]

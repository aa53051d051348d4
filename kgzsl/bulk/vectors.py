"""A column of lists to a matrix, and back; rows that are none are told with the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from kgzsl.bulk.places import arrow
from kgzsl.types import Float, Int, Tensor

__all__ = ["list_column", "vectors_of", "with_gaps"]

Read = tuple[Float[Tensor, "M D"], Int[Tensor, "M"], tuple[tuple[int, str], ...]]


def vectors_of(values: Any, dim: int) -> Read:
    """Return the matrix of the rows that are finite vectors of a dimension, those rows, and row and reason of others.

    Args:
        values: a pyarrow array of N lists of floats, of variable or fixed length.
        dim: the dimension D.
    """
    pa, compute = arrow(), arrow("compute")
    lengths = compute.fill_null(compute.list_value_length(values), -1).to_numpy(zero_copy_only=False)
    fit = np.flatnonzero(lengths == dim)
    chosen = values if len(fit) == len(values) else values.take(pa.array(fit))
    flat = np.asarray(chosen.flatten().to_numpy(zero_copy_only=False))
    with np.errstate(over="ignore"):
        matrix = flat.astype(np.float32).reshape(len(fit), dim)
    finite = np.isfinite(matrix).all(axis=1)
    errors = {int(row): _reason(int(lengths[row]), dim) for row in np.flatnonzero(lengths != dim)}
    errors |= {int(row): "a value is not finite" for row in fit[~finite]}
    kept = matrix if finite.all() else matrix[finite]
    rows = torch.from_numpy(fit[finite].astype(np.int64))
    return torch.from_numpy(kept), rows, tuple(sorted(errors.items()))


def _reason(length: int, dim: int) -> str:
    return "there is no vector" if length < 0 else f"the vector has {length} numbers, not {dim}"


def list_column(values: Any, width: int) -> Any:
    """Return a pyarrow array of lists of a width, from N times as many values."""
    pa = arrow()
    offsets = pa.array(np.arange(0, len(values) + 1, width, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, values)


def with_gaps(values: Any, kept: Int[Tensor, "M"], count: int) -> Any:
    """Spread M values of a pyarrow array over ``count`` rows; the others are null."""
    pa = arrow()
    if len(values) == count:
        return values
    places = np.full(count, -1, dtype=np.int64)
    places[kept.numpy()] = np.arange(len(values))
    return values.take(pa.array(places, mask=places < 0))

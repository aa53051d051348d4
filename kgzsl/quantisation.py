"""Rows in 8 bits: int8 codes with a scale a row, a quarter of the bytes of float32, off by at most half a scale."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from kgzsl.types import Float, Int, Tensor

__all__ = ["expand", "is_finite", "quantise"]

LARGEST = 127
NUMBERS_AT_ONCE = 32_768
"""Numbers of half precision that are widened together: they stay in the cache, and one thread sees to them."""


def quantise(rows: Float[Tensor, "C S"]) -> tuple[Int[Tensor, "C S"], Float[Tensor, "C"]]:
    """Round rows to int8 with a scale a row: ``codes = round(v / scale)``, ``scale = max|v| / 127``.

    Returns:
        Codes (C, S) int8 and scales (C,) float32; a row of zeros stays one.

    Example:
        >>> codes, scales = quantise(torch.tensor([[1.0, -0.5], [0.0, 0.0]]))
        >>> codes.tolist()
        [[127, -64], [0, 0]]
    """
    rows = rows.float()
    scales = (rows.abs().amax(dim=1) / LARGEST).clamp(min=torch.finfo(torch.float32).tiny)
    return (rows / scales[:, None]).round().to(torch.int8), scales


def expand(codes: Int[Tensor, "C S"], scales: Float[Tensor, "C"]) -> Float[Tensor, "C S"]:
    """Return the float32 rows that codes and scales stand for: ``codes * scale``."""
    return codes.float() * scales.float()[:, None]


def is_finite(values: Float[Tensor, "..."]) -> bool:
    """Say whether all values are finite; one pass where they are, for a sum with one that is not is not finite.

    Example:
        >>> is_finite(torch.tensor([1.0, -2.0])), is_finite(torch.tensor([1.0, float("nan")]))
        (True, False)
    """
    wide = torch.promote_types(values.dtype, torch.float32)  # a sum of half precision would be too large for its own
    parts: Sequence[Tensor] = (values,)
    if values.dtype != wide and values.dim() and values.numel():
        parts = torch.split(values, max(1, NUMBERS_AT_ONCE // values[0].numel()))
    return all(bool(torch.isfinite(part.to(wide).sum())) or bool(torch.isfinite(part).all()) for part in parts)

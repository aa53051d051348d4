"""Exact dropout with a random bit an entry: masks stay packed and are unpacked piece by piece, in the cache.

Dropout multiplies each input by 0 or by ``1 / (1 - p)``. Written plainly it costs more than the network here: the first
layer's input has millions of entries, of which each epoch draws, converts and multiplies floating-point masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from kgzsl.types import Bool, Float, Int, Tensor

__all__ = ["DropoutMask"]

BITS = 8
ENTRIES_AT_ONCE = 1 << 18
RESOLUTION = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class DropoutMask:
    """Which inputs dropout keeps, eight to a code.

    Args:
        codes: numbers from 0 to 255, entry 8 i + j of the flattened input is bit j of code i.
        shape: of the input, (M, F).
        dropout: probability to drop, which gives the scale ``1 / (1 - dropout)``.
    """

    codes: Int[Tensor, "B"]
    shape: tuple[int, int]
    dropout: float

    @classmethod
    def draw(
        cls, shape: tuple[int, int], dropout: float, generator: torch.Generator, device: torch.device
    ) -> DropoutMask:
        """Draw a mask: one random bit an entry where dropout is 0.5, else one random 16-bit number an entry."""
        count = -(-shape[0] * shape[1] // BITS)
        if dropout == 0.5:
            codes = torch.empty(count, dtype=torch.int32, device=device).random_(0, 1 << BITS, generator=generator)
            return cls(codes, shape, dropout)
        numbers = torch.empty((count, BITS), dtype=torch.int32, device=device)
        kept = numbers.random_(0, RESOLUTION, generator=generator) >= round(dropout * RESOLUTION)
        return cls(_pack(kept), shape, dropout)

    @classmethod
    def of(cls, kept: Bool[Tensor, "M F"], dropout: float) -> DropoutMask:
        """Make a mask of given decisions: True keeps an entry."""
        bits = torch.zeros(-(-kept.numel() // BITS) * BITS, dtype=torch.bool, device=kept.device)
        bits[: kept.numel()] = kept.flatten()
        return cls(_pack(bits.view(-1, BITS)), (kept.shape[0], kept.shape[1]), dropout)

    def dense(self) -> Bool[Tensor, "M F"]:
        """Return the decisions entry by entry."""
        places = torch.arange(BITS, dtype=torch.int32, device=self.codes.device)
        bits = (self.codes[:, None] >> places).bitwise_and_(1).view(-1)  # (8 B,)
        return bits[: self.shape[0] * self.shape[1]].view(self.shape).bool()

    def apply(self, x: Float[Tensor, "M F"]) -> Float[Tensor, "M F"]:
        """Return ``x mask / (1 - dropout)``; the gradient passes the same way."""
        dropped: Tensor = _Drop.apply(x, self)  # type: ignore[no-untyped-call]
        return dropped

    def multiply(self, x: Float[Tensor, "M F"]) -> Float[Tensor, "M F"]:
        """Return ``x mask / (1 - dropout)`` outside of autograd."""
        table = _table(self.dropout, x)  # (256, 8)
        y = torch.empty_like(x, memory_format=torch.contiguous_format)
        flat_x, flat_y = x.contiguous().view(-1), y.view(-1)
        step = ENTRIES_AT_ONCE if x.device.type == "cpu" else flat_x.numel()
        for start in range(0, flat_x.numel(), max(step, 1)):
            piece = flat_x[start : start + step]
            codes = self.codes[start // BITS : -(-(start + len(piece)) // BITS)]
            factors = table.index_select(0, codes).view(-1)[: len(piece)]
            torch.mul(piece, factors, out=flat_y[start : start + len(piece)])
        return y


def _pack(kept: Bool[Tensor, "B 8"]) -> Int[Tensor, "B"]:
    powers = 1 << torch.arange(BITS, dtype=torch.int32, device=kept.device)
    return (kept * powers).sum(dim=1, dtype=torch.int32)


def _table(dropout: float, like: Tensor) -> Float[Tensor, "256 8"]:
    """Return the factors of the eight entries of every code."""
    codes = torch.arange(1 << BITS, dtype=torch.int32, device=like.device)
    places = torch.arange(BITS, dtype=torch.int32, device=like.device)
    kept = (codes[:, None] >> places).bitwise_and_(1)
    return kept.to(like.dtype) / (1.0 - dropout)


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: DropoutMask) -> Tensor:
        ctx.mask = mask
        return mask.multiply(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None]:
        return (ctx.mask.multiply(gradients[0]) if ctx.needs_input_grad[0] else None), None

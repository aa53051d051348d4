"""Exact dropout with a random bit an entry: masks stay packed and are unpacked piece by piece, in the cache.

Dropout multiplies each input by 0 or by ``1 / (1 - p)``. Written plainly it costs more than the network here: the first
layer's input has millions of entries, of which each epoch draws, converts and multiplies floating-point masks, and for
whose result it asks the system for new memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from kgzsl.types import Bool, Float, Int, Tensor, UInt8

__all__ = ["DropoutMask"]

BITS = 8
WORD = 64
ENTRIES_AT_ONCE = 1 << 18
RESOLUTION = 1 << 16


@dataclass(slots=True, eq=False)
class DropoutMask:
    """Which inputs dropout keeps, eight to a code.

    Args:
        codes: bytes, entry 8 i + j of the flattened input is bit j of code i; there may be more than are needed.
        shape: of the input, (M, F).
        dropout: probability to drop, which gives the scale ``1 / (1 - dropout)``.
    """

    codes: UInt8[Tensor, "B"]
    shape: tuple[int, int]
    dropout: float
    _room: Tensor | None = field(default=None, init=False)

    @classmethod
    def draw(
        cls, shape: tuple[int, int], dropout: float, generator: torch.Generator, device: torch.device
    ) -> DropoutMask:
        """Draw a mask: one random bit an entry where dropout is 0.5, else one random 16-bit number an entry."""
        words = -(-shape[0] * shape[1] // WORD)
        mask = cls(torch.empty(words * WORD // BITS, dtype=torch.uint8, device=device), shape, dropout)
        return mask.draw_again(generator)

    def draw_again(self, generator: torch.Generator) -> DropoutMask:
        """Draw the decisions anew in their place and return the mask itself."""
        if self.dropout == 0.5:
            self.codes.view(torch.int64).random_(-(1 << (WORD - 1)), None, generator=generator)
            return self
        numbers = torch.empty((len(self.codes), BITS), dtype=torch.int32, device=self.codes.device)
        kept = numbers.random_(0, RESOLUTION, generator=generator) >= round(self.dropout * RESOLUTION)
        self.codes.copy_(_pack(kept))
        return self

    @classmethod
    def of(cls, kept: Bool[Tensor, "M F"], dropout: float) -> DropoutMask:
        """Make a mask of given decisions: True keeps an entry."""
        bits = torch.zeros(-(-kept.numel() // WORD) * WORD, dtype=torch.bool, device=kept.device)
        bits[: kept.numel()] = kept.flatten()
        return cls(_pack(bits.view(-1, BITS)), (kept.shape[0], kept.shape[1]), dropout)

    def dense(self) -> Bool[Tensor, "M F"]:
        """Return the decisions entry by entry."""
        places = torch.arange(BITS, dtype=torch.uint8, device=self.codes.device)
        bits = (self.codes[:, None] >> places).bitwise_and_(1).view(-1)  # (8 B,)
        return bits[: self.shape[0] * self.shape[1]].view(self.shape).bool()

    def of_rows(self, rows: Int[Tensor, "R"], out: DropoutMask | None = None) -> DropoutMask:
        """Return the decisions of some rows of the input, in that order.

        Args:
            rows: the rows.
            out: what an earlier call of as many rows returned, which is written over and returned; None for a new mask.
        """
        count, width = self.shape
        if width % BITS:
            found = DropoutMask.of(self.dense()[rows], self.dropout)
        else:
            codes = self.codes[: count * width // BITS].view(count, width // BITS)
            found = DropoutMask(codes.index_select(0, rows).view(-1), (len(rows), width), self.dropout)
        if out is None:
            return found
        out.codes = found.codes
        return out

    def apply(self, x: Float[Tensor, "M F"]) -> Float[Tensor, "M F"]:
        """Return ``x mask / (1 - dropout)``; the gradient passes the same way.

        What comes of an input without gradient stands until the mask is applied to the next such input.
        """
        if x.requires_grad:
            dropped: Tensor = _Drop.apply(x, self)  # type: ignore[no-untyped-call]
            return dropped
        if self._room is None or self._room.shape != x.shape or self._room.dtype != x.dtype:
            self._room = torch.empty_like(x, memory_format=torch.contiguous_format)
        return self.multiply(x, self._room)

    def multiply(self, x: Float[Tensor, "M F"], out: Float[Tensor, "M F"] | None = None) -> Float[Tensor, "M F"]:
        """Return ``x mask / (1 - dropout)`` outside of autograd.

        Args:
            x: the input.
            out: where to write it, contiguous and maybe x itself; None for new memory.
        """
        table = _table(self.dropout, x)  # (256, 8)
        y = torch.empty_like(x, memory_format=torch.contiguous_format) if out is None else out
        flat_x, flat_y = x.contiguous().view(-1), y.view(-1)
        step = ENTRIES_AT_ONCE if x.device.type == "cpu" else max(flat_x.numel(), 1)
        factors = table.new_empty(min(-(-step // BITS), len(self.codes)), BITS)
        for start in range(0, flat_x.numel(), step):
            piece = flat_x[start : start + step]
            codes = self.codes[start // BITS : -(-(start + len(piece)) // BITS)]
            found = torch.index_select(table, 0, codes.int(), out=factors[: len(codes)])
            torch.mul(piece, found.view(-1)[: len(piece)], out=flat_y[start : start + len(piece)])
        return y


def _pack(kept: Bool[Tensor, "B 8"]) -> UInt8[Tensor, "B"]:
    powers = 1 << torch.arange(BITS, dtype=torch.uint8, device=kept.device)
    return (kept * powers).sum(dim=1, dtype=torch.uint8)


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

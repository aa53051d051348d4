"""Encoders that stand in for a model: what they make of a text can be written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

MINILM = "sentence-transformers/all-MiniLM-L6-v2@53aa51172d14"


class StandIn:
    """An encoder that computes the vector of each text, and keeps what it was asked.

    Args:
        vector: from a text to its vector.
        encoder_id: what it is recorded as.
        dim: how long the vectors are.
    """

    def __init__(self, vector: Callable[[str], torch.Tensor], encoder_id: str, dim: int) -> None:
        self.vector, self.id, self.dim = vector, encoder_id, dim
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Encode texts one by one."""
        self.asked += texts
        return torch.stack([self.vector(text) for text in texts])


def seeded(encoder_id: str = MINILM, dim: int = 384) -> StandIn:
    """Return an encoder that gives each text a direction of its own."""

    def vector(text: str) -> torch.Tensor:
        row = torch.randn(dim, generator=torch.Generator().manual_seed(sum(map(ord, text))))
        return torch.nn.functional.normalize(row, dim=0)

    return StandIn(vector, encoder_id, dim)


def lengths() -> StandIn:
    """Return an encoder that makes (its length, 1) of a text."""
    return StandIn(lambda text: torch.tensor([float(len(text)), 1.0]), "length@111111111111", 2)


def letters() -> StandIn:
    """Return an encoder that makes the unit vector of (how many o, how many a, 1) of a text."""

    def vector(text: str) -> torch.Tensor:
        row = torch.tensor([text.count("o"), text.count("a"), 1.0])
        return row / row.norm()

    return StandIn(vector, "letters@111111111111", 3)

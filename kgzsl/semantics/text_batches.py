"""Texts through an encoder's model in chunks, each kept in the cache as soon as it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from kgzsl.errors import SemanticsError
from kgzsl.runtime import progress
from kgzsl.semantics.vector_cache import VectorCache
from kgzsl.types import Float, Tensor

__all__ = ["CHUNK", "encode_in_chunks", "unit_rows"]

CHUNK = 512


def encode_in_chunks(
    texts: Sequence[str], encode_fresh: Callable[[list[str]], Tensor], cache: VectorCache | None
) -> Float[Tensor, "C S"]:
    """Encode texts, one row a text, in the order given.

    The longest come first, in chunks whose borders depend on the texts alone, so that a killed run, whose finished
    chunks are in the cache, goes on to the same bits.

    Args:
        texts: C texts; equal ones are encoded once.
        encode_fresh: returns the rows of texts that are not in the cache.
        cache: where rows are kept by content, or None.

    Raises:
        SemanticsError: there is no text.
    """
    order = sorted(set(texts), key=lambda text: (-len(text), text))
    if not order:
        raise SemanticsError("There is no text to encode; give at least one class.")
    parts = []
    with progress("encoding texts", len(order)) as advance:
        for start in range(0, len(order), CHUNK):
            chunk = order[start : start + CHUNK]
            parts.append(_encode_chunk(chunk, encode_fresh, cache))
            advance(len(chunk))
    row = {text: number for number, text in enumerate(order)}
    return torch.cat(parts)[[row[text] for text in texts]]  # (C, S)


def _encode_chunk(
    chunk: list[str], encode_fresh: Callable[[list[str]], Tensor], cache: VectorCache | None
) -> Float[Tensor, "K S"]:
    known = dict(cache.find(chunk)) if cache else {}
    if fresh := [text for text in chunk if text not in known]:
        vectors = encode_fresh(fresh)
        if cache:
            cache.add(fresh, vectors)
        known |= dict(zip(fresh, vectors))
    return torch.stack([known[text] for text in chunk])  # (K, S)


def unit_rows(found: Float[Tensor, "C S"], texts: Sequence[str], encoder: str) -> Float[Tensor, "C S"]:
    """Return what a model gave for texts as unit rows, float32, out of inference mode and fit for autograd.

    Raises:
        SemanticsError: a text got no direction (a vector of zeros).
    """
    vectors = torch.empty(found.shape, dtype=torch.float32).copy_(found)
    lengths = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    if bool((lengths == 0).any()):
        text = texts[int((lengths[:, 0] == 0).nonzero()[0])]
        raise SemanticsError(
            f"Encoder {encoder!r} gives {text!r} a vector of zeros; describe the class in words it knows."
        )
    unit: Tensor = vectors / lengths
    return unit

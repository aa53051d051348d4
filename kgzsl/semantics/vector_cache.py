"""Vectors of texts kept by content, so that no text is encoded twice and a killed run goes on where it was.

A shard is one safetensors file of the texts encoded together: ``keys`` (K, 32) uint8 = sha256 of encoder id and
text, ``vectors`` (K, S). Its name is the sha256 of its keys, so that the same texts land in the same file.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from kgzsl.errors import KgzslError, StorageError
from kgzsl.runtime import cache_home, load_tensors, save_tensors
from kgzsl.types import Float, PathLike, Tensor

__all__ = ["VectorCache"]

logger = logging.getLogger(__name__)
DIGEST = 32


class VectorCache:
    """The stored vectors of one encoder.

    Args:
        encoder: id of the encoder; part of every key.
        folder: where shards lie; by default ``embeddings`` in the cache folder.
    """

    def __init__(self, encoder: str, folder: PathLike | None = None) -> None:
        root = Path(folder) if folder is not None else cache_home() / "embeddings"
        self.encoder = encoder
        self.folder = root / hashlib.sha256(encoder.encode()).hexdigest()[:16]
        self._places: dict[bytes, tuple[Path, int]] = {}
        self._known: set[str] = set()

    def key(self, text: str) -> bytes:
        """Return the sha256 of encoder id and text."""
        return hashlib.sha256(f"{self.encoder}\0{text}".encode()).digest()

    def find(self, texts: Sequence[str]) -> Mapping[str, Float[Tensor, "S"]]:
        """Return the vectors of those texts that are stored; damaged shards count as absent."""
        self._list_shards()
        wanted: dict[Path, list[tuple[str, int]]] = defaultdict(list)
        for text in texts:
            if place := self._places.get(self.key(text)):
                wanted[place[0]].append((text, place[1]))
        found: dict[str, Tensor] = {}
        for path, rows in wanted.items():
            shard = self._read(path)
            found |= {text: shard[1][row] for text, row in rows} if shard else {}
        return found

    def add(self, texts: Sequence[str], vectors: Float[Tensor, "K S"]) -> None:
        """Store vectors of texts; a folder that cannot be written only costs the cache, and is logged."""
        keys = b"".join(self.key(text) for text in texts)
        path = self.folder / f"{hashlib.sha256(keys).hexdigest()}.safetensors"
        rows = torch.frombuffer(bytearray(keys), dtype=torch.uint8).reshape(-1, DIGEST)  # (K, 32)
        try:
            save_tensors(path, {"keys": rows, "vectors": vectors.float()}, {"encoder": self.encoder})
        except StorageError as error:
            logger.warning("Vectors are not cached: %s", error)
            return
        self._place(path, rows)

    def _list_shards(self) -> None:
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob("*.safetensors")):
            if path.name not in self._known and (shard := self._read(path)):
                self._place(path, shard[0])

    def _place(self, path: Path, keys: Tensor) -> None:
        self._known.add(path.name)
        content = keys.numpy().tobytes()
        for row in range(len(keys)):
            self._places[content[row * DIGEST : (row + 1) * DIGEST]] = (path, row)

    def _read(self, path: Path) -> tuple[Tensor, Tensor] | None:
        """Read a shard: keys and vectors, or None where it is gone or damaged."""
        try:
            tensors, _ = load_tensors(path)
            keys, vectors = tensors["keys"], tensors["vectors"]
        except (KgzslError, OSError, KeyError) as error:
            logger.info("Ignoring damaged cache file %s: %s", path, error)
            return None
        if keys.shape != (len(vectors), DIGEST) or vectors.ndim != 2 or not bool(torch.isfinite(vectors).all()):
            return None
        return keys, vectors

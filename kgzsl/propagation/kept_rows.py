"""Where the rows that a layer puts out are kept: in memory, or in half precision in a file read where needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch

from kgzsl.types import Float, PathLike, Tensor

__all__ = ["Keep", "KeptRows", "in_files", "in_memory"]


@runtime_checkable
class KeptRows(Protocol):
    """Rows that come block by block, first to last."""

    def put(self, block: Float[Tensor, "R W"]) -> None:
        """Keep the next rows."""
        ...

    def whole(self) -> Float[Tensor, "C W"]:
        """Return all rows, when the last one is there."""
        ...


Keep: TypeAlias = Callable[[int, int, int], KeptRows]
"""Number of the layer, counted from 0, number of rows, width of a row -> where they are kept."""


class _RowsInMemory:
    def __init__(self, count: int, width: int) -> None:
        self._rows, self._next = torch.empty(count, width), 0

    def put(self, block: Float[Tensor, "R W"]) -> None:
        self._rows[self._next : self._next + len(block)] = block
        self._next += len(block)

    def whole(self) -> Float[Tensor, "C W"]:
        return self._rows


class _RowsInFile:
    """Rows that are written as they come: only the block at hand is in memory. Read-only when all are there."""

    def __init__(self, path: Path, count: int, width: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._shape = path, (count, width)
        path.write_bytes(b"")

    def put(self, block: Float[Tensor, "R W"]) -> None:
        with self._path.open("ab") as file:
            block.to("cpu", torch.float16).numpy().tofile(file)

    def whole(self) -> Float[Tensor, "C W"]:
        if not all(self._shape):
            return torch.empty(self._shape, dtype=torch.float16)
        # a private map is writable, as torch wants it; what is written there never reaches the file
        return torch.from_numpy(np.memmap(self._path, dtype=np.float16, mode="c", shape=self._shape))


def in_memory(_layer: int, count: int, width: int) -> KeptRows:
    """Keep rows in memory, in single precision."""
    return _RowsInMemory(count, width)


def in_files(folder: PathLike) -> Keep:
    """Keep rows in half precision, a file ``layer-N.f16`` a layer, of which pages are read where rows are asked for.

    Args:
        folder: where the files go; they must stay as long as the rows are used.
    """
    return lambda layer, count, width: _RowsInFile(Path(folder) / f"layer-{layer}.f16", count, width)

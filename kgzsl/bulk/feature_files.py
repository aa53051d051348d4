"""The project's feature files as a source; the ids are the paths they name, or ``row 7``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from kgzsl.bulk.places import Place, arrow
from kgzsl.bulk.sources import Block, Rows
from kgzsl.errors import InputFileError
from kgzsl.features import FeatureFile
from kgzsl.runtime import sha256_file

__all__ = ["FeatureSource"]


@dataclass(frozen=True)
class FeatureSource:
    """A feature file of which some rows are read at a time.

    Args:
        place: the file, on this machine.
        backbone: id of the backbone of its features.
        dim: their dimension.
        num_rows: how many there are.
    """

    place: Place
    backbone: str
    dim: int
    num_rows: int
    has_pictures = False

    @classmethod
    def open(cls, place: Place) -> FeatureSource:
        """Open a file.

        Raises:
            InputFileError: it is in an object store, holds no features, or none.
            CorruptFileError: it is damaged.
        """
        if place.local is None:
            raise InputFileError(
                f"Feature files are read from this machine only; copy {place}, or write it as Parquet."
            )
        file = FeatureFile(place.local)
        if not len(file):
            raise InputFileError(f"{place} holds no rows.")
        return cls(place, file.backbone, file.shape[1], len(file))

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}  # workers open their own file

    @cached_property
    def _file(self) -> FeatureFile:
        assert self.place.local is not None  # checked when it was opened
        return FeatureFile(self.place.local)

    @property
    def id_type(self) -> Any:
        """The pyarrow type of its ids."""
        return arrow().string()

    def record(self) -> dict[str, Any]:
        """Return what tells it from another source."""
        return {"kind": "features", "rows": self.num_rows, "sha256": sha256_file(str(self.place.local))}

    def blocks(self, rows: int) -> list[Block]:
        """Cut it into blocks of so many rows."""
        starts = range(0, self.num_rows, rows)
        return [
            Block(number, (("", 0, start, min(start + rows, self.num_rows)),)) for number, start in enumerate(starts)
        ]

    def read(self, block: Block, rows: int) -> Iterator[Rows]:
        """Read a block, at most so many rows at a time."""
        for _, _, first, end in block.parts:
            for start in range(first, end, rows):
                part = self._file.read(start, min(start + rows, end))
                names = part.paths or tuple(f"row {row}" for row in range(start, start + len(part)))
                yield Rows(arrow().array(names), part.features.float(), torch.arange(len(part)))

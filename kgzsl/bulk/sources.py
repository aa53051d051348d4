"""What is read in bulk, cut into blocks: the same blocks whoever reads them, and however often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol, runtime_checkable

from kgzsl.bulk.places import Place
from kgzsl.errors import InputFileError
from kgzsl.types import Float, Int, PathLike, Tensor

__all__ = ["Block", "PictureRows", "Rows", "Source", "open_source"]


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a source, small enough to be handed around.

    Args:
        number: its place among the blocks, from 0.
        parts: what to read, in order: a file's name below the source (empty for the source itself), a group of
            rows in it, and the rows from start to below stop of that group.
    """

    number: int
    parts: tuple[tuple[str, int, int, int], ...]

    @property
    def num_rows(self) -> int:
        """How many rows it has."""
        return sum(stop - start for _, _, start, stop in self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some rows of a source, with features.

    Args:
        ids: a pyarrow array of N ids.
        features: (M, D), float32, of the rows that have some.
        kept: (M,) those rows, ascending.
        errors: row and reason of the N - M others.
    """

    ids: Any
    features: Float[Tensor, "M D"]
    kept: Int[Tensor, "M"]
    errors: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PictureRows:
    """Some rows of a source, with pictures that are not decoded.

    Args:
        ids: a pyarrow array of N ids.
        names: what messages call them.
        pictures: of each row the bytes, the place of a file, or None where it has no picture.
    """

    ids: Any
    names: tuple[str, ...]
    pictures: tuple[bytes | Place | None, ...]


@runtime_checkable
class Source(Protocol):
    """Rows to work on."""

    @property
    def place(self) -> Place:
        """Where they are."""
        ...

    @property
    def has_pictures(self) -> bool:
        """Whether rows are pictures, not features."""
        ...

    @property
    def backbone(self) -> str | None:
        """Id of the backbone of its features, where it tells."""
        ...

    @property
    def dim(self) -> int | None:
        """Their dimension, where it is known beforehand."""
        ...

    @property
    def id_type(self) -> Any:
        """The pyarrow type of its ids."""
        ...

    def record(self) -> dict[str, Any]:
        """Return what tells it from another source, for the record of the output."""
        ...

    def blocks(self, rows: int) -> list[Block]:
        """Cut it into blocks of about so many rows."""
        ...

    def read(self, block: Block, rows: int) -> Iterator[Rows | PictureRows]:
        """Read a block, at most so many rows at a time."""
        ...


def open_source(source: PathLike, column: str | None = None, id_column: str = "id") -> Source:
    """Open a folder or list of pictures, a Parquet file or folder, or a feature file.

    Args:
        source: a path or address; Parquet is told by its ending, in a folder by that of its files.
        column: of Parquet, the one with vectors or pictures; by default the only one that can be.
        id_column: of Parquet, the one that names rows.

    Raises:
        InputFileError: it is missing, empty, or nothing that can be read; a column is missing.
        CorruptFileError: a file is damaged.
        MissingDependencyError: pyarrow is not installed.
    """
    from kgzsl.bulk.feature_files import FeatureSource
    from kgzsl.bulk.parquet import ParquetSource, is_parquet
    from kgzsl.bulk.picture_files import PictureSource

    place = Place.of(source)
    kind = place.kind()
    if kind == "nothing":
        raise InputFileError(
            f"There is nothing at {place}; give a folder or list of pictures, Parquet, or a feature file."
        )
    ending = PurePosixPath(place.address).suffix.lower()
    if kind == "file" and ending == ".safetensors":
        return FeatureSource.open(place)
    entries = place.entries()
    if any(is_parquet(one.name or place.address) for one in entries):
        return ParquetSource.open(place, entries, column, id_column)
    return PictureSource.open(place, entries)

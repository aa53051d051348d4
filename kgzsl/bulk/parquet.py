"""Parquet files as a source: a column of vectors, or of pictures as bytes, beside one of ids.

Blocks end where groups of rows end; only a group of more rows than a block is cut. Parquet is read group by group and
a few rows at a time, so that memory does not grow with the files.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from kgzsl.bulk.places import Entry, Place, arrow
from kgzsl.bulk.sources import Block, PictureRows, Rows
from kgzsl.bulk.vectors import vectors_of
from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.runtime import sha256_text

__all__ = ["BACKBONE", "ParquetSource", "is_parquet"]

PARQUET = (".parquet", ".pq")
BACKBONE = b"kgzsl.backbone"
"""Under this key the schema of Parquet files of features names their backbone."""
FOOTERS_AT_ONCE = 16


def is_parquet(name: str) -> bool:
    """Say whether a file is Parquet by its ending; a name that begins with an underscore is a note beside the data."""
    path = PurePosixPath(name)
    return path.suffix.lower() in PARQUET and not path.name.startswith("_")


@dataclass(frozen=True)
class ParquetSource:
    """Rows of Parquet files.

    Args:
        place: the file, or the folder they are below.
        files: the files, in order.
        groups: of each file, how many rows each group has.
        column: the column of vectors or pictures.
        id_column: the column that names rows.
        id_type: its pyarrow type.
        has_pictures: whether rows are pictures.
        backbone: id of the backbone of the vectors, where the files tell.
        dim: their dimension.
    """

    place: Place
    files: tuple[Entry, ...]
    groups: tuple[tuple[int, ...], ...]
    column: str
    id_column: str
    id_type: Any
    has_pictures: bool
    backbone: str | None
    dim: int | None

    def __getstate__(self) -> dict[str, Any]:
        state = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**state, "files": (), "groups": ()}  # a block names its own

    @classmethod
    def open(cls, place: Place, entries: tuple[Entry, ...], column: str | None, id_column: str) -> ParquetSource:
        """Open files; the first one's columns are those of all.

        Raises:
            InputFileError: a column is missing or of the wrong kind, or there are no rows.
            CorruptFileError: a file is damaged.
        """
        files = tuple(one for one in entries if is_parquet(one.name or place.address))
        with ThreadPoolExecutor(FOOTERS_AT_ONCE) as pool:
            groups = tuple(pool.map(lambda one: _group_sizes(place, one.name, id_column), files))
        filled = next((file.name for file, sizes in zip(files, groups) if sum(sizes)), None)
        if filled is None:
            raise InputFileError(f"{place} holds no rows.")
        with _opened(place, filled) as file:
            schema = file.schema_arrow
            chosen = _choose(schema, column, id_column, str(place.below(filled)))
            kind = schema.field(chosen).type
            dim = None if _is_picture(kind) else _first_length(file, chosen, str(place.below(filled)))
        backbone = (schema.metadata or {}).get(BACKBONE, b"").decode() or None
        id_type = schema.field(id_column).type
        return cls(place, files, groups, chosen, id_column, id_type, _is_picture(kind), backbone, dim)

    def record(self) -> dict[str, Any]:
        """Return what tells it from another source."""
        listing = [f"{one.name}\t{one.size}\t{one.changed}\t{sizes}" for one, sizes in zip(self.files, self.groups)]
        columns = {"column": self.column, "id_column": self.id_column}
        rows = sum(map(sum, self.groups))
        return {"kind": "parquet", **columns, "rows": rows, "sha256": sha256_text("\n".join(listing))}

    def blocks(self, rows: int) -> list[Block]:
        """Cut it into blocks of about so many rows: whole groups together, or parts of a large group."""
        found: list[Block] = []
        waiting: list[tuple[str, int, int, int]] = []
        count = 0
        for name, group, size in self._all_groups():
            if waiting and count + size > rows:
                found.append(Block(len(found), tuple(waiting)))
                waiting, count = [], 0
            if size > rows:
                cuts = [(name, group, start, min(start + rows, size)) for start in range(0, size, rows)]
                found += [Block(len(found) + place, (cut,)) for place, cut in enumerate(cuts)]
            elif size:
                waiting.append((name, group, 0, size))
                count += size
        return [*found, Block(len(found), tuple(waiting))] if waiting else found

    def _all_groups(self) -> Iterator[tuple[str, int, int]]:
        for file, sizes in zip(self.files, self.groups):
            yield from ((file.name, group, size) for group, size in enumerate(sizes))

    def read(self, block: Block, rows: int) -> Iterator[Rows | PictureRows]:
        """Read a block, at most so many rows at a time.

        Raises:
            CorruptFileError: a file is damaged, or is not the one that was there when the source was opened.
        """
        for name, group, start, stop in block.parts:
            with _opened(self.place, name) as file:
                for batch in _batches(file, group, [self.id_column, self.column], rows, (start, stop)):
                    yield self._rows(batch)

    def _rows(self, batch: Any) -> Rows | PictureRows:
        ids, values = batch.column(self.id_column), batch.column(self.column)
        if not self.has_pictures:
            return Rows(ids, *vectors_of(values, self.dim or 0))
        names = tuple(f"{self.column} of {self.id_column} {one}" for one in ids.to_pylist())
        return PictureRows(ids, names, _pictures(values))


@contextmanager
def _opened(place: Place, name: str) -> Iterator[Any]:
    """Open a Parquet file; what pyarrow says of a damaged one becomes an error of ours."""
    pa = arrow()
    with place.reading(name) as stream:
        try:
            yield arrow("parquet").ParquetFile(stream, pre_buffer=False, buffer_size=1 << 20)
        except (pa.ArrowException, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise CorruptFileError(f"{place.below(name)} cannot be read as Parquet: {reason}") from error


def _group_sizes(place: Place, name: str, id_column: str) -> tuple[int, ...]:
    with _opened(place, name) as file:
        if id_column not in file.schema_arrow.names:
            raise InputFileError(
                f"{place.below(name)} has no column {id_column!r} to name its rows; name one with --id "
                f"(id_column=...): {', '.join(file.schema_arrow.names)}."
            )
        return tuple(file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups))


def _batches(file: Any, group: int, columns: list[str], rows: int, wanted: tuple[int, int]) -> Iterator[Any]:
    """Yield the rows from start to below stop of a group, at most so many at a time, cut at the same places always."""
    start, stop = wanted
    at = 0
    for batch in file.iter_batches(batch_size=rows, row_groups=[group], columns=columns, use_threads=False):
        first, end = max(start - at, 0), min(stop - at, len(batch))
        if first < end:
            yield batch.slice(first, end - first)
        at += len(batch)
        if at >= stop:
            return
    if at < stop:
        raise CorruptFileError(f"A group of rows has {at} of its {stop} rows; the file was changed while it was read.")


def _is_picture(kind: Any) -> bool:
    types = arrow().types
    if types.is_struct(kind):  # as the Hugging Face hub stores pictures
        return any(field.name == "bytes" and _is_picture(field.type) for field in kind)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _is_vector(kind: Any) -> bool:
    types = arrow().types
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(is_list and types.is_floating(kind.value_type))


def _choose(schema: Any, column: str | None, id_column: str, file: str) -> str:
    """Return the column of vectors or pictures."""
    fit = [one.name for one in schema if one.name != id_column and (_is_vector(one.type) or _is_picture(one.type))]
    if column is None and len(fit) == 1:
        return str(fit[0])
    if column in fit:
        return str(column)
    asked = "no column was named" if column is None else f"{column!r} was asked for"
    raise InputFileError(
        f"{file} needs a column of vectors (lists of floats) or of pictures (bytes); {asked}, and those that can "
        f"be are {', '.join(fit) or 'none'}. Name one with --column (column=...)."
    )


def _first_length(file: Any, column: str, name: str) -> int:
    """Return the length of the first vector."""
    kind = file.schema_arrow.field(column).type
    if arrow().types.is_fixed_size_list(kind):
        return int(kind.list_size)
    for batch in file.iter_batches(batch_size=64, columns=[column]):
        for one in batch.column(0):
            if one.is_valid:
                return len(one)
    raise InputFileError(f"Column {column!r} of {name} holds no vector.")


def _pictures(values: Any) -> tuple[bytes | None, ...]:
    if arrow().types.is_struct(values.type):
        values = values.field("bytes") if values.null_count == 0 else arrow("compute").struct_field(values, "bytes")
    return tuple(values.to_pylist())

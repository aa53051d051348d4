"""The folder of results: a Parquet file a block, and the record of what they are made from.

| file                     | holds                                                                 |
|--------------------------|-----------------------------------------------------------------------|
| ``_manifest.json``       | the task, the source and how it is cut; written first                  |
| ``part-00000012.parquet`` | the rows of block 12, in order; there whole or not at all              |
| ``_done.json``           | rows, rows with an error, blocks; written once every block is there    |

Readers of Parquet folders pass over names that begin with an underscore.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from kgzsl.bulk.places import Place, arrow
from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.types import PathLike

__all__ = ["OutputFolder", "PartFacts"]

MANIFEST, DONE = "_manifest.json", "_done.json"
FACTS = b"kgzsl.block"
PART = re.compile(r"part-(\d{8})\.parquet")
OURS = re.compile(r"part-\d{8}\.parquet|_manifest\.json|_done\.json")


@dataclass(frozen=True, slots=True)
class PartFacts:
    """What is in a finished file.

    Args:
        number: of its block.
        rows: how many.
        errors: how many of them have an error instead of an answer.
    """

    number: int
    rows: int
    errors: int


@dataclass(frozen=True, slots=True)
class OutputFolder:
    """A folder of results; see `open`."""

    place: Place

    @classmethod
    def open(cls, folder: PathLike, manifest: Mapping[str, Any]) -> OutputFolder:
        """Begin a folder, or go on with one of the same task and source.

        Raises:
            InputFileError: it holds something else; the message says what differs.
        """
        place = Place.of(folder)
        if place.kind() == "file":
            raise InputFileError(f"{place} is a file; name a folder with --out.")
        names = [one.name for one in place.entries()] if place.kind() == "folder" else []
        if MANIFEST in names:
            _check_same(place, manifest)
        elif strange := [name for name in names if not OURS.fullmatch(name)]:
            raise InputFileError(f"{place} holds other files ({strange[0]}); name a new folder with --out.")
        else:
            place.write(MANIFEST, _json(manifest))
        return cls(place)

    def finished(self) -> frozenset[int]:
        """Return the numbers of the blocks that are done."""
        matches = (PART.fullmatch(one.name) for one in self.place.entries())
        return frozenset(int(match[1]) for match in matches if match)

    def write(self, number: int, table: Any) -> PartFacts:
        """Write the file of a block, whole or not at all.

        Raises:
            StorageError: that failed.
        """
        facts = PartFacts(number, table.num_rows, table.num_rows - table.column("error").null_count)
        noted = json.dumps({"number": number, "rows": facts.rows, "errors": facts.errors})
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), FACTS: noted})
        buffer = BytesIO()
        arrow("parquet").write_table(table, buffer, compression="zstd")
        self.place.write(_name(number), buffer.getvalue())
        return facts

    def facts(self, number: int) -> PartFacts:
        """Return what a finished file holds.

        Raises:
            CorruptFileError: it is damaged.
        """
        pa = arrow()
        with self.place.reading(_name(number)) as stream:
            try:
                noted = json.loads(arrow("parquet").read_schema(stream).metadata[FACTS])
                return PartFacts(int(noted["number"]), int(noted["rows"]), int(noted["errors"]))
            except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
                raise CorruptFileError(
                    f"{self.place.below(_name(number))} is damaged; remove it and run the command again."
                ) from error

    def finish(self, parts: Iterable[PartFacts], rows: int) -> None:
        """Note that every block is there.

        Raises:
            CorruptFileError: the rows of all files are not those of the source.
        """
        known = tuple(parts)
        found = sum(one.rows for one in known)
        if found != rows:
            raise CorruptFileError(
                f"{self.place} has {found:,} rows for {rows:,} of the source; write into a new folder and report this."
            )
        errors = sum(one.errors for one in known)
        self.place.write(DONE, _json({"rows": found, "errors": errors, "blocks": len(known)}))


def _name(number: int) -> str:
    return f"part-{number:08d}.parquet"


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(dict(value), indent=2, ensure_ascii=False) + "\n").encode()


def _check_same(place: Place, manifest: Mapping[str, Any]) -> None:
    with place.reading(MANIFEST) as stream:
        content = bytes(stream.read())
    try:
        found = json.loads(content)
    except ValueError as error:
        raise CorruptFileError(f"{place.below(MANIFEST)} is damaged; write into a new folder.") from error
    known = found if isinstance(found, dict) else {}
    wanted = json.loads(_json(manifest))
    differing = sorted(key for key in {*wanted, *known} if known.get(key) != wanted.get(key))
    if differing:
        told = ", ".join(f"{key} {_short(known.get(key))} there, {_short(wanted.get(key))} here" for key in differing)
        raise InputFileError(
            f"{place} holds the work of another command ({told}); give that command again to finish it, or name a new "
            "folder with --out."
        )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 24 else f"{text[:20]}...{text[-1]}"

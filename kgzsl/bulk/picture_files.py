"""A folder or list of pictures as a source, here or in an object store; the ids are their names below it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from kgzsl.bulk.places import Entry, Place, arrow
from kgzsl.bulk.sources import Block, PictureRows
from kgzsl.errors import InputFileError
from kgzsl.runtime import sha256_text
from kgzsl.vision.images import FORMATS, list_images

__all__ = ["PictureSource"]


@dataclass(frozen=True)
class PictureSource:
    """Pictures.

    Args:
        place: the folder their names are below.
        files: the pictures, in order.
    """

    place: Place
    files: tuple[Entry, ...]
    has_pictures = True
    backbone = None
    dim = None

    def __getstate__(self) -> dict[str, Any]:
        return {"place": self.place, "files": ()}  # a block names its own

    @classmethod
    def open(cls, place: Place, entries: tuple[Entry, ...]) -> PictureSource:
        """Take the pictures among the files of a folder, of a list, or the one picture.

        Raises:
            InputFileError: there is none, or a list is not on this machine.
        """
        if entries and entries[0].name == "":
            return cls._of_file(place, entries[0])
        files = tuple(one for one in entries if PurePosixPath(one.name).suffix.lower() in FORMATS)
        if not files:
            raise InputFileError(f"{place} holds neither Parquet nor pictures; known endings are {', '.join(FORMATS)}.")
        return cls(place, files)

    @classmethod
    def _of_file(cls, place: Place, entry: Entry) -> PictureSource:
        folder, _, name = place.address.rpartition("/")
        if PurePosixPath(name).suffix.lower() in FORMATS:
            return cls(Place(folder), (Entry(name, entry.size, entry.changed),))
        if place.local is None:
            raise InputFileError(
                f"Lists of pictures are read from this machine only; copy {place}, or name its folder."
            )
        return cls(Place(folder), tuple(_entry(image.name, image.path) for image in list_images(place.local)))

    @property
    def id_type(self) -> Any:
        """The pyarrow type of its ids."""
        return arrow().string()

    def record(self) -> dict[str, Any]:
        """Return what tells it from another source."""
        listing = "\n".join(f"{one.name}\t{one.size}\t{one.changed}" for one in self.files)
        return {"kind": "pictures", "rows": len(self.files), "sha256": sha256_text(listing)}

    def blocks(self, rows: int) -> list[Block]:
        """Cut it into blocks of so many pictures."""
        starts = range(0, len(self.files), rows)
        return [
            Block(number, tuple((one.name, 0, 0, 1) for one in self.files[start : start + rows]))
            for number, start in enumerate(starts)
        ]

    def read(self, block: Block, rows: int) -> Iterator[PictureRows]:
        """Read a block, at most so many pictures at a time; their files are opened when they are decoded."""
        names = [name for name, *_ in block.parts]
        for start in range(0, len(names), rows):
            some = tuple(names[start : start + rows])
            yield PictureRows(arrow().array(some), some, tuple(self._place(name) for name in some))

    def _place(self, name: str) -> Place:
        return Place.of(name) if name.startswith("/") else self.place.below(name)


def _entry(name: str, path: Any) -> Entry:
    try:
        found = path.stat()
    except OSError:
        return Entry(name, -1, 0)
    return Entry(name, found.st_size, found.st_mtime_ns)

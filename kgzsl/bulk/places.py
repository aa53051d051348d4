"""A folder or file on this machine or in an object store, by path or address (``s3://``, ``gs://``, ``file://``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from kgzsl.errors import InputFileError, MissingDependencyError, StorageError
from kgzsl.runtime import writing

__all__ = ["Entry", "Place", "arrow"]

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def arrow(name: str = "") -> ModuleType:
    """Import pyarrow, or one of its modules (``parquet``, ``fs``, ``compute``).

    Raises:
        MissingDependencyError: it is not installed.
    """
    import importlib

    try:
        return importlib.import_module(f"pyarrow.{name}" if name else "pyarrow")
    except ImportError as error:
        raise MissingDependencyError("Work in bulk needs pyarrow: pip install 'kgzsl[ray]'.") from error


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that was found.

    Args:
        name: its path below the folder that was listed.
        size: bytes.
        changed: when it was last written, in nanoseconds; 0 where the store does not tell.
    """

    name: str
    size: int
    changed: int


@dataclass(frozen=True)
class Place:
    """Where files are read or written.

    Args:
        address: a path, or an address such as ``s3://bucket/folder``; credentials come from the environment.
    """

    address: str

    def __getstate__(self) -> dict[str, str]:
        return {"address": self.address}  # workers open their own connections

    def __str__(self) -> str:
        return self.address

    @classmethod
    def of(cls, source: object) -> Place:
        """Return the place of a path or address; a relative path is told in full, for workers that stand elsewhere."""
        text = str(source)
        return cls(text if ADDRESS.match(text) else str(Path(text).expanduser().absolute()))

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        try:
            found, path = arrow("fs").FileSystem.from_uri(self.address)
        except (OSError, ValueError, ImportError) as error:
            raise InputFileError(f"Could not open {self.address}: {_first_line(error)}") from error
        return found, str(path)

    @cached_property
    def local(self) -> Path | None:
        """The path where it is on this machine, else None."""
        files, path = self._opened
        return Path(path) if files.type_name == "local" else None

    def below(self, name: str) -> Place:
        """Return the place of a file below this folder."""
        return Place(f"{self.address.rstrip('/')}/{name}") if name else self

    def kind(self) -> str:
        """Return ``file``, ``folder`` or ``nothing``."""
        files, path = self._opened
        try:
            found = files.get_file_info(path).type
        except OSError as error:
            raise InputFileError(f"Could not look at {self.address}: {_first_line(error)}") from error
        kinds = arrow("fs").FileType
        return {kinds.File: "file", kinds.Directory: "folder"}.get(found, "nothing")

    def entries(self) -> tuple[Entry, ...]:
        """Return the files of a folder and its sub-folders, or the file itself (with an empty name), sorted by name.

        Files and folders whose name begins with a dot are left out.
        """
        files, path = self._opened
        fs = arrow("fs")
        is_folder = self.kind() == "folder"
        try:
            found = files.get_file_info(fs.FileSelector(path, recursive=True) if is_folder else [path])
        except OSError as error:
            raise InputFileError(f"Could not list {self.address}: {_first_line(error)}") from error
        start = len(path.rstrip("/")) + 1
        listed = [
            Entry(one.path[start:], int(one.size or 0), int(one.mtime_ns or 0))
            for one in found
            if one.type == fs.FileType.File
        ]
        shown = [one for one in listed if not any(part.startswith(".") for part in one.name.split("/"))]
        return tuple(sorted(shown, key=lambda one: one.name))

    @contextmanager
    def reading(self, name: str = "") -> Iterator[Any]:
        """Open this file, or one below this folder, for reading at any position.

        Raises:
            InputFileError: it cannot be opened.
        """
        files, path = self._opened
        whole = f"{path.rstrip('/')}/{name}" if name else path
        try:
            opened = files.open_input_file(whole)
        except OSError as error:
            raise InputFileError(f"Could not read {self.below(name)}: {_first_line(error)}") from error
        with opened:
            yield opened

    def write(self, name: str, content: bytes) -> None:
        """Write a file below this folder, whole or not at all.

        A store shows an object once all of it is there; on this machine the file is renamed into its place.

        Raises:
            StorageError: that failed.
        """
        if self.local is not None:
            with writing(self.local / name) as temporary:
                temporary.write_bytes(content)
            return
        files, path = self._opened
        try:
            with files.open_output_stream(f"{path.rstrip('/')}/{name}") as stream:
                stream.write(content)
        except OSError as error:
            raise StorageError(f"Could not write {self.below(name)}: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__

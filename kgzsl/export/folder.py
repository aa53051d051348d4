"""The folder of an export: written beside its place, then renamed; nothing is replaced that no export has written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kgzsl import __version__
from kgzsl.errors import CorruptFileError, InputFileError, StorageError
from kgzsl.runtime import read_json, sha256_file, write_json
from kgzsl.types import PathLike

__all__ = ["MANIFEST", "check_place", "staged_folder", "write_manifest"]

MANIFEST = "kgzsl-export.json"
FORMAT = 1


def check_place(path: PathLike, overwrite: bool) -> None:
    """Refuse a place that holds anything but an export that shall be replaced.

    Raises:
        InputFileError: something is there; the message says what.
    """
    folder = Path(path)
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir() or folder.is_symlink():
        raise InputFileError(f"{folder} is there and is no folder; name another place.")
    found = {str(one.relative_to(folder)) for one in folder.rglob("*") if not one.is_dir() or one.is_symlink()}
    if not found:
        return
    strange = sorted(found - _own_files(folder))
    if strange:
        raise InputFileError(
            f"{folder} holds {len(strange)} files that no export has written there ({strange[0]!r} first); name an "
            "empty or new folder."
        )
    if not overwrite:
        raise InputFileError(f"{folder} holds an export already; name another folder, or replace it with --overwrite.")


def _own_files(folder: Path) -> set[str]:
    if not (folder / MANIFEST).is_file():
        return set()
    content = read_json(folder / MANIFEST)
    files = content.get("files") if isinstance(content, dict) else None
    if not isinstance(files, dict):
        raise CorruptFileError(f"{folder / MANIFEST} does not say what the export has written; name another folder.")
    return {MANIFEST, *files}


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write what an export is and the sha256 of every file in it."""
    written = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in written:
        path.chmod(0o666 & _mode())  # as any new file: some writers keep theirs to the user alone
    files = {path.relative_to(folder).as_posix(): sha256_file(path) for path in written}
    write_json(folder / MANIFEST, {"export": FORMAT, "kgzsl": __version__, **facts, "files": files})


@contextmanager
def staged_folder(path: PathLike, overwrite: bool) -> Iterator[Path]:
    """Yield an empty folder that takes the place of ``path`` when the block ends well.

    Raises:
        InputFileError: see `check_place`.
        StorageError: a write failed; what stood there is untouched.
    """
    target = Path(path)
    check_place(target, overwrite)
    staged: Path | None = None
    try:
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.absolute().parent))
        staged.chmod(_mode())
        yield staged
        check_place(target, overwrite)
        _put(staged, target)
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(
            f"Could not write {target}: {error.strerror or error}. What stood there is untouched; choose another place."
        ) from error
    finally:
        if staged is not None and staged.exists():
            shutil.rmtree(staged, ignore_errors=True)


def _mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o777 & ~mask


def _put(staged: Path, target: Path) -> None:
    """Rename a folder to its place; one that stands there is set aside first, and removed last."""
    if not target.exists():
        staged.rename(target)
        return
    aside = staged.with_name(f"{staged.name}.old")
    target.rename(aside)
    try:
        staged.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)

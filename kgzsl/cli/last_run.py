"""The run that ``kgzsl predict`` asks where none is named: the one trained last."""

from __future__ import annotations

import logging
from pathlib import Path

__all__ = ["last_run", "remember_run"]

FILE = "last-run.txt"
log = logging.getLogger(__name__)


def remember_run(run: Path) -> None:
    """Note a run as the last one, in the cache folder; where that cannot be written it is only logged."""
    from kgzsl.errors import StorageError
    from kgzsl.runtime import cache_home, write_text

    try:
        write_text(cache_home() / FILE, f"{run.resolve()}\n")
    except StorageError as error:
        log.warning("The run is not noted as the last one: %s", error)


def last_run() -> Path:
    """Return the run trained last.

    Raises:
        InputFileError: there is none, or it is gone.
    """
    from kgzsl.errors import InputFileError
    from kgzsl.runtime import cache_home

    note = cache_home() / FILE
    if not note.is_file():
        raise InputFileError("There is no trained run yet; make one with kgzsl train, or name one with --run.")
    run = Path(note.read_text(encoding="utf-8").strip())
    if not run.is_dir():
        raise InputFileError(f"The run trained last, {run}, is gone; name one with --run.")
    return run

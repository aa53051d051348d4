"""The run that ``kgzsl predict`` asks where none is named: the one trained last."""

from __future__ import annotations

from pathlib import Path

__all__ = ["last_run", "remember_run"]

FILE = "last-run.txt"


def remember_run(run: Path) -> None:
    """Note a run as the last one, in the cache folder."""
    from kgzsl.runtime import cache_home, write_text

    write_text(cache_home() / FILE, f"{run.resolve()}\n")


def last_run() -> Path:
    """Return the run trained last.

    Raises:
        InputFileError: there is none.
    """
    from kgzsl.errors import InputFileError
    from kgzsl.runtime import cache_home

    note = cache_home() / FILE
    if note.is_file() and (run := Path(note.read_text(encoding="utf-8").strip())).is_dir():
        return run
    raise InputFileError("There is no trained run yet; make one with kgzsl train, or name one with --run.")

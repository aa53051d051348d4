"""Candidates as commands are given them: names, ids, files of those, or one of the run's lists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgzsl.classifier import ZeroShotClassifier

__all__ = ["check_one_of_two", "read_candidates"]

LIST_ENDINGS = (".txt", ".tsv", ".csv", ".lst")


def check_one_of_two(classes: Sequence[str] | None, split: str | None) -> None:
    """Refuse ``--classes`` beside ``--split`` with an InputFileError."""
    from kgzsl.errors import InputFileError

    if classes and split:
        raise InputFileError("Name candidates with --classes, or take a list with --split: one of the two.")


def read_candidates(
    classifier: ZeroShotClassifier, classes: Sequence[str] | None, split: str | None, include_person: bool
) -> tuple[str, ...]:
    """Return the ids of the candidates; without names those of a list of the run, ``all`` by default.

    Raises:
        InputFileError: a file is missing, or a class is one of persons.
        UnknownClassError, AmbiguousClassError: a name means no class, or several.
    """
    from kgzsl.errors import InputFileError

    if not classes:
        return classifier.split_classes(split or "all", include_person=include_person)
    names: list[str] = []
    for name in classes:
        if Path(name).is_dir() or (Path(name).suffix in LIST_ENDINGS and not Path(name).exists()):
            found = "is a folder" if Path(name).is_dir() else "is no file that is here"
            raise InputFileError(f"{name!r} {found}; give class names, or files with one a line.")
        names += classifier.resolver.resolve_file(name) if Path(name).is_file() else [name]
    return classifier.resolve(names, include_person=include_person)

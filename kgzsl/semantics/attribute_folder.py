"""Attributes in the form of Animals with Attributes (AwA, AwA2): two lists and a matrix, in one folder.

| file                                  | holds                                                      |
|---------------------------------------|------------------------------------------------------------|
| ``classes.txt``, ``predicates.txt``   | number and name a line; the order is that of the matrix      |
| ``predicate-matrix-continuous.txt``   | a class a line, a number an attribute; -1 means: not known  |
| ``predicate-matrix-binary.txt``       | the same as 0 and 1                                         |

References:
    Xian, Lampert, Schiele and Akata, "Zero-Shot Learning - A Comprehensive Evaluation of the Good, the Bad and the
    Ugly", TPAMI 2019 (AwA2).
"""

from __future__ import annotations

import math
from pathlib import Path

import torch

from kgzsl.errors import InputFileError
from kgzsl.runtime import sha256_text
from kgzsl.runtime.files import read_text
from kgzsl.types import PathLike, Tensor

__all__ = ["is_attribute_folder", "read_folder"]

CLASSES, ATTRIBUTES = "classes.txt", "predicates.txt"
MATRICES = ("predicate-matrix-continuous.txt", "predicate-matrix-binary.txt")


def is_attribute_folder(path: PathLike) -> bool:
    """Say whether a path is a folder, or one of the `MATRICES`."""
    return Path(path).is_dir() or Path(path).name in MATRICES


def read_folder(path: PathLike) -> tuple[list[str], list[str], Tensor, str]:
    """Read a folder of attributes.

    Args:
        path: the folder, of which the first of `MATRICES` is read that is there; or a matrix in it.

    Returns:
        Names of the attributes, classes, values (C, S), and the sha256 of all three files' texts.

    Raises:
        InputFileError: a file is missing, or the matrix has other rows, columns or cells than numbers of the lists.
    """
    matrix = Path(path) if Path(path).is_file() else _matrix(Path(path))
    texts = [read_text(matrix.parent / name) for name in (CLASSES, ATTRIBUTES, matrix.name)]
    classes, names = (_names(matrix.parent / name, text) for name, text in zip((CLASSES, ATTRIBUTES), texts))
    rows = [line.split() for line in texts[2].splitlines() if line.strip()]
    if len(rows) != len(classes):
        raise InputFileError(f"{matrix} has {len(rows)} lines, {CLASSES} beside it {len(classes)}; get them again.")
    values = [_numbers(matrix, line, row, len(names)) for line, row in enumerate(rows, start=1)]
    return names, classes, torch.tensor(values), sha256_text("\0".join(texts))


def _matrix(folder: Path) -> Path:
    for name in MATRICES:
        if (folder / name).is_file():
            return folder / name
    raise InputFileError(
        f"{folder} holds no attributes; expected {CLASSES}, {ATTRIBUTES} and {' or '.join(MATRICES)}, or name a TSV or "
        "CSV file."
    )


def _names(path: Path, text: str) -> list[str]:
    """Return the names of a list of ``number name`` lines."""
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    for number, cells in enumerate(lines, start=1):
        if len(cells) != 2 or cells[0] != str(number):
            raise InputFileError(f"{path}: expected '{number} NAME' in line {number}, found {' '.join(cells)!r}.")
    return [cells[1].strip() for cells in lines]


def _numbers(path: Path, line: int, row: list[str], count: int) -> list[float]:
    if len(row) != count:
        raise InputFileError(f"{path} line {line} has {len(row)} numbers instead of {count}; get the file again.")
    try:
        values = [float(cell) for cell in row]
    except ValueError as error:
        raise InputFileError(f"{path} line {line}: {error}; get the file again.") from error
    if not all(math.isfinite(value) for value in values):
        raise InputFileError(f"{path} line {line} holds a value that is not finite; get the file again.")
    return values

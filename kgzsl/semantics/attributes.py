"""Given attribute matrices as class semantics: a table with a class a line and a number a column.

References:
    Lampert, Nickisch and Harmeling, "Attribute-Based Classification for Zero-Shot Visual Object Categorization",
    TPAMI 2014.
"""

from __future__ import annotations

import csv
import logging
import math
from pathlib import Path

import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError, SemanticsError
from kgzsl.runtime import sha256_text
from kgzsl.runtime.files import read_text
from kgzsl.semantics.attribute_folder import is_attribute_folder, read_folder
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.types import PathLike, Tensor

__all__ = ["attribute_names", "read_attributes"]

logger = logging.getLogger(__name__)


def read_attributes(path: PathLike, *, missing_value: float | None = None, missing: str = "raise") -> SemanticEmbedding:
    """Read an attribute matrix from TSV or CSV, or from a folder of the form of Animals with Attributes.

    The first line of a table names the columns; the first column is the class id. A column without any number (such
    as ``split``) is text and left out; in the others every cell is a number or missing. Values stay as they are.

    Args:
        path: the table, tab-separated where its first line holds a tab, else comma-separated; or a folder, see
            `kgzsl.semantics.attribute_folder`, or a matrix in one.
        missing_value: a number that means "not known"; an empty cell always does, in a folder -1 where not given.
        missing: for cells that are not known ``raise``, or ``mean`` for the mean of the column's known cells.

    Raises:
        InputFileError: the file is missing, a cell is no number, a class stands twice; the message gives the line.
        SemanticsError: a cell is not known and ``missing`` is ``raise``.
    """
    if is_attribute_folder(path):
        names, classes, values, digest = read_folder(path)
        missing_value = -1.0 if missing_value is None else missing_value
    else:
        names, classes, values, digest = _read_table(path)
    if missing_value is not None:
        values[values == missing_value] = math.nan
    filled = _fill(path, values, names, missing)
    index = ClassIndex(tuple(classes), f"attributes {Path(path).name}")
    return SemanticEmbedding(index, filled, f"attributes/{Path(path).stem}@{digest[:12]}", "attributes")


def attribute_names(path: PathLike) -> tuple[str, ...]:
    """Return the names of the attributes that `read_attributes` reads, in the order of its columns; errors as there."""
    names = read_folder(path)[0] if is_attribute_folder(path) else _read_table(path)[0]
    return tuple(names)


def _read_table(path: PathLike) -> tuple[list[str], list[str], Tensor, str]:
    """Return the names of the attributes, the classes, their values (C, S), and the sha256 of the text."""
    content = read_text(path)
    header, rows = _table(path, content)
    columns = _numeric_columns(path, header, rows)
    values = torch.tensor(
        [[_number(path, line, header[column], row[column]) for column in columns] for line, row in rows]
    )
    return [header[column] for column in columns], [row[0] for _, row in rows], values, sha256_text(content)


def _table(path: PathLike, content: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the column names, and the lines with their numbers."""
    reader = csv.reader(content.splitlines(), delimiter="\t" if "\t" in content.partition("\n")[0] else ",")
    try:
        lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
    except csv.Error as error:
        raise InputFileError(f"{path} line {reader.line_num} is no TSV or CSV: {error}.") from error
    if len(lines) < 2 or len(lines[0][1]) < 2:
        raise InputFileError(f"{path} holds no attributes; expected a line of column names, then a class a line.")
    header, rows = lines[0][1], lines[1:]
    first_line: dict[str, int] = {}
    for number, row in rows:
        if len(row) != len(header):
            raise InputFileError(f"{path} line {number} has {len(row)} cells instead of {len(header)}; mend the line.")
        if not row[0]:
            raise InputFileError(f"{path} line {number} has no class id in its first cell; give it one.")
        if row[0] in first_line:
            raise InputFileError(
                f"{path} line {number}: class {row[0]!r} stands in line {first_line[row[0]]} already; remove one."
            )
        first_line[row[0]] = number
    return header, rows


def _numeric_columns(path: PathLike, header: list[str], rows: list[tuple[int, list[str]]]) -> list[int]:
    columns = [column for column in range(1, len(header)) if any(_is_number(row[column]) for _, row in rows)]
    if not columns:
        raise InputFileError(f"{path} has no column of numbers; expected one an attribute behind the class id.")
    if left := [header[column] for column in range(1, len(header)) if column not in columns]:
        logger.info("Columns without numbers are left out of %s: %s", path, ", ".join(left))
    return columns


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _number(path: PathLike, line: int, column: str, cell: str) -> float:
    if not cell:
        return math.nan
    if not _is_number(cell):
        raise InputFileError(
            f"{path} line {line}, column {column!r}: {cell!r} is no number; write one, or nothing where unknown."
        )
    return float(cell)


def _fill(path: PathLike, values: Tensor, names: list[str], missing: str) -> Tensor:
    unknown = values.isnan()
    count = int(unknown.sum())
    if not count:
        return values
    if missing != "mean":
        raise SemanticsError(
            f"{count} of {values.numel()} attribute values in {path} are not known; fill them with the mean of their "
            "column by missing='mean' (--missing mean)."
        )
    if bool((empty := unknown.all(dim=0)).any()):
        name = names[int(empty.nonzero()[0])]
        raise SemanticsError(f"No class in {path} has a value for attribute {name!r}; remove that column.")
    return torch.where(unknown, values.nanmean(dim=0), values)  # (C, S)

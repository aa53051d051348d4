"""Classes to add from a table: CSV or TSV with a header, a class a line."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from kgzsl.additions.requests import ClassRequest
from kgzsl.errors import AdditionError, InputFileError
from kgzsl.graph.custom import hint
from kgzsl.runtime.files import read_text
from kgzsl.types import PathLike

__all__ = ["COLUMNS", "read_requests"]

COLUMNS = ("name", "parents", "description", "class_id", "lemmas")
LISTS = ("parents", "lemmas")
SHOWN = 10


def read_requests(path: PathLike) -> list[ClassRequest]:
    """Read a table of classes.

    The columns are ``name`` (needed), ``parents``, ``description``, ``class_id`` and ``lemmas``, in any order; parents
    and lemmas are joined by ``|``. Tabs divide the columns where the header has one, commas otherwise. Blank lines and
    lines that begin with ``#`` are left out; an empty cell is not given.

    Args:
        path: the file, UTF-8.

    Raises:
        InputFileError: it is missing, empty or not UTF-8.
        AdditionError: the header or a line is not what it should be; the message lists the first ten problems.
    """
    path = Path(path)
    lines = read_text(path).splitlines()
    header_at = next((number for number, line in enumerate(lines) if _counts(line)), None)
    if header_at is None:
        raise InputFileError(f"{path} is empty; its first line names the columns {', '.join(COLUMNS)}.")
    comma = "\t" if "\t" in lines[header_at] else ","
    header = [cell.strip().casefold() for cell in next(csv.reader([lines[header_at]], delimiter=comma))]
    problems = _header_problems(header, header_at + 1)
    requests: list[ClassRequest] = []
    if not problems:
        requests = _requests(lines, header_at, header, comma, problems)
    if problems:
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        told = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise AdditionError(f"{path}: {told}, nothing was added: {'; '.join(problems[:SHOWN])}{more}.")
    if not requests:
        raise InputFileError(f"{path} names no class; write one a line below the header.")
    return requests


def _counts(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _header_problems(header: Sequence[str], line: int) -> list[str]:
    if len(header) == 1 and ";" in header[0]:
        return [f"line {line}: the columns are divided by semicolons; divide them by commas or tabs"]
    if "name" not in header:
        return [f"line {line}: the header has no column 'name'; it names some of {', '.join(COLUMNS)}"]
    strange = [column for column in dict.fromkeys(header) if column not in COLUMNS]
    found = [f"line {line}: column {one!r} is none of {', '.join(COLUMNS)}{hint(one, COLUMNS)}" for one in strange]
    twice = [column for column in dict.fromkeys(header) if header.count(column) > 1]
    return found + [f"line {line}: column {column!r} stands twice" for column in twice]


def _requests(
    lines: Sequence[str], header_at: int, header: Sequence[str], comma: str, problems: list[str]
) -> list[ClassRequest]:
    requests: list[ClassRequest] = []
    counted = [line if _counts(line) else "" for line in lines[header_at + 1 :]]
    reader = csv.reader([f"{line}\n" for line in counted], delimiter=comma, strict=True)
    try:
        for cells in reader:
            line = header_at + 1 + reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(header):
                problems.append(f"line {line} has {len(cells)} columns, the header {len(header)}")
                continue
            requests.append(_request(dict(zip(header, cells)), line))
    except csv.Error as error:
        problems.append(f"line {header_at + 1 + reader.line_num}: {error}; a quoted cell ends with a quote")
    return requests


def _request(cells: dict[str, str], line: int) -> ClassRequest:
    given = {column: cells.get(column, "").strip() for column in COLUMNS}
    parents, lemmas = (tuple(part.strip() for part in given[name].split("|") if part.strip()) for name in LISTS)
    return ClassRequest(
        given["name"], parents, given["description"] or None, given["class_id"] or None, lemmas, line=line
    )

"""Own taxonomies from files, every problem named by class and line.

TSV without a header has a line ``child<TAB>parent`` an edge; a class alone on its line is a root. With a header it
has the columns ``id`` and ``parents``, and maybe ``name``, ``lemmas``, ``description``, ``marks``; several of a kind
are joined by ``|``. JSON is a list of objects with these keys, or nested: ``{"animal": {"okapi": {}}}``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kgzsl.errors import CorruptFileError, GraphError, InputFileError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.custom import Entry, class_text, from_entries, hint
from kgzsl.runtime.files import read_text
from kgzsl.types import ClassId, PathLike

__all__ = ["read_taxonomy"]

COLUMNS = ("id", "parents", "name", "lemmas", "description", "marks")
PARENT = "parent"


def read_taxonomy(path: PathLike, name: str | None = None) -> ClassGraph:
    """Read an own taxonomy from a ``.json`` file, or from any other as TSV.

    Args:
        path: the file.
        name: of the graph; the file's name without its ending where not given.

    Raises:
        InputFileError: the file is missing, empty or not UTF-8.
        CorruptFileError: it is not JSON.
        GraphError: it is no taxonomy; the message lists the first ten problems with their lines.
    """
    path = Path(path)
    text = read_text(path)
    if not text.strip():
        raise InputFileError(f"{path} is empty; write a line child<TAB>parent for every edge.")
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    if path.suffix == ".csv" or (path.suffix != ".json" and "," in first and "\t" not in text):
        raise GraphError(
            f"{path} is separated by commas, a taxonomy is separated by tabs: a line child<TAB>parent for every edge, "
            "or a table with a header id<TAB>parents. (kgzsl add --table reads tables of classes with commas.)"
        )
    problems: list[str] = []
    entries, listed = _from_json(path, text, problems) if path.suffix == ".json" else _from_tsv(text, problems)
    return from_entries(entries, name or path.stem, source=path.name, listed=listed, problems=problems)


def _from_tsv(text: str, problems: list[str]) -> tuple[list[Entry], bool]:
    """Return the entries of a TSV file, and whether it lists classes (with a header) or edges."""
    lines = [
        (number, [cell.strip() for cell in line.split("\t")])
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    header = [cell.lower() for cell in lines[0][1]] if lines else []
    if "id" in header:
        return _from_columns(lines, problems), True
    edges = lines[1:] if header[:2] == ["child", "parent"] else lines
    entries = []
    for number, cells in edges:
        if len(cells) > 2 or not cells[0]:
            problems.append(f"line {number} has {len(cells)} columns instead of child and parent")
        else:
            entries.append(Entry(cells[0], tuple(cell for cell in cells[1:] if cell), line=number))
    return entries, False


def _from_columns(lines: Sequence[tuple[int, list[str]]], problems: list[str]) -> list[Entry]:
    header = ["parents" if cell.lower() == PARENT else cell.lower() for cell in lines[0][1]]
    for column in header:
        if column not in COLUMNS:
            problems.append(
                f"column {column!r} is none of {', '.join(COLUMNS)} (line {lines[0][0]}){hint(column, COLUMNS)}"
            )
    entries: list[Entry] = []
    for number, cells in lines[1:]:
        if len(cells) > len(header):
            problems.append(f"line {number} has {len(cells)} columns, the header {len(header)}")
            continue
        record: dict[str, Any] = dict(zip(header, cells))
        for key in ("parents", "lemmas", "marks"):
            record[key] = [part.strip() for part in record.get(key, "").split("|") if part.strip()]
        _add_record(record, number, entries, problems)
    return entries


def _add_record(record: dict[str, Any], line: int, entries: list[Entry], problems: list[str]) -> None:
    """Turn one record into an entry, or into a problem."""
    class_id = record.get("id")
    if not isinstance(class_id, str) or not class_id.strip():
        problems.append(f"line {line} has no id")
        return
    if isinstance(record.get(PARENT), str):
        record = {"parents": [record[PARENT]], **record}
    for key in ("parents", "lemmas", "marks"):
        values = record.get(key) or []
        if isinstance(values, str):
            values = [values]
        if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
            problems.append(f"{key} of {class_id!r} (line {line}) is not a list of texts")
            return
        record = {**record, key: values}
    if any(mark in part for part in [class_id, *record["lemmas"], *record["marks"]] for mark in "\t\n|"):
        problems.append(
            f"{class_id!r} (line {line}) holds a tab, a line break or |, which ids, lemmas and marks cannot"
        )
        return
    text = class_text(class_id, record)
    entries.append(Entry(class_id, tuple(record["parents"]), text, tuple(record["marks"]), line))


def _from_json(path: Path, text: str, problems: list[str]) -> tuple[list[Entry], bool]:
    try:
        value = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        raise CorruptFileError(f"{path} is not JSON: {error.msg} in line {error.lineno}.") from error
    lines = _Lines(text)
    entries: list[Entry] = []
    if isinstance(value, list) and all(isinstance(item, _Pairs) for item in value):
        for item in value:
            record = dict(item)
            _check_keys(record, lines, problems)
            _add_record(record, lines.of(record.get("id")), entries, problems)
        return entries, True
    _nested(value, None, lines, entries, problems)
    return entries, False


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as its pairs, so that a repeated key is not lost."""


class _Lines:
    """Where texts stand in a JSON file: asked again for the same text, it answers with its next place."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._after: dict[str, int] = {}

    def of(self, word: object) -> int:
        """Return the line of the next place of a quoted text, counted from 1."""
        quoted = json.dumps(word, ensure_ascii=False)
        found = self._text.find(quoted, self._after.get(quoted, 0))
        if found < 0:
            found = self._text.find(quoted)
        self._after[quoted] = found + 1
        return self._text.count("\n", 0, max(found, 0)) + 1


def _check_keys(record: dict[str, Any], lines: _Lines, problems: list[str]) -> None:
    for key in record:
        if key not in (*COLUMNS, PARENT):
            problems.append(f"key {key!r} (line {lines.of(key)}) is none of {', '.join(COLUMNS)}{hint(key, COLUMNS)}")


def _nested(value: Any, parent: ClassId | None, lines: _Lines, entries: list[Entry], problems: list[str]) -> None:
    """Walk nested JSON: an object holds classes and what is below each, a list holds classes, a text is a class."""
    below: list[tuple[str, Any]]
    if isinstance(value, _Pairs):
        below = list(value)
    elif isinstance(value, list):
        below = []
        for item in value:
            below.extend(item if isinstance(item, _Pairs) else [(item, None)])
    else:
        below = [] if value is None else [(value, None)]
    for class_id, deeper in below:
        line = lines.of(class_id)
        if not isinstance(class_id, str) or not class_id.strip() or any(mark in class_id for mark in "\t\n|"):
            problems.append(f"{class_id!r} (line {line}) is no class id")
            continue
        entries.append(Entry(class_id, () if parent is None else (parent,), line=line))
        _nested(deeper, class_id, lines, entries, problems)

"""Own taxonomies: TSV, JSON and networkx in, a `ClassGraph` out, with every problem named by class and line.

TSV without a header has a line ``child<TAB>parent`` an edge; a class alone on its line is a root. With a header it
has the columns ``id`` and ``parents``, and maybe ``name``, ``lemmas``, ``description``, ``marks``; several of a kind
are joined by ``|``. JSON is a list of objects with these keys, or nested: ``{"animal": {"okapi": {}}}``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import CorruptFileError, GraphError, InputFileError
from kgzsl.graph.class_graph import HYPERNYM, ClassGraph
from kgzsl.registry import closest
from kgzsl.runtime.files import read_text
from kgzsl.types import ClassId, PathLike

if TYPE_CHECKING:
    import networkx

__all__ = ["Entry", "from_entries", "from_networkx", "from_pairs", "read_taxonomy"]

COLUMNS = ("id", "parents", "name", "lemmas", "description", "marks")
PARENT = "parent"
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """What one line says of a class.

    Args:
        class_id: the class.
        parents: its parents.
        text: its texts.
        marks: its marks.
        line: where it stands, 0 where it stands in no file.
    """

    class_id: ClassId
    parents: tuple[ClassId, ...] = ()
    text: ClassText | None = None
    marks: tuple[str, ...] = ()
    line: int = 0

    @property
    def place(self) -> str:
        """The line as text for messages, empty where there is none."""
        return f" (line {self.line})" if self.line else ""


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
    problems: list[str] = []
    entries, listed = _from_json(path, text, problems) if path.suffix == ".json" else _from_tsv(text, problems)
    return from_entries(entries, name or path.stem, source=path.name, listed=listed, problems=problems)


def from_pairs(pairs: Iterable[tuple[ClassId, ClassId]], name: str = "own taxonomy") -> ClassGraph:
    """Make a graph of (child, parent) pairs, its classes ordered by id.

    Raises:
        GraphError: a pair stands twice, or there is a cycle.

    Example:
        >>> from_pairs([("okapi", "animal"), ("zebra", "animal")]).index.ids
        ('animal', 'okapi', 'zebra')
    """
    return from_entries([Entry(child, (parent,)) for child, parent in pairs], name, listed=False)


def from_networkx(graph: networkx.DiGraph, name: str | None = None) -> ClassGraph:
    """Make a graph of a networkx one: edges go from child to parent, as `ClassGraph.to_networkx` makes them.

    Node attributes ``name``, ``lemmas`` (a list), ``description`` and ``marks`` (a list) are taken over; nodes that
    are not strings become strings.

    Raises:
        GraphError: there is a cycle, or two nodes have the same text.
    """
    entries = [
        Entry(
            str(node),
            tuple(str(parent) for parent in graph.successors(node)),
            _text(str(node), attributes),
            tuple(attributes.get("marks", ())),
        )
        for node, attributes in graph.nodes(data=True)
    ]
    return from_entries(entries, name or graph.name or "own taxonomy")


def from_entries(
    entries: Sequence[Entry],
    name: str,
    *,
    source: str = "",
    listed: bool = True,
    problems: Iterable[str] = (),
) -> ClassGraph:
    """Make a graph of entries, its classes ordered by id, its edges by child and parent.

    Args:
        entries: what is known of the classes.
        name: of the graph.
        source: the file's name, for messages and for the record.
        listed: every class must have an entry of its own, one only; otherwise an entry is an edge, and parents are
            classes too.
        problems: what was wrong in the file already.

    Raises:
        GraphError: duplicates, unknown parents, cycles; the message lists the first ten problems.
    """
    entries = list(entries)
    found = [*problems, *(_listed_problems(entries) if listed else _edge_problems(entries)), *_cycle_problems(entries)]
    if found:
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
        raise GraphError(f"{source or name!r} is no taxonomy, {count}: {'; '.join(found[:SHOWN])}{more}.")
    if not entries:
        raise GraphError(f"{source or name!r} holds no class.")
    texts: dict[ClassId, ClassText] = {}
    for entry in entries:
        for class_id in (entry.class_id, *entry.parents):
            texts.setdefault(class_id, _text(class_id, {}))
        if entry.text is not None:
            texts[entry.class_id] = entry.text
    ids = sorted(texts)
    index = ClassIndex(tuple(ids), f"graph {name!r}")
    pairs = sorted((index.row(entry.class_id), index.row(parent)) for entry in entries for parent in entry.parents)
    marks: dict[str, set[ClassId]] = {}
    for entry in entries:
        for mark in entry.marks:
            marks.setdefault(mark, set()).add(entry.class_id)
    return ClassGraph(
        name,
        index,
        tuple(texts[class_id] for class_id in ids),
        np.array(pairs, dtype=np.int64).reshape(-1, 2),
        np.full(len(pairs), HYPERNYM, dtype=np.int64),
        {mark: frozenset(held) for mark, held in marks.items()},
        {"definitions": True} | ({"taxonomy": source} if source else {}),
    )


def _listed_problems(entries: Sequence[Entry]) -> Iterator[str]:
    """Duplicates and parents without an entry, where every class must have an entry."""
    first: dict[ClassId, Entry] = {}
    for entry in entries:
        if entry.class_id in first:
            earlier = first[entry.class_id].place.replace("(line", "(first in line")
            yield f"class {entry.class_id!r}{entry.place} stands twice{earlier}"
        first.setdefault(entry.class_id, entry)
    for entry in entries:
        for number, parent in enumerate(entry.parents):
            if parent not in first:
                yield f"parent {parent!r} of {entry.class_id!r}{entry.place} is no class{_hint(parent, first)}"
            if parent in entry.parents[:number]:
                yield f"parent {parent!r} of {entry.class_id!r}{entry.place} stands twice"


def _edge_problems(entries: Sequence[Entry]) -> Iterator[str]:
    """Repeated edges, where an entry is an edge."""
    first: dict[tuple[ClassId, ClassId], Entry] = {}
    for entry in entries:
        for parent in entry.parents:
            edge = (entry.class_id, parent)
            if edge in first:
                earlier = first[edge].place.replace("(line", "(first in line")
                yield f"edge {entry.class_id!r} -> {parent!r}{entry.place} stands twice{earlier}"
            first.setdefault(edge, entry)


def _cycle_problems(entries: Sequence[Entry]) -> Iterator[str]:
    """One cycle of each knot of classes, class by class, with the lines of its edges."""
    import networkx

    graph = networkx.DiGraph()
    for entry in entries:
        for parent in entry.parents:
            graph.add_edge(entry.class_id, parent, line=entry.line)
    for knot in sorted(
        (sorted(knot) for knot in networkx.strongly_connected_components(graph)), key=lambda ids: ids[0]
    ):
        if len(knot) == 1 and not graph.has_edge(knot[0], knot[0]):
            continue
        edges = networkx.find_cycle(graph.subgraph(knot), knot[0])
        lines = sorted({graph.edges[edge]["line"] for edge in edges} - {0})
        where = f" ({'line' if len(lines) == 1 else 'lines'} {', '.join(map(str, lines))})" if lines else ""
        yield f"cycle {' -> '.join([*(child for child, _ in edges), edges[0][0]])}{where}"


def _hint(word: str, known: Iterable[str]) -> str:
    near = closest(word, known).strip()
    return f" ({near[0].lower()}{near[1:]})" if near else ""


def _text(class_id: ClassId, values: Any) -> ClassText:
    """Return the texts of a class; a class without lemmas has its name for one, one without a name its id."""
    name = str(values.get("name") or class_id)
    lemmas = tuple(str(lemma).replace(" ", "_") for lemma in values.get("lemmas") or (name,))
    description = values.get("description")
    return ClassText(name, lemmas, " ".join(str(description).split()) or None if description else None)


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
                f"column {column!r} is none of {', '.join(COLUMNS)} (line {lines[0][0]}){_hint(column, COLUMNS)}"
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
    text = _text(class_id, record)
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
            problems.append(f"key {key!r} (line {lines.of(key)}) is none of {', '.join(COLUMNS)}{_hint(key, COLUMNS)}")


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

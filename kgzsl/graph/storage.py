"""A class graph as a folder of text files: ``graph.toml``, ``classes.tsv``, ``edges.tsv``, ``splits/*.txt``.

``links.tsv`` is there where the graph has links.

No time and no path is written, so that equal graphs are equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kgzsl.classes import ClassIndex
from kgzsl.errors import CorruptFileError, InputFileError, UnknownClassError
from kgzsl.graph.class_graph import RELATIONS, ClassGraph
from kgzsl.graph.links import LINKS, Links
from kgzsl.graph.stored_texts import StoredTexts
from kgzsl.runtime import read_lines, read_toml, sha256_text, shipped_path, write_text
from kgzsl.runtime.files import read_text
from kgzsl.types import ClassId, PathLike

__all__ = ["find_graph", "load_graph", "load_split_list", "save_graph", "split_names"]

FORMAT = 1
CLASS_COLUMNS = "class_id\tname\tlemmas\tmarks"
EDGE_COLUMNS = "child\tparent\trelation"
LINK_COLUMNS = "first\tsecond\tkind"
LINKS_FILE = "links.tsv"
DEFINITION_COLUMN = "definition"


def save_graph(graph: ClassGraph, folder: PathLike, splits: Mapping[str, Sequence[ClassId]] | None = None) -> None:
    """Write a graph and its splits into a folder.

    Definitions are written only where the graph's provenance says ``definitions = true`` (own taxonomies):
    those of WordNet stay out.

    Raises:
        StorageError: a write failed.
    """
    folder = Path(folder)
    classes, edges = _classes_table(graph), _edges_table(graph)
    lists = {f"splits/{name}.txt": "".join(f"{i}\n" for i in ids) for name, ids in (splits or {}).items()}
    links = {LINKS_FILE: _links_table(graph)} if len(graph.links) else {}
    files = {"classes.tsv": classes, "edges.tsv": edges, **links, **lists}
    header: dict[str, Any] = {"format": FORMAT, "name": graph.name, **graph.provenance}
    header |= {"num_classes": graph.num_classes, "num_edges": len(graph.edges)}
    for name, content in files.items():
        write_text(folder / name, content)
    digests = {name: sha256_text(content) for name, content in sorted(files.items())}
    write_text(folder / "graph.toml", _toml(header) + "\n[sha256]\n" + _toml(digests))


def _classes_table(graph: ClassGraph) -> str:
    with_definitions = bool(graph.provenance.get("definitions"))
    lines = [CLASS_COLUMNS + (f"\t{DEFINITION_COLUMN}" if with_definitions else "")]
    marks: dict[ClassId, list[str]] = {}
    for mark in sorted(graph.marks):
        for class_id in graph.marks[mark]:
            marks.setdefault(class_id, []).append(mark)
    for class_id, text in zip(graph.index, graph.texts):
        cells = [class_id, text.name, "|".join(text.lemmas), ",".join(marks.get(class_id, ()))]
        lines.append("\t".join(cells + ([_one_line(text.definition)] if with_definitions else [])))
    return "\n".join(lines) + "\n"


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _edges_table(graph: ClassGraph) -> str:
    ids = graph.index.ids
    rows = zip(graph.edges.tolist(), graph.relations.tolist())
    return f"{EDGE_COLUMNS}\n" + "".join(f"{ids[c]}\t{ids[p]}\t{RELATIONS[r]}\n" for (c, p), r in rows)


def _links_table(graph: ClassGraph) -> str:
    ids = graph.index.ids
    rows = zip(graph.links.ends.tolist(), graph.links.kinds.tolist())
    return f"{LINK_COLUMNS}\n" + "".join(f"{ids[a]}\t{ids[b]}\t{LINKS[kind]}\n" for (a, b), kind in rows)


def _toml(values: Mapping[str, Any]) -> str:
    """Write flat TOML: strings, booleans and integers."""
    lines = []
    for key, value in values.items():
        if isinstance(value, str):
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            text = f'"{escaped}"'
        else:
            text = str(value).lower()
        lines.append((key if key.replace("_", "").isalnum() else f'"{key}"') + f" = {text}")
    return "\n".join(lines) + "\n"


def find_graph(name: PathLike) -> Path:
    """Return the folder of a graph: a path that exists, else one that kgzsl ships.

    Raises:
        MissingResourceError: neither.
        InputFileError: the folder holds no ``graph.toml``.
    """
    folder = Path(name)
    if not folder.is_dir():
        folder = shipped_path("graphs", str(name))
    if not (folder / "graph.toml").is_file():
        raise InputFileError(
            f"{folder} holds no graph.toml; build a graph there with: kgzsl graph build --out {folder}"
        )
    return folder


def load_graph(name: PathLike) -> ClassGraph:
    """Read a graph by path, or by the name of one that kgzsl ships (``imagenet21k``, ``wordnet-nouns``).

    Raises:
        MissingResourceError, InputFileError: it is not there.
        CorruptFileError: a file is damaged; the message names file and line.
        GraphError: it is no acyclic graph.
    """
    folder = find_graph(name)
    header = read_toml(folder / "graph.toml")
    if header.get("format") != FORMAT:
        found = header.get("format")
        raise CorruptFileError(
            f"{folder}/graph.toml has format {found!r}, this kgzsl reads format {FORMAT}; build it again."
        )
    facts = {"format", "name", "num_classes", "num_edges", "sha256"}
    provenance = {key: value for key, value in header.items() if key not in facts}
    index, texts, marks = _read_classes(folder / "classes.tsv", str(header["name"]))
    edges, relations = _read_ends(folder / "edges.tsv", index, EDGE_COLUMNS, RELATIONS)
    promised = LINKS_FILE in header.get("sha256", {})
    links = Links(*_read_ends(folder / LINKS_FILE, index, LINK_COLUMNS, LINKS)) if promised else Links.none()
    if (len(index), len(edges)) != (header.get("num_classes"), header.get("num_edges")):
        expected = f"{header.get('num_classes')} classes and {header.get('num_edges')} edges"
        raise CorruptFileError(
            f"{folder} holds {len(index)} classes and {len(edges)} edges but promises {expected}; build it again."
        )
    return ClassGraph(str(header["name"]), index, texts, edges, relations, marks, provenance, links)


def _columns(path: Path, columns: str) -> list[list[str]]:
    """Read the cells of a table, column by column; a table without blank lines or ragged rows is cut in one go."""
    head, _, body = read_text(path).partition("\n")
    if not head.startswith(columns):
        raise CorruptFileError(f"{path} begins with {head!r} instead of the columns {columns!r}; build it again.")
    width = len(head.split("\t"))
    body += "" if body.endswith("\n") or not body else "\n"
    if _is_even(body, width):
        cells = body.replace("\n", "\t").split("\t")[:-1]
        return [cells[number::width] for number in range(width)]
    needed = len(columns.split("\t"))
    rows = [line.split("\t") for line in body.split("\n") if line]
    for number, row in enumerate(rows, start=2):
        if len(row) < needed:
            raise CorruptFileError(f"{path} line {number} has {len(row)} columns instead of {needed}; build it again.")
    return [[row[number] if number < len(row) else "" for row in rows] for number in range(width)]


def _is_even(body: str, width: int) -> bool:
    """Say whether every line has the same number of tabs."""
    data = np.frombuffer(body.encode("utf-8"), dtype=np.uint8)
    ends = data[(data == ord("\t")) | (data == ord("\n"))] == ord("\n")
    return len(ends) % width == 0 and bool((ends.reshape(-1, width) == (np.arange(width) == width - 1)).all())


def _read_classes(path: Path, name: str) -> tuple[ClassIndex, StoredTexts, dict[str, frozenset[ClassId]]]:
    ids, names, lemmas, carried, *more = _columns(path, CLASS_COLUMNS)
    marks = dict[str, set[str]]()
    for class_id, cell in zip(ids, carried):
        for mark in cell.split(",") if cell else ():
            marks.setdefault(mark, set()).add(class_id)
    index = ClassIndex(tuple(ids), f"graph {name!r}")
    return index, StoredTexts(names, lemmas, more[0] if more else []), {m: frozenset(i) for m, i in marks.items()}


def _read_ends(path: Path, index: ClassIndex, columns: str, kinds: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of both ends of each edge or link, and its kind."""
    children, parents, relations = _columns(path, columns)[:3]
    codes = {relation: code for code, relation in enumerate(kinds)}
    try:
        ends = np.stack([index.rows(children), index.rows(parents)], axis=1)
        return ends, np.array(list(map(codes.__getitem__, relations)), dtype=np.int64)
    except (KeyError, UnknownClassError):
        rows = enumerate(zip(children, parents, relations), start=2)
        unknown = ((n, row) for n, row in rows if row[0] not in index or row[1] not in index or row[2] not in codes)
        number, row = next(unknown)
        message = f"{path} line {number} names an unknown class or relation ({list(row)}); build it again."
        raise CorruptFileError(message) from None


def split_names(name: PathLike) -> tuple[str, ...]:
    """Return the names of the class lists that stand beside a graph."""
    return tuple(sorted(path.stem for path in (find_graph(name) / "splits").glob("*.txt")))


def load_split_list(graph: PathLike, split: str) -> tuple[ClassId, ...]:
    """Read one of the class lists that stand beside a graph, such as ``ilsvrc2012-seen``, in file order.

    Raises:
        InputFileError: the graph has no such list; the message names those it has.
    """
    path = find_graph(graph) / "splits" / f"{split}.txt"
    if not path.is_file():
        raise InputFileError(
            f"Graph {str(graph)!r} has no list {split!r}; it has {', '.join(split_names(graph)) or 'none'}."
        )
    return tuple(read_lines(path))

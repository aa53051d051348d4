"""Own taxonomies: entries, pairs or networkx in, a `ClassGraph` out, with every problem named by class and line.

Files are read by `kgzsl.graph.taxonomy_file`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import GraphError
from kgzsl.graph.class_graph import HYPERNYM, ClassGraph
from kgzsl.registry import closest
from kgzsl.types import ClassId

if TYPE_CHECKING:
    import networkx

__all__ = ["Entry", "class_text", "from_entries", "from_networkx", "from_pairs", "hint"]

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
            class_text(str(node), attributes),
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
        raise GraphError(f"{source or name!r} holds no class; give one at least.")
    return _assembled(entries, name, {"definitions": True} | ({"taxonomy": source} if source else {}))


def _assembled(entries: Sequence[Entry], name: str, provenance: dict[str, Any]) -> ClassGraph:
    """Put sound entries together."""
    texts: dict[ClassId, ClassText] = {}
    marks: dict[str, set[ClassId]] = {}
    for entry in entries:
        for class_id in (entry.class_id, *entry.parents):
            texts.setdefault(class_id, class_text(class_id, {}))
        if entry.text is not None:
            texts[entry.class_id] = entry.text
        for mark in entry.marks:
            marks.setdefault(mark, set()).add(entry.class_id)
    ids = sorted(texts)
    index = ClassIndex(tuple(ids), f"graph {name!r}")
    pairs = sorted((index.row(entry.class_id), index.row(parent)) for entry in entries for parent in entry.parents)
    return ClassGraph(
        name,
        index,
        tuple(texts[class_id] for class_id in ids),
        np.array(pairs, dtype=np.int64).reshape(-1, 2),
        np.full(len(pairs), HYPERNYM, dtype=np.int64),
        {mark: frozenset(held) for mark, held in marks.items()},
        provenance,
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
                yield f"parent {parent!r} of {entry.class_id!r}{entry.place} is no class{hint(parent, first)}"
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
    if _is_acyclic(entries):
        return
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


def _is_acyclic(entries: Sequence[Entry]) -> bool:
    """Say whether no class is above itself: every strongly connected component is one class."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    number: dict[ClassId, int] = {}
    pairs = [(entry.class_id, parent) for entry in entries for parent in entry.parents]
    ends = np.array([number.setdefault(one, len(number)) for pair in pairs for one in pair], dtype=np.int64)
    child, parent = ends.reshape(-1, 2).T
    if bool((child == parent).any()):
        return False
    joined = coo_array((np.ones(len(child), dtype=np.int8), (child, parent)), shape=(len(number), len(number)))
    return bool(connected_components(joined, connection="strong", return_labels=False) == len(number))


def hint(word: str, known: Iterable[str]) -> str:
    """Name the known words nearest to a misspelt one in parentheses, or nothing."""
    near = closest(word, known).strip()
    return f" ({near[0].lower()}{near[1:]})" if near else ""


def class_text(class_id: ClassId, values: Any) -> ClassText:
    """Return the texts of a class; a class without lemmas has its name for one, one without a name its id."""
    name = str(values.get("name") or class_id)
    lemmas = tuple(str(lemma).replace(" ", "_") for lemma in values.get("lemmas") or (name,))
    description = values.get("description")
    return ClassText(name, lemmas, " ".join(str(description).split()) or None if description else None)

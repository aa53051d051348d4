"""Link the labels of a classifier's head to classes, by rule or by a table, and never by a guess.

ImageNet's order is recognised so: the head has 1000 labels (or 1001, the first one background, which is dropped); at
least 80 % of the label texts share a term with the lemmas of the class in the same place of ImageNet's list; and no
label text names other classes of that list only. Reordered labels fail the last two tests, shortened or partly
reworded ones pass. Labels of other heads are linked by name (`kgzsl.naming.link_list`) where each can mean exactly one
class of the graph.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import AmbiguousClassError, InputFileError, UnknownClassError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.storage import load_graph
from kgzsl.naming import AMBIGUOUS, OPEN, Linker, follows_order, imagenet_order, link_list
from kgzsl.runtime import read_lines
from kgzsl.types import ClassId, ClassIds, Float, PathLike, Tensor

__all__ = ["HeadLinking", "link_by_names", "link_by_table", "link_labels"]

SHOWN = 5


@dataclass(frozen=True, slots=True)
class HeadLinking:
    """Which class each row of a head stands for.

    Args:
        class_ids: a class id a row, None for a row that stands for no class (background, left out).
        how: the rule that linked them, for people: ``imagenet``, ``names`` or a table file.

    Raises:
        InputFileError: two rows stand for one class, or no row for any.

    Example:
        >>> HeadLinking((None, "n01440764"), "imagenet").rows()
        [1]
    """

    class_ids: tuple[ClassId | None, ...]
    how: str

    def __post_init__(self) -> None:
        row_of: dict[ClassId, int] = {}
        for row, class_id in enumerate(self.class_ids):
            if class_id is not None and row_of.setdefault(class_id, row) != row:
                raise InputFileError(
                    f"Rows {row_of[class_id]} and {row} of the head both stand for class {class_id!r}; "
                    "leave one of them out in a table, with - as its class."
                )
        if not row_of:
            raise InputFileError("No row of the head stands for a class; link at least one label.")

    def rows(self) -> list[int]:
        """Return the rows that stand for a class."""
        return [row for row, class_id in enumerate(self.class_ids) if class_id is not None]

    def bank(self, weights: Float[Tensor, "L D"], biases: Float[Tensor, "L"], backbone: str) -> ClassifierBank:
        """Return the bank of the linked rows, in head order, not normalised."""
        rows = self.rows()
        index = ClassIndex(tuple(c for c in self.class_ids if c is not None), f"the head of {backbone}")
        return ClassifierBank(index, weights[torch.tensor(rows)], biases[torch.tensor(rows)], backbone)


def link_labels(
    labels: Sequence[str], how: PathLike = "auto", graph: PathLike | ClassGraph = "imagenet21k"
) -> HeadLinking:
    """Link label texts to classes of a graph.

    Args:
        labels: the label texts, in head order.
        how: ``auto`` (ImageNet's order where it is recognised, else by names), ``imagenet`` (take its order without
            a look at the texts), ``names``, or a CSV/TSV table; see `link_by_table`.
        graph: the class graph, or the name or folder of one.

    Raises:
        AmbiguousClassError: a label could mean several classes; the message lists them.
        UnknownClassError: a label means none.
        InputFileError: the table is missing or does not fit, or ``imagenet`` meets another number of labels.
    """
    classes = graph if isinstance(graph, ClassGraph) else load_graph(graph)
    if str(how) not in ("auto", "imagenet", "names"):
        return link_by_table(labels, how, classes)
    if str(how) != "names" and (order := _imagenet_order(classes, graph)):
        background = len(labels) - len(order)
        fits = background in (0, 1)
        if fits and (how == "imagenet" or follows_order(labels[background:], [classes.text(c) for c in order])):
            return HeadLinking((*([None] * background), *order), "imagenet")
    if how == "imagenet":
        raise InputFileError(
            f"ImageNet's order has 1000 labels, or 1001 with background first; found {len(labels)}. Give a table."
        )
    return link_by_names(labels, classes)


def _imagenet_order(classes: ClassGraph, graph: PathLike | ClassGraph) -> ClassIds:
    if not isinstance(graph, ClassGraph):
        return imagenet_order(classes, graph)
    return imagenet_order(classes) if graph.name == "imagenet21k" else ()


def link_by_names(labels: Sequence[str], graph: ClassGraph) -> HeadLinking:
    """Link each label to the one class of the graph that it names; see `kgzsl.naming.link_list`.

    Raises:
        AmbiguousClassError: a label names several classes; the message lists them.
        UnknownClassError: a label names none.
    """
    links = link_list(Linker(graph, include_person=True), labels).links
    advice = "Link them with a table of two columns, label or row number and class id (--labels FILE); kgzsl link "
    advice += "--file LABELS --tsv FILE begins one."
    if several := [row for row, link in enumerate(links) if link.status == AMBIGUOUS]:
        senses = "; ".join(
            f"row {row} {labels[row]!r}: " + ", ".join(f"{c.class_id} ({c.text.name})" for c in links[row].possible)
            for row in several[:SHOWN]
        )
        raise AmbiguousClassError(
            f"{len(several)} labels could mean several classes of graph {graph.name!r}: {senses}"
            f"{_more(several)}. {advice}"
        )
    if unknown := [row for row, link in enumerate(links) if link.class_id is None]:
        names = ", ".join(f"row {row} {labels[row]!r}" for row in unknown[:SHOWN])
        raise UnknownClassError(
            f"{len(unknown)} of {len(labels)} labels name no class of graph {graph.name!r}: {names}{_more(unknown)}. "
            f"{advice}"
        )
    return HeadLinking(tuple(link.class_id for link in links), "names")


def _more(rows: Sequence[int]) -> str:
    return f"; and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""


def link_by_table(labels: Sequence[str], path: PathLike, graph: ClassGraph | None = None) -> HeadLinking:
    """Link labels by a CSV or TSV table: label or row number, then the class id (``-`` for a row to leave out).

    A header line (``label,class_id``) and lines that begin with ``#`` are passed over.

    Raises:
        InputFileError: a line has no two cells, a label or row is unknown or named twice, or a row is not named.
        AmbiguousClassError: a label stands on several rows of the head, so that its row number is needed.
        UnknownClassError: a class id is not in the graph.
    """
    chosen: dict[int, ClassId | None] = {}
    for key, class_id in _read_table(path):
        row = _row_of(key, labels, path)
        if row in chosen:
            raise InputFileError(f"{path} names row {row} ({labels[row]!r}) twice; remove one line.")
        if class_id == OPEN:
            raise InputFileError(
                f"{path} has no class for row {row} ({labels[row]!r}) yet; put an id, or -, for {OPEN}."
            )
        if class_id != "-" and graph is not None:
            graph.index.row(class_id)
        chosen[row] = None if class_id == "-" else class_id
    if missing := [row for row in range(len(labels)) if row not in chosen]:
        names = ", ".join(f"row {row} {labels[row]!r}" for row in missing[:SHOWN])
        raise InputFileError(
            f"{path} leaves {len(missing)} of {len(labels)} labels without a class: {names}{_more(missing)}. "
            "Add a line for each; - as class leaves a row out."
        )
    return HeadLinking(tuple(chosen[row] for row in range(len(labels))), Path(path).name)


def _read_table(path: PathLike) -> Iterable[tuple[str, str]]:
    lines = read_lines(path)
    split: Callable[[str], list[str]] = _comma_cells if not any("\t" in line for line in lines) else _tab_cells
    for number, line in enumerate(lines, start=1):
        cells = [cell.strip() for cell in split(line)]
        if len(cells) < 2 or not cells[0] or not cells[1]:
            raise InputFileError(
                f"{path} entry {number} ({line!r}) needs two cells, label or row number and class id; "
                'quote a label that holds commas ("tench, Tinca tinca",n01440764), or use tabs.'
            )
        if number > 1 or cells[1].lower() not in ("class", "class_id", "wnid", "id"):
            yield cells[0], cells[1]


def _tab_cells(line: str) -> list[str]:
    return line.split("\t")


def _comma_cells(line: str) -> list[str]:
    cells = next(csv.reader([line], skipinitialspace=True))
    return [] if len(cells) > 2 else cells


def _row_of(key: str, labels: Sequence[str], path: PathLike) -> int:
    rows = [row for row, label in enumerate(labels) if label == key]
    if key.isdecimal() and int(key) < len(labels) and int(key) not in rows:
        rows.append(int(key))
    if len(rows) > 1:
        places = ", ".join(f"row {row} ({labels[row]!r})" for row in rows)
        raise AmbiguousClassError(f"{key!r} in {path} could mean {places}; name each by its row number.")
    if not rows:
        raise InputFileError(f"{key!r} in {path} is neither a label nor a row of the head (0 to {len(labels) - 1}).")
    return rows[0]

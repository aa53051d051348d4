"""Labels that belong together, such as those of a classifier's head: what the list as a whole says of each of them.

Three things. Its order may be ImageNet's. Its labels may be complete: where nearly all labels of several names hold
exactly the lemmas of the class they link to, a label of one name means a class of that one lemma. And it may keep to a
graph: where every one of at least 300 linked labels is in the graph, a class outside is meant with a chance below 1 %
(rule of three), and candidates outside are no longer admissible. The last two are read off the labels that link without
them, never off the labels they then settle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kgzsl.classes import ClassText
from kgzsl.errors import InputFileError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.storage import load_split_list, split_names
from kgzsl.naming.candidate import LEFT_OUT, LINKED, UNKNOWN, Link
from kgzsl.naming.linker import Linker
from kgzsl.naming.spelling import plain, split_label
from kgzsl.runtime import read_json, read_lines, write_text
from kgzsl.types import ClassId, ClassIds, PathLike

__all__ = [
    "IMAGENET",
    "OPEN",
    "LinkedLabels",
    "follows_order",
    "imagenet_order",
    "link_list",
    "read_labels",
    "write_table",
]

IMAGENET = "ilsvrc2012-seen"
AGREEMENT = 0.8
COMPLETE_LABELS, COMPLETE_SHARE = 10, 0.9
RULE_OF_THREE = 300
NO_CLASS = ("background", "none", "other", "others", "unknown", "void", "unlabeled", "unlabelled")
"""Labels that in a list seldom mean the noun."""

OPEN = "?"
"""What stands in a table for a class that is still to be chosen."""


@dataclass(frozen=True, slots=True)
class LinkedLabels:
    """What became of the labels of a list.

    Args:
        links: one a label, in order.
        is_complete: whether the labels were taken to hold all lemmas of their classes.
        in_graph: whether classes outside the graph were ruled out.
        by_order: whether ImageNet's order was recognised, so that the names had only to agree with it.
    """

    links: tuple[Link, ...]
    is_complete: bool = False
    in_graph: bool = False
    by_order: bool = False

    def __len__(self) -> int:
        return len(self.links)

    def count(self, status: str) -> int:
        """Return how many labels have a status."""
        return sum(link.status == status for link in self.links)


def link_list(linker: Linker, labels: Sequence[str], *, order: ClassIds = (), complete: bool = False) -> LinkedLabels:
    """Link labels that belong together; see this module for what the list adds.

    Args:
        linker: what links each of them.
        labels: the label texts.
        order: classes whose order is recognised (`imagenet_order`), with a background label before them or without.
        complete: the labels are known to hold all lemmas of their classes; else that is found out.
    """
    background = len(labels) - len(order)
    if order and background in (0, 1):
        texts = [linker.graph.text(class_id) for class_id in order]
        if follows_order(labels[background:], texts):
            return _linked_in_order(linker, labels, (*([None] * background), *order))
    alone = [_link_alone(linker, label, len(labels)) for label in labels]
    complete = complete or _is_complete(labels, alone)
    inside = _keeps_to(linker.graph, alone)
    if not complete and not inside:
        return LinkedLabels(tuple(alone))
    among = linker.graph.index if inside else None
    settled = [
        link
        if link.status == LINKED or _stays_open(label, len(labels))
        else linker.link(label, complete=complete, among=among)
        for label, link in zip(labels, alone)
    ]
    return LinkedLabels(tuple(settled), complete, inside)


def _link_alone(linker: Linker, label: str, count: int) -> Link:
    """Link a label by itself; one that says that it is no class stays open in a list."""
    link = linker.link(label)
    if not _stays_open(label, count):
        return link
    return replace(link, status=UNKNOWN, num_possible=0, note="in a list it often stands for no class")


def _stays_open(label: str, count: int) -> bool:
    return count >= COMPLETE_LABELS and plain(label) in NO_CLASS


def _linked_in_order(linker: Linker, labels: Sequence[str], order: Sequence[ClassId | None]) -> LinkedLabels:
    links = (
        Link(label, LEFT_OUT, note="stands for no class")
        if class_id is None
        else Link(label, LINKED, (linker.candidate(class_id, "ImageNet's order"),), 1)
        for label, class_id in zip(labels, order, strict=True)
    )
    return LinkedLabels(tuple(links), by_order=True)


def _is_complete(labels: Sequence[str], links: Sequence[Link]) -> bool:
    whole = [
        len(link.candidates[0].text.lemmas) == len(split_label(label)[0])
        for label, link in zip(labels, links)
        if link.status == LINKED and len(split_label(label)[0]) > 1
    ]
    return len(whole) >= COMPLETE_LABELS and sum(whole) >= COMPLETE_SHARE * len(whole)


def _keeps_to(graph: ClassGraph, links: Sequence[Link]) -> bool:
    linked = [link.class_id for link in links if link.status == LINKED]
    return len(linked) >= RULE_OF_THREE and all(class_id in graph.index for class_id in linked)


def imagenet_order(graph: ClassGraph, source: PathLike = "imagenet21k") -> ClassIds:
    """Return ImageNet's classes in the order of its labels, where a graph is the one that has the list, else none.

    Args:
        graph: the graph.
        source: its name or folder, beside which the list stands.
    """
    order = load_split_list(source, IMAGENET) if IMAGENET in split_names(source) else ()
    return order if all(class_id in graph.index for class_id in order) else ()


def follows_order(labels: Sequence[str], order: Sequence[ClassText], agreement: float = AGREEMENT) -> bool:
    """Say whether label texts stand in the order of given classes.

    Args:
        labels: the label texts.
        order: the texts of the classes, in the order asked about.
        agreement: the share of labels that must share a term with the class in their place.

    Returns:
        True where enough labels agree and none names only classes in other places.

    Example:
        >>> zebra, okapi = ClassText("zebra.n.01", ("zebra",)), ClassText("okapi.n.01", ("okapi",))
        >>> follows_order(["zebra", "okapi"], [zebra, okapi]), follows_order(["okapi", "zebra"], [zebra, okapi])
        (True, False)
    """
    if len(labels) != len(order) or not labels:
        return False
    places: dict[str, set[int]] = {}
    for place, text in enumerate(order):
        for lemma in text.lemmas:
            places.setdefault(_term(lemma), set()).add(place)
    agreed = 0
    for place, label in enumerate(labels):
        named = set().union(*(places.get(_term(part), set()) for part in label.split(",")))
        if place in named:
            agreed += 1
        elif named:
            return False
    return agreed >= agreement * len(labels)


def _term(text: str) -> str:
    return " ".join(text.replace("_", " ").lower().split())


def read_labels(path: PathLike) -> list[str]:
    """Read label texts: one a line, a JSON list, or the ``config.json`` of a transformers folder.

    Raises:
        InputFileError: the file is missing or holds no labels.
    """
    labels = _labels_of(read_json(path), path) if str(path).endswith(".json") else read_lines(path)
    if not labels:
        raise InputFileError(f"{path} holds no label; write one a line.")
    return labels


def _labels_of(content: Any, path: PathLike) -> list[str]:
    if isinstance(content, dict) and isinstance(content.get("id2label"), dict):
        content = content["id2label"]
    if isinstance(content, dict) and set(content) == {str(row) for row in range(len(content))}:
        content = [content[str(row)] for row in range(len(content))]
    if not isinstance(content, list) or not all(isinstance(label, str) for label in content):
        raise InputFileError(
            f"{path} holds no labels; expected a JSON list of texts, or an object with id2label as transformers writes."
        )
    return content


def write_table(path: PathLike, links: Sequence[Link]) -> None:
    """Write a labels table as `kgzsl.vision.link_by_table` reads it: label or row number, class id, and hints.

    A label that stands twice, or looks like a number or a comment, is named by its row. What is not linked gets ``?``,
    to be filled in by hand, with the candidates behind it; labels that are left out get ``-``.

    Raises:
        StorageError: the write failed.
    """
    times = Counter(link.label for link in links)
    lines = ["label\tclass_id\tname\tstatus\tcandidates"]
    for row, link in enumerate(links):
        label = link.label
        by_row = times[label] > 1 or label.isdecimal() or label[:1] in ("", "#") or "\t" in label
        class_id = "-" if link.status == LEFT_OUT else link.class_id or OPEN
        name = link.candidates[0].text.name if link.class_id else ""
        listed = "" if link.is_settled else "; ".join(map(str, link.possible or link.candidates))
        lines.append("\t".join((str(row) if by_row else label, class_id, name, link.status, listed)))
    write_text(path, "\n".join(lines) + "\n")

"""Class lists by name, and what is made of them: without a release's removed classes, with or without a mark.

An expression is an operand, or operands joined by `` - `` (without), `` & `` (those in both) or `` + `` (and those
of the next that are new), from left to right:

- a list that stands beside the graph (``2-hops``), or one that a caller gives;
- ``LIST-RELEASE``, a list without what that release dropped (``2-hops-winter2021``): releases are the graph's lists
  whose names end in ``-removed``. Lists hold the classes of the first release, ImageNet's of fall 2011;
- a mark of the graph (``person``).

So ``all-winter2021 - person`` is all published unseen classes of the winter 2021 release but the person classes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kgzsl.errors import InputFileError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.storage import load_split_list, split_names
from kgzsl.registry import closest
from kgzsl.types import ClassId, ClassIds, PathLike

__all__ = ["is_expression", "read_class_list", "release_notes", "releases"]

REMOVED = "-removed"
OPERATOR = re.compile(r"\s([-&+])\s")


def is_expression(text: str) -> bool:
    """Say whether a text joins operands.

    Example:
        >>> is_expression("2-hops - person"), is_expression("2-hops")
        (True, False)
    """
    return OPERATOR.search(text) is not None


def releases(place: PathLike) -> dict[str, frozenset[ClassId]]:
    """Return the releases that a graph's lists know of, each with the classes that it dropped."""
    names = [name for name in split_names(place) if name.endswith(REMOVED)]
    return {name.removesuffix(REMOVED): frozenset(load_split_list(place, name)) for name in names}


def release_notes(class_ids: ClassIds, place: PathLike) -> tuple[str, ...]:
    """Say for each release that a graph's lists know of how many of some classes it dropped.

    Example:
        >>> release_notes(("n04399382", "n02391049"), "imagenet21k")
        ('Of the 2 candidates 1 is not in release winter2021.',)
    """
    notes = []
    for release, removed in releases(place).items():
        gone = len(removed.intersection(class_ids))
        count = "none is missing" if not gone else f"{gone:,} {'is' if gone == 1 else 'are'} not"
        notes.append(f"Of the {len(class_ids):,} candidates {count} in release {release}.")
    return tuple(notes)


def read_class_list(
    expression: str, graph: ClassGraph, place: PathLike, given: Mapping[str, ClassIds] | None = None
) -> tuple[ClassId, ...]:
    """Return the classes of an expression, in the order of its first operand.

    Args:
        expression: see the head of this module.
        graph: its marks may be operands.
        place: where the graph lies, by name or folder; the lists beside it may be operands.
        given: further lists by name; they come before those of the same name beside the graph.

    Raises:
        InputFileError: an operand is not known; the message lists what is.

    Example:
        >>> from kgzsl.graph import load_graph
        >>> len(read_class_list("all-winter2021 & person", load_graph("imagenet21k"), "imagenet21k"))
        159
    """
    first, *rest = OPERATOR.split(expression.strip())
    found = dict.fromkeys(_operand(first.strip(), graph, place, given or {}))
    for operator, name in zip(rest[::2], rest[1::2]):
        other = dict.fromkeys(_operand(name.strip(), graph, place, given or {}))
        if operator == "+":
            found |= other
        else:
            found = {class_id: None for class_id in found if (class_id in other) == (operator == "&")}
    return tuple(found)


def _operand(name: str, graph: ClassGraph, place: PathLike, given: Mapping[str, ClassIds]) -> ClassIds:
    beside = split_names(place)
    if name in given:
        return given[name]
    if name in beside:
        return load_split_list(place, name)
    stem, _, release = name.rpartition("-")
    if f"{release}{REMOVED}" in beside and stem in {*given, *beside, *graph.marks}:
        gone = releases(place)[release]
        return tuple(class_id for class_id in _operand(stem, graph, place, given) if class_id not in gone)
    if name in graph.marks:
        marked = graph.marked(name)
        return tuple(class_id for class_id in graph.index if class_id in marked)
    known = [*given, *(other for other in beside if other not in given), *sorted(graph.marks)]
    after = "".join(f", each also with -{release} behind" for release in releases(place))
    raise InputFileError(
        f"Graph {graph.name!r} has no class list or mark {name!r}; it has {', '.join(known) or 'none'}{after}."
        f"{closest(name, known)}"
    )

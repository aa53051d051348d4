"""Branches of the class graph that are worth a colour: few, and none of them most of the classes."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

from kgzsl.graph.class_graph import ClassGraph
from kgzsl.types import ClassId

__all__ = ["OTHER", "coloured_branches"]

OTHER = "other"
LARGEST = 0.16
"""A branch with more than this share of the classes is split into its children."""


def coloured_branches(graph: ClassGraph, class_ids: Sequence[ClassId], most: int = 7) -> dict[ClassId, str]:
    """Return for each class the label of its branch, or ``other``.

    Beginning with the roots the largest branch is replaced by its children until none holds more than `LARGEST` of the
    classes; the largest ``most`` are named. A class of several branches belongs to the one that is fewest steps up.

    Raises:
        UnknownClassError: a class is not in the graph.
    """
    heads = set(graph.roots())
    whole: set[ClassId] = set()
    while True:
        of_class = _nearest_heads(graph, class_ids, heads)
        sizes = Counter(of_class.values())
        splittable = [(number, head) for head, number in sizes.items() if head not in whole]
        number, largest = max(splittable, default=(0, ""))
        if number <= LARGEST * len(class_ids):
            break
        heads.discard(largest)
        children = set(graph.children(largest))
        if any(of_class[one] == largest and one == largest for one in class_ids) or not children:
            heads.add(largest)  # the class itself is shown: it stays the head of its own
            whole.add(largest)
        heads |= children
    named = [head for head, _ in sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0]))[:most]]
    labels = _labels(graph, named)
    return {class_id: labels.get(head, OTHER) for class_id, head in of_class.items()}


def _labels(graph: ClassGraph, heads: Iterable[ClassId]) -> dict[ClassId, str]:
    """Return a label for each head, by id where two would read alike."""
    labels = {head: graph.text(head).label for head in heads}
    often = Counter(labels.values())
    return {head: label if often[label] == 1 else f"{label} ({head})" for head, label in labels.items()}


def _nearest_heads(graph: ClassGraph, class_ids: Iterable[ClassId], heads: set[ClassId]) -> Mapping[ClassId, ClassId]:
    """Walk from the heads downward, all at once; the first to reach a class has it, of several the one of lowest id."""
    reached: dict[int, int] = {}
    queue = deque[int]()
    for head in sorted(heads):
        row = graph.index.row(head)
        reached[row] = row
        queue.append(row)
    while queue:
        row = queue.popleft()
        for child in graph.child_rows(row):
            if child not in reached:
                reached[child] = reached[row]
                queue.append(child)
    rows = {class_id: graph.index.row(class_id) for class_id in class_ids}
    return {class_id: graph.index[reached[row]] if row in reached else OTHER for class_id, row in rows.items()}

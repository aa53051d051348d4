"""Branches of the class graph that are worth a colour: few, and as even as the graph allows."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence

from kgzsl.graph.class_graph import ClassGraph
from kgzsl.types import ClassId

__all__ = ["OTHER", "coloured_branches"]

OTHER = "other"
SMALLEST = 0.03
"""A branch with less than this share of the classes gets no colour of its own."""


def coloured_branches(graph: ClassGraph, class_ids: Sequence[ClassId], most: int = 7) -> dict[ClassId, str]:
    """Return for each class the label of its branch, or ``other`` for what no branch holds.

    Beginning with all classes, the largest part is cut again and again at the class below which most nearly half of it
    is. What is left above a cut is the *rest* of its branch. A class of several branches belongs to the one that is
    fewest steps up.

    Args:
        graph: the class graph.
        class_ids: what is coloured; only these count.
        most: so many branches, at most.

    Raises:
        UnknownClassError: a class is not in the graph.
    """
    heads: list[ClassId] = []
    for _ in range(most):
        of_class = _nearest_heads(graph, class_ids, heads)
        parts = sorted(Counter(of_class.values()).items(), key=lambda pair: (-pair[1], pair[0] or ""))
        cuts = (_cut(graph, [one for one in of_class if of_class[one] == head], heads, class_ids) for head, _ in parts)
        fresh = next((cut for cut in cuts if cut is not None), None)
        if fresh is None:
            break
        heads.append(fresh)
    labels = _labels(graph, heads)
    return {
        one: OTHER if head is None else labels[head] for one, head in _nearest_heads(graph, class_ids, heads).items()
    }


def _cut(
    graph: ClassGraph, members: Sequence[ClassId], heads: Sequence[ClassId], class_ids: Sequence[ClassId]
) -> ClassId | None:
    """Return the class that most nearly halves a part, None where no cut leaves enough on both sides."""
    below = Counter(above for one in members for above in graph.ancestors([one]) | {one})
    least = max(1.0, SMALLEST * len(class_ids))
    able = [one for one, number in below.items() if one not in heads and least <= number <= len(members) - least]
    return min(able, key=lambda one: (abs(2 * below[one] - len(members)), one), default=None)


def _labels(graph: ClassGraph, heads: Sequence[ClassId]) -> dict[ClassId, str]:
    """Return a label for each head: with ``rest`` where another is below it, with its id where two would read alike."""
    above = graph.ancestors(heads)
    labels = {head: graph.text(head).label + (", rest" if head in above else "") for head in heads}
    often = Counter(labels.values())
    return {head: label if often[label] == 1 else f"{label} ({head})" for head, label in labels.items()}


def _nearest_heads(
    graph: ClassGraph, class_ids: Iterable[ClassId], heads: Iterable[ClassId]
) -> dict[ClassId, ClassId | None]:
    """Walk from the heads downward, all at once; the first to reach a class has it, of several the one of lowest id."""
    reached = {graph.index.row(head): head for head in sorted(heads)}
    queue = deque(reached)
    while queue:
        row = queue.popleft()
        for child in graph.child_rows(row):
            if child not in reached:
                reached[child] = reached[row]
                queue.append(child)
    return {class_id: reached.get(graph.index.row(class_id)) for class_id in class_ids}

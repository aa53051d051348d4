"""Groups of classes to break figures down by: their distance from or kinship with the seen ones, and their branch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping

from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.hops import hop_distances
from kgzsl.splits import Split
from kgzsl.types import ClassId

__all__ = ["BREAKDOWNS", "branch_heads", "by_branch", "by_hops", "by_kinship"]

ABOVE = "above the branches"
NO_WAY = "no way to a seen class"
RELATED, UNRELATED = "above or below a seen class", "unrelated"
MOST = 0.4
"""A branch with more than this share of the classes is split into its children."""


def by_hops(graph: ClassGraph, split: Split, class_ids: Iterable[ClassId]) -> dict[ClassId, str]:
    """Return for each class how many steps, up or down the graph, lead to the nearest seen class: ``0``, ``1``, ...

    Raises:
        UnknownClassError: a class is not in the graph.
    """
    distances = hop_distances(graph, split.seen)
    return {i: NO_WAY if (hops := distances[graph.index.row(i)]) < 0 else str(hops) for i in class_ids}


def by_branch(graph: ClassGraph, split: Split, class_ids: Iterable[ClassId]) -> dict[ClassId, str]:
    """Return for each class the branch it hangs on; of several the one that is fewest steps up.

    Raises:
        UnknownClassError: a class is not in the graph.
    """
    heads = branch_heads(graph, split)
    return {class_id: _label(graph, _nearest_above(graph, class_id, heads)) for class_id in class_ids}


def by_kinship(graph: ClassGraph, split: Split, class_ids: Iterable[ClassId]) -> dict[ClassId, str]:
    """Return for each class whether it is an ancestor or a descendant of a seen class, itself one, or ``unrelated``.

    What is above or below a seen class is easily taken for it: among candidates that hold both kinds, such as
    ``unseen``, images of unrelated classes tell another story.
    """
    related = graph.ancestors(split.seen) | graph.descendants(split.seen) | set(split.seen)
    return {class_id: RELATED if class_id in related else UNRELATED for class_id in class_ids}


def branch_heads(graph: ClassGraph, split: Split) -> tuple[ClassId, ...]:
    """Return the classes that head a branch: the graph itself says where to cut.

    Beginning with the roots, a head with more than two fifths of the split's seen and unseen classes below it is
    replaced by its children, until none has. In ImageNet-21K that ends at animal, plant, person, artifact, matter (food
    is there) and many small ones.
    """
    counted = frozenset(split.seen) | frozenset(split.unseen)
    waiting = deque(class_id for row, class_id in enumerate(graph.index) if not graph.parent_rows(row))
    heads: dict[ClassId, None] = {}
    visited = set(waiting)
    while waiting:
        head = waiting.popleft()
        below = graph.descendants([head]) | {head}
        children = graph.children(head)
        if len(below & counted) > MOST * len(counted) and children:
            fresh = [child for child in children if child not in visited]
            visited.update(fresh)
            waiting.extend(fresh)
        elif below & counted:
            heads[head] = None
    return tuple(heads)


def _nearest_above(graph: ClassGraph, class_id: ClassId, heads: Iterable[ClassId]) -> ClassId | None:
    """Walk upward until a head is met."""
    wanted = {graph.index.row(head) for head in heads}
    start = graph.index.row(class_id)
    queue, met = deque([start]), {start}
    while queue:
        row = queue.popleft()
        if row in wanted:
            return graph.index[row]
        fresh = [parent for parent in graph.parent_rows(row) if parent not in met]
        met.update(fresh)
        queue.extend(fresh)
    return None


def _label(graph: ClassGraph, head: ClassId | None) -> str:
    return ABOVE if head is None else graph.text(head).label


BREAKDOWNS: Mapping[str, Callable[[ClassGraph, Split, Iterable[ClassId]], dict[ClassId, str]]] = {
    "hops": by_hops,
    "branch": by_branch,
    "kinship": by_kinship,
}
"""What figures can be broken down by."""

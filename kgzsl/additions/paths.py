"""The way from a class to the nearest seen one, which is why its classifier is what it is."""

from __future__ import annotations

from collections.abc import Set
from itertools import pairwise

from kgzsl.additions.additions import Additions
from kgzsl.graph.hops import shortest_path
from kgzsl.prediction import PathStep
from kgzsl.types import ClassId

__all__ = ["path_to_seen"]


def path_to_seen(additions: Additions, class_id: ClassId, seen: Set[ClassId]) -> tuple[PathStep, ...]:
    """Return a shortest way from a class to a seen one, up and down the graph.

    Args:
        additions: of the run.
        class_id: where it begins; a class that the run's graph lacks first goes up to the graph.
        seen: where it may end. Where none can be reached it ends when it can go no further.
    """
    graph = additions.run.graph
    ways_up = additions[class_id].extension.ways_up() if class_id in additions else ((class_id,),)
    ways = [(*way, *(shortest_path(graph, way[-1], seen)[1:] if way[-1] in graph.index else ())) for way in ways_up]
    reaching = [way for way in ways if way[-1] in seen] or ways
    ids = min(reaching, key=len)
    steps = [PathStep(ids[0], additions.text(ids[0]).label, "start")]
    for before, after in pairwise(ids):
        is_up = before not in graph.index or after in graph.parents(before)
        steps.append(PathStep(after, additions.text(after).label, "up" if is_up else "down"))
    return tuple(steps)

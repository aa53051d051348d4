"""How far apart the candidates of a query stand in the graph: thirty kinds of bird, or a bird, a saw and a piano."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from kgzsl.graph.class_graph import ClassGraph
from kgzsl.types import Array, ClassIds, Int

__all__ = ["spacing", "spacing_of_steps"]

FAR = 20
"""Steps that stand for *no way*, and for more."""


def spacing(graph: ClassGraph, class_ids: ClassIds) -> float:
    """Return the mean over classes of log steps to the nearest other one, on ways through what is above them.

    Args:
        graph: holds the classes.
        class_ids: the candidates, each once. A single one is as far from others as can be.

    Example:
        >>> from kgzsl.toy import toy_graph
        >>> spacing(toy_graph(), ("okapi", "zebra")) == math.log(2)
        True
    """
    part = graph.subgraph({*class_ids, *graph.ancestors(class_ids)})
    sources = part.index.rows(class_ids).tolist()
    met: list[list[int]] = [[] for _ in range(part.num_classes)]  # of each class the two nearest candidates, met first
    steps = dict.fromkeys(sources, FAR)
    queue = deque((row, row, 0) for row in sources)
    while queue:
        row, source, taken = queue.popleft()
        if len(met[row]) == 2 or source in met[row]:
            continue
        met[row].append(source)
        if row in steps and source != row:
            steps[row] = min(taken, FAR)
        queue.extend((near, source, taken + 1) for near in (*part.parent_rows(row), *part.child_rows(row)))
    return float(np.log([*steps.values()]).mean())


def spacing_of_steps(steps: Int[Array, "K K"]) -> float:
    """Return what `spacing` does, from the steps between all pairs; -1 where there is no way.

    Example:
        >>> spacing_of_steps(np.array([[0, 2], [2, 0]])) == math.log(2)
        True
    """
    others = np.where(steps < 0, FAR, np.minimum(steps, FAR)).astype(np.float64)
    np.fill_diagonal(others, FAR)
    return float(np.log(others.min(axis=1)).mean()) if len(others) else math.log(FAR)

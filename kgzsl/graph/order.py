"""An order of the classes in which those under one class stand close together."""

from __future__ import annotations

import numpy as np

from kgzsl.graph.class_graph import ClassGraph
from kgzsl.types import Array, Int

__all__ = ["depth_first"]


def depth_first(graph: ClassGraph) -> Int[Array, "C"]:
    """Return all rows in the order of a walk from the roots down, each before what lies below it.

    A class with several parents stands behind the first of them that the walk comes to. Links are not walked.

    Args:
        graph: the class graph.
    """
    met, order = bytearray(graph.num_classes), []
    waiting = np.setdiff1d(np.arange(graph.num_classes), graph.edges[:, 0])[::-1].tolist()
    while waiting:
        row = waiting.pop()
        if not met[row]:
            met[row] = 1
            order.append(row)
            waiting.extend(reversed(graph.child_rows(row)))
    return np.array(order, dtype=np.int64)

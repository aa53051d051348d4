"""Taxonomies of any size that are built like WordNet's nouns: for trials of scale, where no real one is large enough.

The nouns (82,115 classes) lie 8.1 steps below their root in the mean, 79 % have nothing below them, the others 4.9
children in the mean and 664 at most, and 2.7 % have a second parent. A synthetic taxonomy keeps these shares at every
size and becomes deeper by one step each time it is 4.9 times as large.
"""

from __future__ import annotations

import numpy as np

from kgzsl.classes import ClassIndex
from kgzsl.errors import GraphError
from kgzsl.graph.class_graph import HYPERNYM, ClassGraph
from kgzsl.graph.stored_texts import StoredTexts
from kgzsl.types import Array, Int

__all__ = ["synthetic_taxonomy"]

NOUNS, NOUN_DEPTH, SPREAD = 82_115, 8.1, 2.2
"""Classes of WordNet, and mean and standard deviation of their fewest steps to the root."""
CHILDREN, INNER, SECOND = 4.9, 0.21, 0.027
"""Children of a class that has any, the share of such classes, the share of classes with a second parent."""
CROWDING = 2.0
"""How unequal families are: with 1 they are alike but for chance."""


def synthetic_taxonomy(num_classes: int, seed: int = 0) -> ClassGraph:
    """Return a taxonomy with one root whose classes are ordered from the root downward.

    Args:
        num_classes: C, the root among them.
        seed: of the random numbers; equal sizes and seeds give equal graphs.

    Raises:
        GraphError: there would be no class.

    Example:
        >>> graph = synthetic_taxonomy(1000)
        >>> graph.num_classes, graph.roots()
        (1000, ('s00000000',))
    """
    if num_classes < 1:
        raise GraphError(f"A taxonomy has at least one class; found {num_classes}.")
    generator = np.random.default_rng(seed)
    depths = _depths(num_classes, generator)
    child = np.arange(1, num_classes)
    first = _parents(depths, child, generator)
    more = child[(generator.random(num_classes - 1) < SECOND) & (depths[1:] > 1)]
    second = _parents(depths, more, generator)
    other = second != first[more - 1]
    edges = np.concatenate([np.stack([child, first], 1), np.stack([more, second], 1)[other]])  # (E, 2)
    edges = edges[np.lexsort((edges[:, 1], edges[:, 0]))]
    ids = [f"s{row:08d}" for row in range(num_classes)]
    index = ClassIndex(tuple(ids), f"graph 'synthetic-{num_classes}'")
    relations = np.full(len(edges), HYPERNYM, dtype=np.int64)
    facts = {"synthetic_classes": num_classes, "seed": seed}
    return ClassGraph(f"synthetic-{num_classes}", index, StoredTexts(ids, ids, []), edges, relations, {}, facts)


def _depths(num_classes: int, generator: np.random.Generator) -> Int[Array, "C"]:
    """Draw the steps from each class to the root, in growing order without gaps; 0 for the root alone."""
    middle = max(1.0, NOUN_DEPTH + np.log(num_classes / NOUNS) / np.log(CHILDREN))
    drawn = np.rint(generator.normal(middle, SPREAD, num_classes)).astype(np.int64).clip(min=1)
    drawn[:1] = 0
    drawn.sort()
    depths: np.ndarray = np.unique(drawn, return_inverse=True)[1].astype(np.int64)
    return depths


def _parents(depths: Int[Array, "C"], rows: Int[Array, "K"], generator: np.random.Generator) -> Int[Array, "K"]:
    """Draw a parent one step nearer to the root for each row; the first classes of a depth have the large families."""
    starts = np.searchsorted(depths, np.arange(depths[-1] + 2))
    above = depths[rows] - 1
    inner = np.ceil(INNER * (starts[above + 1] - starts[above]))
    drawn: np.ndarray = starts[above] + np.floor(inner * generator.random(len(rows)) ** CROWDING).astype(np.int64)
    return drawn

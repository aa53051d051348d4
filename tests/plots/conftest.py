"""A world of two branches, small enough to be counted by hand.

::

    thing ─ animal ─ dog (seen) ─ puppy
          │        ├ cat (seen)
          │        └ okapi
          └ tool ─ hammer
                 └ saw (seen)
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex, ClassText
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.splits import Split

PARENTS = {
    "thing": None,
    "animal": "thing",
    "dog": "animal",
    "cat": "animal",
    "okapi": "animal",
    "puppy": "dog",
    "tool": "thing",
    "hammer": "tool",
    "saw": "tool",
}
IMAGES = (("okapi", "okapi"), ("okapi", "puppy"), ("puppy", "puppy"), ("hammer", "okapi"), ("dog", "dog"))
"""Class of each image, and what it is taken for."""


@pytest.fixture
def world() -> ClassGraph:
    index = ClassIndex(tuple(PARENTS), "graph 'world'")
    edges = np.array([(index.row(child), index.row(parent)) for child, parent in PARENTS.items() if parent])
    return ClassGraph("world", index, tuple(map(ClassText, PARENTS)), edges, np.zeros(len(edges), dtype=np.int64))


@pytest.fixture
def split() -> Split:
    return Split(("dog", "cat", "saw"), ("puppy", "okapi", "hammer"))


@pytest.fixture
def bank(world: ClassGraph) -> ClassifierBank:
    """Score of class c is the c-th number of the features."""
    return ClassifierBank(world.index, torch.eye(len(PARENTS)), torch.zeros(len(PARENTS)), "toy")


@pytest.fixture
def images() -> FeatureSet:
    names = ("okapi", "puppy", "hammer", "dog")
    features = torch.zeros(len(IMAGES), len(PARENTS))
    for row, (own, taken) in enumerate(IMAGES):
        features[row, list(PARENTS).index(own)] += 1
        features[row, list(PARENTS).index(taken)] += 2
    return FeatureSet(features, torch.tensor([names.index(own) for own, _ in IMAGES]), ClassIndex(names), "toy")

"""A world of nine classes, checkable by hand, shared by the evaluation tests.

::

    thing ─ animal ─ dog (seen) ─ puppy (unseen)
          │        ├ cat (seen)
          │        └ okapi (unseen)
          ├ tool ─ hammer (unseen)
          │      └ saw (seen)
          └ person (unseen, marked)
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
    "person": "thing",
}


@pytest.fixture
def world() -> ClassGraph:
    index = ClassIndex(tuple(PARENTS), "graph 'world'")
    edges = np.array([(index.row(child), index.row(parent)) for child, parent in PARENTS.items() if parent])
    texts = tuple(ClassText(class_id) for class_id in PARENTS)
    marks = {"person": frozenset({"person"})}
    return ClassGraph("world", index, texts, edges, np.zeros(len(edges), dtype=np.int64), marks)


@pytest.fixture
def split() -> Split:
    return Split(("dog", "cat", "saw"), ("puppy", "okapi", "hammer", "person"))


@pytest.fixture
def bank(world: ClassGraph) -> ClassifierBank:
    """Score of class c is the c-th number of the features."""
    return ClassifierBank(world.index, torch.eye(len(world.index)), torch.zeros(len(world.index)), "toy")


def image_set(classes: tuple[str, ...], rows: list[tuple[str, dict[str, float]]]) -> FeatureSet:
    """Images given by their class ("" for none) and the scores that the bank above gives them."""
    order = {class_id: number for number, class_id in enumerate(PARENTS)}
    features = torch.zeros(len(rows), len(PARENTS))
    for number, (_, scores) in enumerate(rows):
        for class_id, score in scores.items():
            features[number, order[class_id]] = score
    labels = torch.tensor([classes.index(class_id) if class_id else -1 for class_id, _ in rows])
    return FeatureSet(features, labels, ClassIndex(classes), "toy")


@pytest.fixture
def images() -> FeatureSet:
    """Six images: one of a seen class, one of no known class."""
    rows = [
        ("okapi", {"okapi": 3, "cat": 2}),
        ("okapi", {"hammer": 3, "okapi": 2}),
        ("puppy", {"dog": 3, "puppy": 2}),
        ("hammer", {"hammer": 1}),
        ("dog", {"dog": 3, "puppy": 1}),
        ("", {"okapi": 9}),
    ]
    return image_set(("okapi", "puppy", "hammer", "dog"), rows)

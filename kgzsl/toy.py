"""A world of twelve classes, small enough to check by hand: for doctests, tests and a first look.

Seven animals and tools hang below *entity*; five are seen. Semantic vectors have four numbers, features three.
"""

from __future__ import annotations

import numpy as np
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex, ClassText
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import HYPERNYM, ClassGraph
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.splits import Split
from kgzsl.supervision import Supervision

__all__ = [
    "toy_bank",
    "toy_features",
    "toy_graph",
    "toy_seen_features",
    "toy_semantics",
    "toy_split",
    "toy_supervision",
]

EDGES = (
    ("animal", "entity"),
    ("tool", "entity"),
    ("hoofed", "animal"),
    ("bird", "animal"),
    ("horse", "hoofed"),
    ("zebra", "hoofed"),
    ("okapi", "hoofed"),
    ("eagle", "bird"),
    ("owl", "bird"),
    ("hammer", "tool"),
    ("saw", "tool"),
    ("owl", "tool"),  # a class with two parents, as WordNet has many
)
CLASSES = ("entity", "animal", "tool", "hoofed", "bird", "horse", "zebra", "okapi", "eagle", "owl", "hammer", "saw")
SEEN = ("horse", "zebra", "eagle", "hammer", "saw")
UNSEEN = ("okapi", "owl")
BACKBONE = "toy"


def toy_graph() -> ClassGraph:
    """Return the graph.

    Example:
        >>> toy_graph().parents("owl")
        ('bird', 'tool')
    """
    index = ClassIndex(CLASSES, "graph 'toy'")
    edges = index.rows(end for edge in EDGES for end in edge).reshape(-1, 2)
    texts = tuple(ClassText(name, (name,), f"a kind of {name}") for name in CLASSES)
    provenance = {"definitions": True}
    return ClassGraph("toy", index, texts, edges, np.full(len(edges), HYPERNYM), {}, provenance)


def toy_semantics() -> SemanticEmbedding:
    """Return four numbers a class, of length one: hoofed, winged, made, and one that is the same for all."""
    traits: dict[str, tuple[float, float, float]] = {
        "hoofed": (1, 0, 0),
        "horse": (1, 0, 0),
        "zebra": (1, 0, 0.1),
        "okapi": (1, 0.1, 0),
    }
    traits |= {"bird": (0, 1, 0), "eagle": (0, 1, 0), "owl": (0.1, 1, 0.2), "animal": (0.5, 0.5, 0)}
    traits |= {"tool": (0, 0, 1), "hammer": (0.1, 0, 1), "saw": (0, 0, 1)}
    rows = torch.tensor([(*traits.get(name, (0.3, 0.3, 0.3)), 0.5) for name in CLASSES])
    return SemanticEmbedding(toy_graph().index, torch.nn.functional.normalize(rows, dim=1), "toy", "lemmas: definition")


def toy_bank() -> ClassifierBank:
    """Return classifiers of the five seen classes over three features."""
    weights = torch.tensor([[2.0, 0, 0], [1.5, 0.5, 0], [0, 2.0, 0], [0, 0, 2.0], [0.2, 0, 1.5]])
    return ClassifierBank(ClassIndex(SEEN, "toy bank"), weights, torch.tensor([0.1, 0.0, 0.2, 0.0, -0.1]), BACKBONE)


def toy_features() -> FeatureSet:
    """Return six pictures' features: three of okapis, two of owls, one of a zebra."""
    features = torch.tensor(
        [[1.0, 0.2, 0], [0.9, 0, 0.1], [1.1, 0.3, 0], [0.1, 1.0, 0.3], [0, 0.8, 0.2], [1.4, 0.5, 0]]
    )
    index = ClassIndex((*UNSEEN, "zebra"), "toy features")
    return FeatureSet(features, torch.tensor([0, 0, 0, 1, 1, 2]), index, BACKBONE)


def toy_seen_features() -> FeatureSet:
    """Return fifteen pictures' features, three of each seen class: its classifier's direction, and two a little off."""
    bank = toy_bank()
    shifts = torch.tensor([[0.0, 0.0, 0.0], [0.2, 0.1, 0.0], [0.0, 0.1, 0.3]])
    features = (0.6 * bank.weights[:, None] + shifts).reshape(-1, 3)
    return FeatureSet(features, torch.arange(len(SEEN)).repeat_interleave(3), bank.index, BACKBONE)


def toy_split() -> Split:
    """Return the seen and unseen classes."""
    return Split(SEEN, UNSEEN)


def toy_supervision(with_features: bool = False) -> Supervision:
    """Return what a method may look at, with features of seen classes where they are asked for."""
    return Supervision(toy_graph(), toy_semantics(), toy_bank(), toy_seen_features() if with_features else None)

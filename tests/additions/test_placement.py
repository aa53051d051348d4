"""Where a description leads, against votes counted by hand."""

from __future__ import annotations

import math

import pytest
import torch

from kgzsl.additions import DescriptionPlacer, PlacementRule
from kgzsl.classes import ClassIndex
from kgzsl.graph.custom import from_pairs
from kgzsl.graph.linking import with_attributes
from kgzsl.semantics import SemanticEmbedding

GRAPH = from_pairs([("cat", "animal"), ("dog", "animal"), ("saw", "tool"), ("saw", "gift"), ("cat", "pet")])
ANGLES = {"animal": 60, "cat": 10, "dog": 20, "gift": 80, "pet": 70, "saw": 15, "tool": 90}


def vectors(angles: dict[str, float]) -> SemanticEmbedding:
    rows = [[math.cos(math.radians(angle)), math.sin(math.radians(angle))] for angle in angles.values()]
    return SemanticEmbedding(ClassIndex(tuple(angles)), 3 * torch.tensor(rows), "toy")


def place(rule: PlacementRule):
    (found,) = DescriptionPlacer(GRAPH, vectors(ANGLES), rule).place(vectors({"new": 0}))
    return found


def test_the_votes_are_those_of_the_formula() -> None:
    near = {one: math.cos(math.radians(ANGLES[one])) for one in ("cat", "saw", "dog")}
    rule = PlacementRule(neighbours=3, width=0.1, itself=0.25)
    weight = {one: math.exp((near[one] - near["cat"]) / 0.1) for one in near}
    votes = {"animal": 0.75 * (weight["cat"] / 2 + weight["dog"]), "pet": 0.75 * weight["cat"] / 2}
    votes |= {one: 0.25 * weight[one] for one in near} | {"tool": 0.375 * weight["saw"], "gift": 0.375 * weight["saw"]}
    found = place(rule)
    assert found.parent == max(votes, key=votes.get) == "animal"
    assert [one.class_id for one in found.nearest] == ["cat", "saw", "dog"]
    assert [one.likeness for one in found.nearest] == pytest.approx(list(near.values()), abs=1e-4)
    assert found.voters == ("cat", "dog")
    assert found.why == "2 of the 3 classes nearest to its words are kinds of animal: cat (0.98), dog (0.94)"


def test_a_place_is_doubtful_where_few_vote_for_it_or_none_is_like_it() -> None:
    assert not place(PlacementRule(neighbours=3, itself=0.25, least_voters=2)).is_doubtful
    assert place(PlacementRule(neighbours=3, itself=0.25, least_voters=3)).is_doubtful
    assert place(PlacementRule(neighbours=3, itself=0.25, least_voters=2, least_likeness=0.99)).is_doubtful
    assert not place(PlacementRule(neighbours=1, itself=0.9)).is_doubtful, "one that is asked cannot be outvoted"


def test_the_nearest_itself_can_be_the_parent() -> None:
    found = place(PlacementRule(neighbours=1, itself=0.9))
    assert (found.parent, found.why) == ("cat", "it is most like cat (0.98) itself")


def test_classes_placed_together_are_placed_as_if_alone() -> None:
    placer = DescriptionPlacer(GRAPH, vectors(ANGLES))
    asked = {f"new{angle}": float(angle) for angle in range(0, 90, 7)}
    together = placer.place(vectors(asked))
    assert together == [placer.place(vectors({name: angle}))[0] for name, angle in asked.items()]


def test_parts_count_alike() -> None:
    one, other = vectors(ANGLES), vectors({name: 90 - angle for name, angle in ANGLES.items()})
    both = SemanticEmbedding(one.index, torch.cat([one.vectors, 5 * other.vectors], dim=1), "toy", "first | second")
    new = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
    (found,) = DescriptionPlacer(GRAPH, both).place(SemanticEmbedding(ClassIndex(("new",)), new, "toy", both.text_form))
    assert found.nearest == place(PlacementRule()).nearest


def test_attributes_are_no_place_for_a_class() -> None:
    linked = with_attributes(GRAPH, ("cat", "dog"), ("whiskers", "bark"), torch.eye(2), 1)
    angles = ANGLES | {"attribute:whiskers": 0, "attribute:bark": 1}
    rule = PlacementRule(neighbours=3, width=0.1, itself=0.25)
    (found,) = DescriptionPlacer(linked, vectors(angles), rule).place(vectors({"new": 0}))
    assert found == place(rule)
    (everyone,) = DescriptionPlacer(linked, vectors(angles), PlacementRule(neighbours=99)).place(vectors({"new": 0}))
    assert everyone == place(PlacementRule(neighbours=99))

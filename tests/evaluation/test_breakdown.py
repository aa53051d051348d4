"""Groups of classes to break figures down by."""

from __future__ import annotations

import pytest

from kgzsl.bank import ClassifierBank
from kgzsl.errors import UnknownVariantError
from kgzsl.evaluation import evaluate, to_markdown, to_text
from kgzsl.evaluation.breakdown import branch_heads, by_branch, by_hops, by_kinship
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.custom import from_pairs
from kgzsl.splits import Split


def test_hops_are_steps_to_the_nearest_seen_class(world: ClassGraph, split: Split) -> None:
    found = by_hops(world, split, ["dog", "puppy", "okapi", "hammer", "person", "thing"])
    assert found == {"dog": "0", "puppy": "1", "okapi": "2", "hammer": "2", "person": "3", "thing": "2"}


def test_no_way_is_said() -> None:
    apart = from_pairs([("dog", "animal"), ("saw", "tool")])
    assert by_hops(apart, Split(("dog",), ("saw",)), ["saw"]) == {"saw": "no way to a seen class"}


def test_heads_with_more_than_two_fifths_of_the_classes_are_split(world: ClassGraph, split: Split) -> None:
    # of 7 classes: thing has all, animal 4 (dog, cat, okapi, puppy), tool 2, person 1; dog has 2
    assert branch_heads(world, split) == ("tool", "person", "dog", "cat", "okapi")
    found = by_branch(world, split, ["hammer", "puppy", "okapi", "animal"])
    assert found == {"hammer": "tool", "puppy": "dog", "okapi": "okapi", "animal": "above the branches"}


def test_of_several_branches_the_nearest_counts() -> None:
    pairs = [("art", "all"), ("food", "all"), ("thing", "all"), ("tin", "art"), ("can", "tin"), ("can", "food")]
    pairs += [("pot", "art"), ("soup", "food"), ("a", "thing"), ("b", "thing")]
    graph = from_pairs(pairs)
    split = Split(("pot", "soup", "a"), ("can", "b", "tin", "thing"))
    assert set(branch_heads(graph, split)) >= {"food"}
    assert by_branch(graph, split, ["can"]) == {"can": "food"}


def test_kin_are_above_and_below_seen_classes(world: ClassGraph, split: Split) -> None:
    found = by_kinship(world, split, ["dog", "puppy", "animal", "okapi", "hammer", "person"])
    kin = "above or below a seen class"
    assert found == {"dog": kin, "puppy": kin, "animal": kin} | dict.fromkeys(
        ["okapi", "hammer", "person"], "unrelated"
    )


def test_a_report_broken_down(bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split) -> None:
    report = evaluate(bank, images, graph=world, split=split, candidates="all", by=("hops", "branch"))
    hops, branch = report.breakdowns["hops"], report.breakdowns["branch"]
    assert list(hops) == ["0", "1", "2"]
    # dog right, puppy beaten by dog, okapi right and wrong, hammer right
    assert {group: figures.hits_micro[1] for group, figures in hops.items()} == {
        "0": 100,
        "1": 0,
        "2": pytest.approx(100 * 2 / 3),
    }
    assert {group: figures.num_images for group, figures in branch.items()} == {"dog": 2, "okapi": 2, "tool": 1}
    assert sum(figures.num_images for figures in branch.values()) == report.figures.num_images
    found = report.to_json()["by"]
    assert found["hops"]["2"]["hits_macro"]["1"] == 75 and set(found) == {"hops", "branch"}
    assert "features, by hops, micro Hit@k in %" in to_text([report])
    assert "| features, by branch | images | classes |" in to_markdown([report])


def test_an_unknown_breakdown_is_refused(
    bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split
) -> None:
    with pytest.raises(UnknownVariantError, match="No breakdown is called 'hop'; choose one of branch, hops"):
        evaluate(bank, images, graph=world, split=split, by=("hop",))

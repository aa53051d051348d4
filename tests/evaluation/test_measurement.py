"""A whole evaluation with figures that can be checked by hand, its properties, and its tables."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import BackboneMismatchError, InputFileError
from kgzsl.evaluation import Bootstrap, evaluate, measurement, ranking, to_markdown, to_text
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.splits import Split

KEYS = (
    "features",
    "candidates",
    "num_candidates",
    "num_images",
    "num_classes",
    "hits_micro",
    "hits_macro",
    "interval_micro",
    "tolerant",
    "chance",
    "nearest_seen",
    "interval_macro",
    "interval_tolerant",
    "chance_tolerant",
    "tree_distance",
    "interval_tree_distance",
    "chance_tree_distance",
    "hierarchical_precision",
    "interval_hierarchical_precision",
    "chance_hierarchical_precision",
)
INTERVALS = tuple(key for key in KEYS if key.startswith("interval"))


def constant(bank: ClassifierBank) -> ClassifierBank:
    return replace(bank, weights=torch.zeros_like(bank.weights))


def test_unseen_candidates(bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split) -> None:
    report = evaluate(bank, images, graph=world, split=split, candidates="unseen", name="pictures")
    figures = report.figures
    assert (report.num_candidates, figures.num_images, figures.num_classes) == (4, 4, 3)
    # ranks: okapi 1 and 2, puppy 1 (dog does not compete), hammer 1
    assert figures.hits_micro[1] == 100 * 3 / 4
    assert figures.hits_macro[1] == pytest.approx(100 * (1 / 2 + 1 + 1) / 3)
    assert figures.hits_micro[2] == figures.hits_macro[20] == 100
    assert figures.tolerant == 75
    assert figures.tree_distance == (0 + 4 + 0 + 0) / 4  # okapi - animal - thing - tool - hammer
    assert report.seen is report.unseen is figures.nearest_seen is None
    assert report.notes == (
        "The candidates follow the published lists: 1 of the 4 are person classes, which kgzsl predict leaves out.",
    )


def test_all_reports_seen_and_unseen_apart(
    bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split
) -> None:
    report = evaluate(bank, images, graph=world, split=split, candidates="all", baseline=constant(bank))
    assert report.seen is not None and report.unseen is not None
    assert (report.seen.num_images, report.unseen.num_images, report.figures.num_images) == (1, 4, 5)
    assert report.seen.hits_micro[1] == 100
    # the puppy is ranked second behind dog, which is right for the tolerant metric
    assert report.unseen.hits_micro[1] == 50
    assert report.unseen.tolerant == 75
    assert report.figures.hits_micro[1] == 60
    assert report.unseen.tree_distance == (0 + 4 + 1 + 0) / 4
    assert report.harmonic_mean == pytest.approx(2 * 100 * 50 / 150)


def test_a_constant_scorer_gains_nothing(
    bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split
) -> None:
    for kind in ("own", "unrelated", "unseen", "all"):
        report = evaluate(constant(bank), images, graph=world, split=split, candidates=kind).to_json()
        for metric in ("hits_micro", "hits_macro"):
            assert all(report[metric][k] <= report["chance"][k] for k in report["chance"])
        assert report["tolerant"] == 0


def test_the_order_of_images_and_classes_changes_nothing(
    bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split
) -> None:
    expected = evaluate(bank, images, graph=world, split=split, candidates="all").to_json()
    order = random.Random(0).sample(range(len(images)), len(images))
    names = ("dog", "hammer", "puppy", "okapi", "cat")
    moved = torch.tensor([names.index(class_id) for class_id in images.index] + [-1])
    shuffled = replace(images, labels=moved[images.labels], index=ClassIndex(names)).rows(torch.tensor(order))
    others = Split(split.seen[::-1], split.unseen[::-1])
    found = evaluate(bank, shuffled, graph=world, split=others, candidates="all").to_json()
    for key in KEYS:
        if key not in INTERVALS:  # draws follow the order of the classes
            assert found[key] == expected[key]


def test_chunks_change_nothing(
    bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = evaluate(bank, images, graph=world, split=split, candidates="all", baseline=bank)
    monkeypatch.setattr(measurement, "score_in_chunks", lambda scorer, rows: ranking.score_in_chunks(scorer, rows, 1))
    assert evaluate(bank, images, graph=world, split=split, candidates="all", baseline=bank) == whole


def test_unreachable_predictions_leave_no_mean_distance(bank: ClassifierBank, images: FeatureSet, split: Split) -> None:
    import numpy as np

    from kgzsl.classes import ClassText

    ids = bank.index.ids
    apart = ClassGraph("apart", bank.index, tuple(map(ClassText, ids)), np.zeros((0, 2), int), np.zeros(0, int))
    report = evaluate(bank, images, graph=apart, split=split, candidates="unseen")
    assert report.figures.tree_distance is None
    assert "tree distance" not in to_text([report])


def test_json_has_the_promised_keys(bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split) -> None:
    report = evaluate(bank, images, graph=world, split=split, candidates="all", baseline=bank, name="a/b.safetensors")
    found = json.loads(json.dumps(report.to_json()))
    assert tuple(found) == (*KEYS, "hubness", "seen", "unseen", "generalised", "notes")
    assert tuple(found["seen"]) == KEYS
    assert found["features"] == "a/b.safetensors"
    assert list(found["hits_micro"]) == list(found["chance"]) == ["1", "2", "5", "10", "20"]
    assert found["chance"]["1"] == round(100 / 7, 4)
    assert found["nearest_seen"] == {"hits_micro": found["hits_micro"], "hits_macro": found["hits_macro"]}
    low, high = found["interval_micro"]["1"]
    assert 0 <= low <= found["hits_micro"]["1"] <= high <= 100
    strict = evaluate(bank, images, graph=world, split=split).to_json()
    assert (
        tuple(strict) == (*KEYS, "hubness") and strict["candidates"] == "unrelated" and strict["nearest_seen"] is None
    )


def test_all_without_seen_images_says_null(
    bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split
) -> None:
    report = evaluate(bank, images.rows(torch.arange(4)), graph=world, split=split, candidates="all").to_json()
    assert report["seen"] is None
    assert report["unseen"]["num_images"] == 4


def test_the_seed_moves_the_interval_alone(
    bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split
) -> None:
    first, again, other = (
        evaluate(bank, images, graph=world, split=split, candidates="own", bootstrap=Bootstrap(50, seed)).to_json()
        for seed in (0, 0, 5)
    )
    assert first == again
    assert {key for key in KEYS if first[key] != other[key]} <= set(INTERVALS)


def test_tables(bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split) -> None:
    options = {"graph": world, "split": split, "baseline": bank}
    reports = [
        evaluate(bank, images, candidates=kind, name=f"folder/{kind}-file.safetensors", **options)  # type: ignore[arg-type]
        for kind in ("unrelated", "all")
    ]
    table = to_markdown(reports).splitlines()
    assert table[2].startswith("| unrelated-file | unrelated (2) | 3 | 2 | 66.7 [50.0, 100.0] |  |  | 75.0 |")
    assert [line.split(" | ")[0] for line in table[3:6]] == [
        "| all-file",
        "| all-file, seen images",
        "| all-file, unseen images",
    ]
    assert len({line.count("|") for line in table[:6]}) == 1
    assert table[9].startswith("| all-file | all (7) | 0 (none) | 100.0 [100.0, 100.0] | 50.0 [0.0, 100.0] | 66.7 [")
    assert table[-1].startswith("The candidates follow the published lists: 1 of the 7")
    text = to_text(reports)
    assert "unrelated-file, candidates unrelated (2): 3 images of 2 classes" in text
    assert "  micro             66.7\n" in text  # of two candidates the best two are no news
    assert "  micro             60.0  100.0  100.0\n" in text
    assert "  seen S 100.0 [100.0, 100.0], unseen U 50.0 [0.0, 100.0], H 66.7 [" in text
    assert "  gamma 0, as they score" in text


def test_refusals(bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split) -> None:
    with pytest.raises(
        BackboneMismatchError, match="features of f come from backbone 'other', the classifiers take those of 'toy'"
    ):
        evaluate(bank, replace(images, backbone="other"), graph=world, split=split, name="f")
    with pytest.raises(InputFileError, match="No image of f is of one of the 0 candidates"):
        evaluate(bank, images, graph=world, split=split, candidates=[], name="f")

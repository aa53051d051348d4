"""Explanations of toy runs: sums, order, rivals, and what is said where there are no contributions."""

from __future__ import annotations

import json

import pytest
import torch

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import BackboneMismatchError, InputFileError, NotAvailableError, UnknownClassError
from kgzsl.explain import amounts_of, explain, explained_methods, to_text
from kgzsl.explain.asked import AskedClass
from kgzsl.features import FeatureSet
from kgzsl.methods import METHODS
from kgzsl.toy import SEEN, toy_features

EXACT = ("kernel_regression", "nearest_seen", "ensemble")
NAMES = ("okapi", "owl", "zebra", "horse")


@pytest.fixture
def image() -> FeatureSet:
    return toy_features().rows(torch.tensor([0]))


@pytest.mark.parametrize("name", EXACT)
def test_exact_parts_sum_to_the_score(classifier_of, image: FeatureSet, name: str) -> None:
    classifier = classifier_of(name)
    for class_id in NAMES:
        found = explain(classifier, class_id, image=image, classes=NAMES, top=50)
        expected = float(classifier.scorer_of([class_id]).score(image)[0, 0])
        assert found.score == expected and found.is_exact and found.start == 0
        assert {one.class_id for one in found.contributions} <= set(SEEN)
        assert sum(one.amount for one in found.contributions) == pytest.approx(expected, abs=1e-5)
        assert abs(found.gap) < 1e-5 and found.rest == pytest.approx(0, abs=1e-9)
        assert sum(abs(one.share) for one in found.contributions) == pytest.approx(1)


def test_a_kernels_parts_by_hand(classifier_of, image: FeatureSet) -> None:
    """weight_s (w_s . x + b_s), with the seen rows of length one."""
    classifier = classifier_of("kernel_regression")
    found = explain(classifier, "okapi", image=image, classes=NAMES)
    unit = classifier.run.seen_bank.normalised("joint")
    for one in found.contributions:
        row = unit.index.row(one.class_id)
        score = float(unit.weights[row] @ image.features[0] + unit.biases[row])
        assert one.weight is not None and one.amount == pytest.approx(one.weight * score, abs=1e-5)
    amounts = [abs(one.amount) for one in found.contributions]
    assert amounts == sorted(amounts, reverse=True)


@pytest.mark.parametrize("name", ["graph_regression", "mixed"])
def test_attributed_parts_sum_to_the_score_but_for_the_gap(classifier_of, image: FeatureSet, name: str) -> None:
    found = explain(classifier_of(name), "okapi", image=image, classes=NAMES, top=50, steps=200)
    assert found.how == "attributed" and "integrated gradients" in found.note
    total = found.start + sum(one.amount for one in found.contributions) + found.rest + found.gap
    assert total == pytest.approx(found.score, abs=1e-5) and abs(found.gap) < 0.02
    relations = {one.class_id: one.relation for one in found.contributions}
    assert relations["okapi"] == "itself" and relations["hoofed"] == "ancestor"
    assert relations.get("horse", "seen") == "seen"


def test_without_a_picture_the_whole_classifier_is_one(classifier_of) -> None:
    for name in (*EXACT, "graph_regression"):
        found = explain(classifier_of(name), "okapi", top=50, steps=200)
        assert (found.score, found.image, found.rank, found.against) == (1.0, None, None, None)
        total = found.start + sum(one.amount for one in found.contributions)
        assert total == pytest.approx(1, abs=0.02)


def test_nearest_seen_names_the_two_it_is_the_mean_of(classifier_of) -> None:
    found = explain(classifier_of("nearest_seen"), "okapi")
    assert {one.class_id: one.weight for one in found.contributions} == {"horse": 0.5, "zebra": 0.5}
    assert found.num_rest == 0
    near = {one.class_id: one.cosine for one in found.near}
    rows = classifier_of("nearest_seen").scorer_of(("okapi", "horse"))
    a, b = torch.cat([rows.weights, rows.biases[:, None]], dim=1)
    assert near["horse"] == pytest.approx(float(a @ b / (a.norm() * b.norm())))


def test_the_best_class_and_its_rival(classifier_of, image: FeatureSet) -> None:
    classifier = classifier_of("kernel_regression")
    best, second = classifier.predict(image, NAMES, top=2)[0].predictions
    found = explain(classifier, image=image, classes=NAMES)
    assert found.against is not None
    assert (found.class_id, found.rank, found.num_candidates) == (best.class_id, 1, 4)
    assert found.against.class_id == second.class_id
    assert found.against.difference == pytest.approx(best.score - second.score)
    parts = sum(one.amount for one in found.against.contributions) + found.against.rest
    assert parts == pytest.approx(best.score - second.score, abs=1e-5)
    other = explain(classifier, second.class_id, image=image, classes=NAMES)
    assert other.against is not None
    assert other.rank == 2 and other.against.class_id == best.class_id and other.against.difference < 0


def test_a_difference_of_classifiers_without_a_picture(classifier_of) -> None:
    found = explain(classifier_of("kernel_regression"), "okapi", against="owl", top=50)
    assert found.against is not None and found.against.difference == 1
    assert sum(one.amount for one in found.against.contributions) == pytest.approx(1, abs=1e-5)
    assert {one.class_id for one in found.against.contributions[:3]} & {"horse", "zebra", "eagle"}


def test_conse_needs_a_picture(classifier_of, image: FeatureSet) -> None:
    classifier = classifier_of("conse")
    alone = explain(classifier, "okapi")
    assert alone.how == "unexplained" and "give one to have it explained" in alone.note and alone.near
    found = explain(classifier, "okapi", image=image, classes=NAMES, top=50)
    assert found.is_exact
    assert sum(one.amount for one in found.contributions) == pytest.approx(found.score, abs=1e-6)


def test_other_methods_say_which_can_be_explained(classifier_of, image: FeatureSet) -> None:
    classifier = classifier_of("devise")
    found = explain(classifier, "okapi", image=image, classes=NAMES)
    assert found.how == "unexplained" and found.contributions == () and found.path and len(found.near) == 3
    assert found.against is not None and found.against.contributions == ()
    assert "methods that do are conse, ensemble, " in found.note and "eszsl" in found.note
    assert f"no contributions: {found.note}" in to_text(found)
    with pytest.raises(NotAvailableError, match="DeViSE does not tell"):
        amounts_of(classifier.run.method, AskedClass("okapi"), torch.ones(4, dtype=torch.float64), SEEN)
    assert set(METHODS) - set(explained_methods()) == {"devise", "icis"}


@pytest.mark.parametrize("name", ["kernel_regression", "ensemble", "mixed", "graph_regression", "nearest_seen"])
def test_an_added_class(classifier_of, image: FeatureSet, name: str) -> None:
    classifier = classifier_of(name)
    classifier.add_class("mule", parents=["hoofed"], description="a hybrid of horse and ass")
    found = explain(classifier, "mule", image=image, classes=("mule", "owl"), top=50, steps=200)
    assert found.placement.startswith("put beneath hoofed") and found.semantics == "definition"
    parts = found.start + sum(one.amount for one in found.contributions)
    # graph networks keep what new classes are computed from in half precision
    assert parts == pytest.approx(float(classifier.scorer_of(["mule"]).score(image)[0, 0]), abs=2e-2)
    assert [step.class_id for step in found.path][:2] == ["mule", "hoofed"]


def test_text_and_json_hold_what_was_found(classifier_of, image: FeatureSet) -> None:
    found = explain(classifier_of("kernel_regression"), "okapi", image=image, classes=NAMES, top=2)
    content = json.loads(json.dumps(found.to_json()))
    assert content["class_id"] == "okapi" and len(content["contributions"]) == 2 and content["how"] == "exact"
    assert content["path"][-1]["name"] == found.path[-1].name and content["against"]["class_id"] != "okapi"
    shown = to_text(found).splitlines()
    assert shown[0] == "okapi (okapi), unseen, method kernel_regression, semantics trained"
    assert shown[1].startswith(f"  score {found.score:.4f} of row 0, rank {found.rank} of 4")
    assert "  way to a seen class: okapi > hoofed < horse" in shown
    assert any(line.endswith("3 more classes") for line in shown)


def test_bad_questions(classifier_of, image: FeatureSet) -> None:
    classifier: ZeroShotClassifier = classifier_of("kernel_regression")
    with pytest.raises(InputFileError, match="There is nothing to explain"):
        explain(classifier)
    with pytest.raises(InputFileError, match="One picture is explained at a time, found 6"):
        explain(classifier, image=toy_features())
    with pytest.raises(InputFileError, match="cannot be explained against itself"):
        explain(classifier, "okapi", against="Okapi")
    with pytest.raises(UnknownClassError, match="No class is called 'tricorder'"):
        explain(classifier, "tricorder")
    with pytest.raises(BackboneMismatchError):
        explain(classifier, "okapi", image=FeatureSet(image.features, image.labels, image.index, "other"))

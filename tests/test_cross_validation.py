"""Class-wise cross-validation: values after their formulas, and nothing of a hidden class in a fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.cross_validation import CrossValidation, cross_validate
from kgzsl.errors import BackboneMismatchError, GraphError, InputFileError, UnknownClassError
from kgzsl.features import FeatureSet
from kgzsl.methods import METHODS, NearestSeen
from kgzsl.splits import draw_folds
from kgzsl.supervision import Supervision
from kgzsl.toy import SEEN, toy_bank, toy_supervision
from kgzsl.training import compare_classifiers

FOLDS = (("horse", "hammer"), ("eagle", "saw", "zebra"))


class Told:
    """A method that was told its rows, and notes what it is shown."""

    def __init__(self, bank: ClassifierBank, shown: list[Supervision] | None = None) -> None:
        self.bank, self.shown = bank, shown

    def fit(self, supervision, context=None):
        if self.shown is not None:
            self.shown.append(supervision)
        return self

    def synthesize(self, class_ids):
        return self.bank.select(class_ids)


class Silent(Told):
    """A scorer that is no bank of rows and likes all classes equally."""

    def synthesize(self, class_ids):
        self.index, self.backbone = ClassIndex(tuple(class_ids)), "toy"
        return self

    def score(self, images):
        return torch.zeros(len(images), len(self.index))

    def select(self, class_ids):
        return self.synthesize(class_ids)


def noisy_bank(seed: int = 0) -> ClassifierBank:
    bank = toy_bank()
    noise = torch.from_numpy(np.random.default_rng(seed).normal(size=bank.weights.shape)).float()
    return replace(bank, weights=bank.weights + noise)


def images_of_seen(count: int = 20) -> FeatureSet:
    rng = np.random.default_rng(1)
    labels = torch.from_numpy(rng.integers(5, size=count))
    features = torch.from_numpy(rng.normal(size=(count, 3))).float()
    return FeatureSet(features, labels, ClassIndex(SEEN[::-1]), "toy")


def test_rows_are_measured_as_compare_classifiers_does() -> None:
    told, found = noisy_bank(), cross_validate(lambda: Told(noisy_bank()), toy_supervision(), FOLDS)
    for number, fold in enumerate(FOLDS):
        true, predicted = toy_bank().select(fold).normalised("joint"), told.select(fold)
        rows = [torch.cat([bank.weights, bank.biases[:, None]], dim=1) for bank in (predicted, true)]
        for criterion, value in compare_classifiers(*rows).items():
            mean = np.mean([*found.values[criterion][number].values()])
            assert mean == pytest.approx(value, abs=1e-6), criterion


def test_a_method_that_knows_the_rows_is_right_and_a_constant_one_wrong() -> None:
    right = cross_validate(lambda: Told(toy_bank()), toy_supervision(), FOLDS)
    assert right.mean("cosine") == pytest.approx(1, abs=1e-6)
    assert right.mean("hit1") == right.mean("reciprocal_rank") == 1
    wrong = cross_validate(lambda: Silent(toy_bank()), toy_supervision(), FOLDS)
    assert "cosine" not in wrong.values
    assert wrong.by_class("reciprocal_rank") == {
        "eagle": 1 / 3,
        "hammer": 0.5,
        "horse": 0.5,
        "saw": 1 / 3,
        "zebra": 1 / 3,
    }
    assert wrong.mean("hit1") == 0 and wrong.mean("hit1") <= wrong.chance


def test_rows_as_images_make_the_head_half_sure_of_its_own() -> None:
    seen: list[FeatureSet] = []

    class Listening(Silent):
        def score(self, images):
            seen.append(images)
            return super().score(images)

    bank = toy_bank()
    for factor in (1.0, 0.01):  # the length of the rows does not matter
        given = replace(
            toy_supervision(), seen_bank=replace(bank, weights=factor * bank.weights, biases=torch.zeros(5))
        )
        cross_validate(lambda: Listening(bank), given, FOLDS[:1])
    head = replace(bank, biases=torch.zeros(5)).select(("eagle", "saw", "zebra"))
    mean = head.weights.mean(dim=0)
    length = float(seen[0].features.norm(dim=1)[0])
    directions = torch.nn.functional.normalize(head.weights - mean, dim=1)
    own = (length * directions @ head.weights.T).softmax(dim=1).diagonal().mean()
    assert float(own) == pytest.approx(0.5, abs=1e-3)
    expected = length * torch.nn.functional.normalize(bank.select(FOLDS[0]).weights - mean, dim=1)
    torch.testing.assert_close(seen[0].features, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(seen[1].features, 100 * expected, atol=1e-2, rtol=1e-3)


def test_chance_is_one_over_the_size_of_a_class_s_fold() -> None:
    found = cross_validate(lambda: Told(toy_bank()), toy_supervision(), FOLDS)
    assert found.chance == pytest.approx((2 * 1 / 2 + 3 * 1 / 3) / 5)


def test_images_are_ranked_among_their_fold() -> None:
    images, bank = images_of_seen(), noisy_bank()
    found = cross_validate(lambda: Told(bank), toy_supervision(), FOLDS, images=images)
    for fold in FOLDS:
        for class_id in fold:
            mine = images.of_classes([class_id])
            scores = (mine.features @ bank.select(fold).weights.T + bank.select(fold).biases).numpy()
            own = scores[:, [fold.index(class_id)]]
            hits = ((scores >= own).sum(axis=1) == 1).mean()
            assert found.by_class("image_hit1")[class_id] == pytest.approx(hits)
            assert found.by_class("image_hit5")[class_id] == 1  # a fold has three classes at most


def test_a_class_without_images_counts_in_no_image_figure() -> None:
    images = images_of_seen().of_classes(["horse", "saw"])
    found = cross_validate(lambda: Told(toy_bank()), toy_supervision(), FOLDS, images=images)
    assert set(found.by_class("image_hit1")) == {"horse", "saw"}
    assert set(found.by_class("hit1")) == set(SEEN)


@pytest.mark.parametrize("name", METHODS)
def test_no_method_is_shown_a_hidden_class(name: str) -> None:
    """What stands in the hidden rows changes nothing of what is predicted for them."""
    options = {"graph_regression": {"epochs": 20, "evaluate_every": 10, "network_options": {"hidden": 4}}}
    given, fold = toy_supervision(), (("saw", "zebra"),)
    loud = given.seen_bank.weights.clone()
    loud[[SEEN.index("saw"), SEEN.index("zebra")]] *= -100
    other = replace(given, seen_bank=replace(given.seen_bank, weights=loud))
    images = images_of_seen()
    one, two = (
        cross_validate(lambda: METHODS[name](**options.get(name, {})), supervision, fold, images=images)
        for supervision in (given, other)
    )
    assert one.values["image_hit1"] == two.values["image_hit1"]


def test_fits_see_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Supervision] = []
    whole = replace(toy_supervision(), seen_features=images_of_seen())
    cross_validate(lambda: Told(toy_bank(), shown), whole, FOLDS)
    for left, fold in zip(shown, FOLDS):
        assert not set(fold) & set(left.seen_bank.index)
        assert left.seen_features is not None and not set(fold) & set(left.seen_features.class_ids())
    fitted: list[tuple[str, ...]] = []

    def without(supervision, fold):
        fitted.append(tuple(fold))
        return supervision.without(tuple(fold))

    cross_validate(lambda: Told(toy_bank()), whole, FOLDS, without=without)
    assert fitted == list(FOLDS)


def test_classes_are_averaged_before_the_mean_and_the_interval() -> None:
    values = {"hit1": ({"a": 1.0, "b": 0.0}, {"a": 0.0, "c": 1.0})}
    found = CrossValidation("by hand", (("a", "b"), ("a", "c")), values)
    assert found.by_class("hit1") == {"a": 0.5, "b": 0.0, "c": 1.0}
    assert found.mean("hit1") == 0.5
    assert found.fold_spread("hit1") == 0
    low, high = found.interval("hit1", draws=4000)
    assert low == 0 and high == 1  # three equal classes: one draw in 27
    assert found.interval("hit1", seed=3) == found.interval("hit1", seed=3)
    assert found.to_json()["criteria"]["hit1"] == {"mean": 0.5, "interval": [0.0, 1.0], "spread_over_folds": 0.0}


@pytest.mark.parametrize(
    "folds, error, message",
    [
        ((), GraphError, "no fold"),
        ((("horse",),), GraphError, "two different classes or more, found horse"),
        ((("horse", "horse"),), GraphError, "two different classes"),
        ((("horse", "okapi"),), UnknownClassError, "okapi"),
        ((SEEN[:4],), GraphError, "hides 4 of the 5 seen classes; two must stay"),
    ],
)
def test_folds_that_cannot_be_hidden_are_refused(folds, error, message) -> None:
    with pytest.raises(error, match=message):
        cross_validate(NearestSeen, toy_supervision(), folds)


def test_images_of_others_are_refused() -> None:
    other = replace(images_of_seen(), backbone="other")
    with pytest.raises(BackboneMismatchError, match="backbone 'other'"):
        cross_validate(NearestSeen, toy_supervision(), FOLDS, images=other)
    with pytest.raises(InputFileError, match="No image is of a seen class that is hidden"):
        cross_validate(NearestSeen, toy_supervision(), FOLDS[:1], images=images_of_seen().of_classes(["owl"]))


def test_folds_are_a_partition_that_order_does_not_change() -> None:
    ids = tuple(f"class {number}" for number in range(23))
    folds = draw_folds(ids, folds=5, repeats=3, seed=1)
    assert len(folds) == 15
    for start in range(0, 15, 5):
        part = folds[start : start + 5]
        assert sorted(class_id for fold in part for class_id in fold) == sorted(ids)
        assert {len(fold) for fold in part} == {4, 5}
    assert folds == draw_folds(ids[::-1], folds=5, repeats=3, seed=1)
    assert folds[:5] != folds[5:10] and folds != draw_folds(ids, folds=5, repeats=3, seed=2)
    with pytest.raises(GraphError, match="23 classes cannot be cut into 12 folds of two or more"):
        draw_folds(ids, folds=12)
    with pytest.raises(GraphError, match="at least 2 folds at least once, found 1 folds"):
        draw_folds(ids, folds=1)

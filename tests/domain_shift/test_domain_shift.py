"""Domain shift: every number against plain numpy, remedies on a world with a hub and on one that was moved."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.domain_shift import (
    REMEDIES,
    FeatureCentring,
    FeatureShift,
    InvertedSoftmax,
    LocalScaling,
    SeenBias,
    build_transducer,
    measure_shift,
)
from kgzsl.errors import BackboneMismatchError, InputFileError
from kgzsl.features import FeatureSet
from kgzsl.graph.custom import from_pairs
from kgzsl.splits import Split
from kgzsl.transduction import ClassUsage, Transducer

SEEN, UNSEEN = ("dog", "saw"), ("cat", "axe", "okapi")
PARENTS = {"dog": "animal", "cat": "animal", "okapi": "animal", "saw": "tool", "axe": "tool"}
GRAPH = from_pairs([*PARENTS.items(), ("animal", "thing"), ("tool", "thing")])
SPLIT = Split(SEEN, UNSEEN)
DIM = 8


def images_of(classes: tuple[str, ...], count: int = 20, move: float = 0.0, seed: int = 0) -> FeatureSet:
    """Clusters about a unit vector a class, in the order of all classes, and a shift of everything."""
    draw = torch.Generator().manual_seed(seed)
    rows = [(*SEEN, *UNSEEN).index(one) for one in classes for _ in range(count)]
    noise = 0.15 * torch.randn(len(rows), DIM, generator=draw, dtype=torch.float64)
    labels = torch.repeat_interleave(torch.arange(len(classes)), count)
    return FeatureSet(3 * torch.eye(DIM).double()[rows] + noise + move, labels, ClassIndex(classes), "toy")


def bank(biases: tuple[float, ...] = (0.0,) * 5) -> ClassifierBank:
    weights = torch.eye(DIM).double()[:5]
    return ClassifierBank(ClassIndex((*SEEN, *UNSEEN)), weights, torch.tensor(biases).double(), "toy")


def hit(scorer, images: FeatureSet) -> float:
    own = torch.from_numpy(scorer.index.rows(images.class_ids()))
    return float((scorer.score(images).argmax(dim=1) == own).double().mean())


def test_feature_shift_is_the_plain_formula() -> None:
    first, second = images_of(SEEN), images_of(UNSEEN, move=0.5, seed=1)
    found = FeatureShift.between(first, second)
    one, other = first.features.numpy(), second.features.numpy()
    assert found.norm_ratio == pytest.approx(np.linalg.norm(other, axis=1).mean() / np.linalg.norm(one, axis=1).mean())
    means = one.mean(0), other.mean(0)
    assert found.mean_cosine == pytest.approx(means[0] @ means[1] / np.linalg.norm(means[0]) / np.linalg.norm(means[1]))
    shift = (means[1] - means[0]) / one.std(0, ddof=1)
    assert found.mean_shift == pytest.approx(math.sqrt((shift**2).mean()))
    ratios = other.std(0, ddof=1) / one.std(0, ddof=1)
    assert found.spread_ratio == pytest.approx(np.sort(ratios)[(DIM - 1) // 2])
    assert found.separability == 1.0


def test_the_same_images_are_no_shift() -> None:
    images = images_of(SEEN)
    found = FeatureShift.between(images, images)
    assert (found.norm_ratio, found.mean_shift, found.spread_ratio) == (1, 0, 1)
    assert found.mean_cosine == pytest.approx(1)
    assert FeatureShift.within(images_of((*SEEN, *UNSEEN), seed=3), seed=1).separability > 0.9, "classes differ, too"


def test_features_that_cannot_be_compared() -> None:
    images = images_of(SEEN)
    with pytest.raises(BackboneMismatchError, match="extract both with the same one"):
        FeatureShift.between(images, replace(images, backbone="other"))
    with pytest.raises(InputFileError, match="Four images a set are needed at least, found 3 and 40"):
        FeatureShift.between(images.rows(torch.arange(3)), images)


def test_seen_bias_counts_and_measures_the_lead() -> None:
    images = images_of((*SEEN, *UNSEEN))
    biased = bank((2.0, 2.0, 0.0, 0.0, -2.0))
    found = SeenBias.of(biased, images, frozenset(SEEN))
    scores = (images.features @ biased.weights.T + biased.biases).numpy()
    lead = scores[:, :2].max(1) - scores[:, 2:].max(1)
    unseen = np.arange(100) >= 40
    assert found.unseen_as_seen == pytest.approx(100 * (lead[unseen] > 0).mean())
    assert found.seen_as_unseen == pytest.approx(100 * (lead[~unseen] <= 0).mean())
    assert found.margin == pytest.approx((lead / scores.std(1, ddof=1))[unseen].mean())
    assert 0 < found.unseen_as_seen < 100


@pytest.mark.parametrize("name", REMEDIES)
def test_remedies_keep_the_contract_of_transducers(name: str) -> None:
    remedy, images = build_transducer(name, {}, lambda: images_of(SEEN), "remedy"), images_of(UNSEEN)
    start = bank().select(UNSEEN)
    assert isinstance(remedy, Transducer)
    assert remedy.adapt(start, images.rows(torch.arange(0))) is start
    adapted = remedy.adapt(start, images)
    assert adapted.index.ids == UNSEEN and adapted.backbone == "toy"
    unlabelled = replace(images, labels=torch.full_like(images.labels, -1))
    torch.testing.assert_close(remedy.adapt(start, unlabelled).score(images), adapted.score(images))
    some = adapted.select(("okapi", "cat"))
    torch.testing.assert_close(some.score(images), adapted.score(images)[:, [2, 0]])


@pytest.mark.parametrize("remedy", [LocalScaling(), InvertedSoftmax()])
def test_a_hub_gives_up_what_it_took(remedy: Transducer) -> None:
    images, hub = images_of(UNSEEN), bank((0.0, 0.0, 4.0, 0.0, 0.0)).select(UNSEEN)
    assert hit(hub, images) == pytest.approx(1 / 3)
    adapted = remedy.adapt(hub, images)
    assert hit(adapted, images) == 1
    assert ClassUsage.of(adapted, images).effective == pytest.approx(3)


def test_offsets_are_the_plain_formulas() -> None:
    images, start = images_of(UNSEEN), bank((0.0, 0.0, 1.0, 0.0, -1.0)).select(UNSEEN)
    scores = start.score(images).numpy()
    scaled = LocalScaling(7).adapt(start, images).score(images).numpy()
    np.testing.assert_allclose(scaled, scores - np.sort(scores, axis=0)[-7:].mean(0) / 2)
    centred = scores - scores.mean(1, keepdims=True)
    unit = 0.7 * math.sqrt((centred**2).mean())
    inverted = InvertedSoftmax(0.7).adapt(start, images).score(images).numpy()
    np.testing.assert_allclose(inverted, scores - unit * np.log(np.exp(centred / unit).mean(0)))


def test_centring_moves_images_back() -> None:
    known, moved = images_of((*SEEN, *UNSEEN), 10), images_of((*SEEN, *UNSEEN), 30, move=-5.0, seed=2)
    moved = replace(moved, features=moved.features + torch.tensor([8.0, 0, 0, 0, 0, 0, 0, 0]))
    assert hit(bank(), moved) < 0.5
    assert hit(FeatureCentring.of(known).adapt(bank(), moved), moved) == 1


def test_options_are_checked() -> None:
    with pytest.raises(InputFileError, match="neighbours is 1 at least, found 0"):
        LocalScaling(0)
    with pytest.raises(InputFileError, match="temperature is above 0"):
        InvertedSoftmax(0)


def test_the_report_puts_before_and_after_side_by_side() -> None:
    seen_images, images = images_of(SEEN), images_of(UNSEEN, 40, seed=5)
    hub = bank((1.0, 1.0, 4.0, 0.0, 0.0))
    made = {name: build_transducer(name, {}, lambda: seen_images) for name in REMEDIES}
    asked = {"graph": GRAPH, "split": SPLIT, "candidates": "own", "remedies": made}
    found = measure_shift(hub, images, seen_images, calibrate=1.0, name="toys", **asked)
    assert (found.num_images, found.num_candidates, found.before.hit) == (120, 3, pytest.approx(100 / 3))
    assert found.before.hubs.largest == "cat" and found.before.hubs.share == 100 and found.before.hubs.unused == 2
    assert found.before.hubs.skewness == pytest.approx(1 / math.sqrt(2))
    assert found.remedies["local-scaling"].hit == 100
    assert [point.gamma for point in found.generalised] == [0, 1]
    assert found.branches == {"cat": (100, 40), "okapi": (0, 40), "tool": (0, 40)} and found.branch_gap == 100
    assert found.mean_hits == (100, pytest.approx(100 / 3))
    told = str(found)
    assert "after calibration, gamma 1" in told and "largest hub cat (100.0 %)" in told
    assert found.to_json()["remedies"]["local-scaling"]["hit"] == 100
    plain = measure_shift(hub, images, seen_images, **{**asked, "remedies": None})
    assert len(plain.generalised) == 1 and plain.remedies == {}

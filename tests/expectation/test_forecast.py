"""Forecasts of toy and WordNet classes: fitted, read again, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy.stats import beta

from kgzsl.calibrations import calibrate
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.evaluation import ranks
from kgzsl.expectation import EVIDENCE, Query, expect, fit_expectation
from kgzsl.expectation.fit import FORECASTS, Cases, numbers_of
from kgzsl.expectation.fitted import FittedExpectation, narrowest_range
from kgzsl.expectation.hidden_world import HiddenWorld
from kgzsl.features import FeatureSet
from kgzsl.hidden_classes import CalibrationData
from kgzsl.run_folder import EXPECTATION, SCORING, RunFolder
from kgzsl.toy import SEEN, UNSEEN, toy_seen_features


@pytest.fixture(scope="module")
def calibrated(toy_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy run with its forecast."""
    run = Path(shutil.copytree(toy_run, tmp_path_factory.mktemp("calibrated") / "run"))
    calibrate(CalibrationData.of(RunFolder(run), toy_seen_features()), ["expectation"])
    return run


@pytest.fixture
def classifier(calibrated: Path) -> ZeroShotClassifier:
    return ZeroShotClassifier.load(calibrated)


@pytest.fixture
def world(calibrated: Path) -> HiddenWorld:
    return HiddenWorld.of(CalibrationData.of(RunFolder(calibrated), toy_seen_features()))


def test_outcomes_are_those_of_hidden_rows_among_the_candidates(world: HiddenWorld) -> None:
    query = Query(np.array([0, 2]), np.array([1, 4]))
    names = [world.known[row] for row in (0, 2)]
    hidden, shown = world.scorers[0].select(names), world.scorers[1].select([world.known[row] for row in (1, 4)])
    for place, name in enumerate(names):
        images = world.images.of_classes([name])
        scores = torch.cat([hidden.score(images), shown.score(images)], dim=1)
        hits = ranks(scores, torch.full((3,), place)) == 1
        assert world.outcomes(query)[place] == pytest.approx(float(hits.double().mean()))


def test_cases_stand_side_by_side(world: HiddenWorld) -> None:
    queries = [Query(np.array([0, 2]), np.array([1, 4])), Query(np.array([1, 3]), np.array([], dtype=np.int64))]
    cases = Cases.of(world, queries)
    assert cases.class_number.tolist() == [0, 2, 1, 3]
    assert [(columns.tolist(), own) for columns, own in cases.columns] == [
        ([0, 2, 6, 9], 0),
        ([0, 2, 6, 9], 1),
        ([1, 3], 0),
        ([1, 3], 1),
    ]
    position = list(EVIDENCE).index("seen_competitors")
    assert cases.evidence[:, position].tolist() == pytest.approx([np.log(3), np.log(3), 0, 0])


def test_the_best_forecast_on_left_out_classes_is_kept(calibrated: Path) -> None:
    section = RunFolder(calibrated).scoring["expectation"]
    losses = {name: one["log_loss"] for name, one in section["compared"].items()}
    assert losses.keys() == FORECASTS.keys() and section["forecast"] == min(losses, key=lambda one: losses[one])
    assert tuple(section["regression"]["names"]) == FORECASTS[section["forecast"]]
    kept = FeatureSet.load(calibrated / EXPECTATION)
    torch.testing.assert_close(kept.features, toy_seen_features().features, atol=0.01, rtol=0.01)


def test_the_same_seed_fits_the_same(calibrated: Path) -> None:
    run = RunFolder(calibrated)
    again = fit_expectation(CalibrationData.of(run, toy_seen_features()))
    assert json.dumps(again) == json.dumps(run.scoring["expectation"])


def test_shares_add_up_and_the_regression_gives_the_accuracy(classifier: ZeroShotClassifier) -> None:
    found = expect(classifier, UNSEEN, among=["zebra", "saw"])
    assert [one.class_id for one in found] == list(UNSEEN)
    fitted = FittedExpectation.of(classifier.run)
    for one in found:
        assert one.hit1 + sum(other.share for other in one.confusions) == pytest.approx(100)
        assert one.class_id not in {other.class_id for other in one.confusions}
        assert 0 <= one.low <= one.high <= 100
        evidence = np.array([[one.evidence[name] for name in EVIDENCE]])
        numbers = numbers_of(fitted.forecast, evidence, np.array([one.evidence["simulated"]]))
        assert one.hit1 == pytest.approx(100 * float(fitted.regression.probabilities(numbers)[0]))
    assert found[0].confusions[0].class_id == "zebra"  # hoofed, and next to the okapi
    assert found[0].evidence["seen_competitors"] == pytest.approx(np.log(3))


def test_the_order_of_names_does_not_matter(classifier: ZeroShotClassifier) -> None:
    plain = {one.class_id: one for one in expect(classifier, ["okapi", "owl"], among=["zebra", "saw"])}
    other = {one.class_id: one for one in expect(classifier, ["owl", "okapi"], among=["saw", "okapi", "zebra"])}
    for class_id, one in plain.items():
        assert other[class_id].hit1 == pytest.approx(one.hit1) and other[class_id].why == one.why


def test_it_is_plain_json(classifier: ZeroShotClassifier) -> None:
    (one,) = expect(classifier, ["okapi"], among=["zebra"])
    content = json.loads(json.dumps(one.to_json(), allow_nan=False))
    assert content["class_id"] == "okapi" and content["confusions"][0]["class_id"] == "zebra"
    assert content["hit1"] == one.hit1 and set(content["evidence"]) == {*EVIDENCE, "simulated"}


def test_many_candidates_are_cut_to_the_rivals(classifier: ZeroShotClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = expect(classifier, ["okapi"], among=SEEN)
    monkeypatch.setattr("kgzsl.expectation.asked_classes.MOST_RIVALS", 3)
    (cut,) = expect(classifier, ["okapi"], among=SEEN)
    assert cut.confusions[0].class_id == whole.confusions[0].class_id
    assert len(cut.confusions) <= 3 < len(SEEN)


def test_what_cannot_be_forecast(classifier: ZeroShotClassifier, toy_run: Path) -> None:
    with pytest.raises(InputFileError, match=r"'zebra' .* is a seen class"):
        expect(classifier, ["okapi", "zebra"])
    with pytest.raises(InputFileError, match="competes with no other"):
        expect(classifier, ["okapi"])
    with pytest.raises(InputFileError, match="no class to forecast"):
        expect(classifier, [], among=["zebra", "saw"])
    with pytest.raises(InputFileError, match=r"kgzsl calibrate .* --only expectation"):
        expect(ZeroShotClassifier.load(toy_run), ["okapi", "owl"])


@pytest.mark.parametrize("damage", [{"regression": {}}, {"spread": "wide"}, {"forecast": "tea leaves"}])
def test_damage_is_told(calibrated: Path, tmp_path: Path, damage: dict[str, object]) -> None:
    run = Path(shutil.copytree(calibrated, tmp_path / "run"))
    content = json.loads((run / SCORING).read_text())
    (run / SCORING).write_text(json.dumps({"expectation": {**content["expectation"], **damage}}))
    with pytest.raises(CorruptFileError, match="calibrate it again"):
        expect(ZeroShotClassifier.load(run), ["okapi", "owl"])


def test_too_few_seen_classes_with_images(calibrated: Path) -> None:
    images = toy_seen_features().of_classes(SEEN[:3])
    with pytest.raises(InputFileError, match="at least 4 seen classes, found 3"):
        fit_expectation(CalibrationData.of(RunFolder(calibrated), images))


@pytest.mark.parametrize("mean, spread", [(0.5, 0.1), (0.1, 0.3), (0.9, 0.3), (0.02, 0.05)])
def test_the_range_holds_four_of_five_and_is_the_narrowest(mean: float, spread: float) -> None:
    low, high = narrowest_range(mean, spread)
    size = 1 / spread - 1
    law = beta(mean * size, (1 - mean) * size)
    assert law.mean() == pytest.approx(mean) and law.var() == pytest.approx(spread * mean * (1 - mean))
    assert law.cdf(high) - law.cdf(low) == pytest.approx(0.8, abs=1e-6)
    assert low <= mean <= high
    assert high - low <= law.ppf(0.9) - law.ppf(0.1) + 1e-9


def test_the_range_of_a_rare_hit_begins_at_nothing() -> None:
    assert narrowest_range(0.05, 0.3)[0] == 0 and narrowest_range(0.95, 0.3)[1] == 1
    assert narrowest_range(0.02, 0.9) == (0.0, 0.02)  # nearly always nothing: the mean is far above four of five


@pytest.fixture(scope="module")
def forecasting(wordnet_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZeroShotClassifier]:
    run = Path(shutil.copytree(wordnet_run, tmp_path_factory.mktemp("nouns") / "run"))
    images = FeatureSet.load(wordnet_run.parent / "features.safetensors")
    noisy = replace(images, features=images.features + 0.1)
    calibrate(CalibrationData.of(RunFolder(run), noisy), ["expectation"])
    yield ZeroShotClassifier.load(run)


def test_a_class_that_the_run_lacks_is_placed_and_forecast(
    forecasting: ZeroShotClassifier, small_world: ModuleType
) -> None:
    okapi, mule = expect(forecasting, [small_world.OKAPI, small_world.MULE], among=[small_world.GIRAFFE])
    assert okapi.name == "okapi" and okapi.evidence["candidates"] == pytest.approx(np.log(3))
    assert {other.class_id for other in okapi.confusions} <= {small_world.MULE, small_world.GIRAFFE}
    graph = forecasting.graph_with([small_world.OKAPI, small_world.GIRAFFE])
    assert small_world.OKAPI in graph.index and okapi.evidence["sibling_distance"] < 20
    assert mule.evidence["text_near"] <= 1


def test_a_forecast_that_is_not_low_has_no_reasons(
    classifier: ZeroShotClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = expect(classifier, UNSEEN, SEEN)
    assert any(one.why for one in found)
    monkeypatch.setattr("kgzsl.expectation.forecast.CERTAIN", max(one.hit1 for one in found if one.why) / 100)
    again = expect(classifier, UNSEEN, SEEN)
    best = max((one for one in found if one.why), key=lambda one: one.hit1)
    assert [one.why for one in again] == [() if one.hit1 >= best.hit1 else one.why for one in found]

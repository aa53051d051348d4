from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from kgzsl.calibrations import calibrate
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import InputFileError
from kgzsl.hidden_classes import CalibrationData
from kgzsl.run_folder import RunFolder
from kgzsl.scoring import Caution, Rejector, Temperature, spacing
from kgzsl.scoring.caution import background_ids
from kgzsl.toy import toy_features, toy_graph, toy_seen_features, toy_split

SECTIONS = ("probabilities", "rejection", "back_off")
ASKED = ("okapi", "owl", "zebra")


@pytest.fixture(scope="module")
def calibrated(toy_run: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The toy run, its seen classes played by their own classifiers."""
    folder = Path(shutil.copytree(toy_run, tmp_path_factory.mktemp("calibrated") / "run"))
    run = RunFolder(folder)
    calibrate(CalibrationData(run, run.scorer.select(run.split.seen), toy_seen_features()), SECTIONS)
    return run


def test_without_a_calibration_nothing_is_said(toy_run: Path) -> None:
    found = ZeroShotClassifier.load(toy_run).predict(toy_features(), ASKED)
    assert {(one.is_unknown, one.back_off, one.predictions[0].probability) for one in found} == {(None, None, None)}


@pytest.mark.parametrize(("asked", "name"), [({"reject": 0.05}, "rejection"), ({"back_off": 0.8}, "probabilities")])
def test_what_was_not_calibrated_is_told_with_the_command(toy_run: Path, asked: dict[str, float], name: str) -> None:
    with pytest.raises(InputFileError, match=f"not calibrated for {name} yet; run kgzsl calibrate {toy_run} first"):
        ZeroShotClassifier.load(toy_run).predict(toy_features(), ASKED, **asked)


def test_a_prediction_by_the_formulas(calibrated: RunFolder) -> None:
    found = ZeroShotClassifier(calibrated).predict(toy_features(), ASKED, top=3, reject=0.2, back_off=0.6)
    scores = calibrated.scorer.select(ASKED).score(toy_features()).double()
    t = Temperature.from_json(calibrated.scoring["probabilities"]).of(3, spacing(calibrated.graph, ASKED))
    chances = torch.exp(scores / t) / torch.exp(scores / t).sum(dim=1, keepdim=True)
    behind = calibrated.scorer.select(("horse", "eagle", "hammer", "saw")).score(toy_features())
    rejector = Rejector.from_json(calibrated.scoring["rejection"])
    refused = rejector.is_unknown(scores, 0.2, spacing(calibrated.graph, ASKED), behind)
    for one, row, is_refused in zip(found, chances, refused.tolist()):
        for best in one.predictions:
            assert best.probability == pytest.approx(float(row[ASKED.index(best.class_id)]))
        assert one.is_unknown is is_refused and one.back_off is not None
        below = [n for n, name in enumerate(ASKED) if one.back_off.class_id in {name, *toy_graph().ancestors([name])}]
        assert one.back_off.probability == pytest.approx(float(row[below].sum())) and row[below].sum() >= 0.6
        assert one.back_off.information == pytest.approx(math.log2(3 / len(below)))


def test_the_ranking_stays(calibrated: RunFolder, toy_run: Path) -> None:
    plain = ZeroShotClassifier.load(toy_run).predict(toy_features(), top=7)
    careful = ZeroShotClassifier(calibrated).predict(toy_features(), top=7, reject=0.05, back_off=0.9)
    for one, other in zip(plain, careful):
        assert [(p.class_id, p.score) for p in one.predictions] == [(p.class_id, p.score) for p in other.predictions]
        chances = [p.probability or 0.0 for p in other.predictions]
        assert chances == sorted(chances, reverse=True) and sum(chances) == pytest.approx(1)


def test_chunks_change_nothing(calibrated: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def answers() -> list[dict[str, Any]]:
        found = ZeroShotClassifier(calibrated).predict(toy_features(), ASKED, reject=0.2, back_off=0.6)
        return [one.to_json() for one in found]

    whole = answers()
    monkeypatch.setattr("kgzsl.evaluation.ranking.score_in_chunks.__defaults__", (3,))  # one image at a time
    for one, other in zip(answers(), whole, strict=True):
        assert (one["is_unknown"], one["back_off"]["class_id"]) == (other["is_unknown"], other["back_off"]["class_id"])
        assert one["back_off"]["probability"] == pytest.approx(other["back_off"]["probability"])


def test_the_background_is_no_kin_of_the_candidates() -> None:
    assert background_ids(toy_graph(), ("hoofed", "owl"), toy_split().seen) == ("eagle", "hammer", "saw")
    assert background_ids(toy_graph(), ("entity",), toy_split().seen) == ()


def test_without_a_background_the_energy_decides(calibrated: RunFolder) -> None:
    everything = (*toy_split().seen, *toy_split().unseen)
    caution = Caution.of(
        calibrated.scoring, calibrated.graph, everything, calibrated.scorer, toy_split().seen, reject=0.2
    )
    scores = calibrated.scorer.select(everything).score(toy_features())
    refused = caution.is_unknown(scores, toy_features())
    rejector = Rejector.from_json(calibrated.scoring["rejection"])
    assert refused is not None
    name, values = rejector.values(scores, None)
    assert name in ("energy", "max_score")
    limit = rejector.thresholds[name].at(0.2, 7, spacing(calibrated.graph, everything))
    assert refused.tolist() == (values < limit).tolist()

"""Sections of scoring.json: fitted on seen classes that play unseen, written together, each replaced by itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from kgzsl import calibrations
from kgzsl.calibrations import CALIBRATIONS, calibrate
from kgzsl.errors import CorruptFileError, UnknownVariantError
from kgzsl.hidden_classes import CalibrationData
from kgzsl.run_folder import RunFolder
from kgzsl.toy import toy_seen_features


@pytest.fixture
def data(toy_run: Path, tmp_path: Path) -> CalibrationData:
    return CalibrationData.of(RunFolder(Path(shutil.copytree(toy_run, tmp_path / "run"))), toy_seen_features())


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two sections of a table of its own; the list says which was fitted."""
    told: list[str] = []

    def section(name: str) -> Callable[[CalibrationData], Mapping[str, Any]]:
        def fit(data: CalibrationData) -> Mapping[str, Any]:
            told.append(name)
            return {"fits": len(told), "classes": len(data.hidden.index)}

        return fit

    monkeypatch.setattr(calibrations, "CALIBRATIONS", {name: section(name) for name in ("first", "second")})
    return told


def test_sections_are_written_together_and_replaced_alone(data: CalibrationData, counted: list[str]) -> None:
    seen, images = len(data.run.split.seen), len(data.images)
    assert data.run.scoring == {}
    whole = calibrate(data)
    assert whole == data.run.scoring
    assert whole["first"] == {"fits": 1, "classes": seen} and whole["second"] == {"fits": 2, "classes": seen}
    assert whole["fitted_on"]["images"] == images
    calibrate(data, ["first"])
    assert data.run.scoring["first"]["fits"] == 3 and data.run.scoring["second"]["fits"] == 2
    assert counted == ["first", "second", "first"]


def test_an_unknown_section_is_told_before_anything_is_fitted(data: CalibrationData, counted: list[str]) -> None:
    with pytest.raises(UnknownVariantError, match="third"):
        calibrate(data, ["first", "third"])
    assert counted == [] and data.run.scoring == {}


def test_a_damaged_file_is_told(data: CalibrationData) -> None:
    (data.run.path / "scoring.json").write_text("[]")
    with pytest.raises(CorruptFileError, match="holds no calibration; remove it and run kgzsl calibrate"):
        _ = data.run.scoring


def test_every_section_of_the_table_is_plain_json_that_a_second_fit_repeats(data: CalibrationData) -> None:
    first, second = calibrate(data), calibrate(data)
    assert set(CALIBRATIONS) <= set(first)
    assert json.loads(json.dumps(first)) == first == second == data.run.scoring

"""kgzsl calibrate on the toy run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kgzsl import calibrations
from kgzsl.toy import toy_seen_features


@pytest.fixture
def run(toy_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(
        calibrations,
        "CALIBRATIONS",
        {
            "counts": lambda data: {"images": len(data.images), "share": 0.25},
            "bends": lambda data: {"curve": [1, 2]},
            "absent": lambda data: {},
        },
    )
    toy_seen_features().save(tmp_path / "seen.safetensors")
    return Path(shutil.copytree(toy_run, tmp_path / "run"))


def test_it_writes_and_tells(run: Path, kgzsl: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    images = len(toy_seen_features())
    assert kgzsl("calibrate", run, "--features", run.parent / "seen.safetensors") == 0
    told = capsys.readouterr().out
    assert told.splitlines()[0].endswith(f"fitted on {images} images of 5 seen classes")
    assert told.splitlines()[1:] == [
        f"  counts: images {images}, share 0.25",
        "  bends: curves of curve",
        "  absent: nothing, the method makes no such classifiers",
    ]
    assert kgzsl("calibrate", run, "--features", run.parent / "seen.safetensors", "--only", "counts", "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads((run / "scoring.json").read_text())


def test_bad_input_is_one_line(run: Path, kgzsl: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert kgzsl("calibrate", run) == 2
    assert "no shipped images of backbone 'toy'; name a feature file" in capsys.readouterr().err
    assert kgzsl("calibrate", run, "--only", "weather") == 2
    assert "'weather'" in capsys.readouterr().err
    assert not (run / "scoring.json").exists() and not (run / "hidden.safetensors").exists()

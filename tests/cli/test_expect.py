"""``kgzsl expect``: the table, JSON, lists of the run and files, and one clear line where there is no forecast."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kgzsl.calibrations import calibrate
from kgzsl.hidden_classes import CalibrationData
from kgzsl.run_folder import RunFolder
from kgzsl.toy import toy_seen_features

Kgzsl = Callable[..., int]


@pytest.fixture(scope="module")
def run(toy_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(toy_run, tmp_path_factory.mktemp("expect") / "run"))
    calibrate(CalibrationData.of(RunFolder(folder), toy_seen_features()), ["expectation"])
    return folder


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_a_line_a_class(kgzsl: Kgzsl, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kgzsl("expect", "okapi", "owl", "--among", "zebra", "--run", run) == 0
    head, okapi, owl = capsys.readouterr().out.splitlines()
    assert head.split() == ["class", "name", "Hit@1", "from", "to", "taken", "for", "why", "low"]
    assert okapi.split()[:2] == ["okapi", "okapi"] and owl.split()[:2] == ["owl", "owl"]
    hit1, low, high = map(int, okapi.split()[2:5])
    assert 0 <= low <= high <= 100 and 0 <= hit1 <= 100
    assert okapi.split()[5] == "zebra"


def test_json_of_lists_and_files(kgzsl: Kgzsl, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kgzsl("expect", "--split", "unseen", "--among", "seen", "--run", run, "--json") == 0
    by_split = json.loads(capsys.readouterr().out)
    assert [one["class_id"] for one in by_split] == ["okapi", "owl"]
    assert by_split[0]["hit1"] + sum(one["share"] for one in by_split[0]["confusions"]) <= 100.001
    (tmp_path / "mine.txt").write_text("okapi\nowl\n")
    assert kgzsl("expect", tmp_path / "mine.txt", "--among", "seen", "--run", run, "--json") == 0
    assert json.loads(capsys.readouterr().out) == by_split


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "Name classes, or take all unseen ones"),
        (["okapi", "--split", "unseen"], "one of the two"),
        (["--split", "all"], "--split takes unseen, found 'all'"),
        (["okapi"], "competes with no other"),
        (["okapi", "zebra"], "is a seen class"),
    ],
)
def test_one_line_where_there_is_no_forecast(
    kgzsl: Kgzsl, run: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert kgzsl("expect", *words, "--run", run) == 2
    told = capsys.readouterr().err
    assert told.startswith("kgzsl: ") and told.count("\n") == 1 and message in told


def test_a_run_that_was_not_calibrated_says_how(
    kgzsl: Kgzsl, toy_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kgzsl("expect", "okapi", "owl", "--run", toy_run) == 2
    assert f"run kgzsl calibrate {toy_run} --only expectation first" in capsys.readouterr().err

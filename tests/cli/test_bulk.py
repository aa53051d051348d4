"""``kgzsl bulk``: what it prints, and what it refuses in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kgzsl.toy import toy_features

pq = pytest.importorskip("pyarrow.parquet", reason="needs pip install 'kgzsl[ray]'")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    toy_features().save(tmp_path / "features.safetensors")
    return tmp_path / "features.safetensors"


def test_predict_reports_and_goes_on(kgzsl, capsys, toy_run: Path, images: Path, tmp_path: Path) -> None:
    command = ("bulk", "predict", toy_run, images, "--out", tmp_path / "out", "--classes", "okapi", "zebra", "-k", 1)
    count = len(toy_features())
    assert kgzsl(*command, "--block", 3) == 0
    blocks = -(-count // 3)
    assert capsys.readouterr().out.startswith(f"{tmp_path}/out: {count} rows in {blocks} files, ")
    (tmp_path / "out" / "part-00000001.parquet").unlink()
    assert kgzsl(*command, "--block", 3, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["errors"], told["blocks"], told["resumed"]) == (count, 0, blocks, blocks - 1)
    found = pq.read_table(tmp_path / "out").to_pylist()
    assert {one["classes"][0] for one in found} <= {"okapi", "zebra"} and len(found) == count


def test_what_does_not_fit_is_one_line(kgzsl, capsys, toy_run: Path, images: Path, tmp_path: Path) -> None:
    def refused(*words: object) -> str:
        assert kgzsl("bulk", *words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    predict = ("predict", toy_run, images, "--out", tmp_path / "out")
    assert "--classes, or take a list with --split" in refused(*predict, "--classes", "okapi", "--split", "seen")
    assert "Say how many workers" in refused(*predict, "--address", "auto")
    assert "was not calibrated for rejection" in refused(*predict, "--refuse", 0.1)
    assert "There is nothing at" in refused("predict", toy_run, tmp_path / "gone", "--out", tmp_path / "out")
    assert "holds features; give pictures" in refused(
        "extract", images, "--backbone", "owner/model", "--out", tmp_path / "out"
    )
    assert not (tmp_path / "out").exists()

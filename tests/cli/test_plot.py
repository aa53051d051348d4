"""``kgzsl plot``: every kind is drawn from a run, and what cannot be drawn is one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def drawn(kgzsl, capsys: pytest.CaptureFixture[str], out: Path, *words: object) -> object:
    assert kgzsl("plot", *words, "--out", out, "--json") == 0
    shown = capsys.readouterr()
    assert shown.err.endswith(f"drawn: {out}\n") and out.stat().st_size > 1000
    return json.loads(shown.out)


def test_measured_kinds(kgzsl, toy_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = ("--features", toy_run.parent / "features.safetensors")
    (hops,) = drawn(kgzsl, capsys, tmp_path / "hops.svg", "hops", toy_run, *images)
    assert sum(row["num_images"] for row in hops["rows"]) == 5 and hops["candidates"] == "own"
    (confusion,) = drawn(kgzsl, capsys, tmp_path / "confusion.png", "confusion", toy_run, *images)
    assert sum(row["share"] for row in confusion["rows"]) == pytest.approx(100)
    assert confusion["num_candidates"] == hops["num_candidates"]
    seen = ("--seen-images", images[1], "--candidates", "all", "--calibrate", "0.25")
    (curve,) = drawn(kgzsl, capsys, tmp_path / "curve.svg", "curve", toy_run, *images, *seen)
    assert curve["calibration"] == "given" and curve["gamma"] == 0.25 and len(curve["points"]) > 2


def test_training_and_neighbourhood(kgzsl, toy_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training = drawn(kgzsl, capsys, tmp_path / "training.html", "training", toy_run)
    assert training["is_search"] is False and training["best"] > 0
    piece = drawn(kgzsl, capsys, tmp_path / "okapi.svg", "neighbourhood", toy_run, "--classes", "okapi")
    (asked,) = [node for node in piece["nodes"] if node["is_asked"]]
    assert asked["class_id"] == "okapi" and 'id="class-okapi"' in (tmp_path / "okapi.svg").read_text()


def test_a_map(kgzsl, toy_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kgzsl("plot", "map", toy_run, "--classes", "okapi", "--out", tmp_path / "map.svg", "--json") in (0, 2)
    shown = capsys.readouterr()
    assert "run kgzsl calibrate" in shown.err or "hide the seen ones with kgzsl calibrate" in shown.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["maps", "run"], "choose one of map, hops, curve, confusion, neighbourhood, training"),
        (["hops", "run"], "needs labelled images; name a feature file with --features"),
        (["training", "run", "--features", "f"], "shows no images"),
        (["neighbourhood", "run"], "of one class, found 0"),
        (["map", "run", "--out", "a.pdf"], "written as .png, .svg, .html"),
        (["training", "nowhere"], "holds no measurements"),
    ],
)
def test_bad_input_is_one_line(
    kgzsl, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert kgzsl("plot", *(words if "--out" in words else [*words, "--out", tmp_path / "a.png"])) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1 and message in shown.err

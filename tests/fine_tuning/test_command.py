"""``kgzsl fine-tune``, and the commands that go on with what it leaves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kgzsl.features import FeatureSet


def test_fine_tune_extract_evaluate(
    tuning_world, tmp_path: Path, kgzsl: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    out, features = tmp_path / "tuned", tmp_path / "new.safetensors"
    graph = str(tuning_world.run / "graph")
    options = ["--backbone", tuning_world.backbone, "--epochs", 2, "--batch", 10, "--device", "cpu"]
    assert kgzsl("fine-tune", tuning_world.run, tuning_world.pictures, "--out", out, *options) == 0
    told = capsys.readouterr().out
    assert "parameters trained for 2 epochs on 20 pictures" in told and "5 held-out pictures: " in told
    assert "note: 10 pictures of no seen class were left out" in told
    words = ["--backbone", out / "backbone", "--out", features, "--graph", graph, "--device", "cpu"]
    assert kgzsl("extract", tuning_world.pictures, *words) == 0
    assert FeatureSet.load(features).backbone == json.loads((out / "kgzsl-export.json").read_text())["backbone"]
    capsys.readouterr()
    assert kgzsl("evaluate", out / "run", "--features", features, "--candidates", "own", "--json") == 0
    assert json.loads(capsys.readouterr().out)


def test_pictures_too_few_to_hold_any_out_are_told(
    tuning_world, tmp_path: Path, kgzsl: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--backbone", tuning_world.backbone, "--epochs", 1, "--batch", 25, "--device", "cpu"]
    words = ["fine-tune", tuning_world.run, tuning_world.pictures, *options]
    for share, expected in ((0.05, True), (0, False)):
        assert kgzsl(*words, "--out", tmp_path / f"tuned-{share}", "--held-out", share) == 0
        told = capsys.readouterr().out
        assert "on 25 pictures" in told and ("no picture was held out" in told) == expected


def test_what_cannot_be_is_one_line(
    tuning_world, tmp_path: Path, kgzsl: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["fine-tune", tuning_world.run, tuning_world.pictures, "--out", tmp_path / "tuned"]
    assert kgzsl(*words, "--precision", "16-mixed", "--device", "cpu") == 2
    assert "take bf16-mixed or fp32" in capsys.readouterr().err
    assert kgzsl(*words, "--adapters", "dora") == 2
    assert "No kind of adapters is called 'dora'; choose one of lora, none" in capsys.readouterr().err


def test_the_recipe_of_the_run_holds_options_and_the_command_wins(
    tuning_world, tmp_path: Path, kgzsl: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(tuning_world.run, run)
    with (run / "recipe.toml").open("a", encoding="utf-8") as recipe:
        recipe.write('\n[fine_tuning]\nepochs = 3\nbatch = 10\nlearning_rate = 0.02\nprecision = "bf16-mixed"\n')
    words = ["fine-tune", run, tuning_world.pictures, "--backbone", tuning_world.backbone, "--device", "cpu"]
    assert kgzsl(*words, "--out", tmp_path / "tuned", "--epochs", 1, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    settings = told["settings"]
    assert (settings["epochs"], settings["batch"], settings["learning_rate"]) == (1, 10, 0.02)
    assert told["precision"] == "bf16-mixed" and settings["momentum"] == 0.9
    assert "learning_rate = 0.02" in (tmp_path / "tuned" / "run" / "recipe.toml").read_text(encoding="utf-8")

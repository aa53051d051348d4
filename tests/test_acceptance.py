"""The main job on real data: the head of a real backbone, the whole graph, features of real pictures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.assets]


def kgzsl(*words: str | Path, assets: Path, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KGZSL_ASSETS": str(assets), "KGZSL_HOME": str(home)}
    command = [sys.executable, "-c", "from kgzsl.cli import main; main()", *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def run(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DGP over imagenet21k, trained briefly on the real head."""
    folder = tmp_path_factory.mktemp("acceptance")
    settings = ("--set", "method.epochs=100", "method.held_out=0.0")
    done = kgzsl("train", "dgp", "--out", folder / "run", *settings, assets=assets, home=folder / "home")
    assert done.returncode == 0, done.stderr
    return folder / "run"


def test_unseen_classes_are_ranked_above_chance_and_baseline(run: Path, assets: Path) -> None:
    files = [assets / "features" / f"{name}.safetensors" for name in ("caltech101-dev", "grocery-dev")]
    words = ("evaluate", run, "--features", *files, "--candidates", "unrelated", "--json")
    done = kgzsl(*words, assets=assets, home=run.parent / "home")
    assert done.returncode == 0, done.stderr
    caltech, grocery = json.loads(done.stdout)
    assert (caltech["num_candidates"], caltech["num_images"]) == (15, 872)
    assert caltech["hits_micro"]["1"] >= 50, caltech["hits_micro"]
    assert grocery["hits_micro"]["1"] >= 12, grocery["hits_micro"]
    for report in (caltech, grocery):
        assert report["hits_micro"]["1"] > report["nearest_seen"]["hits_micro"]["1"] > 0
        assert report["hits_micro"]["1"] > report["chance"]["1"] == pytest.approx(100 / 15, abs=0.01)


def test_a_picture_is_ranked_among_named_classes(run: Path, assets: Path) -> None:
    sunflower = min((assets / "images" / "caltech101-dev" / "n11978233").iterdir())
    words = (
        "predict",
        sunflower,
        "--run",
        run,
        "--classes",
        "sunflower.n.01",
        "okapi",
        "n02391049",
        "unicorn",
        "--json",
    )
    done = kgzsl(*words, assets=assets, home=run.parent / "home")
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads(done.stdout)
    best = answer["predictions"][0]
    assert (best["name"], best["is_seen"], best["rank"]) == ("sunflower", False, 1)
    new = next(one for one in answer["predictions"] if one["name"] == "unicorn")
    assert new["semantics"] in ("names", "definition")  # in no training graph: encoded there and then
    assert new["path"][0]["class_id"] == "n10737964"

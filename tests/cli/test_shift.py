"""kgzsl shift."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kgzsl.features import FeatureSet
from kgzsl.run_folder import RunFolder


@pytest.fixture
def files(toy_run: Path, tmp_path: Path) -> tuple[Path, Path, Path]:
    """A run, images of its unseen classes and images of its seen ones: the rows of the bank themselves, four times."""
    run = RunFolder(toy_run)
    paths = tmp_path / "unseen.safetensors", tmp_path / "seen.safetensors"
    for ids, path in zip((run.split.unseen, run.split.seen), paths):
        rows = run.bank.select(ids)
        images = FeatureSet(rows.weights.repeat(4, 1), _labels(len(ids)), rows.index, rows.backbone)
        images.save(path)
    return toy_run, *paths


def _labels(count: int):
    import torch

    return torch.arange(count).repeat(4)


def test_a_report_as_text_and_as_json(kgzsl: Callable[..., int], capsys, files: tuple[Path, Path, Path]) -> None:
    run, unseen, seen = files
    asked = ["shift", run, "--features", unseen, "--seen-images", seen, "--candidates", "own", "--calibrate", "0.5"]
    assert kgzsl(*asked) == 0
    told = capsys.readouterr().out
    assert "unseen.safetensors: " in told and "after calibration, gamma 0.5" in told and "  local-scaling" in told
    assert kgzsl(*asked, "--remedies", "centring", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert list(found["remedies"]) == ["centring"] and len(found["generalised"]) == 2
    assert found["num_images"] == 4 * len(RunFolder(run).split.unseen)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--remedies", "csls"], "local-scaling"),
        (["--candidates", "generalised"], "hold seen classes, which compete in any case"),
        (["--calibrate", "oracle"], "--calibrate is"),
    ],
)
def test_what_cannot_be_asked(
    kgzsl: Callable[..., int], capsys, files: tuple[Path, Path, Path], words: list[str], message: str
) -> None:
    run, unseen, seen = files
    assert kgzsl("shift", run, "--features", unseen, "--seen-images", seen, *words) == 2
    assert message in capsys.readouterr().err

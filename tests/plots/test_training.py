"""Measurements of a training: read as they were written, by epoch or by setting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.plots import draw_training, training_data


def write(folder: Path, rows: list[dict[str, object]]) -> Path:
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder


def test_epochs_by_phase_and_the_best_of_them(tmp_path: Path) -> None:
    rows = [
        {"phase": "select", "epoch": 5, "loss": 0.5, "hit1": 0.2, "reciprocal_rank": 0.3},
        {"phase": "select", "epoch": 10, "loss": 0.4, "hit1": 0.4, "reciprocal_rank": 0.6},
        {"phase": "select", "epoch": 15, "loss": 0.3, "hit1": 0.5, "reciprocal_rank": 0.6},
        {"phase": "fit", "epoch": 10, "loss": 0.45},
    ]
    found = training_data(write(tmp_path, rows))
    assert not found.is_search and found.best == 10  # the first of equals
    assert found.curves["loss"] == {"select": ((5, 0.5), (10, 0.4), (15, 0.3)), "fit": ((10, 0.45),)}
    assert found.curves["hit1"] == {"select": ((5, 0.2), (10, 0.4), (15, 0.5))}
    picture = draw_training(found, "dgp")
    assert [axes.get_ylabel() for axes in picture.figure.axes] == ["loss", "mean reciprocal rank", "Hit@1"]
    assert picture.tips["measure-1-0"][1] == "epoch 10\nmean reciprocal rank 0.6000"
    assert picture.figure.axes[0].get_title(loc="left") == "The training of dgp\nbest (dashed line): epoch 10"


def test_settings_with_a_value_a_fold(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"width": 0.3, "reciprocal_rank": [0.25, 0.75]},
        {"width": 0.6, "reciprocal_rank": [0.5, 0.75]},
    ]
    found = training_data(write(tmp_path, rows))
    assert found.is_search and found.best == 2 and found.settings == {1: {"width": 0.3}, 2: {"width": 0.6}}
    assert found.curves == {"reciprocal_rank": {"": ((1, 0.5), (2, 0.625))}}
    assert draw_training(found).tips["measure-0-0"] == (
        "width 0.3\nmean reciprocal rank 0.5000",
        "width 0.6\nmean reciprocal rank 0.6250",
    )


def test_a_loss_alone_has_no_best(tmp_path: Path) -> None:
    found = training_data(write(tmp_path, [{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 2.0}]))
    assert found.best is None and found.curves == {"loss": {"": ((1, 3.0), (2, 2.0))}}


def test_nothing_to_draw_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="holds no measurements"):
        training_data(tmp_path)
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1, "loss": 1}\n{"epoch": 2, "lo')
    with pytest.raises(CorruptFileError, match="Line 2 of"):
        training_data(tmp_path)
    with pytest.raises(InputFileError, match="hold none of reciprocal_rank"):
        training_data(write(tmp_path, [{"width": 1.0}]))

"""``kgzsl export``: what it writes and tells, and one clear line where it cannot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from safetensors.torch import load_file

from kgzsl.classifier import ZeroShotClassifier


@pytest.fixture
def new(small_world: ModuleType) -> tuple[str, str]:
    return small_world.MULE, small_world.SAW


def test_a_head_with_new_classes(
    kgzsl: Callable[..., int],
    wordnet_run: Path,
    new: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "new.txt").write_text("\n".join(new))
    out = tmp_path / "head"
    assert kgzsl("export", wordnet_run, "--classes", tmp_path / "new.txt", "n02391049", "--format", "safetensors",
                 "--out", out) == 0  # fmt: skip
    shown = capsys.readouterr().out
    assert f"{out}: safetensors, 9 rows = 7 of the run's seen classes + 2 new" in shown
    assert "(no image was looked at)" in shown and "in the head already: n02391049" in shown
    assert "row 7: mule (n02390101)" in shown
    assert len(load_file(out / "head.safetensors")["weight"]) == 9


def test_json_names_files_and_rows(
    kgzsl: Callable[..., int], wordnet_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("export", wordnet_run, "--split", "unseen", "--format", "labels", "--match", "none", "--out")
    assert kgzsl(*words, tmp_path / "out", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["old_rows"], found["format"]) == (9, 7, "labels")  # a class of persons is left out
    assert found["matching"] == {"how": "none", "scale": 1.0, "shift": 0.0, "lost": None, "found": None}
    assert [row["row"] for row in found["new"]] == [7, 8]
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "out").iterdir()}
    assert found["files"] == sizes and "labels.json" in sizes


def test_added_classes_are_exported_by_their_names(
    kgzsl: Callable[..., int], wordnet_run: Path, small_world: ModuleType, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(wordnet_run, tmp_path / "run"))
    classifier = ZeroShotClassifier.load(run)
    classifier.add_class(small_world.OKAPI)
    classifier.rename_class(small_world.OKAPI, "forest giraffe")
    classifier.save()
    assert kgzsl("export", run, "--added", "--format", "labels", "--out", tmp_path / "out") == 0
    assert json.loads((tmp_path / "out" / "labels.json").read_text())[-1] == {
        "row": 7, "class_id": small_world.OKAPI, "name": "forest giraffe", "seen": False, "source": "stored",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Name new classes with --classes, --split unseen or --added: one of the three."),
        (("--split", "all"), "--split takes unseen, found 'all'"),
        (("--classes", "n02390101", "--format", "gguf"), "No export format is called 'gguf'; choose one of"),
        (("--classes", "n02391049", "--format", "labels"), "Every class asked for has a row in the head already"),
        (("--classes", "n02390101", "--match", "calibrated", "--format", "labels"), "run kgzsl calibrate"),
        (("--added",), "No class was added to the run yet"),
    ],
)
def test_bad_requests_are_one_line(
    kgzsl: Callable[..., int],
    wordnet_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    assert kgzsl("export", wordnet_run, "--out", tmp_path / "out", *words) == 2
    errors = capsys.readouterr().err
    assert said in errors and len(errors.splitlines()) == 1 and not (tmp_path / "out").exists()


def test_a_place_is_needed_and_never_overwritten(
    kgzsl: Callable[..., int], wordnet_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kgzsl("export", wordnet_run, "--classes", "n02390101") == 2
    assert "Name the folder to write with --out." in capsys.readouterr().err
    words = ("export", wordnet_run, "--classes", "n02390101", "--format", "labels", "--out", tmp_path / "out")
    assert kgzsl(*words) == 0
    assert kgzsl(*words) == 2
    assert "holds an export already" in capsys.readouterr().err
    assert kgzsl(*words, "--overwrite") == 0
    (tmp_path / "out" / "own.txt").write_text("mine")
    assert kgzsl(*words, "--overwrite") == 2
    assert (tmp_path / "out" / "own.txt").read_text() == "mine"

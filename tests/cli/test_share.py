"""``kgzsl push`` and ``kgzsl pull``: a folder to look at, a repository, and one clear line where it does not go."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kgzsl.run_folder import RunFolder

pytest.importorskip("huggingface_hub", reason='needs pip install "kgzsl[hub]"')


def test_a_folder_to_look_at(
    kgzsl: Callable[..., int], toy_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "shared"
    assert kgzsl("push", toy_run, "--out", out, "--license", "mit", "--task", "zero-shot-classification", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"run": str(toy_run), "shared": str(out)}
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "license: mit" in card and "pipeline_tag: zero-shot-classification" in card
    assert RunFolder(out).graph.index == RunFolder(toy_run).graph.index


def test_a_repository_is_pushed_and_pulled(
    kgzsl: Callable[..., int],
    toy_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    def push(shared: object, repo_id: str, **options: object) -> str:
        asked.extend((repo_id, options["private"]))
        return f"https://hub/{repo_id}"

    monkeypatch.setattr("kgzsl.hub.mixin.SharedClassifier.push_to_hub", push)
    assert kgzsl("push", toy_run, "--repo", "me/animals", "--private") == 0
    assert (asked, capsys.readouterr().out) == (["me/animals", True], "shared: https://hub/me/animals\n")
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda repo_id, **_: str(toy_run))
    assert kgzsl("pull", "me/animals", "--out", tmp_path / "run") == 0
    told = f"{tmp_path / 'run'}: classifiers of 12 classes for features of toy\n"
    assert capsys.readouterr().out == told
    assert kgzsl("pull", "me/animals", "--out", tmp_path / "run") == 2
    assert "is not empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("push", "{run}"), "--repo, or a new folder with --out: one of the two"),
        (("push", "{run}", "--repo", "a/b", "--out", "{new}"), "one of the two"),
        (("push", "{new}", "--out", "{new}"), "is no run folder"),
        (("push", "{run}", "--repo", "animals"), "'animals' is no name of a repository; one is written owner/name"),
        (("push", "{run}", "--out", "{full}"), "is not empty (mine.txt)"),
        (("pull", "animals", "--out", "{new}"), "no name of a repository"),
    ],
)
def test_what_is_wrong_is_one_line(
    words: tuple[str, ...],
    message: str,
    kgzsl: Callable[..., int],
    toy_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    places = {"run": toy_run, "new": tmp_path / "new", "full": full}
    assert kgzsl(*(word.format(**places) for word in words)) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and message in shown.err and shown.err.count("\n") == 1
    assert not (tmp_path / "new").exists() and [path.name for path in full.iterdir()] == ["mine.txt"]

"""``kgzsl explain``: text, JSON, pictures, and one line where there is nothing to say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def test_text_of_a_class_and_of_a_picture(kgzsl, toy_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = toy_run.parent / "features.safetensors"
    assert kgzsl("explain", "--run", toy_run, "--class", "okapi") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("okapi (okapi), unseen, method graph_regression") and "the start" in shown
    words = ("--features", images, "--row", 0, "--classes", "okapi", "zebra", "owl", "--against", "owl")
    assert kgzsl("explain", "--run", toy_run, *words) == 0
    shown = capsys.readouterr().out
    assert "of row 0, rank 1 of 3" in shown and "against owl: scores higher by" in shown


def test_json_and_a_picture(kgzsl, toy_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "few.txt").write_text("okapi\nowl\n")
    words = ("--class", "okapi", "--classes", tmp_path / "few.txt", "--top-seen", 2, "--picture", tmp_path / "a.dot")
    assert kgzsl("explain", "--run", toy_run, *words, "--json") == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert found["class_id"] == "okapi" and found["num_candidates"] == 2 and len(found["contributions"]) == 2
    assert shown.err == f"drawn: {tmp_path / 'a.dot'}\n"
    assert '"okapi" -> "hoofed";' in (tmp_path / "a.dot").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "There is nothing to explain; name a class with --class"),
        (["photo.jpg", "--features", "f.safetensors", "--row", "0"], "one of the two"),
        (["--features", "f.safetensors"], "--features and --row go together"),
        (["--class", "okapi", "--row", "1"], "--features and --row go together"),
        (["--features", "{images}", "--row", "6"], "has rows 0 to 5, found --row 6"),
        (["--class", "okapi", "--against", "okapi"], "cannot be explained against itself"),
        (["--class", "okapy"], "No class is called 'okapy'"),
        (["--class", "okapi", "--picture", "a.bmp"], "A picture is written as .png, .svg, .dot"),
        (["no-such.jpg", "--classes", "okapi", "okapy"], "No class is called 'okapy'"),
        (["no-such.jpg", "--class", "okapi", "--against", "okapy"], "No class is called 'okapy'"),
    ],
)
def test_bad_input_is_one_line(
    kgzsl, toy_run: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    given = [word.format(images=toy_run.parent / "features.safetensors") for word in words]
    assert kgzsl("explain", "--run", toy_run, *given) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1 and message in shown.err


def test_a_place_that_cannot_be_written_is_told_before_the_work(
    kgzsl, toy_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: object, **options: object) -> None:
        raise AssertionError("the work was begun")

    (tmp_path / "folder.dot").mkdir()
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("kgzsl.explain.explain", never)
    for place, message in (("folder.dot", "it is a folder; name a file"), ("file/a.dot", "Not a directory")):
        assert kgzsl("explain", "--run", toy_run, "--class", "okapi", "--picture", tmp_path / place) == 2
        assert message in capsys.readouterr().err
    monkeypatch.undo()
    assert kgzsl("explain", "--run", toy_run, "--class", "okapi", "--picture", tmp_path / "new" / "a.svg") == 0
    assert (tmp_path / "new" / "a.svg").read_text().startswith("<?xml")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.svg"]

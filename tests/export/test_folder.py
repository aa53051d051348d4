from __future__ import annotations

import json
from pathlib import Path

import pytest

from kgzsl.errors import CorruptFileError, InputFileError, StorageError
from kgzsl.export.folder import MANIFEST, check_place, staged_folder, write_manifest
from kgzsl.runtime import sha256_text


def write(folder: Path, text: str = "one", overwrite: bool = False) -> None:
    with staged_folder(folder, overwrite) as staged:
        (staged / "file.txt").write_text(text)
        write_manifest(staged, {"format": "text"})


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out"
    write(target)
    assert sorted(path.name for path in target.iterdir()) == ["file.txt", MANIFEST]
    content = json.loads((target / MANIFEST).read_text())
    assert content["format"] == "text" and content["files"] == {"file.txt": sha256_text("one")}
    assert list(target.parent.iterdir()) == [target]


def test_an_export_is_replaced_only_when_asked_and_nothing_else_ever(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    write(target)  # an empty folder is free
    with pytest.raises(InputFileError, match=r"holds an export already; .* replace it with --overwrite"):
        write(target, "two")
    write(target, "two", overwrite=True)
    assert (target / "file.txt").read_text() == "two"
    (target / "own").mkdir()
    (target / "own" / "notes.txt").write_text("mine")
    with pytest.raises(
        InputFileError, match=r"holds 1 files that no export has written there \('own/notes.txt' first\)"
    ):
        write(target, "three", overwrite=True)
    assert (target / "file.txt").read_text() == "two" and (target / "own" / "notes.txt").read_text() == "mine"


def test_what_is_no_export_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputFileError, match="is there and is no folder"):
        check_place(tmp_path / "file", True)
    with pytest.raises(InputFileError, match="holds 1 files that no export has written"):
        check_place(tmp_path, True)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / MANIFEST).write_text("[]")
    with pytest.raises(CorruptFileError, match="does not say what the export has written"):
        check_place(tmp_path / "bad", True)


def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    write(target)
    with pytest.raises(RuntimeError, match="broken"), staged_folder(target, True) as staged:
        (staged / "half.txt").write_text("half")
        raise RuntimeError("broken")
    with pytest.raises(StorageError, match="What stood there is untouched"), staged_folder(target, True):
        raise OSError(28, "No space left on device")
    rename = Path.rename

    def fail(self: Path, to: Path) -> Path:
        if to == target and not self.name.endswith(".old"):
            raise OSError(5, "Input/output error")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(StorageError, match="Input/output error"):
        write(target, "two", overwrite=True)
    assert (target / "file.txt").read_text() == "one" and list(tmp_path.iterdir()) == [target]

"""What is shared of a run folder: its own files, and no path of this machine."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from kgzsl.additions.change import Change
from kgzsl.additions.state import AdditionsState
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import InputFileError, StorageError
from kgzsl.hub import publish_run, without_local_paths
from kgzsl.run_folder import RunFolder
from kgzsl.runtime import read_toml

NOT_SHARED = {"notes.txt", "weights.pkl", "checkpoint.safetensors", "expectation.safetensors", "graph/secret.txt"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kgzsl train /home/me/a.toml --set graph.name=/x/y", "kgzsl train a.toml --set graph.name=y"),
        ("--set 'graph.name=\"/home/my files/g\"'", "--set 'graph.name=\"g\"'"),
        ("--encoder word-vectors:/data/glove.txt", "--encoder word-vectors:glove.txt"),
        ("C:\\Users\\me\\a.toml ~/b/c.txt", "a.toml c.txt"),
        (
            "google/mobilenet_v2 https://example.org/a ../../b",
            "google/mobilenet_v2 https://example.org/a ../../b",
        ),
        ("cat / dog, and/or", "cat / dog, and/or"),
        ('["/a/b", "/c"]', '["b", "c"]'),
    ],
)
def test_paths_lose_where_they_lay(text: str, expected: str) -> None:
    assert without_local_paths(text) == expected


def test_a_run_is_copied_to_the_byte_but_for_paths(toy_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(toy_run, run)
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["command"] = f"kgzsl train {tmp_path}/toy.toml"
    (run / "manifest.json").write_text(json.dumps(manifest))
    (run / "recipe.toml").write_text(f'[graph]\nname = "{tmp_path}/graph"\n')
    for strange in NOT_SHARED:
        (run / strange).write_text("not shared")
    shared = publish_run(run, tmp_path / "shared", AdditionsState())
    assert json.loads((shared / "manifest.json").read_text()) == {**manifest, "command": "kgzsl train toy.toml"}
    assert read_toml(shared / "recipe.toml") == {"graph": {"name": "graph"}}
    names = {path.relative_to(shared).as_posix() for path in shared.rglob("*") if path.is_file()}
    assert not names & NOT_SHARED
    changed = {"manifest.json", "recipe.toml"}
    assert all((shared / name).read_bytes() == (run / name).read_bytes() for name in names - changed)
    assert RunFolder(shared).graph.index == RunFolder(run).graph.index


def test_a_folder_that_holds_other_things_is_left_alone(toy_run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputFileError, match=r"is not empty \(mine\.txt\); name a new folder"):
        publish_run(toy_run, tmp_path, AdditionsState())
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(InputFileError, match="is no run folder"):
        publish_run(tmp_path / "nothing", tmp_path / "out", AdditionsState())
    assert not (tmp_path / "out").exists()


def test_additions_are_shared_without_where_their_table_lay(toy_run: Path, tmp_path: Path) -> None:
    how = {"table": "/home/me/new.csv", "rows": 3}
    change = Change(1, "rename", ("zebra",), "me", "2026-01-01T00:00:00Z", how, names={"zebra": "stripes"})
    shared = publish_run(toy_run, tmp_path / "shared", AdditionsState((change,)))
    (found,) = ZeroShotClassifier.load(shared).changes
    assert found == replace(change, how={"table": "new.csv", "rows": 3})
    assert sorted(path.name for path in (shared / "additions").iterdir()) == ["additions.json"]


def test_a_copy_that_fails_leaves_nothing(toy_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy, copied = shutil.copyfile, list[Path]()

    def fail_at_last(source: Path, target: Path) -> None:
        if source.name == "manifest.json":
            raise OSError(28, "No space left on device")
        copied.append(target)
        copy(source, target)

    monkeypatch.setattr("shutil.copyfile", fail_at_last)
    with pytest.raises(StorageError, match=r"Could not write .*No space left on device"):
        publish_run(toy_run, tmp_path / "shared", AdditionsState())
    assert copied and not [path for path in copied if path.exists()]

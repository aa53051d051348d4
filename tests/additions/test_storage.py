"""Additions in the run folder: whole or not at all, by one writer at a time, to the bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from kgzsl.additions import storage
from kgzsl.additions.storage import AdditionsFolder
from kgzsl.bank import ClassifierBank
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import CorruptFileError, InputFileError, StorageError
from kgzsl.run_folder import RunFolder, replace_run, strange_files
from kgzsl.semantics import SemanticEmbedding

ZEBRA, HAMMER, OKAPI = "n02391049", "n03481172", "n02439398"
ASKED = ("own", OKAPI, ZEBRA)


def bits(classifier: ZeroShotClassifier) -> torch.Tensor:
    bank = classifier.bank_of([one for one in ASKED if one in classifier.split_classes("all")])
    return torch.cat([bank.weights, bank.biases[:, None]], dim=1)


def changed(classifier: ZeroShotClassifier) -> ZeroShotClassifier:
    classifier.add_classes(["okapi", {"name": "own", "parents": HAMMER, "description": "mine"}], by="ada")
    classifier.rename_class("own", "mine")
    old = classifier.bank_of([ZEBRA])
    classifier.added.replace_rows(ClassifierBank(old.index, -old.weights, old.biases, old.backbone, "joint"), {"by": 1})
    return classifier


def files(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((run / "additions").iterdir()) if path.name != ".lock"}


def test_what_was_saved_comes_back_to_the_bit(classifier: ZeroShotClassifier, reopen, run: Path) -> None:
    assert changed(classifier).save() == run
    again = reopen()
    assert again.changes == classifier.changes
    assert torch.equal(bits(again), bits(classifier))
    assert again.resolve(["mine"]) == ("own",) and again.text("own").label == "mine"
    assert strange_files(run) == ()
    again.undo()
    again.undo()
    again.save()
    assert reopen().text("own").label == "own" and len(reopen().changes) == 1
    assert not list((run / "additions").glob("rows-*")), "what the log no longer names is gone"


def test_nothing_is_written_without_save(classifier: ZeroShotClassifier, run: Path) -> None:
    changed(classifier)
    assert not (run / "additions").exists()


@pytest.mark.parametrize("failing", ["vectors", "scorer", "rows", "log", "rename"])
def test_a_crash_leaves_the_old_state_whole(
    classifier: ZeroShotClassifier, reopen, run: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    classifier.add_class("own", parents=[HAMMER])
    classifier.save()
    before, rows = files(run), bits(classifier)
    changed_now = reopen()
    changed_now.add_class("okapi")
    old = changed_now.bank_of([ZEBRA])
    changed_now.added.replace_rows(ClassifierBank(old.index, -old.weights, old.biases, old.backbone, "joint"), {})

    def fail(*arguments: object, **keywords: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if failing == "vectors":
            patch.setattr(SemanticEmbedding, "save", fail)
        elif failing == "scorer":
            patch.setattr(ClassifierBank, "save", fail)
        elif failing == "rows":
            keep = AdditionsFolder._keep
            patch.setattr(
                AdditionsFolder, "_keep", lambda self, kind, save: (keep if kind != "rows" else fail)(self, kind, save)
            )
        elif failing == "log":
            patch.setattr(storage, "write_json", fail)
        else:
            patch.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match=r"No space left|Could not write"):
            changed_now.save()
    left = files(run)
    assert {name: left[name] for name in before} == before
    assert torch.equal(bits(reopen()), rows)
    changed_now.save()  # the same changes can be saved once there is room
    assert len(reopen().changes) == 3
    named = json.loads((run / "additions" / "additions.json").read_text())["files"]
    kept = {named["vectors"]["name"], named["scorer"]["name"], *(one["name"] for one in named["rows"].values())}
    assert set(files(run)) == kept | {"additions.json"}


def test_two_writers_do_not_lose_each_other(classifier: ZeroShotClassifier, reopen, run: Path) -> None:
    other = reopen()
    classifier.add_class("own", parents=[HAMMER])
    classifier.save()
    other.add_class("okapi")
    before = files(run)
    with pytest.raises(
        StorageError, match=r"changed since it was loaded \(revision 1, loaded was 0\); load the run again"
    ):
        other.save()
    assert files(run) == before
    classifier.add_class("okapi")
    classifier.save()
    assert len(reopen().changes) == 2


def test_a_locked_folder_is_told(classifier: ZeroShotClassifier, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock

    monkeypatch.setattr(storage, "LOCK_SECONDS", 0.05)
    classifier.add_class("own", parents=[HAMMER])
    (run / "additions").mkdir()
    with FileLock(run / "additions" / ".lock"), pytest.raises(StorageError, match="being written by another process"):
        classifier.save()


@pytest.mark.parametrize("name", ["vectors", "scorer", "rows"])
@pytest.mark.parametrize("how", ["cut", "gone", "changed"])
def test_damage_is_told_with_what_to_do(classifier: ZeroShotClassifier, reopen, run: Path, name: str, how: str) -> None:
    changed(classifier).save()
    (path,) = (run / "additions").glob(f"{name}*")
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if how == "cut" else content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(
        CorruptFileError, match=r"additions is damaged: .*Put the folder back from a copy, or remove it"
    ):
        reopen()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: text.replace('"verb": "add"', '"verb": "adds"'),
        lambda text: text.replace('"name": "own"', '"name": 3'),
        lambda text: text.replace('"own"', '"new"'),
        lambda text: text.replace('"vectors":', '"victors":'),
    ],
)
def test_a_damaged_log_is_told(classifier: ZeroShotClassifier, reopen, run: Path, damage) -> None:
    changed(classifier).save()
    log = run / "additions" / "additions.json"
    log.write_text(damage(log.read_text()))
    with pytest.raises(
        CorruptFileError, match=r"additions is damaged: .*Put the folder back from a copy, or remove it"
    ):
        reopen()


def test_additions_of_another_run_are_refused(classifier: ZeroShotClassifier, reopen, run: Path) -> None:
    classifier.add_class("own", parents=[HAMMER])
    classifier.save()
    manifest = run / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    with pytest.raises(CorruptFileError, match="belongs to another run"):
        reopen()


def test_a_later_format_is_refused(classifier: ZeroShotClassifier, reopen, run: Path) -> None:
    classifier.add_class("own", parents=[HAMMER])
    classifier.save()
    log = run / "additions" / "additions.json"
    log.write_text(json.dumps({**json.loads(log.read_text()), "format": 99}))
    with pytest.raises(CorruptFileError, match="format 99, this kgzsl reads 1"):
        reopen()


def test_a_whole_copy(classifier: ZeroShotClassifier, reopen, run: Path, tmp_path: Path) -> None:
    (run / "checkpoint.safetensors").write_bytes(b"what a training keeps for itself")
    folder = changed(classifier).save(tmp_path / "elsewhere" / "copy")
    assert not (run / "additions").exists()
    shutil.rmtree(run)
    again = reopen(folder)
    assert again.changes == classifier.changes and torch.equal(bits(again), bits(classifier))
    assert [path.name for path in folder.parent.iterdir()] == ["copy"]
    assert not (folder / "checkpoint.safetensors").exists()
    with pytest.raises(InputFileError, match="holds something already"):
        classifier.save(folder)


def test_a_copy_that_fails_leaves_nothing(
    classifier: ZeroShotClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **keywords: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "write_json", fail)
    with pytest.raises(OSError, match="No space left"):
        changed(classifier).save(tmp_path / "new" / "copy")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_new_training_drops_them(classifier: ZeroShotClassifier, run: Path, tmp_path: Path) -> None:
    changed(classifier).save()
    shutil.copytree(run, run / ".new", ignore=shutil.ignore_patterns("additions", ".new"))
    replace_run(run, run / ".new")
    assert not (run / "additions").exists() and RunFolder(run).manifest


def test_a_place_that_cannot_be_made_is_one_error(classifier: ZeroShotClassifier, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"Could not write .*Nothing was changed"):
        classifier.save(tmp_path / "file" / "run")

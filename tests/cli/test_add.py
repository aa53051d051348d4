"""kgzsl add, remove, rename, undo and changes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kgzsl.classifier import ZeroShotClassifier


class Told:
    """What a command printed."""

    def __init__(self, code: int, printed: tuple[str, str]) -> None:
        self.exit_code, (self.output, self.stderr) = code, printed


@pytest.fixture
def told(kgzsl: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    return lambda *words: Told(kgzsl(*words), tuple(capsys.readouterr()))


@pytest.fixture
def run(toy_run: Path, tmp_path: Path, stand_ins, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(toy_run, tmp_path / "run")
    monkeypatch.setattr("kgzsl.additions.synthesis.recorded_encoder", lambda name: stand_ins.seeded(name, 4))
    return tmp_path / "run"


def test_add_list_and_undo(told, run: Path) -> None:
    result = told("add", "mule", "--parents", "horse", "zebra", "--run", run, "--by", "ada")
    assert result.exit_code == 0, result.stderr
    assert "mule  mule" in result.output and "beneath horse and zebra: put beneath horse and zebra" in result.output
    assert "kgzsl undo takes it back" in result.stderr
    assert "mule" in ZeroShotClassifier.load(run).split_classes("all")
    assert told("changes", "--run", run).output.startswith("1 add mule, by ada, ")
    assert json.loads(told("changes", "--run", run, "--json").output)[0]["class_ids"] == ["mule"]
    assert told("rename", "mule", "muli", "--run", run).output.startswith("2 rename mule (mule) to muli, by ")
    assert told("remove", "muli", "--run", run).output.startswith("3 remove mule, by ")
    assert "mule" not in ZeroShotClassifier.load(run).split_classes("all")
    assert told("undo", "--run", run).output.startswith("taken back: 3 remove mule")
    assert json.loads(told("undo", "--run", run, "--json").output)["verb"] == "rename"
    told("undo", "--run", run)
    assert ZeroShotClassifier.load(run).changes == ()
    assert "no class was changed" in told("changes", "--run", run).stderr


def test_a_description_says_where_it_leads(told, run: Path) -> None:
    result = told("add", "mule", "--description", "half a horse", "--run", run, "--json")
    (found,) = json.loads(result.output)
    assert found["placed_by"] == "description" and len(found["nearest"]) == 5
    shown = told("add", "hinny", "--description", "half a donkey", "--run", run, "--dry-run")
    assert "nearest by its description: " in shown.output and "nothing was added (--dry-run)" in shown.stderr
    assert len(ZeroShotClassifier.load(run).changes) == 1


def test_a_name_alone_is_placed_and_doubt_is_told(told, run: Path) -> None:
    result = told("add", "quokka", "wallabee", "--run", run)
    assert result.exit_code == 0, result.stderr
    doubtful = result.output.count("a doubtful place: give a --description or --parents (kgzsl undo takes it back)")
    found = ZeroShotClassifier.load(run).added.state.added.values()
    assert {one.placed_by for one in found} == {"name"}
    assert doubtful == sum(one.is_doubtful for one in found)
    assert result.output.count("nearest by its name: ") == 2


def test_a_table_and_a_taxonomy(told, run: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,parents\nmule,horse|zebra\nhinny,mule\n")
    (tmp_path / "t.tsv").write_text("child\tparent\nfretsaw\tsaws\n")
    assert len(json.loads(told("add", "--table", tmp_path / "t.csv", "--run", run, "--json").output)) == 2
    result = told("add", "--taxonomy", tmp_path / "t.tsv", "--under", "saw", "--run", run)
    assert result.exit_code == 0 and "saws  saws" in result.output
    assert set(ZeroShotClassifier.load(run).split_classes("unseen")) >= {"mule", "hinny", "fretsaw", "saws"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "one of the three"),
        (["mule", "--table", "t.csv"], "one of the three"),
        (["--table", "t.csv", "--parents", "horse"], "go with named classes"),
        (["mule", "hinny", "--description", "x"], "say something of one class, found 2 names"),
        (["mule", "--under", "horse"], "--under goes with --taxonomy"),
        (["mule", "--parents", "hose"], "Parent 'hose': No class is called 'hose'"),
        (["mule", "--parents", "mule"], "cycle: mule -> mule"),
        (["mule", "--parents", "horse", "--description", ""], "The description of 'mule' is empty"),
        (["owl", "--parents", "horse"], "A class is called 'owl' already"),
    ],
)
def test_what_cannot_be_added_is_one_line_and_nothing_is_written(
    told, run: Path, words: list[str], message: str
) -> None:
    result = told("add", *words, "--run", run)
    assert (
        result.exit_code == 2
        and message in result.stderr
        and result.stderr.count("\n") == 1 + result.stderr.startswith("run:")
    )
    assert not (run / "additions").exists()


def test_a_new_training_tells_that_additions_are_gone(told, run: Path, toy_recipe: Path) -> None:
    told("add", "mule", "--parents", "horse", "--run", run)
    words = ["train", toy_recipe, "--out", run, "--set", "method.epochs=2"]
    assert told(*words).exit_code == 2
    assert ZeroShotClassifier.load(run).changes
    result = told(*words, "--overwrite")
    assert result.exit_code == 0 and "is gone (1 changes)" in result.stderr
    assert not (run / "additions").exists()

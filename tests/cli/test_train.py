"""``kgzsl train``: from a recipe to a run folder, and one clear line where that cannot be."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from kgzsl.cli import main
from kgzsl.run_folder import RunFolder

QUICK = ("--set", "method.epochs=10", "method.held_out=0", "method.network_options={hidden=4}")


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["kgzsl", "train", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        shown = capsys.readouterr()
        return int(stop.value.code or 0), shown.out, shown.err

    return run


def test_it_trains_and_says_what_next(train, toy_recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    code, shown, errors = train(toy_recipe, "--out", out, *QUICK)
    assert code == 0
    assert shown.startswith(f"{out}: graph_regression trained for 10 epochs (")
    assert shown.endswith("; classifiers of 12 classes, 5 of them seen.\n")
    assert f"kgzsl predict --features FILE --run {out}" in errors  # its bank is of no backbone
    command = RunFolder(out).manifest["command"]
    assert command == "kgzsl train recipe.toml " + " ".join(f"--set {word}" for word in QUICK[1:])


def test_json_is_the_manifest_and_nothing_else(train, toy_recipe: Path, tmp_path: Path) -> None:
    code, shown, _ = train(toy_recipe, "--out", tmp_path / "run", *QUICK, "--json", "--device", "cpu")
    assert code == 0
    assert json.loads(shown) == json.loads((tmp_path / "run" / "manifest.json").read_text())


def test_the_same_again_another_and_overwrite(train, toy_recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(toy_recipe, "--out", out, *QUICK)
    code, _, errors = train(toy_recipe, "--out", out, *QUICK)
    assert code == 0 and f"{out} holds this run already; nothing was trained." in errors
    code, shown, errors = train(toy_recipe, "--out", out, *QUICK, "method.seed=2")
    assert (code, shown) == (2, "") and errors.count("\n") == 1 and "replace it with --overwrite." in errors
    code, _, errors = train(toy_recipe, "--out", out, *QUICK, "method.seed=2", "--overwrite")
    assert code == 0 and "already" not in errors
    assert RunFolder(out).manifest["seed"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "method.epoch=3"], "has no option 'epoch'"),
        (["--set", "methods.epochs=3"], "no table [methods]"),
        (["--set", "method.name=magic"], "No method is called 'magic'; choose one of conse, devise, "),
        (["--set", "method.network=dpg"], "Did you mean 'dgp'?"),
        (["--set", "epochs"], "is not of the form table.key=value"),
        (
            ["--set", "graph.name=nowhere"],
            "kgzsl ships no graphs called 'nowhere', and no such path was found; it ships ",
        ),
        (["--set", "graph.seen=nobody"], "has no class list or mark 'nobody'; it has seen, unseen"),
        (["--set", "graph.seen=nobody.txt"], "Could not read nobody.txt: "),
        (["--set", "seen_bank.backbone=./nowhere"], "./nowhere is no folder of a backbone"),
        (["--device", "tpu"], "tpu"),
    ],
)
def test_bad_input_is_one_line(train, toy_recipe: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    code, shown, errors = train(toy_recipe, "--out", tmp_path / "run", *arguments)
    assert (code, shown) == (2, "") and errors.count("\n") == 1, errors
    assert message in errors
    assert not (tmp_path / "run").exists()


def test_no_such_recipe(train, tmp_path: Path) -> None:
    code, _, errors = train("dpg", "--out", tmp_path / "run")
    assert code == 2 and "it ships " in errors and "dgp" in errors


def test_corrupt_inputs_are_named(train, toy_recipe: Path, tmp_path: Path) -> None:
    bank = tmp_path / "bank.safetensors"
    bank.write_bytes(bank.read_bytes()[:-9])
    code, _, errors = train(toy_recipe, "--out", tmp_path / "run", *QUICK)
    assert code == 2 and errors.count("\n") == 1 and "bank.safetensors is not a whole safetensors file" in errors


def test_a_cache_that_cannot_be_written_costs_nothing(
    train, toy_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KGZSL_HOME", str(tmp_path / "file" / "home"))
    code, _, _ = train(toy_recipe, "--out", tmp_path / "run", *QUICK)
    assert code == 0 and RunFolder(tmp_path / "run").manifest["epochs"] == 10


@pytest.fixture
def tiny_disk(tmp_path: Path):
    """A disk of 300 kB; the test is skipped where none can be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_runs_full(train, toy_recipe: Path, tiny_disk: Path) -> None:
    out = tiny_disk / "run"
    assert train(toy_recipe, "--out", out, *QUICK)[0] == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    big = ["method.network_options={hidden=20000}", "method.seed=1"]
    code, shown, errors = train(toy_recipe, "--out", out, *QUICK, *big, "--overwrite")
    assert (code, shown) == (2, "") and errors.count("\n") == 1
    assert "Could not write" in errors and "No space left on device" in errors
    assert {path: path.read_bytes() for path in before} == before
    assert RunFolder(out).bank.weights.shape == (12, 3)


def test_a_folder_that_holds_something_else_is_refused(train, toy_recipe: Path) -> None:
    code, _, errors = train(toy_recipe, "--out", toy_recipe.parent / "graph", *QUICK)
    assert code == 2
    assert "graph holds 'classes.tsv', which is of no run; a run needs a folder of its own" in errors
    assert not (toy_recipe.parent / "graph" / "recipe.toml").exists()


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_word_for_a_number_is_refused(train, toy_recipe: Path, tmp_path: Path) -> None:
    code, _, errors = train(toy_recipe, "--out", tmp_path / "run", "--set", "method.epochs=many")
    assert code == 2 and "epochs must be a whole number, found 'many'" in errors

"""A run folder is whole, or says what is wrong with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from kgzsl.errors import CorruptFileError, InputFileError, UnknownVariantError
from kgzsl.methods import GraphRegression
from kgzsl.run_folder import RunFolder, holds_run, is_run_of, replace_run
from kgzsl.toy import SEEN, UNSEEN, toy_bank, toy_graph, toy_semantics


@pytest.fixture
def copied(toy_run: Path, tmp_path: Path) -> Path:
    shutil.copytree(toy_run, tmp_path / "moved" / "run")
    return tmp_path / "moved" / "run"


def test_it_gives_back_what_was_written(toy_run: Path) -> None:
    run = RunFolder(toy_run)
    assert run.graph.index == toy_graph().index and run.graph.parents("owl") == ("bird", "tool")
    assert (run.split.seen, run.split.unseen) == (SEEN, UNSEEN)
    assert torch.equal(run.semantics.vectors, toy_semantics().vectors)
    assert torch.equal(run.seen_bank.weights, toy_bank().weights)
    assert run.bank.index == toy_graph().index and run.bank.normalisation == "joint"
    assert isinstance(run.method, GraphRegression)
    assert torch.equal(run.method.synthesize(UNSEEN).weights, run.bank.select(UNSEEN).weights)


def test_it_can_be_moved(copied: Path, toy_run: Path) -> None:
    moved, run = RunFolder(copied), RunFolder(toy_run)
    assert torch.equal(moved.bank.weights, run.bank.weights)
    assert isinstance(moved.method, GraphRegression) and moved.split == run.split
    assert moved.manifest == run.manifest


def test_opening_reads_the_manifest_alone(copied: Path) -> None:
    for name in ("bank.safetensors", "model.safetensors", "graph/classes.tsv"):
        (copied / name).write_bytes(b"")
    assert RunFolder(copied).manifest["backbone"] == "toy"


def test_no_run_folder(tmp_path: Path, copied: Path) -> None:
    with pytest.raises(InputFileError, match=r"nowhere is no run folder: it lacks manifest.json, .*kgzsl train"):
        RunFolder(tmp_path / "nowhere")
    (copied / "seen_bank.safetensors").unlink()
    with pytest.raises(InputFileError, match=r"it lacks seen_bank\.safetensors\. Make one"):
        RunFolder(copied)
    assert not is_run_of(copied, {})


def test_a_training_that_has_not_ended(copied: Path) -> None:
    (copied / "manifest.json").unlink()
    assert not holds_run(copied)
    with pytest.raises(InputFileError, match=r"has not ended \(no manifest.json\); give the kgzsl train command again"):
        RunFolder(copied)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"format": 2}', "has format 2, this kgzsl reads 1; train it again"),
        ("{}", "manifest.json is damaged: it does not say its format; copy the run again"),
        ("[1]", "manifest.json is damaged"),
        ("{", "manifest.json is not JSON: .* in line 1"),
    ],
)
def test_a_manifest_of_another_kind(copied: Path, content: str, message: str) -> None:
    (copied / "manifest.json").write_text(content)
    with pytest.raises(CorruptFileError, match=message):
        RunFolder(copied)
    assert holds_run(copied) and not is_run_of(copied, {})


@pytest.mark.parametrize("piece", ["bank", "seen_bank", "semantics"])
def test_a_truncated_piece(copied: Path, piece: str) -> None:
    path = copied / f"{piece}.safetensors"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(CorruptFileError, match=rf"{piece}\.safetensors is not a whole safetensors file"):
        getattr(RunFolder(copied), piece)


def test_pieces_of_another_run(copied: Path) -> None:
    run = RunFolder(copied)
    run.bank.select(run.bank.index.ids[::-1]).save(copied / "bank.safetensors")
    run.seen_bank.select(SEEN[:3]).save(copied / "seen_bank.safetensors")
    with pytest.raises(
        CorruptFileError, match="12 classes that are not the 12 of the run's graph; it belongs to another"
    ):
        RunFolder(copied).bank  # noqa: B018
    with pytest.raises(CorruptFileError, match="3 classes that are not the 5"):
        RunFolder(copied).seen_bank  # noqa: B018


def test_a_method_that_is_damaged_or_unknown(copied: Path) -> None:
    states = copied / "states.safetensors"
    shutil.copy(copied / "bank.safetensors", states)
    with pytest.raises(CorruptFileError, match="holds no whole graph regression"):
        RunFolder(copied).method  # noqa: B018
    states.unlink()
    with pytest.raises(InputFileError, match=r"Could not read .*states\.safetensors"):
        RunFolder(copied).method  # noqa: B018
    for method in ("magic", None):
        manifest = {**RunFolder(copied).manifest, "method": method}
        (copied / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(UnknownVariantError, match=f"No method is called '{method}'"):
            RunFolder(copied).method  # noqa: B018


def test_a_run_of_the_same_facts(copied: Path) -> None:
    facts = RunFolder(copied).manifest
    assert is_run_of(copied, {"inputs": facts["inputs"], "method": "graph_regression"})
    assert not is_run_of(copied, {"method": "nearest_seen"})
    assert not is_run_of(copied, {"not recorded": 1})
    (copied / "manifest.json").write_text(json.dumps({**facts, "kgzsl": "0.0.1"}))
    assert not is_run_of(copied, {})


def test_replacing_leaves_other_files_alone(copied: Path) -> None:
    (copied / "notes.txt").write_text("mine")
    shutil.copytree(copied, copied / ".new", ignore=shutil.ignore_patterns("notes.txt", "model.safetensors"))
    replace_run(copied, copied / ".new")
    assert (copied / "notes.txt").read_text() == "mine"
    assert not (copied / "model.safetensors").exists() and not (copied / ".new").exists()
    assert RunFolder(copied).bank.index == toy_graph().index

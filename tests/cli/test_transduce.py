"""``kgzsl evaluate --transduce``: adapted to the images that are scored, said in the report, refused where misspelt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.cli import make_app
from kgzsl.errors import UnknownVariantError
from kgzsl.features import FeatureSet
from kgzsl.graph.storage import save_graph
from kgzsl.run_folder import RunFolder
from kgzsl.toy import toy_bank, toy_graph, toy_split
from kgzsl.transduction import TRANSDUCERS

UNSEEN = ("okapi", "owl")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that takes most owls for okapis."""
    folder, seen = tmp_path / "run", toy_bank()
    save_graph(toy_graph(), folder / "graph", {"seen": toy_split().seen, "unseen": UNSEEN})
    rows = torch.tensor([[1.0, 0.8, 0.0], [0.0, 1.0, 0.2]])
    others = [one for one in toy_graph().index if one not in (*seen.index, *UNSEEN)]
    weights = torch.cat([rows, torch.zeros(len(others), 3)])
    new = ClassifierBank(ClassIndex((*UNSEEN, *others)), weights, torch.zeros(len(weights)), "toy")
    seen.concat(new).select(toy_graph().index.ids).save(folder / "bank.safetensors")
    seen.save(folder / "seen_bank.safetensors")
    (folder / "manifest.json").write_text('{"format": 1}')
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Twenty okapis, twenty owls and ten zebras."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.tensor([0] * 20 + [1] * 20 + [2] * 10)
    centres = torch.tensor([[1.0, 0.2, 0.1], [0.3, 1.0, 0.2], [2.0, 0.4, 0.0]])
    features = centres[labels] + 0.05 * torch.randn(50, 3, generator=draw)
    FeatureSet(features, labels, ClassIndex((*UNSEEN, "zebra")), "toy").save(tmp_path / "images.safetensors")
    return tmp_path / "images.safetensors"


def reported(run: Path, file: Path, *options: str) -> dict:
    arguments = ["evaluate", str(run), "--features", str(file), "--draws", "10", "--json", *options]
    return json.loads(CliRunner().invoke(make_app(), arguments, catch_exceptions=False).stdout)[0]


@pytest.mark.parametrize("name", TRANSDUCERS)
def test_it_is_what_adapting_gives(run: Path, file: Path, name: str) -> None:
    found = reported(run, file, "--candidates", "own", "--transduce", name)
    images = FeatureSet.load(file).of_classes(UNSEEN)
    adapted = TRANSDUCERS[name]().adapt(RunFolder(run).scorer.select(UNSEEN), images)
    right = adapted.score(images).argmax(dim=1) == images.labels
    assert found["hits_micro"]["1"] == pytest.approx(100 * float(right.double().mean()), abs=1e-3)
    assert found["notes"][0].startswith(f"Transductive ({name}): the 40 images that are scored were seen before")


@pytest.mark.parametrize("name", ["prototypes", "local-scaling"])
def test_seen_classes_are_anchored(run: Path, file: Path, name: str) -> None:
    listed = file.parent / "candidates.txt"
    listed.write_text("okapi\nowl\nzebra\n")
    plain, adapted = (
        reported(run, file, "--candidates", str(listed), "--calibrate", "0.5", *more)
        for more in ((), ("--transduce", name))
    )
    assert adapted["seen"]["hits_micro"] == plain["seen"]["hits_micro"]
    assert adapted["num_candidates"] == 3


def test_an_unknown_transducer_is_refused(run: Path, file: Path) -> None:
    with pytest.raises(UnknownVariantError, match="No transducer is called 'prototype'"):
        reported(run, file, "--transduce", "prototype")

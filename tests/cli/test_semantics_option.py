"""One option picks the semantics of a training, and the run remembers them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kgzsl.run_folder import RunFolder
from kgzsl.semantics import SentenceEncoder

TRAITS = {
    "horse": "1,0",
    "zebra": "1,0.5",
    "okapi": "1,1",
    "eagle": "0,0",
    "owl": "0,0.5",
    "hammer": "0,1",
    "saw": "0,-1",
}


def test_attributes_of_leaves_reach_the_inner_classes(
    kgzsl: Callable[..., int], toy_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = toy_recipe.with_name("traits.csv")
    table.write_text(
        "class,hooves,size\n" + "".join(f"{name},{row}\n" for name, row in TRAITS.items()), encoding="utf-8"
    )
    words = ("train", toy_recipe, "--out", tmp_path / "run", "--set", "method.epochs=20")
    assert kgzsl(*words, "--semantics", "attributes:traits.csv") == 2
    assert "5 of 12 classes have no semantic vector" in capsys.readouterr().err
    fill = ("--set", "semantics.missing=below", "--set", "semantics.missing_value=-1")
    assert kgzsl(*words, "--semantics", "attributes:traits.csv", *fill, "--json") == 0
    manifest = json.loads(capsys.readouterr().out)
    assert manifest["encoder"].startswith("attributes/traits@")
    assert "--semantics 'attributes:traits.csv'" in manifest["command"]
    held = RunFolder(tmp_path / "run").semantics
    hoofed = torch.tensor([[1.0, 0.5]])
    torch.testing.assert_close(held.select(["hoofed"]).vectors, hoofed)
    known = torch.tensor([0.0, 0.5, 1.0, 0.0, 0.5, 1.0])  # all sizes but that of the saw
    torch.testing.assert_close(held.select(["saw"]).vectors, torch.tensor([[0.0, known.mean()]]))


def test_a_text_form_and_an_encoder_in_one_line(
    kgzsl: Callable[..., int], toy_recipe: Path, tmp_path: Path, tiny_encoder: Path
) -> None:
    """A text is the mean of its words: zebra (0, 2, 0), okapi (1, 0, 0), animal (0, 0, 3), any other 0."""
    recipe = toy_recipe.read_text(encoding="utf-8").replace("semantics.safetensors", "shipped")
    toy_recipe.write_text(recipe, encoding="utf-8")
    line = f"sentences:{tiny_encoder} as zebra {{name}} | okapi {{name}} of {{parent}}"
    assert kgzsl("train", toy_recipe, "--out", tmp_path / "run", "--set", "method.epochs=20", "--semantics", line) == 0
    run = RunFolder(tmp_path / "run")
    assert run.manifest["encoder"] == SentenceEncoder(str(tiny_encoder)).id
    assert run.manifest["text_form"] == "zebra {name} | okapi {name} of {parent}"
    first, second = run.semantics.select(["okapi", "animal"]).parts().values()
    unit = torch.nn.functional.normalize
    torch.testing.assert_close(first, unit(torch.tensor([[1.0, 2, 0], [0, 2, 3]])))
    torch.testing.assert_close(second, unit(torch.tensor([[1.0, 0, 0], [1, 0, 3]])))
    saved = (run.path / "recipe.toml").read_text(encoding="utf-8")
    assert "sentences:" in saved
    assert str(tiny_encoder) not in saved

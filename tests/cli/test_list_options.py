"""``kgzsl list-options``."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from kgzsl.cli import main, make_app
from kgzsl.methods import METHODS
from kgzsl.propagation import PROPAGATORS


def call(*words: str) -> str:
    result = CliRunner().invoke(make_app(), ["list-options", *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_every_method_and_network_is_listed() -> None:
    lines = dict(line.split(": ", 1) for line in call().splitlines())
    assert lines["methods"] == ", ".join(METHODS) and lines["networks"] == ", ".join(PROPAGATORS)
    assert {"dgp", "exem", "demo"} <= set(lines["recipes"].split(", "))
    assert "class-means" in lines["seen-banks"] and "lemmas: definition" in lines["text-forms"]


def test_a_kind_shows_options_as_a_recipe_gives_them() -> None:
    lines = call("methods").splitlines()
    first = lines.index("conse: Convex combination of semantic embeddings; it uses the seen head alone, images or not")
    assert lines[first + 1 : first + 3] == ["    top = 10", "    temperature = 1.0"]
    assert '    exemplars = "auto"' in lines and "    standardised = [true, false]" in lines
    assert "exem: EXEM on the ImageNet-21K graph, with the head of MobileNetV2" in call("recipes").splitlines()
    assert not [line for line in call("networks").splitlines() if "in_dim" in line]


def test_json() -> None:
    found = json.loads(call("methods", "--json"))
    assert set(found) == {"methods"} and found["methods"]["conse"] == {"top": 10, "temperature": 1.0}
    assert found["methods"]["graph_regression"]["network"] == "dgp"
    assert json.loads(call("--json"))["text-forms"]["lemmas: definition"] == {}


def test_an_unknown_kind(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["kgzsl", "list-options", "method"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "No kind of options is called 'method'; choose one of encoders, " in capsys.readouterr().err


def test_the_first_sentence_of_a_recipe_is_not_cut() -> None:
    best = next(line for line in call("recipes").splitlines() if line.startswith("best: "))
    assert best.endswith("one picture of each seen class")

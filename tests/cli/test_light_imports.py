"""What `kgzsl predict --features` loads: torch, and nothing else that takes seconds to import."""

from __future__ import annotations

import gc
import json
import subprocess
import sys

import pytest

from kgzsl.cli import make_app
from kgzsl.cli.start_up import keeping_all

HEAVY = ("torch_geometric", "transformers", "nltk", "scipy", "sentence_transformers", "pandas", "networkx", "sklearn",
         "PIL", "matplotlib", "huggingface_hub", "gensim", "onnxruntime")  # fmt: skip
PROGRAM = """
import json, sys
from kgzsl.cli import make_app
try:
    asked = json.loads(sys.argv[1])
    make_app(asked[0])(asked, standalone_mode=False)
finally:
    print("LOADED", json.dumps(sorted(sys.modules)))
"""


def modules(*arguments: str) -> set[str]:
    command = [sys.executable, "-c", PROGRAM, json.dumps(arguments)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()
    return set(json.loads(lines[-1].removeprefix("LOADED ")))


def loaded(*arguments: str) -> set[str]:
    return {name.split(".")[0] for name in modules(*arguments)}


def test_predicting_from_features_imports_torch_alone(toy_run):
    asked = ("--features", str(toy_run.parent / "features.safetensors"), "--rows", "0:2", "--classes", "okapi", "zebra")
    found = loaded("predict", "--run", str(toy_run), *asked)
    assert "torch" in found
    assert not found & set(HEAVY)


def test_the_help_imports_no_torch():
    found = loaded("--help")
    assert not found & {"torch", "numpy", *HEAVY}


def test_a_command_is_read_without_the_others():
    found = modules("list-options", "--help")
    assert "kgzsl.cli.list_options" in found
    assert not found & {"kgzsl.cli.train", "kgzsl.cli.predict", "kgzsl.cli.serve"}


@pytest.mark.parametrize("asked", ["rename", "share", "trian", "import_gbu", "--help"])
def test_where_the_word_is_no_file_of_a_command_all_commands_are_there(asked: str):
    assert commands_of(asked) == commands_of(None)


@pytest.mark.parametrize("name", ["predict", "import-gbu", "graph", "changes"])
def test_a_command_alone_is_what_it_is_among_all(name: str):
    alone, all_of_them = commands_of(name), commands_of(None)
    assert name in alone and alone < all_of_them


def commands_of(asked: str | None) -> set[str]:
    app = make_app(asked)
    return {str(one.name) for one in (*app.registered_commands, *app.registered_groups)}


def test_objects_are_looked_through_as_before_when_a_command_has_started():
    before = gc.get_threshold()
    with keeping_all():
        assert gc.get_threshold() > before
    assert gc.get_threshold() == before

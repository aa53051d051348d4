"""What `kgzsl predict --features` loads: torch, and nothing else that takes seconds to import."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = ("torch_geometric", "transformers", "nltk", "scipy", "sentence_transformers", "pandas", "networkx", "sklearn",
         "PIL", "matplotlib", "huggingface_hub", "gensim", "onnxruntime")  # fmt: skip
PROGRAM = """
import json, sys
from kgzsl.cli import make_app
try:
    make_app()(json.loads(sys.argv[1]), standalone_mode=False)
finally:
    print("LOADED", json.dumps(sorted(sys.modules)))
"""


def loaded(*arguments: str) -> set[str]:
    command = [sys.executable, "-c", PROGRAM, json.dumps(arguments)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()
    return {name.split(".")[0] for name in json.loads(lines[-1].removeprefix("LOADED "))}


def test_predicting_from_features_imports_torch_alone(toy_run):
    asked = ("--features", str(toy_run.parent / "features.safetensors"), "--rows", "0:2", "--classes", "okapi", "zebra")
    found = loaded("predict", "--run", str(toy_run), *asked)
    assert "torch" in found
    assert not found & set(HEAVY)


def test_the_help_imports_no_torch():
    found = loaded("--help")
    assert not found & {"torch", "numpy", *HEAVY}

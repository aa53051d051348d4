"""Run docs/tutorial.ipynb and store what its cells show; without a kernel, so that nothing but kgzsl is needed.

The cells are plain Python. They run in one namespace, in an empty folder; what a cell prints, and its last expression
as text and, where it has ``_repr_html_``, as HTML, are its outputs, as in Jupyter. tests/docs/test_tutorial.py runs it
the same way and compares the outputs with the stored ones.

    python scripts/run_tutorial.py            # run and store
    python scripts/run_tutorial.py --check    # run and say where outputs differ
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import math
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "tutorial.ipynb"
TAG = re.compile(r"<[^>]*>")
NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?")
RELATIVE, ABSOLUTE = 0.05, 0.11
"""How far numbers may be from the stored ones: other processors round otherwise."""


def lines(text: str) -> list[str]:
    """Return a text as notebooks hold it."""
    return text.splitlines(keepends=True)


def outputs_of(source: str, names: dict[str, Any], place: str, number: int) -> list[dict[str, Any]]:
    """Run one cell and return its outputs in the form of a notebook."""
    tree = ast.parse(source, place)
    last = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, place, "exec"), names)
        if last is not None:
            value = eval(compile(last, place, "eval"), names)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"name": "stdout", "output_type": "stream", "text": lines(printed.getvalue())})
    if value is not None:
        data = {"text/plain": lines(repr(value))}
        if hasattr(value, "_repr_html_"):
            data = {"text/html": lines(value._repr_html_()), **data}
        shown = {"data": data, "execution_count": number, "metadata": {}, "output_type": "execute_result"}
        outputs.append(shown)
    return outputs


def run(notebook: dict[str, Any]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Run all code cells in order, in the working folder; yield each with its number set, and its outputs."""
    names: dict[str, Any] = {"__name__": "__main__"}
    codes = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(codes, start=1):
        cell["execution_count"] = number
        yield cell, outputs_of("".join(cell["source"]), names, f"tutorial cell {number}", number)


def texts(outputs: list[dict[str, Any]]) -> list[str]:
    """Return what a reader sees of outputs: words and numbers, no tags."""
    found = []
    for output in outputs:
        for form, content in output.get("data", {"text/plain": output.get("text")}).items():
            joined = "".join(content)
            found.append(unescape(TAG.sub(" ", joined)) if form == "text/html" else joined)
    return found


def differences(stored: list[dict[str, Any]], fresh: list[dict[str, Any]]) -> list[str]:
    """Return where fresh outputs tell something else than the stored ones, numbers within a tolerance."""
    old, new = texts(stored), texts(fresh)
    if len(old) != len(new):
        return [f"{len(old)} outputs are stored, {len(new)} came: {new}"]
    return [f"stored:\n{one}\ncame:\n{other}" for one, other in zip(old, new) if not alike(one, other)]


def alike(one: str, other: str) -> bool:
    """Whether two texts have the same words, and nearly the same numbers."""
    if NUMBER.sub("#", one).split() != NUMBER.sub("#", other).split():
        return False
    pairs = zip(*(map(as_number, NUMBER.findall(text)) for text in (one, other)))
    return all(math.isclose(a, b, rel_tol=RELATIVE, abs_tol=ABSOLUTE) for a, b in pairs)


def as_number(text: str) -> float:
    """Read a number that may have commas between thousands."""
    return float(text.replace(",", ""))


def main() -> int:
    """Run the notebook, then store its outputs or compare them."""
    parser = argparse.ArgumentParser(description="Run docs/tutorial.ipynb and store what its cells show.")
    parser.add_argument("--check", action="store_true", help="compare with the stored outputs instead")
    check = parser.parse_args().check
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    before, wrong = Path.cwd(), 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for cell, fresh in run(notebook):
                found = differences(cell["outputs"], fresh) if check else []
                wrong += len(found)
                print(*found, sep="\n", end="\n" if found else "")
                cell["outputs"] = fresh
        finally:
            os.chdir(before)
    if not check:
        text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        NOTEBOOK.write_text(text, encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

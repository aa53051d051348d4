"""The tutorial runs, as a whole and in an empty folder, and shows what is stored in it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts"))

import run_tutorial  # noqa: E402

NOTEBOOK: dict[str, Any] = json.loads(run_tutorial.NOTEBOOK.read_text(encoding="utf-8"))
STEPS = ("class graph tutorial", "bank of classifiers", "nearest seen", "tricorder", "what adds to the score")
STEPS += ("with four pictures a class", "refused", "torch and ONNX agree: True")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # other packages may warn
def test_it_runs_and_shows_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("onnxruntime", "sentence_transformers"):
        pytest.importorskip(package, reason='needs pip install "kgzsl[text,onnx]"')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KGZSL_ASSETS", "")
    stored = {cell["id"]: cell.get("outputs", []) for cell in NOTEBOOK["cells"]}
    for cell, fresh in run_tutorial.run(json.loads(json.dumps(NOTEBOOK))):
        wrong = run_tutorial.differences(stored[cell["id"]], fresh)
        assert not wrong, f"{cell['id']}; store anew with scripts/run_tutorial.py:\n" + "\n".join(wrong)


def test_the_stored_outputs_are_small_and_of_no_machine() -> None:
    text = run_tutorial.NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 60_000
    outputs = [text for cell in NOTEBOOK["cells"] for text in run_tutorial.texts(cell.get("outputs", []))]
    told = "\n".join(outputs)
    assert not re.search(r"/(home|work|tmp|root|usr)/|\b20\d\d-\d\d|\d\d:\d\d|0x[0-9a-f]{6}|Traceback", told)
    assert all(step in told for step in STEPS)


def test_it_is_a_whole_notebook() -> None:
    cells = NOTEBOOK["cells"]
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in cells}) == len(cells)
    codes = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in codes] == list(range(1, len(codes) + 1))
    nbformat = pytest.importorskip("nbformat", reason="the schema of notebooks comes with nbformat")
    nbformat.validate(NOTEBOOK)


def test_links_lead_somewhere() -> None:
    text = "".join(line for cell in NOTEBOOK["cells"] for line in cell["source"])
    links = re.findall(r"\]\(([^)#\s]+)", text)
    assert links and all((run_tutorial.NOTEBOOK.parent / link).is_file() for link in links if "://" not in link)


def test_outputs_of_a_cell() -> None:
    class Shown:
        def __repr__(self) -> str:
            return "short"

        def _repr_html_(self) -> str:
            return "<b>long</b>\n"

    names: dict[str, Any] = {"shown": Shown()}
    both = run_tutorial.outputs_of("x = 2\nprint(x)\nx + 1", names, "cell", 3)
    assert [one["output_type"] for one in both] == ["stream", "execute_result"]
    assert both[0]["text"] == ["2\n"] and both[1]["data"] == {"text/plain": ["3"]} and both[1]["execution_count"] == 3
    assert run_tutorial.outputs_of("shown", names, "cell", 4)[0]["data"] == {
        "text/html": ["<b>long</b>\n"],
        "text/plain": ["short"],
    }
    assert run_tutorial.outputs_of("x = 3", names, "cell", 5) == run_tutorial.outputs_of("None", names, "cell", 6) == []


@pytest.mark.parametrize(
    ("stored", "came", "same"),
    [
        ("okapi 1.50", "okapi 1.52", True),  # 0.02 apart
        ("okapi 1.50", "okapi 1.75", False),  # a sixth
        ("1,000 classes", "1,040 classes", True),  # 4 %
        ("1,000 classes", "1,100 classes", False),
        ("okapi 1.5", "zebra 1.5", False),
        ("[1, 2]", "[1, 2, 3]", False),
        ("a\nb", "a b", True),
    ],
)
def test_texts_are_alike_but_for_rounding(stored: str, came: str, same: bool) -> None:
    assert run_tutorial.alike(stored, came) is same
    outputs = [[{"output_type": "stream", "text": [text]}] for text in (stored, came)]
    assert (run_tutorial.differences(*outputs) == []) is same
    assert run_tutorial.differences(outputs[0], []) != []

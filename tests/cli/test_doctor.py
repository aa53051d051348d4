"""kgzsl doctor: text, JSON and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from kgzsl import __version__, diagnosis
from kgzsl.diagnosis import Finding

PYTHON = Finding("core", "python", "ok", "3.11.7")
ONNX = Finding("extras", "onnx", "missing", "no onnx", "pip install 'kgzsl[onnx]'")
TORCH = Finding("core", "torch", "broken", "ImportError: no torch", "pip install torch")


@pytest.mark.parametrize(
    ("findings", "code", "last"),
    [
        ([PYTHON], 0, "kgzsl works."),
        ([PYTHON, ONNX], 0, "kgzsl works; 1 optional thing is missing."),
        ([PYTHON, ONNX, ONNX], 0, "kgzsl works; 2 optional things are missing."),
        ([PYTHON, TORCH, ONNX], 1, "kgzsl does not work here; mend what is marked !!; 1 optional thing is missing."),
    ],
)
def test_only_a_broken_core_is_a_failure(
    findings: list[Finding],
    code: int,
    last: str,
    kgzsl: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diagnosis, "diagnose", lambda: findings)
    assert kgzsl("doctor") == code
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"kgzsl {__version__}" and told[-1] == last
    assert all(any(one.mend in line for line in told) for one in findings)
    assert kgzsl("doctor", "--json") == code
    read = json.loads(capsys.readouterr().out)
    assert read["works"] is (code == 0) and read["kgzsl"] == __version__
    assert read["findings"] == [one.to_json() for one in findings]
    assert read["findings"][0] == {"part": "core", "name": "python", "state": "ok", "found": "3.11.7", "mend": None}

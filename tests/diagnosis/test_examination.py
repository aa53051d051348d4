"""All findings of this machine, of a broken one, and as text."""

from __future__ import annotations

import pytest

from kgzsl.diagnosis import Finding, diagnose, examination, to_text


def test_the_core_works_where_the_tests_run() -> None:
    found = diagnose()
    assert {one.state for one in found if one.part == "core"} == {"ok"}
    assert [one.part for one in found] == sorted((one.part for one in found), key=["core", "extras", "data"].index)
    names = {one.name for one in found}
    assert {"python", "torch", "graph imagenet21k", "vision", "onnx", "WordNet", "cache"} <= names
    assert not {"dev", "site", "load"} & names
    assert all(bool(one.mend) == (one.state != "ok") for one in found)
    graphs = {one.name: one.found for one in found}
    assert graphs["graph wordnet-nouns"].startswith("82,115 classes, 84,427 edges")


def test_a_look_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> Finding:
        raise OSError("libtorch.so: no such file\nmore")

    monkeypatch.setattr(
        examination, "LOOKS", {"torch": ("core", fails), "sound": ("data", fails), "none": ("extras", list)}
    )
    torch, sound = diagnose()
    assert (torch.state, torch.found) == ("broken", "OSError: libtorch.so: no such file")
    assert torch.mend.startswith("pip install") and sound.state == "missing"


def test_text() -> None:
    shown = to_text(
        [
            Finding("core", "python", "ok", "3.11.7"),
            Finding("core", "a long name", "broken", "gone", "do this"),
            Finding("data", "x", "missing", "not here", "do that"),
        ]
    )
    assert shown.splitlines() == [
        "core",
        "  ok  python       3.11.7",
        "  !!  a long name  gone",
        "                   mend: do this",
        "data",
        "  --  x  not here",
        "         mend: do that",
    ]

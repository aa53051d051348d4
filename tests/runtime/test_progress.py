from __future__ import annotations

import sys

from kgzsl.runtime import progress


def test_silent_where_nobody_looks_on(capsys):
    with progress("adding", 3) as advance:
        advance()
        advance(2, "done")
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with progress("adding", 2) as advance:
        advance(1, "halfway")
        advance(1)
    shown = capsys.readouterr().err
    assert "adding" in shown
    assert "2/2" in shown
    assert "halfway" in shown

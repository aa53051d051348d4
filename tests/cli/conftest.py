"""Commands run as the shell runs them."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from kgzsl.cli import main


@pytest.fixture
def kgzsl(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """A function that takes the words of a command line and returns the exit code."""

    def run(*words: object) -> int:
        monkeypatch.setattr(sys, "argv", ["kgzsl", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return int(stopped.value.code or 0)

    return run

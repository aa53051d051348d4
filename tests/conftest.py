"""Fixtures that every room shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real data; the test is skipped with a reason where there is none."""
    root = os.environ.get("KGZSL_ASSETS")
    if not root:
        pytest.skip("needs real data: set KGZSL_ASSETS to the folder that holds backbones/, features/ and images/")
    return Path(root)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests' caches out of the user's."""
    monkeypatch.setenv("KGZSL_HOME", str(tmp_path_factory.getbasetemp() / "home"))

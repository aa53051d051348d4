"""Fixtures of the graph room: a miniature WordNet, and nltk that finds no other."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from kgzsl.graph import wordnet


def _load_writer() -> Callable[..., dict[str, str]]:
    spec = importlib.util.spec_from_file_location("miniature", Path(__file__).with_name("miniature.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_wordnet


@pytest.fixture(scope="session")
def write_wordnet() -> Callable[..., dict[str, str]]:
    return _load_writer()


@pytest.fixture(scope="session")
def mini(tmp_path_factory, write_wordnet) -> tuple[Path, dict[str, str]]:
    """A folder with the miniature WordNet, and the class id of each of its synsets."""
    folder = tmp_path_factory.mktemp("mini") / "dict"
    return folder, write_wordnet(folder)


@pytest.fixture(autouse=True)
def _no_other_wordnet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import nltk

    monkeypatch.setattr(nltk.data, "path", [])
    monkeypatch.setattr(wordnet, "DEBIAN_FOLDER", tmp_path / "no-debian")
    wordnet._shared.cache_clear()

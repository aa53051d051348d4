from __future__ import annotations

from pathlib import Path

import pytest

from kgzsl.errors import MissingResourceError
from kgzsl.runtime import asset_path, cache_home, shipped_path


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("KGZSL_HOME", str(tmp_path / "own"))
    assert cache_home() == tmp_path / "own"
    monkeypatch.delenv("KGZSL_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_home() == tmp_path / "kgzsl"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_home() == tmp_path / ".cache" / "kgzsl"


def test_assets_are_there_or_none(monkeypatch, tmp_path):
    monkeypatch.setenv("KGZSL_ASSETS", "")
    assert asset_path("backbones") is None
    monkeypatch.setenv("KGZSL_ASSETS", str(tmp_path))
    assert asset_path("backbones") is None
    (tmp_path / "backbones").mkdir()
    assert asset_path("backbones") == tmp_path / "backbones"


def test_shipped_graphs_are_found_and_others_listed():
    assert isinstance(shipped_path("graphs", "imagenet21k"), Path)
    with pytest.raises(MissingResourceError, match=r"no graphs called 'imagenet', .*it ships .*imagenet21k.*wordnet"):
        shipped_path("graphs", "imagenet")

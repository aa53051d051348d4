"""What is said of graphs, encoders, backbones and the cache, where they are and where they are not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch

from kgzsl.diagnosis import places
from kgzsl.graph import save_graph, wordnet
from kgzsl.runtime import home
from kgzsl.semantics import sentences
from kgzsl.semantics.model_folder import cached_model
from kgzsl.toy import toy_graph


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that ships the toy graph and nothing else."""
    package = tmp_path / "kgzsl"
    save_graph(toy_graph(), package / "graphs" / "toy")
    monkeypatch.setattr(home, "PACKAGE", package)
    return package / "graphs"


def test_a_graph_is_held_against_its_sums(shipped: Path) -> None:
    whole = places.graph("toy")
    assert (whole.part, whole.state) == ("core", "ok")
    assert whole.found == f"12 classes, 12 edges, in {shipped / 'toy'}"
    (shipped / "toy" / "embeddings.safetensors").touch()
    assert places.graph("toy").found.startswith("12 classes, 12 edges, 1 files of vectors")
    edges = shipped / "toy" / "edges.tsv"
    edges.write_text(edges.read_text() + "\n")
    found = places.graph("toy")
    assert (found.state, found.found) == ("broken", f"damaged: edges.tsv in {shipped / 'toy'}")
    edges.unlink()
    assert places.graph("toy").state == "broken" and "edges.tsv" in places.graph("toy").found
    (shipped / "toy" / "graph.toml").write_text("name = ")
    assert places.graph("toy").state == "broken"


def test_graphs_and_sample_that_are_not_shipped_are_broken(shipped: Path) -> None:
    found = [*places.shipped_graphs(), places.sample()]
    assert [one.name for one in found] == ["graph imagenet21k", "graph wordnet-nouns", "sample"]
    assert all(one.state == "broken" and one.mend.startswith("pip install") for one in found)
    assert "ships no graphs called 'imagenet21k'" in found[0].found


def test_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert places.device().found.startswith(f"{torch.__version__}, cpu, {torch.get_num_threads()} of ")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"card {number}")
    assert "cuda (card 0, card 1)" in places.device().found


@pytest.mark.parametrize(("place", "state"), [("/somewhere/wordnet", "ok"), (None, "missing")])
def test_wordnet(place: str | None, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordnet, "find_wordnet", lambda: place)
    found = places.wordnet()
    assert found.state == state and bool(found.mend) == (place is None)
    assert (found.found if place else found.mend) in ("in /somewhere/wordnet", "python -m nltk.downloader wordnet")


def test_the_text_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "package"
    spec = SimpleNamespace(submodule_search_locations=[str(package)])
    monkeypatch.setattr(sentences.importlib.util, "find_spec", lambda name: spec)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **options: str(tmp_path / "cached"))
    assert places.encoder().found == f"in {tmp_path / 'cached'}"  # the package lacks the model
    (package / "model").mkdir(parents=True)
    (package / "model" / "modules.json").touch()
    found = places.encoder()
    assert (found.name, found.found) == ("text encoder all-MiniLM-L6-v2", f"in {package / 'model'}")


def test_a_text_encoder_that_is_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert cached_model("owner/model-that-nobody-fetched") is None
    monkeypatch.setattr("kgzsl.semantics.model_folder.cached_model", lambda name: None)
    found = places.encoder()
    assert (found.part, found.state, found.mend) == ("data", "missing", "pip install 'kgzsl[text]'")


def test_backbones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGZSL_ASSETS", "")
    assert places.backbones().state == "missing" and "is not set" in places.backbones().found
    monkeypatch.setenv("KGZSL_ASSETS", str(tmp_path))
    assert f"{tmp_path / 'backbones'} holds none" in places.backbones().found
    for number in range(10):
        folder = tmp_path / "backbones" / f"net-{number}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({}))
    found = places.backbones()
    names = ", ".join(f"net-{number}" for number in range(8))
    assert (found.state, found.found) == ("ok", f"{names} and 2 more, in {tmp_path / 'backbones'}")
    shutil.rmtree(tmp_path / "backbones" / "net-9")
    assert "and 1 more" in places.backbones().found


def test_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGZSL_HOME", str(tmp_path / "a" / "cache"))
    assert places.cache().found == f"{tmp_path / 'a' / 'cache'}, 0 files, 0.0 MB"
    assert not (tmp_path / "a").exists()
    (tmp_path / "a" / "cache").mkdir(parents=True)
    (tmp_path / "a" / "cache" / "shard").write_bytes(bytes(1_500_000))
    assert places.cache().found.endswith("1 files, 1.5 MB")
    monkeypatch.setattr(places.os, "access", lambda path, mode: False)
    found = places.cache()
    assert found.state == "missing" and found.mend.startswith("export KGZSL_HOME=")
    (tmp_path / "file").touch()
    monkeypatch.undo()
    monkeypatch.setenv("KGZSL_HOME", str(tmp_path / "file" / "cache"))
    assert places.cache().state == "missing"

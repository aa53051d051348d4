"""Features by onnxruntime are those of torch; the graph is made once a model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("onnxscript", reason='needs pip install "kgzsl[onnx]"')

from kgzsl.errors import BackboneError, MissingDependencyError, UnknownVariantError
from kgzsl.features import FeatureSet
from kgzsl.runtime import cache_home
from kgzsl.vision import Backbone, extract_features, list_images, load_backbone, with_engine
from kgzsl.vision.extract import _manifest

from .conftest import save_pictures


@pytest.fixture(scope="module")
def made(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the graph of the tiny classifier."""
    home = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KGZSL_HOME", str(home))
        load_backbone(tiny_folder, engine="onnxruntime")
    return home


@pytest.fixture
def quick(made: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Backbone:
    """The tiny classifier in onnxruntime."""
    monkeypatch.setenv("KGZSL_HOME", str(made))
    return load_backbone(tiny_folder, engine="onnxruntime")


@pytest.mark.parametrize("count", [1, 5])
def test_features_are_those_of_torch(quick: Backbone, tiny_folder: Path, count: int) -> None:
    pixels = quick.preprocess.stack([torch.rand(3, 32, 32) for _ in range(count)])
    expected = load_backbone(tiny_folder).features(pixels)
    torch.testing.assert_close(quick.features(pixels), expected, atol=1e-4, rtol=1e-4)
    assert expected.abs().max() > 0.01


def test_the_graph_is_made_once_a_model(quick: Backbone, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = list((cache_home() / "onnx").iterdir())
    assert len(made) == 1 and [path.name for path in made[0].iterdir()] == ["features.onnx"]

    def refuse(*arguments: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr("kgzsl.vision.onnx_engine._write", refuse)
    backbone = load_backbone(tiny_folder, engine="onnxruntime")
    assert backbone.engine is not None
    assert with_engine(backbone, "torch").engine is None
    next(iter(backbone.module.parameters())).data.add_(1e-3)  # trained on: another model
    with pytest.raises(AssertionError, match="made again"):
        with_engine(backbone, "onnxruntime")


def test_a_graph_of_other_features_is_refused(quick: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgzsl.vision.onnx_engine.TOLERANCE", -1.0)
    with pytest.raises(BackboneError, match=r"off by .* use the engine torch"):
        with_engine(quick, "onnxruntime")


def test_an_engine_that_is_none(quick: Backbone) -> None:
    with pytest.raises(UnknownVariantError, match="onnxruntime"):
        with_engine(quick, "onnxrun")


def test_what_is_missing_is_named(quick: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError, match=r"kgzsl\[onnx\]"):
        with_engine(quick, "onnxruntime")


def test_an_extraction_does_not_go_on_with_another_engine(quick: Backbone, tiny_folder: Path, tmp_path: Path) -> None:
    save_pictures(tmp_path / "pictures", 6)
    images = list_images(tmp_path / "pictures")
    extract_features(images, load_backbone(tiny_folder), tmp_path / "torch.safetensors", batch_size=4)
    extract_features(images, quick, tmp_path / "onnx.safetensors", batch_size=4)
    found, expected = (FeatureSet.load(tmp_path / f"{name}.safetensors") for name in ("onnx", "torch"))
    torch.testing.assert_close(found.features.float(), expected.features.float(), atol=1e-3, rtol=1e-3)
    assert found.backbone == expected.backbone
    assert _manifest(images, quick, 4, torch.float16)["engine"] == "onnxruntime"
    assert _manifest(images, load_backbone(tiny_folder), 4, torch.float16)["engine"] == "torch"

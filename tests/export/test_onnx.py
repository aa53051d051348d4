from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("onnxscript", reason='needs pip install "kgzsl[onnx]"')
import onnx
import onnxruntime

from kgzsl.errors import BackboneError, MissingDependencyError
from kgzsl.export import onnx as export_onnx
from kgzsl.export.onnx import OPSET, write_onnx_head, write_onnx_model
from kgzsl.vision import Backbone

from .conftest import PROCESSOR, enlarged


def logits_of(path: Path, **inputs: torch.Tensor) -> torch.Tensor:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["logits"], {name: one.numpy() for name, one in inputs.items()})[0])


def facts_of(path: Path) -> dict[str, str]:
    model = onnx.load(path)
    assert [one.version for one in model.opset_import if not one.domain] == [OPSET]
    return {one.key: one.value for one in model.metadata_props}


def test_the_head_alone(backbone_of: Callable[[str], Backbone], tmp_path: Path) -> None:
    head = enlarged(backbone_of("ViT"))
    write_onnx_head(head, None, tmp_path)
    for count in (1, 7):
        features = torch.randn(count, head.weights.shape[1], generator=torch.Generator().manual_seed(count))
        expected = features.numpy().astype(np.float64) @ head.weights.numpy().T + head.biases.numpy()
        found = logits_of(tmp_path / "head.onnx", features=features)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        assert torch.equal(found.topk(5).indices, torch.from_numpy(expected).topk(5).indices)
    facts = facts_of(tmp_path / "head.onnx")
    assert json.loads(facts["labels"]) == list(head.labels)
    assert json.loads(facts["class_ids"]) == [None, "bird", "cattle", "machine", "okapi", "tool"]
    assert facts["old_rows"] == "4"


@pytest.mark.parametrize("architecture", ["ViT", "ResNet"])
def test_backbone_and_head_in_one_graph(
    backbone_of: Callable[[str], Backbone], architecture: str, tmp_path: Path
) -> None:
    backbone = backbone_of(architecture)
    head = enlarged(backbone)
    write_onnx_model(head, backbone, tmp_path)
    for count in (1, 5):
        pixels = torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(count))
        expected = head.logits(backbone.features(pixels))
        found = logits_of(tmp_path / "model.onnx", pixel_values=pixels)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
        assert torch.equal(found.topk(5).indices, expected.topk(5).indices)
    assert json.loads(facts_of(tmp_path / "model.onnx")["labels"]) == list(head.labels)
    facts = json.loads((tmp_path / "preprocessing.json").read_text())
    assert facts["input"] == "pixel_values" and facts["shape"] == ["batch", 3, 32, 32]
    assert {key: facts["steps"][key] for key in PROCESSOR} == PROCESSOR


def test_other_logits_in_onnxruntime_are_refused(
    backbone_of: Callable[[str], Backbone], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = enlarged(backbone_of("ViT"))
    monkeypatch.setattr(export_onnx, "TOLERANCE", -1.0)
    with pytest.raises(BackboneError, match=r"onnxruntime gives logits that are off by .* with head.onnx"):
        write_onnx_head(head, None, tmp_path)


def test_a_model_that_onnx_cannot_express_is_told(
    backbone_of: Callable[[str], Backbone], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise RuntimeError("no such operator\nat length")

    backbone = backbone_of("ViT")
    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(BackboneError, match=r"'tiny/ViT' cannot be expressed in ONNX \(no such operator\); export its"):
        write_onnx_model(enlarged(backbone), backbone, tmp_path)


def test_missing_packages_name_the_extra(
    backbone_of: Callable[[str], Backbone], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'kgzsl\[onnx\]'"):
        write_onnx_head(enlarged(backbone_of("ViT")), None, tmp_path)

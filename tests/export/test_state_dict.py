from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from kgzsl.errors import BackboneError
from kgzsl.export.state_dict import write_head, write_state_dict
from kgzsl.export.transformers_folder import enlarged_model
from kgzsl.runtime import tensor_metadata
from kgzsl.vision import Backbone

from .conftest import LABELS, enlarged


def small_module(outputs: int, bias: bool = True, tied: bool = False) -> nn.Module:
    torch.manual_seed(outputs)
    body = nn.Linear(12, 12)
    second = nn.Linear(12, 12)
    if tied:
        second.weight = body.weight
    conv = nn.Conv2d(3, 3, 1)
    return nn.Sequential(conv, nn.Flatten(), body, second, nn.Sequential(nn.ReLU(), nn.Linear(12, outputs, bias=bias)))


def pixels_of(picture: object) -> torch.Tensor:
    raw = torch.frombuffer(bytearray(picture.resize((2, 2)).tobytes()), dtype=torch.uint8)  # type: ignore[attr-defined]
    return raw.view(2, 2, 3).permute(2, 0, 1) / 255


def own_backbone(**options: bool) -> Backbone:
    module = small_module(len(LABELS), **options)
    return Backbone.from_module(module, "4.1", pixels_of, labels=LABELS, backbone_id="small")


@pytest.mark.parametrize("tied", [False, True])
def test_an_own_module_loads_its_enlarged_weights(tmp_path: Path, tied: bool) -> None:
    backbone = own_backbone(tied=tied)
    head = enlarged(backbone)
    write_state_dict(head, backbone, tmp_path)
    enlarged_module = small_module(6, tied=tied)
    enlarged_module.load_state_dict(load_file(tmp_path / "model.safetensors"))
    pixels = torch.rand(5, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found, before = enlarged_module(pixels), backbone.module(pixels)
    assert torch.equal(enlarged_module[4][1].weight[:4], backbone.head.weight)
    torch.testing.assert_close(found[:, :4], before, atol=1e-5, rtol=0)
    torch.testing.assert_close(found, head.logits(backbone.features(pixels)), atol=1e-5, rtol=1e-5)


def test_a_head_without_bias_gets_one_where_new_rows_need_it(tmp_path: Path) -> None:
    backbone = own_backbone(bias=False)
    write_state_dict(enlarged(backbone), backbone, tmp_path)
    small_module(6).load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert load_file(tmp_path / "model.safetensors")["4.1.bias"].tolist() == [0.0] * 4 + [1.0] * 2
    write_state_dict(enlarged(backbone, bias=0.0), backbone, tmp_path)
    small_module(6, bias=False).load_state_dict(load_file(tmp_path / "model.safetensors"))


def test_the_precision_of_the_model_is_kept(tmp_path: Path) -> None:
    backbone = own_backbone()
    half = backbone.head.weight.detach().half()
    backbone.head.half()
    write_state_dict(enlarged(backbone), backbone, tmp_path)
    written = load_file(tmp_path / "model.safetensors")
    assert written["4.1.weight"].dtype == torch.float16 and torch.equal(written["4.1.weight"][:4], half)


def test_the_head_alone_is_a_linear_layer(tmp_path: Path) -> None:
    head = enlarged(own_backbone())
    write_head(head, None, tmp_path)
    layer = nn.Linear(12, 6)
    layer.load_state_dict(load_file(tmp_path / "head.safetensors"))
    features = torch.randn(3, 12, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer(features), head.logits(features))
    assert tensor_metadata(tmp_path / "head.safetensors") == {
        "class_ids": '[null, "bird", "cattle", "machine", "okapi", "tool"]',
        "labels": '["background", "crane", "cow", "crane (machine)", "okapi", "cow (tool)"]',
        "old_rows": "4",
        "backbone": "small",
    }


def test_transformers_cannot_hold_what_it_does_not_know(backbone_of: Callable[[str], Backbone]) -> None:
    backbone = own_backbone()
    with pytest.raises(BackboneError, match="'small' is a module of its own that transformers cannot load"):
        enlarged_model(enlarged(backbone), backbone)
    made = backbone_of("ResNet").module
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made.config, "embedding_size", 4)
        with pytest.raises(BackboneError, match=r"ResNetForImageClassification does not make the head of"):
            enlarged_model(enlarged(backbone_of("ResNet")), backbone_of("ResNet"))

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from kgzsl.errors import BackboneError
from kgzsl.export import transformers_folder
from kgzsl.export.transformers_folder import write_transformers_folder
from kgzsl.vision import Backbone, load_backbone
from kgzsl.vision.preprocess import probe_images

from .conftest import ARCHITECTURES, PROCESSOR, enlarged, save_model


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_folder_is_the_old_model_with_more_rows(
    backbone_of: Callable[[str], Backbone], architecture: str, tmp_path: Path
) -> None:
    from transformers import AutoModelForImageClassification

    backbone = backbone_of(architecture)
    head = enlarged(backbone)
    write_transformers_folder(head, backbone, tmp_path)
    model = AutoModelForImageClassification.from_pretrained(tmp_path).eval()
    assert model.config.num_labels == 6 and list(model.config.id2label.values()) == list(head.labels)
    assert head.labels == ("background", "crane", "cow", "crane (machine)", "okapi", "cow (tool)")
    assert model.config.label2id == {label: row for row, label in enumerate(head.labels)}
    own, old = dict(model.state_dict()), backbone.module.state_dict()
    changed = {name for name in own if own[name].shape != old[name].shape}
    assert len(changed) == 2 and all(torch.equal(own[name][:4], old[name]) for name in changed)
    assert all(torch.equal(own[name], old[name]) for name in own if name not in changed)
    pixels = backbone.preprocess(probe_images()[:3])
    with torch.inference_mode():
        logits, before = model(pixels).logits, backbone.module(pixels).logits
    assert (logits[:, :4] - before).abs().max() <= 1e-5
    torch.testing.assert_close(logits, head.logits(backbone.features(pixels)), atol=1e-5, rtol=1e-5)


def test_a_pipeline_names_new_classes(backbone_of: Callable[[str], Backbone], tmp_path: Path) -> None:
    from transformers import pipeline

    backbone = backbone_of("ResNet")
    head = enlarged(backbone, bias=20.0)  # new rows win
    write_transformers_folder(head, backbone, tmp_path)
    picture = Image.effect_noise((40, 36), 50).convert("RGB")
    classify = pipeline("image-classification", str(tmp_path), device="cpu")
    found = {one["label"]: one["score"] for one in classify(picture, top_k=6)}
    logits = head.logits(backbone.features(backbone.preprocess([picture])))[0]
    assert found == pytest.approx(dict(zip(head.labels, logits.softmax(dim=0).tolist())), abs=1e-5)
    assert set(list(found)[:2]) == {"okapi", "cow (tool)"}


def test_what_is_written_beside_the_weights(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "model", "MobileNetV2")
    config = json.loads((folder / "config.json").read_text()) | {"_name_or_path": "owner/model"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "README.md").write_text("the model's own card")
    backbone = load_backbone(folder)
    assert backbone.id == "owner/model"
    write_transformers_folder(enlarged(backbone), backbone, tmp_path / "new")
    assert not (tmp_path / "new" / "README.md").exists()
    written = json.loads((tmp_path / "new" / "preprocessor_config.json").read_text())
    assert {key: written[key] for key in PROCESSOR} == PROCESSOR
    assert load_backbone(tmp_path / "new").id.startswith("local:")  # no longer the model of that name


def test_a_folder_that_gives_other_logits_is_refused(
    backbone_of: Callable[[str], Backbone], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = backbone_of("ViT")
    other = load_backbone(save_model(tmp_path / "other", "ViT"))
    head = enlarged(backbone)

    def swap(folder: Path) -> Backbone:
        backbone_written = load_backbone(folder)
        norm = next(layer for layer in backbone_written.module.modules() if isinstance(layer, torch.nn.LayerNorm))
        norm.bias.add_(1.0)
        return backbone_written

    monkeypatch.setattr(transformers_folder, "load_backbone", swap)
    with pytest.raises(BackboneError, match="old logits are off by"):
        write_transformers_folder(head, backbone, tmp_path / "a")
    monkeypatch.setattr(transformers_folder, "load_backbone", lambda folder: other)
    with pytest.raises(BackboneError, match="written with other rows, labels or preprocessing"):
        write_transformers_folder(head, backbone, tmp_path / "b")
    monkeypatch.undo()
    monkeypatch.setattr(transformers_folder, "PROCESSOR", "elsewhere.json")
    with pytest.raises(BackboneError, match="The enlarged model cannot be loaded"):
        write_transformers_folder(head, backbone, tmp_path / "c")
    shutil.rmtree(tmp_path / "c")

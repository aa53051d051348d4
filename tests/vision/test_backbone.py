from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from kgzsl.errors import BackboneError, InputFileError, MissingResourceError
from kgzsl.features import FeatureSet
from kgzsl.vision import Backbone, find_backbone, find_head, load_backbone
from kgzsl.vision.preprocess import probe_images


class Small(nn.Module):
    """A classifier whose head sees normalised, not pooled, rows."""

    def __init__(self, labels: int = 3, bias: bool = True) -> None:
        super().__init__()
        self.body = nn.Linear(12, 5)
        self.norm = nn.LayerNorm(5)
        self.fc = nn.Linear(5, labels, bias=bias)
        self.scale = 1.0

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.scale * self.fc(self.norm(self.body(pixels.flatten(1))))


def as_pixels(image: Image.Image) -> torch.Tensor:
    small = image.resize((2, 2))
    return torch.tensor(list(small.tobytes())).reshape(2, 2, 3).permute(2, 0, 1) / 255


def from_small(module: nn.Module, head: str = "fc", **options: object) -> Backbone:
    names = {"labels": ("a", "b", "c"), "backbone_id": "small"} | options
    return Backbone.from_module(module, head, as_pixels, **names)  # type: ignore[arg-type]


def test_features_times_head_are_the_logits(tiny_folder: Path) -> None:
    backbone = load_backbone(tiny_folder)
    pixels = backbone.preprocess(probe_images())
    features = backbone.features(pixels)
    assert features.shape == (6, 16) and backbone.dim == 16 and backbone.labels == ("cat", "dog", "cow")
    with torch.inference_mode():
        expected = backbone.module(pixel_values=pixels).logits
    torch.testing.assert_close(features @ backbone.weights.T + backbone.biases, expected)
    (features.sum() * torch.ones(1, requires_grad=True)).backward()  # features may enter autograd


def test_id_is_given_or_recorded_or_the_digest_of_the_weights(classifier_of: Callable[..., Path]) -> None:
    folder = classifier_of()
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert load_backbone(folder).id == f"local:{digest[:12]}"
    config = json.loads((folder / "config.json").read_text())
    for recorded, expected in (("owner/tiny", "owner/tiny"), (str(folder), f"local:{digest[:12]}")):
        (folder / "config.json").write_text(json.dumps(config | {"_name_or_path": recorded}))
        assert load_backbone(folder).id == expected
    assert load_backbone(folder, backbone_id="mine").id == "mine"


def test_hub_id_is_found_in_the_assets(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "backbones" / "tiny"
    folder.parent.mkdir()
    folder.symlink_to(tiny_folder)
    monkeypatch.setenv("KGZSL_ASSETS", str(tmp_path))
    assert find_backbone("owner/tiny") == folder
    assert find_backbone("owner/other") is None
    monkeypatch.setenv("KGZSL_ASSETS", "")
    assert find_backbone("owner/tiny") is None
    with pytest.raises(InputFileError, match="is no folder of a backbone"):
        find_backbone(tmp_path / "nothing")


def test_hub_id_without_a_hub_says_where_it_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("KGZSL_ASSETS", "")
    with pytest.raises(MissingResourceError, match=r"'owner/none' is neither a folder, nor under \$KGZSL_ASSETS"):
        load_backbone("owner/none")


def test_folder_without_a_trained_head_is_refused(classifier_of: Callable[..., Path]) -> None:
    folder = classifier_of(model_class="ResNetModel")
    with pytest.raises(BackboneError, match=r"has no trained head: its weights lack classifier.1.bias, classifier.1"):
        load_backbone(folder)


def test_pickled_weights_are_never_read(classifier_of: Callable[..., Path]) -> None:
    folder = classifier_of()
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(BackboneError, match=r"could not be loaded as an image classifier .*model\.safetensors"):
        load_backbone(folder)


def test_damaged_weights_and_missing_config_are_named(classifier_of: Callable[..., Path], tmp_path: Path) -> None:
    folder = classifier_of()
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:500])
    with pytest.raises(BackboneError, match="could not be loaded"):
        load_backbone(folder)
    with pytest.raises(BackboneError, match="could not be loaded"):
        load_backbone(tmp_path)


def test_two_heads_are_refused(tmp_path: Path) -> None:
    import transformers

    config = transformers.LevitConfig(
        image_size=32, hidden_sizes=[8, 8, 8], num_attention_heads=[1, 1, 1], depths=[1, 1, 1], key_dim=[4, 4, 4],
        num_labels=3,
    )  # fmt: skip
    transformers.LevitForImageClassificationWithTeacher(config).save_pretrained(tmp_path)
    with pytest.raises(BackboneError, match=r"2 linear layers with 3 outputs \(.*more than one head"):
        load_backbone(tmp_path)


def test_head_is_found_by_its_width() -> None:
    assert find_head(Small(), 3)[0] == "fc"
    with pytest.raises(BackboneError, match=r"No linear layer of the model has 4 outputs.* have 3, 5 outputs"):
        find_head(Small(), 4)
    with pytest.raises(BackboneError, match="it has none"):
        find_head(nn.Conv2d(3, 4, 1), 4)


@pytest.mark.parametrize("bias", [True, False])
def test_own_module(bias: bool) -> None:
    backbone = from_small(Small(bias=bias))
    features = backbone.features(backbone.preprocess(probe_images()[:1]))
    torch.testing.assert_close(backbone.logits(features), backbone.module(backbone.preprocess(probe_images()[:1])))
    assert backbone.id == "small" and bool(backbone.biases.any()) == bias


def test_own_module_refusals() -> None:
    scaled = Small()
    scaled.scale = 2.0
    with pytest.raises(BackboneError, match=r"logits are not features x weights \+ bias"):
        from_small(scaled)
    with pytest.raises(BackboneError, match=r"'norm' must be a linear layer, found a LayerNorm;.*body, fc"):
        from_small(Small(), head="norm")
    with pytest.raises(BackboneError, match="found no such layer"):
        from_small(Small(), head="head")
    with pytest.raises(BackboneError, match="The head has 3 outputs but there are 2 labels"):
        from_small(Small(), labels=("a", "b"))
    with pytest.raises(BackboneError, match="needs an id"):
        from_small(Small(), backbone_id="")


def test_real_head_classifies_real_pictures(assets: Path) -> None:
    backbone = load_backbone(assets / "backbones" / "mobilenet_v2_1.0_224")
    bank = backbone.seen_bank()
    assert (backbone.id, bank.weights.shape) == ("google/mobilenet_v2_1.0_224", (1000, 1280))
    assert (bank.index[0], bank.index[999], bank.normalisation) == ("n01440764", "n15075141", "none")
    images = FeatureSet.load(assets / "features" / "imagenet_sample.safetensors")
    truth = torch.from_numpy(bank.index.rows(images.index))[images.labels]
    assert (bank.score(images).argmax(dim=1) == truth).float().mean().item() == pytest.approx(0.888)

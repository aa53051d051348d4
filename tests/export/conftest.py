"""Tiny random classifiers of several architectures, and a run that learned from the head of one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.export import EnlargedHead, Matching, OldHead
from kgzsl.recipe import Recipe
from kgzsl.vision import Backbone, load_backbone

LABELS = ("background", "crane", "cow", "crane")
OLD_IDS = (None, "bird", "cattle", "machine")
NEW_IDS = ("okapi", "tool")

PROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": 32, "width": 32},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}

ARCHITECTURES: dict[str, dict[str, Any]] = {
    "ViT": {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    | {"image_size": 32, "patch_size": 16},
    "ResNet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
    "ConvNext": {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2},
    "MobileNetV2": {"image_size": 32, "depth_multiplier": 0.1, "min_depth": 8},
}
"""Options of tiny classifiers; the head of ResNet stands in a Sequential."""


def save_model(folder: Path, architecture: str, labels: tuple[str, ...] = LABELS) -> Path:
    """Save a tiny random classifier with its preprocessing."""
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, f"{architecture}Config")(
        **ARCHITECTURES[architecture], id2label=dict(enumerate(labels)), label2id={}
    )
    model = getattr(transformers, f"{architecture}ForImageClassification")(config)
    with torch.no_grad():  # untrained norms give tiny features
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return folder


def enlarged(backbone: Backbone, bias: float = 0.5) -> EnlargedHead:
    """Return a head with two random rows behind the model's own."""
    old = OldHead(backbone.weights, backbone.biases, OLD_IDS, backbone.labels, backbone.id)
    weights = torch.randn(2, backbone.dim, generator=torch.Generator().manual_seed(1))
    new = ClassifierBank(ClassIndex(NEW_IDS, "new"), weights, torch.full((2,), bias), backbone.id)
    return EnlargedHead.enlarge(old, new, [("okapi", "trained"), ("cow", "names")], Matching("norm", 2.0))


@pytest.fixture(scope="session")
def backbone_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Backbone]:
    """A function from the name of an architecture to a tiny backbone of it, made once."""
    made: dict[str, Backbone] = {}

    def make(architecture: str) -> Backbone:
        if architecture not in made:
            folder = save_model(tmp_path_factory.mktemp("models") / architecture, architecture)
            made[architecture] = load_backbone(folder, backbone_id=f"tiny/{architecture}")
        return made[architecture]

    return make


@pytest.fixture(scope="session")
def head_run(small_world: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a small piece of WordNet that learned from the head of the model beside it, background row first.

    The rows of the head stand in another order than the run's classes.
    """
    folder = tmp_path_factory.mktemp("exporting")
    ids = tuple(reversed(small_world.SEEN))
    labels = ("background", *(small_world.small_graph().text(class_id).label for class_id in ids))
    backbone = load_backbone(save_model(folder / "model", "MobileNetV2", labels), backbone_id="tiny/net")
    recipe = small_world.write_small(folder, backbone.id, backbone.dim)
    ClassifierBank(ClassIndex(ids, "head"), backbone.weights[1:], backbone.biases[1:], backbone.id).save(
        folder / "bank.safetensors"
    )
    Recipe.load(recipe).train(folder / "run")
    return folder / "run"


@pytest.fixture
def classifier(head_run: Path) -> ZeroShotClassifier:
    return ZeroShotClassifier.load(head_run, load_backbone(head_run.parent / "model", backbone_id="tiny/net"))

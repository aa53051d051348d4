"""A run over the toy world whose seen classifiers are the head of a tiny random backbone, and noise pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

RECIPE = """[graph]
name = "graph"
seen = "seen"
unseen = "unseen"

[semantics]
source = "semantics.safetensors"

[seen_bank]
bank = "bank.safetensors"

[method]
name = "graph_regression"
network = "sgcn"
network_options = { hidden = [8] }
epochs = 30
held_out = 0.0
"""
PROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "size": {"height": 32, "width": 32},
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.25, 0.3],
}


@dataclass(frozen=True)
class World:
    """Where things are."""

    run: Path
    backbone: Path
    pictures: Path
    seen: tuple[str, ...]


def save_backbone(folder: Path, labels: Sequence[str]) -> None:
    import transformers

    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", id2label=dict(enumerate(labels))
    )
    model = transformers.ResNetForImageClassification(config)
    with torch.no_grad():  # untrained batch norms give tiny features
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))


def save_pictures(folder: Path, class_ids: Sequence[str], each: int) -> None:
    """Save pictures of one colour a class, with noise."""
    draw = np.random.default_rng(0)
    for number, class_id in enumerate(class_ids):
        (folder / class_id).mkdir(parents=True)
        colour = draw.integers(0, 256, 3)
        for picture in range(each):
            values = np.clip(colour + draw.normal(0, 20, (40, 48, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(values).save(folder / class_id / f"{number}{picture}.png")


@pytest.fixture(scope="session")
def tuning_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    pytest.importorskip("lightning_fabric", reason='needs pip install "kgzsl[finetune]"')
    from kgzsl.graph.storage import save_graph
    from kgzsl.recipe import Recipe
    from kgzsl.toy import toy_graph, toy_semantics, toy_split
    from kgzsl.vision import HeadLinking, load_backbone

    folder, graph, split = tmp_path_factory.mktemp("tuning"), toy_graph(), toy_split()
    save_backbone(folder / "backbone", [graph.text(class_id).label for class_id in split.seen])
    bank = load_backbone(folder / "backbone").seen_bank(HeadLinking(split.seen, "the toy world"))
    bank.save(folder / "bank.safetensors")
    save_graph(graph, folder / "graph", {"seen": split.seen, "unseen": split.unseen})
    toy_semantics().save(folder / "semantics.safetensors")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    run = Recipe.load(folder / "recipe.toml").train(folder / "run")
    save_pictures(folder / "pictures", (*split.seen, *split.unseen), each=5)
    return World(run.path, folder / "backbone", folder / "pictures", split.seen)

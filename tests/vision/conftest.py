"""Tiny random classifiers in the form transformers saves, and folders of tiny pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

PROCESSOR = {
    "image_processor_type": "MobileNetV2ImageProcessor",
    "do_resize": True,
    "size": {"shortest_edge": 36},
    "resample": 2,
    "do_center_crop": True,
    "crop_size": {"height": 32, "width": 32},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}


def save_classifier(folder: Path, labels: Sequence[str], model_class: str = "ResNetForImageClassification") -> Path:
    """Save a tiny random classifier; ``ResNetModel`` saves one without a head."""
    import transformers

    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 16],
        depths=[1, 1],
        layer_type="basic",
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: row for row, label in enumerate(labels)},
    )
    model = getattr(transformers, model_class)(config)
    with torch.no_grad():  # untrained batch norms give tiny features
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return folder


def save_pictures(folder: Path, count: int, size: tuple[int, int] = (48, 40)) -> list[Path]:
    """Save noise pictures 000.png, 001.png, ... under ``a/`` and ``b/`` in turn."""
    generator = np.random.default_rng(count)
    paths = []
    for number in range(count):
        path = folder / "ab"[number % 2] / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
        paths.append(path)
    return paths


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_classifier(tmp_path_factory.mktemp("backbones") / "tiny", ["cat", "dog", "cow"])


@pytest.fixture
def classifier_of(tmp_path: Path) -> Callable[..., Path]:
    def make(labels: Sequence[str] = ("cat", "dog", "cow"), **options: str) -> Path:
        return save_classifier(tmp_path / "model", labels, **options)

    return make

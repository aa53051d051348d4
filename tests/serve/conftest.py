"""Applications over the toy run, asked as a client asks."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image
from torch import nn

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import MissingResourceError
from kgzsl.serve import Limits, make_app
from kgzsl.toy import toy_features
from kgzsl.vision import Backbone


def make_backbone() -> Backbone:
    """A classifier whose three features are the mean colours of a picture."""

    class Means(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3, 2)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return self.head(pixels.mean(dim=(2, 3)))

    def preprocess(picture: Image.Image) -> torch.Tensor:
        red, green, blue = picture.resize((1, 1)).getpixel((0, 0))
        return (torch.tensor([red, green, blue]) / 255).reshape(3, 1, 1).expand(3, 4, 4).contiguous()

    return Backbone.from_module(Means(), "head", preprocess, labels=("one", "two"), backbone_id="toy")


def make_picture(
    colour: tuple[int, int, int] = (200, 20, 20), size: tuple[int, int] = (8, 8), kind: str = "PNG"
) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """A function that makes the bytes of a picture of a colour, a size and a kind."""
    return make_picture


@pytest.fixture
def toy_backbone() -> Backbone:
    """The backbone of the clients."""
    return make_backbone()


@pytest.fixture
def run(toy_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_run, tmp_path / "run"))


@pytest.fixture
def client(run: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., TestClient]]:
    """Make clients of applications over a copy of the toy run; they stop with the test."""

    def nowhere(name: str) -> Backbone:
        raise MissingResourceError(f"Backbone {name!r} is not on this machine.")

    monkeypatch.setattr("kgzsl.vision.load_backbone", nowhere)
    with ExitStack() as stack:

        def make(backbone: bool = True, token: str | None = None, **limits: Any) -> TestClient:
            classifier = ZeroShotClassifier.load(run, backbone=make_backbone() if backbone else None)
            app = make_app(classifier, limits=Limits(**limits), token=token, samples=toy_features())
            return stack.enter_context(TestClient(app))

        yield make


@pytest.fixture
def given_encoder(monkeypatch: pytest.MonkeyPatch, stand_ins: ModuleType) -> None:
    """Let the text encoder that the toy run names be a stand-in; the real one is not of the toy world."""
    encoder = stand_ins.seeded("toy", 4)
    monkeypatch.setattr("kgzsl.additions.synthesis.recorded_encoder", lambda encoder_id: encoder)

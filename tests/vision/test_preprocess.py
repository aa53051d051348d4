from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from kgzsl.errors import BackboneError
from kgzsl.vision.preprocess import Preprocessor, probe_images

from .conftest import PROCESSOR


def processor(folder: Path, **changes: object) -> object:
    from transformers import AutoImageProcessor

    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR | changes))
    return AutoImageProcessor.from_pretrained(folder, backend="pil")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]},
        {"size": {"height": 40, "width": 33}},
        {"do_center_crop": False, "size": {"height": 24, "width": 24}, "resample": 3},
        {"do_normalize": False},
        {"size": {"shortest_edge": 20}},  # smaller than the crop: the processor pads
    ],
)
def test_equals_the_processor_to_the_bit(tmp_path: Path, changes: dict[str, object]) -> None:
    original = processor(tmp_path, **changes)
    preprocess = Preprocessor.from_processor(original)
    generator = np.random.default_rng(5)
    sizes = [(37, 91), (91, 37), (50, 50), (10, 12), (200, 333)]
    images = [Image.fromarray(generator.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]
    for image in images:
        expected = original(images=[image], return_tensors="pt")["pixel_values"][0]  # type: ignore[operator]
        assert torch.equal(preprocess.one(image), expected)


def test_lean_form_is_used_where_it_is_equal(tmp_path: Path) -> None:
    assert Preprocessor.from_processor(processor(tmp_path)).lean is not None


def test_another_kind_of_processor_is_left_as_it_is(tmp_path: Path) -> None:
    convnext = processor(
        tmp_path,
        image_processor_type="ConvNextImageProcessor",
        crop_pct=0.875,
        size={"shortest_edge": 224},
        do_center_crop=False,
    )
    preprocess = Preprocessor.from_processor(convnext)
    assert preprocess.lean is None
    assert preprocess.record["crop_pct"] == 0.875
    assert preprocess(probe_images()[:1]).shape == (1, 3, 224, 224)


def test_pictures_of_different_sizes_are_no_batch(tmp_path: Path) -> None:
    free = Preprocessor.from_processor(processor(tmp_path, do_resize=False, do_center_crop=False))
    with pytest.raises(BackboneError, match="pictures of different sizes"):
        free(probe_images()[:2])

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError
from kgzsl.fine_tuning.pictures import _box, epoch_order, hold_out, of_seen_classes, random_cut
from kgzsl.vision import ImageFile, load_backbone


def images(*class_ids: str | None) -> list[ImageFile]:
    return [ImageFile(Path(f"{row}.png"), f"{row}.png", class_id) for row, class_id in enumerate(class_ids)]


def test_pictures_of_seen_classes_alone_are_kept() -> None:
    listed = images("zebra", "okapi", None, "horse")
    assert of_seen_classes(listed, ClassIndex(("horse", "zebra"))) == (listed[0], listed[3])
    with pytest.raises(InputFileError, match=r"None of the 4 pictures is of one of the 1 seen .* okapi, zebra"):
        of_seen_classes(images("zebra", "okapi", None, "horse"), ClassIndex(("eagle",)))


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30), st.floats(0, 0.99), st.integers(0, 5))
def test_every_class_keeps_a_picture_to_train_on(class_ids: list[str], share: float, seed: int) -> None:
    listed = images(*class_ids)
    train, held = hold_out(listed, share, seed)
    assert sorted([*train, *held], key=listed.index) == listed
    for class_id in set(class_ids):
        count = class_ids.count(class_id)
        assert sum(image.class_id == class_id for image in held) == min(round(share * count), count - 1)


def test_orders_differ_by_epoch_and_seed_and_by_nothing_else() -> None:
    orders = [epoch_order(50, epoch, seed) for epoch in (1, 2) for seed in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert orders[0] == epoch_order(50, 1, 0)


@given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 99))
def test_cuts_lie_inside_and_keep_their_share(width: int, height: int, seed: int) -> None:
    left, top, right, bottom = _box(width, height, np.random.default_rng(seed), 0.5)
    assert 0 <= left < right <= width and 0 <= top < bottom <= height


def test_cut_is_a_resized_part_or_its_mirror_image(tuning_world) -> None:
    preprocess = load_backbone(tuning_world.backbone).preprocess
    listed = images("zebra", "zebra")
    ramp = np.tile(np.arange(100, 164, dtype=np.uint8)[None, :, None], (64, 1, 3))
    picture = Image.fromarray(ramp)
    found = [random_cut(preprocess, listed, epoch, 0, 0.3)(listed[0], picture) for epoch in range(12)]
    mean, deviation = torch.tensor([0.5, 0.4, 0.3])[:, None], torch.tensor([0.2, 0.25, 0.3])[:, None]
    rises = []
    for pixels in found:
        row = (pixels[:, 16] * deviation + mean) * 255  # what the mapping was given
        assert torch.allclose(row[0], row[2], atol=1e-3) and 99 <= float(row.min()) <= float(row.max()) <= 164
        rises.append(float(row[0, -1] - row[0, 0]))
    assert min(rises) < 0 < max(rises)
    again = random_cut(preprocess, listed, 3, 0, 0.3)(listed[0], picture)
    assert torch.equal(again, found[3]) and not torch.equal(
        random_cut(preprocess, listed, 3, 0, 0.3)(listed[1], picture), again
    )

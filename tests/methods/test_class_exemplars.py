"""What stands for images: images, class means or head rows; banks score real images as exemplars are scored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from kgzsl.errors import InputFileError, UnknownVariantError
from kgzsl.methods.class_exemplars import ClassExemplars, class_exemplars
from kgzsl.supervision import Supervision
from kgzsl.toy import SEEN, toy_bank, toy_seen_features, toy_supervision

ORDERED = tuple(sorted(SEEN))


def numpy_rows(kind: str) -> tuple[np.ndarray, list[str], np.ndarray, float]:
    """Rows, the class of each, what was subtracted and divided by, by the formula of the module."""
    if kind == "head":
        rows = np.stack(
            [[*toy_bank().select([c]).weights[0].tolist(), float(toy_bank().select([c]).biases)] for c in ORDERED]
        )
        rows, classes = rows / np.linalg.norm(rows, axis=1, keepdims=True), list(ORDERED)
    else:
        images = toy_seen_features()
        features, ids = images.features.numpy().astype(float), np.array(images.class_ids())
        rows = np.concatenate([features[ids == c] for c in ORDERED])
        classes = [c for c in ORDERED for _ in range(3)]
        if kind == "class-means":
            rows, classes = rows.reshape(5, 3, -1).mean(axis=1), list(ORDERED)
    origin = rows.mean(axis=0)
    scale = np.sqrt(np.square(rows - origin).sum(axis=1).mean())
    return (rows - origin) / scale, classes, origin, scale


@pytest.mark.parametrize("kind", ["head", "class-means", "images"])
def test_rows_equal_the_formula(kind: str) -> None:
    found = class_exemplars(toy_supervision(with_features=True), kind)
    rows, classes, _, _ = numpy_rows(kind)
    assert found.kind == kind and found.class_ids == ORDERED
    assert [found.class_ids[label] for label in found.labels.tolist()] == classes
    torch.testing.assert_close(found.rows, torch.from_numpy(rows), atol=1e-6, rtol=1e-6)
    assert float(found.rows.square().sum(dim=1).mean()) == pytest.approx(1)
    torch.testing.assert_close(found.rows.mean(dim=0), torch.zeros(rows.shape[1]).double(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", ["head", "class-means", "images"])
def test_a_bank_scores_an_image_as_its_exemplar_would_be(kind: str) -> None:
    found = class_exemplars(toy_supervision(with_features=True), kind)
    _, _, origin, scale = numpy_rows(kind)
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(4, found.rows.shape[1], generator=generator).double()
    offsets = torch.randn(4, generator=generator).double()
    joint = found.joint(directions, offsets)
    image = torch.tensor([0.3, -0.2, 0.9]).double()
    row = torch.cat([image, torch.ones(1).double()]) if kind == "head" else (image - torch.from_numpy(origin)) / scale
    torch.testing.assert_close(joint[:, :-1] @ image + joint[:, -1], directions @ row + offsets, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(found.joint(directions)[:, :-1], joint[:, :-1])


def test_auto_takes_images_where_there_are_any() -> None:
    assert class_exemplars(toy_supervision()).kind == "head"
    assert class_exemplars(toy_supervision(with_features=True)).kind == "images"
    with pytest.raises(InputFileError, match=r"kind 'class-means' need images.*\[seen_features\], or .*\"head\""):
        class_exemplars(toy_supervision(), "class-means")
    with pytest.raises(UnknownVariantError, match=r"No kind of exemplars is called 'heads'; .*Did you mean 'head'"):
        class_exemplars(toy_supervision(), "heads")


def test_classes_without_an_image_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    given = toy_supervision()
    images = toy_seen_features().of_classes(["zebra", "eagle"])
    with caplog.at_level("INFO", "kgzsl.methods.class_exemplars"):
        found = class_exemplars(Supervision(given.graph, given.semantics, given.seen_bank, images))
    assert found.class_ids == ("eagle", "zebra") and found.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert caplog.messages == ["3 of the seen classes have no image and are not learned from"]


def test_some_of_the_classes() -> None:
    whole = class_exemplars(toy_supervision(with_features=True))
    part: ClassExemplars = whole.of(torch.tensor([3, 0]))
    assert part.class_ids == (ORDERED[3], ORDERED[0])
    assert part.labels.tolist() == [1, 1, 1, 0, 0, 0]
    torch.testing.assert_close(part.means()[0], whole.rows[whole.labels == 3].mean(dim=0))
    torch.testing.assert_close(part.sums(), 3 * part.means())


def test_classes_that_are_all_alike() -> None:
    given = toy_supervision()
    bank = replace(given.seen_bank, weights=torch.ones(5, 3), biases=torch.zeros(5))
    with pytest.raises(InputFileError, match="the seen classes are all alike"):
        class_exemplars(replace(given, seen_bank=bank))

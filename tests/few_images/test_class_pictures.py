"""What is kept of pictures: counts, means and spreads that add up, and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.few_images import ClassPictures, load_pictures, pictures_by_class, save_pictures
from kgzsl.runtime import save_tensors
from kgzsl.toy import toy_features


def drawn(count: int, seed: int = 0, dim: int = 4) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, dim)))


def scatter(one: ClassPictures) -> np.ndarray:
    return (one.spread.T @ one.spread).numpy()


@given(st.integers(1, 7), st.integers(0, 99))
def test_mean_and_spread_are_those_of_the_pictures_in_any_order(count: int, seed: int) -> None:
    pictures = drawn(count, seed)
    one, reversed_ = ClassPictures.of(pictures), ClassPictures.of(pictures.flip(0))
    centred = pictures.numpy() - pictures.numpy().mean(axis=0)
    np.testing.assert_allclose(one.mean, pictures.numpy().mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(scatter(one), centred.T @ centred, atol=1e-10)
    np.testing.assert_allclose(scatter(one), scatter(reversed_), atol=1e-10)
    assert len(one.spread) <= min(count - 1, 4)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 99))
def test_some_and_then_some_more_are_all_at_once(first: int, second: int, seed: int) -> None:
    pictures = drawn(first + second, seed)
    both = ClassPictures.of(pictures[:first]) + ClassPictures.of(pictures[first:])
    at_once = ClassPictures.of(pictures)
    assert both.count == at_once.count
    np.testing.assert_allclose(both.mean, at_once.mean, atol=1e-12)
    np.testing.assert_allclose(scatter(both), scatter(at_once), atol=1e-10)
    assert len(both.spread) <= min(first + second - 1, 4)


def test_labelled_images_are_told_apart_by_class() -> None:
    images = toy_features()
    found = pictures_by_class(images)
    assert {class_id: one.count for class_id, one in found.items()} == {"okapi": 3, "owl": 2, "zebra": 1}
    np.testing.assert_allclose(found["owl"].mean, images.features[3:5].numpy().mean(axis=0), atol=1e-7)


def test_a_file_holds_them_to_the_bit(tmp_path: Path) -> None:
    held = {"okapi": ClassPictures.of(drawn(3)), "owl": ClassPictures.of(drawn(1, 1))}
    save_pictures(tmp_path / "pictures.safetensors", held)
    loaded = load_pictures(tmp_path / "pictures.safetensors")
    assert loaded.keys() == held.keys()
    for class_id, one in held.items():
        assert loaded[class_id].count == one.count
        assert torch.equal(loaded[class_id].mean, one.mean) and torch.equal(loaded[class_id].spread, one.spread)


def test_no_pictures_and_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="one picture or more, found none"):
        ClassPictures.of(drawn(0))
    with pytest.raises(InputFileError, match="not finite"):
        ClassPictures.of(torch.tensor([[float("nan")]]))
    unlabelled = toy_features().rows(torch.tensor([0, 1]))
    object.__setattr__(unlabelled, "labels", torch.tensor([-1, -1]))
    with pytest.raises(InputFileError, match="None of the images has a class"):
        pictures_by_class(unlabelled)
    save_tensors(tmp_path / "other.safetensors", {"means": torch.zeros(1, 2)}, {"classes": "[]"})
    with pytest.raises(CorruptFileError, match="holds no pictures of classes"):
        load_pictures(tmp_path / "other.safetensors")

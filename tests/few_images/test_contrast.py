"""Rows that tell classes with pictures from each other, against a ridge regression on the pictures themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kgzsl.few_images import ClassPictures
from kgzsl.few_images.contrast import RIDGE, STRETCH, told_apart

RANDOM = np.random.default_rng(0)


def expected(rows: np.ndarray, pictures: list[np.ndarray], mean: np.ndarray) -> np.ndarray:
    """Return the minimum of the module's formula, picture by picture."""
    lengths = [np.sqrt(np.square(own - mean).sum(axis=1).mean()) for own in pictures]
    given = np.concatenate([(own - mean) / length for own, length in zip(pictures, lengths, strict=True)])
    targets = np.repeat(np.eye(len(rows)), [len(own) for own in pictures], axis=0)
    length = np.linalg.norm(rows, axis=1).mean()
    stretched = STRETCH * rows / length
    errors = targets - given @ stretched.T
    errors -= errors.mean(axis=1, keepdims=True)
    changed = stretched + np.linalg.solve(given.T @ given + RIDGE * np.eye(len(mean)), given.T @ errors).T
    told: np.ndarray = changed * length / np.linalg.norm(changed, axis=1).mean()
    return told


@pytest.mark.parametrize("dim", [5, 40])
def test_rows_are_those_of_a_ridge_regression_on_all_pictures(dim: int) -> None:
    rows, mean = RANDOM.normal(size=(3, dim)), RANDOM.normal(size=dim)
    pictures = [RANDOM.normal(size=(count, dim)) + 1 for count in (1, 6, 3)]
    held = [ClassPictures.of(torch.from_numpy(own)) for own in pictures]
    found = told_apart(torch.from_numpy(rows), held, torch.from_numpy(mean))
    np.testing.assert_allclose(found, expected(rows, pictures, mean), atol=1e-10)
    turned = told_apart(torch.from_numpy(rows[::-1].copy()), held[::-1], torch.from_numpy(mean))
    np.testing.assert_allclose(turned.flip(0), found, atol=1e-10)


def test_one_class_alone_keeps_its_row_and_so_do_rows_that_never_err() -> None:
    row, mean = torch.from_numpy(RANDOM.normal(size=(1, 4))), torch.zeros(4, dtype=torch.float64)
    alone = told_apart(row, [ClassPictures.of(torch.from_numpy(RANDOM.normal(size=(3, 4))))], mean)
    np.testing.assert_allclose(alone, row, atol=1e-12)
    axes = torch.eye(4, dtype=torch.float64)
    right = told_apart(axes, [ClassPictures.of(axis[None] / 7) for axis in axes], mean, stretch=1.0)
    np.testing.assert_allclose(right, axes, atol=1e-12)


def test_a_dearer_change_changes_less_and_lengths_stay() -> None:
    rows, mean = torch.from_numpy(RANDOM.normal(size=(3, 6))), torch.from_numpy(RANDOM.normal(size=6))
    pictures = [ClassPictures.of(torch.from_numpy(RANDOM.normal(size=(2, 6)))) for _ in range(3)]
    told = [told_apart(rows, pictures, mean, ridge=ridge) for ridge in (0.1, 10.0, 1e9)]
    moved = [float((one - rows).norm()) for one in told]
    assert moved[0] > moved[1] > moved[2] and moved[2] == pytest.approx(0, abs=1e-6)
    for one in told:
        assert float(one.norm(dim=1).mean()) == pytest.approx(float(rows.norm(dim=1).mean()))


def test_pictures_that_are_the_mean_picture_say_nothing() -> None:
    rows, mean = torch.from_numpy(RANDOM.normal(size=(2, 3))), torch.ones(3, dtype=torch.float64)
    nothing = [ClassPictures.of(torch.ones(2, 3, dtype=torch.float64))] * 2
    np.testing.assert_allclose(told_apart(rows, nothing, mean), rows, atol=1e-12)

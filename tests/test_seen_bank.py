from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError
from kgzsl.features import FeatureSet
from kgzsl.runtime import shipped_path
from kgzsl.seen_bank import SEEN_BANKS, class_means, logistic, ridge


def toy(per_class: int = 20, dim: int = 6) -> FeatureSet:
    """Three classes around three corners of a cube, far from the origin, and one image without a class."""
    generator = torch.Generator().manual_seed(0)
    centres = 4 * torch.eye(3, dim) + 10
    labels = torch.arange(3).repeat(per_class)
    features = centres[labels] + 0.3 * torch.randn(len(labels), dim, generator=generator)
    features, labels = torch.cat([features, 100 * torch.ones(1, dim)]), torch.cat([labels, torch.tensor([-1])])
    return FeatureSet(features, labels, ClassIndex(("b", "c", "a", "unused")), "toy")


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def centred(features: FeatureSet) -> np.ndarray:
    rows = features.features[features.labels >= 0].double().numpy()
    mean = unit(rows.mean(axis=0))
    return unit(rows - np.outer(rows @ mean, mean))


@pytest.mark.parametrize("name", SEEN_BANKS)
def test_contract(name: str) -> None:
    images = toy()
    bank = SEEN_BANKS[name](images)
    assert isinstance(bank, ClassifierBank) and bank.index.ids == ("b", "c", "a") and bank.backbone == "toy"
    torch.testing.assert_close(bank.weights.norm(dim=1), torch.ones(3))
    assert not bank.biases.any()
    known = images.rows(images.labels >= 0)
    assert torch.equal(bank.score(known).argmax(dim=1), known.labels)
    assert torch.equal(bank.weights, SEEN_BANKS[name](images).weights)  # the same bits again
    scaled = SEEN_BANKS[name](replace(images, features=images.features * 8))
    torch.testing.assert_close(scaled.weights, bank.weights, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", SEEN_BANKS)
def test_refusals(name: str) -> None:
    images = toy()
    with pytest.raises(InputFileError, match="no image has a class"):
        SEEN_BANKS[name](replace(images, labels=torch.full_like(images.labels, -1)))
    with pytest.raises(InputFileError, match="at least two classes, found 'b' alone"):
        SEEN_BANKS[name](images.of_classes(["b"]))


def test_class_means_formula() -> None:
    images = toy()
    rows, labels = centred(images), images.labels[:-1].numpy()
    expected = unit(np.stack([rows[labels == row].mean(axis=0) for row in range(3)]))
    np.testing.assert_allclose(class_means(images).weights, expected, atol=1e-5)


def test_ridge_formula() -> None:
    images = toy()
    rows, targets = centred(images), np.eye(3)[images.labels[:-1].numpy()]
    targets -= targets.mean(axis=0)
    square = rows.T @ rows + 2.0 * len(rows) / rows.shape[1] * np.eye(rows.shape[1])
    expected = unit(np.linalg.solve(square, rows.T @ targets).T)
    np.testing.assert_allclose(ridge(images, strength=2.0).weights, expected, atol=1e-5)


def test_logistic_stands_at_a_minimum() -> None:
    images = toy()
    rows = torch.from_numpy(centred(images)).float()
    targets = torch.eye(3)[images.labels[:-1]]
    weights = logistic(images, l2=0.1, max_steps=200).weights
    scale = torch.ones(3, 1, requires_grad=True)  # rows were scaled to one: find the lengths back
    search = torch.optim.LBFGS([scale], max_iter=100, line_search_fn="strong_wolfe")

    def loss(rows_of: torch.Tensor) -> torch.Tensor:
        logits = rows @ rows_of.T
        return (torch.logsumexp(logits, 1) - (logits * targets).sum(1)).mean() + 0.05 * rows_of.square().sum()

    def closure() -> torch.Tensor:
        search.zero_grad()
        value = loss(scale * weights)
        value.backward()
        return value

    search.step(closure)
    found = (scale.detach() * weights).requires_grad_()
    (gradient,) = torch.autograd.grad(loss(found), found)
    assert gradient.abs().max() < 1e-4


def test_bad_strengths() -> None:
    with pytest.raises(InputFileError, match="must be positive, found 0"):
        ridge(toy(), strength=0)
    with pytest.raises(InputFileError, match="must be positive, found -1"):
        logistic(toy(), l2=-1)


def test_sample_pack_makes_a_seen_bank() -> None:
    seen = FeatureSet.load(shipped_path("graphs", "sample/seen.safetensors"))
    unseen = FeatureSet.load(shipped_path("graphs", "sample/unseen.safetensors"))
    assert (len(seen), len(seen.index), len(unseen), len(unseen.index)) == (1000, 1000, 600, 30)
    assert seen.backbone == unseen.backbone and not set(seen.index) & set(unseen.index)
    assert sum(path.stat().st_size for path in shipped_path("graphs", "sample").iterdir()) <= 4_000_000
    bank = class_means(seen)
    assert torch.equal(bank.score(seen).argmax(dim=1), seen.labels)


def test_one_picture_a_class_recognises_others(assets: Path) -> None:
    bank = class_means(FeatureSet.load(shipped_path("graphs", "sample/seen.safetensors")))
    images = FeatureSet.load(assets / "features" / "caltech101-dev.safetensors").of_classes(bank.index)
    truth = torch.from_numpy(bank.index.rows(c for c in images.class_ids() if c))
    hit = (bank.score(images).argmax(dim=1) == truth).float().mean().item()
    assert hit == pytest.approx(0.301, abs=0.005)


def test_quantised_features_are_near(tmp_path: Path) -> None:
    images = toy()
    images.save(tmp_path / "q.safetensors", quantised=True)
    found = FeatureSet.load(tmp_path / "q.safetensors")
    scale = images.features.abs().amax(dim=1, keepdim=True) / 127
    assert ((found.features - images.features).abs() <= scale / 2 * 1.001).all()
    assert torch.equal(found.labels, images.labels) and found.index == images.index

"""The blend of a predicted row with pictures, against the textbook posterior in numpy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import BackboneMismatchError, CorruptFileError, InputFileError, UnknownClassError
from kgzsl.features import FeatureSet
from kgzsl.few_images import ClassPictures, RowPrior
from kgzsl.few_images.contrast import told_apart
from kgzsl.few_images.row_prior import SHRINKAGE, SMOOTHING
from kgzsl.runtime import save_tensors

DIM, SEEN, EACH = 5, 12, 3
RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.normal(size=(SEEN, DIM))
ROWS = TRUTH / np.linalg.norm(np.c_[TRUTH, np.zeros(SEEN)], axis=1)[:, None]
GUESSES = ROWS + 0.4 * RANDOM.normal(size=ROWS.shape)
IMAGES = 3 + 2 * np.repeat(ROWS, EACH, axis=0) + RANDOM.normal(size=(SEEN * EACH, DIM))
NEW = RANDOM.normal(size=(9, DIM)) + 3.5


def bank(rows: np.ndarray, prefix: str = "s", biases: np.ndarray | None = None) -> ClassifierBank:
    index = ClassIndex(tuple(f"{prefix}{number}" for number in range(len(rows))))
    shift = torch.zeros(len(rows)) if biases is None else torch.from_numpy(biases).float()
    return ClassifierBank(index, torch.from_numpy(rows).float(), shift, "toy")


@pytest.fixture(scope="module")
def prior() -> RowPrior:
    labels = torch.arange(SEEN).repeat_interleave(EACH)
    seen = bank(ROWS)
    return RowPrior.fit(seen, bank(GUESSES), FeatureSet(torch.from_numpy(IMAGES).float(), labels, seen.index, "toy"))


@pytest.fixture(scope="module")
def old() -> ClassifierBank:
    return bank(RANDOM.normal(size=(4, DIM)), "u", RANDOM.normal(size=4))


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def joint(rows: np.ndarray, biases: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(np.c_[rows, biases], axis=1)[:, None]


def learned() -> tuple[np.ndarray, np.ndarray, np.ndarray, float, float]:
    """Return m, S, T, v and a by the formulas of the module, in the space of pictures."""
    images = IMAGES.astype(np.float32).astype(float)
    mean = images.mean(axis=0)
    covariance = (images - mean).T @ (images - mean) / len(images)
    covariance += SHRINKAGE * np.trace(covariance) / DIM * np.eye(DIM)
    inverse = np.linalg.inv(covariance)
    own = np.repeat(ROWS, EACH, axis=0)
    scale = np.sum((images - mean) * own) / np.einsum("nd,de,ne->", own, covariance, own)
    rest = images - mean - scale * own @ covariance
    noise = np.einsum("nd,de,ne->", rest, inverse, rest) / rest.size
    guesses = joint(GUESSES, np.zeros(SEEN))
    trust = np.einsum("nd,de,ne->", ROWS, covariance, guesses) / np.einsum("nd,de,ne->", guesses, covariance, guesses)
    errors = scale * (ROWS - trust * guesses) @ covariance
    between = errors.T @ errors / SEEN
    level = np.trace(inverse @ between) / DIM
    return mean, covariance, (1 - SMOOTHING) * between + SMOOTHING * level * covariance, noise, scale * trust


def test_the_new_row_is_that_of_the_gaussian_posterior(prior: RowPrior, old: ClassifierBank) -> None:
    mean, covariance, between, noise, trust = learned()
    start = mean + trust * covariance @ joint(old.weights.numpy(), old.biases.numpy())[1]
    for count in (1, 4):
        given = NEW[:count]
        precision = np.linalg.inv(between) + count * np.linalg.inv(noise * covariance)
        right = np.linalg.inv(between) @ start + np.linalg.inv(noise * covariance) @ given.sum(axis=0)
        centred = given - given.mean(axis=0)
        common = prior.degrees * noise * covariance + centred.T @ centred
        expected = np.linalg.solve(common, np.linalg.solve(precision, right) - mean)
        blended = prior.blend(old, {"u1": ClassPictures.of(torch.from_numpy(given))}).bank
        np.testing.assert_allclose(unit(blended.weights.numpy()[1]), unit(expected), atol=2e-4)


def test_length_and_offset_lie_between_the_old_row_and_the_mean_of_predicted_ones(
    prior: RowPrior, old: ClassifierBank
) -> None:
    blended = prior.blend(old, {"u1": ClassPictures.of(torch.from_numpy(NEW[:2]))})
    share = blended.shares["u1"]
    assert 0 < share < 1
    lengths = np.linalg.norm(GUESSES, axis=1).mean() * 0.9
    length = share * np.linalg.norm(old.weights[1]) + (1 - share) * lengths
    assert np.linalg.norm(blended.bank.weights[1]) == pytest.approx(length, rel=1e-5)
    mean = IMAGES.mean(axis=0)
    before = float(old.weights[1].double().numpy() @ mean + old.biases[1].item())
    after = float(blended.bank.weights[1].double().numpy() @ mean + blended.bank.biases[1].item())
    assert after == pytest.approx(share * before + (1 - share) * (GUESSES @ mean).mean(), abs=1e-4)
    cosine = float(unit(old.weights[1].numpy()) @ unit(blended.bank.weights[1].numpy()))
    assert blended.cosines["u1"] == pytest.approx(cosine, abs=1e-5)


def test_classes_without_pictures_keep_their_rows_to_the_bit(prior: RowPrior, old: ClassifierBank) -> None:
    assert prior.blend(old, {}).bank is old
    blended = prior.blend(old, {"u1": ClassPictures.of(torch.from_numpy(NEW))}).bank
    kept = [0, 2, 3]
    assert torch.equal(blended.weights[kept], old.weights[kept]) and torch.equal(blended.biases[kept], old.biases[kept])
    assert not torch.equal(blended.weights[1], old.weights[1])


def test_with_ever_more_pictures_it_is_the_classifier_from_images_alone(prior: RowPrior, old: ClassifierBank) -> None:
    many = ClassPictures(10**9, torch.from_numpy(NEW[0]), torch.zeros(0, DIM, dtype=torch.float64))
    mean, covariance, *_ = learned()
    blended = prior.blend(old, {"u0": many})
    assert blended.shares["u0"] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(
        unit(blended.bank.weights.numpy()[0]), unit(np.linalg.solve(covariance, NEW[0] - mean)), atol=2e-4
    )
    other = prior.blend(bank(RANDOM.normal(size=(1, DIM)), "u"), {"u0": many}).bank
    np.testing.assert_allclose(other.weights[0], blended.bank.weights[0], atol=1e-5)
    assert float(other.biases[0]) == pytest.approx(float(blended.bank.biases[0]), abs=1e-4)


def test_order_does_not_matter_and_two_and_three_are_five(prior: RowPrior, old: ClassifierBank) -> None:
    pictures = torch.from_numpy(NEW[:5])
    at_once = prior.blend(old, {"u2": ClassPictures.of(pictures)}).bank
    for other in (ClassPictures.of(pictures.flip(0)), ClassPictures.of(pictures[:2]) + ClassPictures.of(pictures[2:])):
        np.testing.assert_allclose(prior.blend(old, {"u2": other}).bank.weights, at_once.weights, atol=1e-6)


def test_classes_with_pictures_share_one_covariance_and_are_told_apart(prior: RowPrior, old: ClassifierBank) -> None:
    pictures = {f"u{row}": ClassPictures.of(torch.from_numpy(NEW[3 * row : 3 * row + 3])) for row in (0, 1)}
    basis, strengths = prior.basis.numpy(), prior.strengths.numpy()
    start = prior.trust * joint(old.weights.numpy(), old.biases.numpy())[:2] @ np.linalg.inv(basis).T
    given = np.stack([NEW[:3].mean(axis=0), NEW[3:6].mean(axis=0)]) - prior.mean.numpy()
    means = (strengths * start + 3 * given @ basis) / (strengths + 3)
    spread = sum(one.spread.T @ one.spread for one in pictures.values()).numpy()
    common = np.eye(DIM) + basis.T @ spread @ basis / (prior.degrees * prior.noise)
    blended = prior.blend(old, pictures)
    shares = np.array([*blended.shares.values()])
    lengths = shares * np.linalg.norm(old.weights.numpy()[:2], axis=1) + (1 - shares) * prior.length
    rows = torch.from_numpy(unit(means @ np.linalg.inv(common) @ basis.T) * lengths[:, None])
    expected = told_apart(rows, list(pictures.values()), prior.mean.double())
    np.testing.assert_allclose(blended.bank.weights[:2], expected, atol=1e-5)


def test_a_prediction_that_never_errs_stays(old: ClassifierBank) -> None:
    seen = bank(ROWS)
    labels = torch.arange(SEEN).repeat_interleave(EACH)
    certain = RowPrior.fit(seen, seen, FeatureSet(torch.from_numpy(IMAGES).float(), labels, seen.index, "toy"))
    blended = certain.blend(old, {"u1": ClassPictures.of(torch.from_numpy(NEW[:1]))})
    assert blended.shares["u1"] == pytest.approx(1, abs=1e-4) and blended.cosines["u1"] == pytest.approx(1, abs=1e-4)


def test_a_file_holds_the_prior(prior: RowPrior, old: ClassifierBank, tmp_path: Path) -> None:
    prior.save(tmp_path / "prior.safetensors")
    loaded = RowPrior.load(tmp_path / "prior.safetensors")
    pictures = {"u3": ClassPictures.of(torch.from_numpy(NEW[:3]))}
    np.testing.assert_allclose(
        loaded.blend(old, pictures).bank.weights, prior.blend(old, pictures).bank.weights, atol=1e-5
    )
    assert loaded.summary()["trust"] == prior.trust
    save_tensors(tmp_path / "other.safetensors", {"mean": torch.zeros(2)}, {"numbers": "{}"})
    with pytest.raises(CorruptFileError, match="run kgzsl calibrate again"):
        RowPrior.load(tmp_path / "other.safetensors")


def test_what_does_not_fit_is_refused(prior: RowPrior, old: ClassifierBank) -> None:
    one = ClassPictures.of(torch.from_numpy(NEW[:1]))
    with pytest.raises(BackboneMismatchError, match="of backbone 'toy'"):
        prior.blend(replace(old, backbone="other"), {"u0": one})
    with pytest.raises(BackboneMismatchError, match="have 2 features, the classifiers take 5"):
        prior.blend(old, {"u0": ClassPictures.of(torch.zeros(1, 2))})
    with pytest.raises(UnknownClassError):
        prior.blend(old, {"nobody": one})
    seen = bank(ROWS)
    images = FeatureSet(torch.from_numpy(IMAGES).float(), torch.arange(SEEN).repeat_interleave(EACH), seen.index, "toy")
    with pytest.raises(InputFileError, match="none of these is"):
        RowPrior.fit(seen, seen, images.rows(torch.tensor([], dtype=torch.int64)))
    with pytest.raises(InputFileError, match="all alike"):
        RowPrior.fit(seen, seen, images.rows(torch.tensor([0, 0])))
    with pytest.raises(InputFileError, match="above others"):
        RowPrior.fit(bank(-ROWS), seen, images)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.export.calibrated_matching import DRAWS, FACTORS, duels, fit_matching, shift_that_loses
from kgzsl.export.matching import LEVELS, norm_matching
from kgzsl.features import FeatureSet
from kgzsl.hidden_classes import CalibrationData
from kgzsl.run_folder import RunFolder
from kgzsl.scoring import JoinedScorer

CLASSES, DIM = 12, 6


def world(seed: int = 0) -> tuple[ClassifierBank, ClassifierBank, FeatureSet]:
    """Return old rows, predicted ones that are half as long and off, and noisy images."""
    generator = torch.Generator().manual_seed(seed)
    index = ClassIndex(tuple(f"c{row}" for row in range(CLASSES)), "world")
    weights = torch.randn(CLASSES, DIM, generator=generator)
    old = ClassifierBank(index, weights, torch.zeros(CLASSES), "toy")
    guess = 0.5 * weights + 0.3 * torch.randn(CLASSES, DIM, generator=generator)
    labels = torch.arange(CLASSES).repeat_interleave(8)
    features = weights[labels] + 0.5 * torch.randn(len(labels), DIM, generator=generator)
    return old, ClassifierBank(index, guess, torch.zeros(CLASSES), "toy"), FeatureSet(features, labels, index, "toy")


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=60), st.sampled_from([0, 1, 2, 5, 10, 50]))
def test_a_shift_loses_no_more_than_wanted_and_one_image_more_would(gaps: list[int], percent: int) -> None:
    shift = shift_that_loses([float(gap) for gap in gaps], float(percent))
    allowed = int(percent / 100 * len(gaps))
    ranked = sorted(gaps)
    assert sum(gap <= shift for gap in gaps) <= allowed
    if len(set(gaps)) == len(gaps):
        assert sum(gap <= shift for gap in gaps) == allowed
        assert shift < ranked[allowed]


def test_duels_are_the_plain_ones() -> None:
    old, hidden, images = world()
    found = duels(old, hidden, images, seed=3)
    assert list(found) == [1, 3]  # of 12 classes at most 6 play new
    duel = found[3]
    assert len(duel.old) == DRAWS * len(images)
    generator = np.random.default_rng(3)
    for _ in range(DRAWS):
        generator.permutation(CLASSES)  # the draws of one new class come first
    new = set(generator.permutation(CLASSES)[:3].tolist())
    plain_old, plain_new = old.score(images).numpy(), hidden.score(images).numpy()
    for image, own in enumerate(images.labels.tolist()):
        shown = [c for c in range(CLASSES) if c not in new]
        assert duel.old[image].item() == pytest.approx(plain_old[image, shown].max(), abs=1e-5)
        assert duel.new[image].item() == pytest.approx(plain_new[image, sorted(new)].max(), abs=1e-5)
        rivals = {c: plain_new[image, c] for c in new} if own in new else {c: plain_old[image, c] for c in shown}
        assert bool(duel.right[image]) == (max(rivals, key=rivals.__getitem__) == own)
        assert bool(duel.of_old[image]) == (own not in new)


def test_shares_count_what_a_matched_head_gets_right() -> None:
    old, hidden, images = world()
    duel, scale, shift = duels(old, hidden, images)[3], 1.7, 0.4
    lost, found = duel.shares(scale, shift)
    wins = scale * duel.new.double() + shift > duel.old.double()
    before = duel.right & duel.of_old
    assert lost == pytest.approx(100 * (before & wins).sum().item() / before.sum().item())
    assert found == pytest.approx(100 * (duel.right & ~duel.of_old & wins).sum().item() / (~duel.of_old).sum().item())


@pytest.fixture
def data(toy_run: Path) -> CalibrationData:
    run = RunFolder(toy_run)
    old = run.seen_bank
    noise = torch.randn(old.weights.shape, generator=torch.Generator().manual_seed(0))
    hidden = ClassifierBank(old.index, 0.5 * old.weights + 0.2 * noise, old.biases, old.backbone)
    labels = torch.arange(len(old.index)).repeat_interleave(30)
    spread = torch.randn(len(labels), old.dim, generator=torch.Generator().manual_seed(1))
    return CalibrationData(run, hidden, FeatureSet(old.weights[labels] + 0.6 * spread, labels, old.index, old.backbone))


def test_levels_keep_to_what_they_promise(data: CalibrationData) -> None:
    section = fit_matching(data)
    old, hidden = data.run.seen_bank, data.hidden
    assert isinstance(hidden, ClassifierBank)
    assert section["scale"] == pytest.approx(section["factor"] * norm_matching(old, hidden).scale, abs=1e-5)
    assert section["factor"] in FACTORS and [entry["num_new"] for entry in section["numbers"]] == [1]
    levels = section["numbers"][0]["levels"]
    assert tuple(levels) == LEVELS
    for level in LEVELS[:-1]:
        assert float(level) - 1 <= levels[level]["lost"] <= float(level)
    shifts = [levels[level]["shift"] for level in LEVELS[:-1]]
    found = [levels[level]["found"] for level in LEVELS[:-1]]
    assert shifts == sorted(shifts) and found == sorted(found) and found[-1] > 50
    duel = duels(old, hidden, data.images)[1]
    best = max(sum(duel.at(section["scale"]).at(gamma, "image")) > 0 and _h(duel, section["scale"], gamma)
               for gamma in np.linspace(-5, 5, 400))  # fmt: skip
    assert _h(duel, section["scale"], levels["balanced"]["shift"]) >= best - 0.5


def _h(duel: object, scale: float, gamma: float) -> float:
    seen, new = duel.at(scale).at(gamma, "image")  # type: ignore[attr-defined]
    return 2 * seen * new / max(seen + new, 1e-9)


def test_a_method_without_rows_or_images_without_a_hit_give_a_reason(data: CalibrationData) -> None:
    joined = CalibrationData(data.run, JoinedScorer((data.hidden,)), data.images)
    assert fit_matching(joined) == {"unavailable": "the method makes no linear rows"}
    one = data.images.rows(data.images.labels == 0)
    assert "too few seen classes" in fit_matching(CalibrationData(data.run, data.hidden, one))["unavailable"]

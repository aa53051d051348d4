"""Seen against unseen: the exact curve against brute force, ties, and what a constant scorer reaches."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError
from kgzsl.evaluation.bootstrap import Bootstrap
from kgzsl.evaluation.generalised import generalised
from kgzsl.evaluation.seen_unseen import SeenUnseen, best_gamma, gaps_of_scores, harmonic_means
from kgzsl.features import FeatureSet
from kgzsl.scoring import CalibratedScorer

LEVELS = [0.0, 0.5, 1.0, 1.5, 3.0, float("nan")]
"""Few values, so that ties and equal gaps are common."""


@st.composite
def scored(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Scores of some images against seen and unseen classes, the class of each, and which classes are seen."""
    seen = [True, False, *draw(st.lists(st.booleans(), max_size=4))]
    classes = len(seen)
    own = [0, 1, *draw(st.lists(st.integers(0, classes - 1), max_size=8))]
    row = st.lists(st.sampled_from(LEVELS), min_size=classes, max_size=classes)
    scores = draw(st.lists(row, min_size=len(own), max_size=len(own)))
    return torch.tensor(scores), torch.tensor(own), torch.tensor(seen)


def kept(case: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> SeenUnseen:
    scores, own, seen = case
    return SeenUnseen(*gaps_of_scores(scores, own, seen), own, seen[own])


def plain_accuracies(
    case: tuple[torch.Tensor, torch.Tensor, torch.Tensor], gamma: float, weighing: str
) -> tuple[float, float]:
    """Subtract gamma, compare every image's class with every other, and take the means."""
    scores, own, seen = (part.numpy() for part in case)
    hits: dict[bool, dict[int, list[bool]]] = {True: {}, False: {}}
    for row, mine in zip(scores, own):
        shifted = row - gamma * seen
        right = all(shifted[mine] > shifted[other] for other in range(len(row)) if other != mine)
        hits[bool(seen[mine])].setdefault(int(mine), []).append(right)
    found = []
    for kind in (True, False):
        groups = [*hits[kind].values()]
        groups = groups if weighing == "class" else [[hit for group in groups for hit in group]]
        found.append(100 * float(np.mean([np.mean(group) for group in groups])))
    return found[0], found[1]


@given(scored(), st.sampled_from(["class", "image"]))
def test_the_curve_is_what_every_gamma_gives(
    case: tuple[torch.Tensor, torch.Tensor, torch.Tensor], weighing: str
) -> None:
    curve = kept(case).curve(weighing)
    assert len(curve.gammas) == len(curve.seen) == len(curve.unseen) == len(curve.breaks) + 1
    for gamma, seen, unseen in zip(curve.gammas, curve.seen, curve.unseen):
        assert (seen, unseen) == pytest.approx(plain_accuracies(case, gamma, weighing))
    for gamma in (*curve.breaks, 0.0, -7.0, 7.0):  # at a break an image is tied, and wrong
        assert kept(case).at(gamma, weighing) == pytest.approx(plain_accuracies(case, gamma, weighing))


@settings(max_examples=40)
@given(scored(), st.sampled_from(["class", "image"]))
def test_ausuc_is_the_area_that_a_sweep_finds(
    case: tuple[torch.Tensor, torch.Tensor, torch.Tensor], weighing: str
) -> None:
    """Every gamma that could matter, ties included, one after the other: steps under the curve."""
    gaps = sorted({a - b for a in LEVELS[:-1] for b in LEVELS[:-1]})
    sweep = [-9.0, *(value for gap in gaps for value in (gap, gap + 0.1)), 9.0]
    points = [plain_accuracies(case, gamma, weighing) for gamma in sweep]
    area = sum((u1 - u0) / 100 * s1 for (_, u0), (s1, u1) in pairwise(points) if u1 > u0)
    assert kept(case).curve(weighing).area == pytest.approx(area)


@given(scored(), st.sampled_from(["class", "image"]))
def test_ausuc_is_the_share_of_pairs_in_the_right_order(
    case: tuple[torch.Tensor, torch.Tensor, torch.Tensor], weighing: str
) -> None:
    images = kept(case)
    weights, right, of_seen = images.weights(weighing), images.right.numpy(), images.of_seen.numpy()
    total = 0.0
    for first in np.flatnonzero(right & of_seen):
        for second in np.flatnonzero(right & ~of_seen):
            total += weights[first] * weights[second] * (images.gaps[first] > images.gaps[second]).item()
    assert images.curve(weighing).area == pytest.approx(100 * total)


@given(scored())
def test_no_gamma_beats_the_best(case: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    images = kept(case)
    curve = images.curve()
    gamma, mean = best_gamma([curve])
    assert mean == pytest.approx(harmonic_means(curve.seen, curve.unseen).max())
    seen, unseen = images.at(gamma)
    assert float(harmonic_means(np.array(seen), np.array(unseen))) == pytest.approx(mean)


@settings(max_examples=40)
@given(scored(), scored())
def test_the_best_gamma_of_several_curves_is_that_of_their_mean(
    first: tuple[torch.Tensor, torch.Tensor, torch.Tensor], second: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> None:
    both = [kept(first), kept(second)]
    gamma, mean = best_gamma([images.curve() for images in both])

    def mean_at(value: float) -> float:
        return float(np.mean([harmonic_means(*map(np.array, images.at(value))) for images in both]))

    assert mean_at(gamma) == pytest.approx(mean)
    sweep = [step / 8 - 4 for step in range(65)]
    assert max(map(mean_at, sweep)) <= mean + 1e-6


@given(scored(), st.integers(-48, 48).map(lambda step: step / 16))
def test_a_calibrated_scorer_is_right_where_the_gaps_say_so(
    case: tuple[torch.Tensor, torch.Tensor, torch.Tensor], gamma: float
) -> None:
    from kgzsl.evaluation.ranking import ranks

    scores, own, seen = case
    scores = scores.nan_to_num(9.0)  # a bank gives numbers
    index = ClassIndex(tuple(f"c{number}" for number in range(len(seen))))
    bank = ClassifierBank(index, torch.eye(len(seen)), torch.zeros(len(seen)), "toy")
    images = FeatureSet(scores, own, index, "toy")
    held = frozenset(class_id for class_id, one in zip(index, seen.tolist()) if one)
    found = ranks(CalibratedScorer(bank, held, gamma).score(images), own) == 1
    assert torch.equal(found, kept((scores, own, seen)).hits(gamma))


def test_by_hand() -> None:
    # seen images with gaps 1 (right), 3 (right), 5 (wrong within its kind); unseen ones with gaps 2 and 4, both right
    gaps, right = torch.tensor([1.0, 3, 5, 2, 4]).double(), torch.tensor([True, True, False, True, True])
    images = SeenUnseen(gaps, right, torch.tensor([0, 0, 1, 2, 3]), torch.tensor([True] * 3 + [False] * 2))
    curve = images.curve("image")
    assert curve.breaks.tolist() == [1, 2, 3, 4]
    assert curve.seen == pytest.approx([100 * 2 / 3, 100 / 3, 100 / 3, 0, 0])
    assert curve.unseen == pytest.approx([0, 0, 50, 50, 100])
    assert curve.area == pytest.approx(100 * (1 / 2) * (1 / 3))
    assert images.curve("class").seen == pytest.approx([100 / 2, 100 / 4, 100 / 4, 0, 0])
    assert best_gamma([curve]) == (2.5, pytest.approx(2 * 50 * (100 / 3) / (50 + 100 / 3)))


def test_ties_between_a_seen_and_an_unseen_image_count_against_both() -> None:
    images = SeenUnseen(
        torch.zeros(2).double(), torch.ones(2).bool(), torch.tensor([0, 1]), torch.tensor([True, False])
    )
    assert images.curve().area == 0 and images.at(0.0) == (0, 0)
    assert best_gamma([images.curve()]) == (0.0, 0.0)


def test_nothing_right_leaves_an_empty_curve() -> None:
    images = SeenUnseen(
        torch.zeros(2).double(), torch.zeros(2).bool(), torch.tensor([0, 1]), torch.tensor([True, False])
    )
    curve = images.curve()
    assert (curve.area, curve.gammas.tolist(), curve.seen.tolist(), curve.unseen.tolist()) == (0, [0], [0], [0])


def test_both_kinds_of_images_are_needed() -> None:
    with pytest.raises(InputFileError, match="needs images of both; there is none of an unseen class"):
        SeenUnseen(torch.zeros(1).double(), torch.ones(1).bool(), torch.tensor([0]), torch.tensor([True]))


def plain_draws(images: SeenUnseen, gamma: float, draws: int) -> dict[str, list[float]]:
    """Draw the classes of both kinds one by one, build the images of the draw, and measure them."""
    generator = np.random.default_rng(7)
    found: dict[str, list[float]] = {}
    for _ in range(draws):
        rows: list[int] = []
        labels: list[int] = []
        for kind in (images.of_seen, ~images.of_seen):
            classes = images.labels[kind].unique().numpy()
            for class_number in generator.choice(classes, size=len(classes)):
                own = (images.labels == class_number).nonzero()[:, 0].tolist()
                rows += own
                labels += [max(labels, default=-1) + 1] * len(own)
        drawn = SeenUnseen(images.gaps[rows], images.right[rows], torch.tensor(labels), images.of_seen[rows])
        seen, unseen = drawn.at(gamma)
        values = {"seen": seen, "unseen": unseen, "harmonic_mean": 2 * seen * unseen / ((seen + unseen) or 1)}
        values |= {f"ausuc_{weighing}": drawn.curve(weighing).area for weighing in ("class", "image")}
        for name, value in values.items():
            found.setdefault(name, []).append(value)
    return found


def test_intervals_agree_with_a_plain_loop() -> None:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 14, (120,), generator=generator)
    of_seen = labels < 8
    gaps = (torch.randn(120, generator=generator) + of_seen + 0.3 * (labels % 3)).double()
    images = SeenUnseen(gaps, torch.rand(120, generator=generator) < 0.8, labels, of_seen)
    found = generalised(images, 0.6, "given", Bootstrap(draws=2000))
    for name, values in plain_draws(images, 0.6, 600).items():
        assert found.intervals[name] == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=3.5), name
    json = found.to_json()
    assert json["oracle"]["harmonic_mean"] >= json["harmonic_mean"]
    assert found.curve_rows()[0]["unseen_per_class"] == 0 == found.curve_rows()[-1]["seen_per_image"]

"""Transducers: the steps against plain numpy, the contract over the table, and a world with skewed frequencies."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError, MissingDependencyError
from kgzsl.features import FeatureSet
from kgzsl.transduction import (
    TRANSDUCERS,
    AlignedScorer,
    BalancedAssignment,
    ClassUsage,
    DirectionScorer,
    DirectionSettings,
    DirectionSums,
    GaussianClustering,
    GaussianSums,
    GeneralisedTransduction,
    LabelPropagation,
    MainDirections,
    PrototypeRefinement,
    StartScale,
    Transducer,
    TransducerAgreement,
    class_prior,
    em_step,
    estimate_prior,
    guarded,
    separation,
    sinkhorn_offsets,
)
from kgzsl.transduction.neighbours import nearest

CLASSES = ("ant", "bee", "cow", "dog")
DIM, BACKBONE = 12, "toy"


@dataclass(frozen=True)
class World:
    """Clusters of images, and classifiers that point near them."""

    bank: ClassifierBank
    images: FeatureSet

    def hit(self, scorer) -> float:
        own = torch.from_numpy(scorer.index.rows(self.images.class_ids()))
        return float((scorer.score(self.images).argmax(dim=1) == own).double().mean())


def world(counts: tuple[int, ...] = (40, 40, 40, 40), seed: int = 0, error: float = 0.9) -> World:
    draw = torch.Generator().manual_seed(seed)
    centres = 3 * torch.nn.functional.normalize(torch.randn(4, DIM, generator=draw, dtype=torch.float64), dim=1)
    labels = torch.repeat_interleave(torch.arange(4), torch.tensor(counts))
    noise = torch.randn(len(labels), DIM, generator=draw, dtype=torch.float64)
    features = 4 + centres[labels] + 0.45 * noise
    weights = centres / 3 + error * torch.randn(4, DIM, generator=draw, dtype=torch.float64) / DIM**0.5
    bank = ClassifierBank(ClassIndex(CLASSES), weights, -4 * weights.sum(dim=1), BACKBONE)
    return World(bank, FeatureSet(features, labels, ClassIndex(CLASSES), BACKBONE))


@pytest.fixture(params=TRANSDUCERS, scope="module")
def transducer(request) -> Transducer:
    return TRANSDUCERS[request.param]()


class TestContract:
    def test_it_is_a_transducer(self, transducer):
        assert isinstance(transducer, Transducer)

    def test_no_image_changes_nothing(self, transducer):
        one = world()
        none = one.images.rows(torch.arange(0))
        adapted = transducer.adapt(one.bank, none)
        assert torch.equal(adapted.score(one.images), one.bank.score(one.images))
        again = transducer.adapt(one.bank, one.images)
        assert transducer.adapt(again, none) is again

    def test_classes_of_images_are_not_looked_at(self, transducer):
        one = world()
        hidden = FeatureSet(one.images.features, torch.full_like(one.images.labels, -1), one.images.index, BACKBONE)
        found = [transducer.adapt(one.bank, images).score(one.images) for images in (one.images, hidden)]
        assert torch.equal(*found)

    def test_relabelling_permutes(self, transducer):
        one, order = world(), ("dog", "ant", "cow", "bee")
        plain = transducer.adapt(one.bank, one.images)
        moved = transducer.adapt(one.bank.select(order), one.images)
        assert moved.index.ids == order
        torch.testing.assert_close(moved.score(one.images), plain.select(order).score(one.images), rtol=0, atol=1e-6)
        assert torch.equal(plain.select(order).score(one.images), plain.score(one.images)[:, [3, 0, 2, 1]])

    def test_scores_do_not_depend_on_which_images_are_asked_for(self, transducer):
        one = world()
        adapted, rows = transducer.adapt(one.bank, one.images), torch.tensor([5, 90, 150])
        torch.testing.assert_close(adapted.score(one.images.rows(rows)), adapted.score(one.images)[rows])

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("counts", [(40, 40, 40, 40), (80, 40, 20, 14)])
    def test_no_worse_than_inductive(self, transducer, counts, seed):
        one = world(counts, seed)
        assert one.hit(transducer.adapt(one.bank, one.images)) >= one.hit(one.bank)

    def test_batches_go_on(self, transducer):
        one = world()
        halves = [one.images.rows(torch.arange(start, 160, 2)) for start in (0, 1)]
        scorer = one.bank
        for half in halves:
            scorer = transducer.adapt(scorer, half)
        assert scorer.start is one.bank
        assert one.hit(scorer) >= one.hit(one.bank) - 0.02


def test_an_em_step_is_the_formula():
    one = world()
    units = torch.nn.functional.normalize(one.images.features, dim=1)
    scores = one.bank.score(one.images)
    scale, settings = StartScale.of(scores), DirectionSettings(7.0, 0.5, 0.3, 0.6, 0.4)
    logits = scale.logits(scores, 0.3, 0.6)
    begun = DirectionScorer(one.bank, scale, DirectionSums.of(units, logits.softmax(dim=1)), settings, (0, 1, 2, 3))
    stepped, shares = em_step(begun, units, logits)

    centred = scores.numpy() - scores.numpy().mean(axis=1, keepdims=True)
    pulled = centred - 0.3 * centred.mean(axis=0)
    expected = pulled / (0.6 * np.sqrt((pulled**2).mean()))
    np.testing.assert_allclose(logits.numpy(), expected, atol=1e-9)

    rows, z = np.exp(expected), units.numpy()
    rows /= rows.sum(axis=1, keepdims=True)
    mean = z.mean(axis=0)
    away = np.stack([(rows[:, c, None] * (z - mean)).sum(axis=0) for c in range(4)])
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    prior = (rows.sum(axis=0) + 0.5 * 160 / 4) / (160 * 1.5)
    u = (z - mean) / np.linalg.norm(z - mean, axis=1, keepdims=True)
    energy = 7.0 * u @ away.T + np.log(prior) + 0.4 * expected
    wanted = np.exp(energy - energy.max(axis=1, keepdims=True))
    wanted /= wanted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares.numpy(), wanted, atol=1e-9)
    np.testing.assert_allclose(stepped.sums.class_sums.numpy(), wanted.T @ z, atol=1e-9)


def test_a_gaussian_step_is_the_formula():
    one = world()
    settings = GaussianClustering(
        dims=5, ridge=0.3, temper=2.0, prior_pull=0.5, pull=0.2, temperature=0.6, aligned=0.0, steps=1
    )
    found = settings.adapt(one.bank, one.images).found

    units = one.images.features.numpy() / np.linalg.norm(one.images.features.numpy(), axis=1, keepdims=True)
    away = units - units.mean(axis=0)
    z = away @ np.linalg.svd(away)[2][:5].T
    scores = one.bank.score(one.images)
    start = StartScale.of(scores).logits(scores, 0.2, 0.6).numpy()
    for _ in range(2):  # the shares of the start, and those after a step
        rows = np.exp(start if _ == 0 else energy)
        rows /= rows.sum(axis=1, keepdims=True)
        means = rows.T @ z / rows.sum(axis=0)[:, None]
        gaps = z[:, None] - means
        within = np.einsum("nc,nck,ncj->kj", rows, gaps, gaps) / 160
        within = 0.7 * within + 0.3 * np.trace(within) / 5 * np.eye(5)
        leaning = np.linalg.solve(within, means.T)
        prior = (rows.sum(axis=0) + 0.5 * 160 / 4) / (160 * 1.5)
        energy = (z @ leaning - (means.T * leaning).sum(axis=0) / 2) / 2 + np.log(prior) + 0.3 * start
    np.testing.assert_allclose(found.score(one.images).numpy(), energy, atol=1e-8)


def test_main_directions_of_few_and_of_many_images_are_the_same_space():
    draw = torch.Generator().manual_seed(0)
    units = torch.nn.functional.normalize(torch.randn(9, 12, generator=draw, dtype=torch.float64), dim=1)
    few, many = MainDirections.of(units, 3), MainDirections.of(torch.cat([units, units]), 3)
    torch.testing.assert_close(few.axes @ few.axes.T, many.axes @ many.axes.T)
    assert MainDirections.of(units, 99).axes.shape == (12, 8)


@pytest.mark.parametrize("neighbours", [0, 7])
def test_an_aligned_score_is_the_formula(neighbours):
    one = world()
    aligned = AlignedScorer.of(one.bank, one.images, 0.4, neighbours)
    units = one.images.features.numpy() / np.linalg.norm(one.images.features.numpy(), axis=1, keepdims=True)
    z = units - units.mean(axis=0)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    scores = one.bank.score(one.images).numpy()
    rows = scores - scores.mean(axis=1, keepdims=True)
    pointed = (rows - rows.mean(axis=0)).T @ z
    cosines = z @ (pointed / np.linalg.norm(pointed, axis=1, keepdims=True)).T
    rows /= np.sqrt((rows**2).mean())
    if neighbours:
        rows = rows - np.sort(rows, axis=0)[-neighbours:].mean(axis=0) / 2
        rows -= rows.mean(axis=1, keepdims=True)
        rows /= np.sqrt((rows**2).mean())
    wanted = 0.4 * cosines / np.sqrt((cosines**2).mean()) + 0.6 * rows
    np.testing.assert_allclose(aligned.score(one.images).numpy(), wanted, atol=1e-9)
    np.testing.assert_allclose(aligned.select(("dog", "ant")).score(one.images).numpy(), wanted[:, [3, 0]], atol=1e-9)


def test_agreement_is_the_product_of_its_members():
    one = world()
    members = (PrototypeRefinement(least=0.0), LabelPropagation(least=0.0))
    adapted = TransducerAgreement(members, least_gain=-1.0).adapt(one.bank, one.images)
    told = [member.adapt(one.bank, one.images).score(one.images).softmax(dim=1).clamp(min=1e-6) for member in members]
    torch.testing.assert_close(adapted.score(one.images), (told[0] * told[1]).log() / 2)


def test_agreement_begins_in_four_ways():
    members = TransducerAgreement().members
    assert [(one.aligned, one.neighbours) for one in members] == [(0.0, 0), (0.0, 1), (0.5, 0), (0.5, 1)]


def test_separation_is_the_mean_gap_of_cosines():
    features = torch.tensor([[1.0, 0, 0], [0.9, 0.1, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)
    images = FeatureSet(features, torch.tensor([0, 0, 1, 2]), ClassIndex(("a", "b", "c")), BACKBONE)
    bank = ClassifierBank(images.index, torch.eye(3).double(), torch.zeros(3).double(), BACKBONE)
    z = features.numpy() / np.linalg.norm(features.numpy(), axis=1, keepdims=True)
    z = z - z.mean(axis=0)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    rows = np.eye(3)[[0, 0, 1, 2]]
    centres = (rows - rows.mean(axis=0)).T @ z
    cosines = z @ (centres / np.linalg.norm(centres, axis=1, keepdims=True)).T
    gaps = [own[c] - max(np.delete(own, c)) for own, c in zip(cosines, (0, 0, 1, 2))]
    assert separation(bank, images) == pytest.approx(np.mean(gaps))


def test_what_fell_back_still_goes_on():
    one, batch = world(), world().images.rows(torch.arange(0, 160, 2))
    wary = GaussianClustering(least=1e9)
    first = wary.adapt(one.bank, batch)
    assert first.report.fell_back
    assert torch.equal(first.score(batch), one.bank.score(batch))
    second = wary.adapt(first, one.images.rows(torch.arange(1, 160, 2)))
    assert second.start is one.bank
    assert float(second.found.sums.class_counts.sum()) == pytest.approx(160)


def test_a_gain_that_is_too_small_falls_back():
    one = world()
    found = guarded(one.bank, one.bank, one.images, least_gain=0.001)
    assert found.report.fell_back
    assert found.report.separated[0] == found.report.separated[1]
    assert "no gain, or a collapse" in str(found.report)
    assert found.report.to_json()["separated"] == list(found.report.separated)
    assert not guarded(one.bank, one.bank, one.images, least_gain=0.0).report.fell_back


def test_copies_of_an_image_are_not_its_neighbours():
    draw = torch.Generator().manual_seed(0)
    rows = torch.nn.functional.normalize(torch.randn(30, 5, generator=draw, dtype=torch.float64), dim=1)
    pictures = torch.cat([rows, rows[:3], rows[:3]])
    found, weights = nearest(rows, pictures, 4, 2.0)
    cosines = (rows @ pictures.T).numpy()
    cosines[cosines > 1 - 1e-9] = -2
    nearer = np.sort(cosines, axis=1)[:, ::-1][:, :4].clip(min=0) ** 2
    np.testing.assert_allclose(weights.numpy(), nearer / nearer.sum(axis=1, keepdims=True), atol=1e-9)
    np.testing.assert_allclose(np.take_along_axis(cosines, found.numpy(), axis=1).clip(min=0) ** 2, nearer, atol=1e-9)


def test_sums_of_batches_are_the_sums_of_all():
    one = world()
    units, shares = one.images.features, one.bank.score(one.images).softmax(dim=1)
    parts = [DirectionSums.of(units[rows], shares[rows]) for rows in (slice(0, 50), slice(50, 160))]
    whole, added = DirectionSums.of(units, shares), parts[0] + parts[1]
    assert added.count == whole.count
    torch.testing.assert_close(added.directions(), whole.directions())
    torch.testing.assert_close(added.prior(0.1), whole.prior(0.1))
    scores = one.bank.score(one.images)
    gaussian = [GaussianSums.of(units[rows, :3], shares[rows]) for rows in (slice(0, 50), slice(50, 160))]
    torch.testing.assert_close(
        (gaussian[0] + gaussian[1]).covariance(0.2), GaussianSums.of(units[:, :3], shares).covariance(0.2)
    )
    scales = StartScale.of(scores[:50]) + StartScale.of(scores[50:])
    torch.testing.assert_close(scales.logits(scores, 0.5, 1.0), StartScale.of(scores).logits(scores, 0.5, 1.0))


def test_sinkhorn_keeps_to_the_marginals():
    logits = 3 * torch.randn(50, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    prior = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    plan = (logits + sinkhorn_offsets(logits, prior)).softmax(dim=1)
    torch.testing.assert_close(plan.mean(dim=0), prior, atol=1e-7, rtol=0)
    torch.testing.assert_close(plan.sum(dim=1), torch.ones(50, dtype=torch.float64))


def test_an_unknown_prior_is_found_and_pulled():
    labels = torch.repeat_interleave(torch.arange(3), torch.tensor([60, 30, 10]))
    logits = 30 * torch.nn.functional.one_hot(labels, 3).double()
    torch.testing.assert_close(estimate_prior(logits, 0.0), torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64))
    pulled = (torch.tensor([60.0, 30, 10], dtype=torch.float64) + 100 / 3) / 200
    torch.testing.assert_close(estimate_prior(logits, 1.0), pulled)


def test_a_prior_is_given_by_class():
    index, logits = ClassIndex(("a", "b")), torch.zeros(3, 2, dtype=torch.float64)
    assert class_prior({"b": 3.0, "a": 1.0}, index, logits, 1.0).tolist() == [0.25, 0.75]
    assert class_prior("uniform", index, logits, 1.0).tolist() == [0.5, 0.5]
    with pytest.raises(InputFileError, match="lacks 1 of 2 classes, first 'b'"):
        class_prior({"a": 1.0}, index, logits, 1.0)
    with pytest.raises(InputFileError, match="choose uniform or unknown"):
        class_prior("even", index, logits, 1.0)
    with pytest.raises(InputFileError, match="positive numbers"):
        class_prior({"a": 1.0, "b": 0.0}, index, logits, 1.0)


def test_propagation_is_the_closed_form():
    one, settings = world(), LabelPropagation(neighbours=5, share=0.8)
    adapted = settings.adapt(one.bank, one.images)
    units = torch.nn.functional.normalize(one.images.features, dim=1)
    pictures = torch.nn.functional.normalize(units - units.mean(dim=0), dim=1)
    cosines = (pictures @ pictures.T).numpy() - 4 * np.eye(160)
    graph = np.zeros((160, 160))
    for row in range(160):
        near = np.argsort(-cosines[row])[:5]
        graph[row, near] = cosines[row, near].clip(min=0) ** settings.power
        graph[row] /= graph[row].sum()
    scores = one.bank.score(one.images)
    own = StartScale.of(scores).logits(scores, settings.pull, settings.temperature).softmax(dim=1).numpy()
    wanted = np.linalg.solve(np.eye(160) - 0.8 * graph, 0.2 * own)
    np.testing.assert_allclose(adapted.score(one.images).exp().numpy(), wanted, atol=1e-7)


def test_an_image_is_no_neighbour_of_itself():
    three = torch.eye(3, dtype=torch.float64)
    rows, weights = nearest(three, three[[0, 1]], 2, 1.0)
    assert rows.shape == weights.shape == (3, 2)
    assert weights.sum() == 0


def test_without_the_library_the_command_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.neighbors", None)
    rows = torch.eye(3, dtype=torch.float64)
    with pytest.raises(MissingDependencyError, match=r"pip install 'kgzsl\[transduction\]'"):
        nearest(rows, rows, 1, 1.0)


def test_the_prior_balances():
    one = world(error=0.0)
    adapted = BalancedAssignment(prior="uniform", temperature=0.05).adapt(one.bank, one.images)
    assert set(ClassUsage.of(adapted, one.images).counts.values()) == {40}


def test_usage_and_the_guard():
    one = world()
    swallowing = ClassifierBank(one.bank.index, torch.zeros(4, DIM), torch.tensor([1.0, 0, 0, 0]), BACKBONE)
    found = guarded(one.bank, swallowing, one.images)
    assert found.report is not None
    assert found.report.fell_back
    assert found.report.after.entropy == 0
    assert found.report.died == CLASSES[1:]
    assert torch.equal(found.score(one.images), one.bank.score(one.images))
    assert "a collapse, so the scores of before are kept" in str(found.report)
    assert found.report.to_json()["after"]["counts"] == {"ant": 160, "bee": 0, "cow": 0, "dog": 0}
    assert not guarded(one.bank, swallowing, one.images, least=0.0).report.fell_back
    assert ClassUsage({"a": 1, "b": 1, "c": 0}).entropy == pytest.approx(math.log(2))


class TestGeneralised:
    def test_seen_scores_stay_and_so_does_the_choice_between_both(self):
        one = world()
        seen = frozenset({"ant", "bee"})
        adapted = GeneralisedTransduction(PrototypeRefinement(), seen).adapt(one.bank, one.images)
        before, after = one.bank.score(one.images), adapted.score(one.images)
        assert torch.equal(before[:, :2], after[:, :2])
        torch.testing.assert_close(before[:, 2:].amax(dim=1), after[:, 2:].amax(dim=1), rtol=0, atol=1e-12)
        assert torch.equal(before.argmax(dim=1) < 2, after.argmax(dim=1) < 2)
        assert torch.equal(adapted.select(("dog", "ant")).score(one.images), after[:, [3, 0]])

    def test_gamma_picks_the_images(self):
        one, seen = world(), frozenset({"ant", "bee"})
        all_seen = GeneralisedTransduction(PrototypeRefinement(), seen, -1e6)
        assert all_seen.adapt(one.bank, one.images) is one.bank
        all_unseen = GeneralisedTransduction(PrototypeRefinement(), seen, 1e6).adapt(one.bank, one.images)
        assert sum(all_unseen.report.after.counts.values()) == 160

    def test_no_unseen_class_is_refused(self):
        one = world()
        with pytest.raises(InputFileError, match="nothing to adapt"):
            GeneralisedTransduction(PrototypeRefinement(), frozenset(CLASSES)).adapt(one.bank, one.images)

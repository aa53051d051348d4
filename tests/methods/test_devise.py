"""DeViSE: its loss against loops, and what it learns in the toy world."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.errors import RecipeError
from kgzsl.methods import DeViSE
from kgzsl.methods.devise import hinge_rank_loss
from kgzsl.toy import CLASSES, toy_features, toy_seen_features, toy_supervision


@given(st.integers(0, 200), st.sampled_from([0.05, 0.1, 1.0]))
def test_the_loss_equals_the_sum_over_other_classes(seed: int, margin: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores, own = torch.randn(4, 5, generator=generator), torch.randint(5, (4,), generator=generator)
    expected = 0.0
    for row, label in zip(scores.tolist(), own.tolist()):
        expected += sum(max(0.0, margin - row[label] + row[j]) for j in range(5) if j != label)
    assert float(hinge_rank_loss(scores, own, margin)) == pytest.approx(expected / 4, abs=1e-5)


def test_it_ranks_unseen_pictures_right() -> None:
    images = toy_features()
    for supervision in (toy_supervision(), toy_supervision(with_features=True)):
        scores = DeViSE(epochs=40).fit(supervision).synthesize(["okapi", "owl"]).score(images)
        assert scores[:5].argmax(dim=1).tolist() == [0, 0, 0, 1, 1]


def test_classifiers_are_linear_in_the_vectors() -> None:
    method = DeViSE(epochs=10).fit(toy_supervision())
    bank = method.synthesize(CLASSES)
    rows = torch.cat([bank.weights, bank.biases[:, None]], dim=1)
    vectors = torch.nn.functional.normalize(toy_supervision().semantics.vectors, dim=1)
    solved = torch.linalg.lstsq(vectors, rows).solution  # 12 classes of 4 numbers: far more rows than unknowns
    torch.testing.assert_close(vectors @ solved, rows, atol=1e-5, rtol=1e-4)


def test_the_loss_of_the_seen_pictures_falls() -> None:
    images = toy_seen_features()
    losses = []
    for epochs in (1, 30):
        method = DeViSE(epochs=epochs, evaluate_every=epochs, learning_rates=[0.03]).fit(toy_supervision(True))
        scores = method.synthesize(images.index.ids).score(images)
        losses.append(float(hinge_rank_loss(scores, images.labels, 0.1)))
        assert dict(method.chosen) == {"learning_rate": 0.03, "epochs": epochs}
    assert losses[1] < 0.6 * losses[0]  # horse and zebra have nearly one vector: some loss is left


def test_seeds_and_what_it_refuses() -> None:
    one, two = (DeViSE(epochs=5, seed=seed).fit(toy_supervision()).synthesize(CLASSES).weights for seed in (0, 1))
    assert not torch.equal(one, two)
    for options in ({"margin": 0.0}, {"learning_rates": []}, {"epochs": 0}, {"batch_size": 0}):
        with pytest.raises(RecipeError, match="margin and learning_rates are greater than 0"):
            DeViSE(**options)

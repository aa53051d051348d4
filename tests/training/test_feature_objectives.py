"""The cross-entropy of images under predicted classifiers: against plain formulas, in one process and in two."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch.nn import functional

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import RecipeError
from kgzsl.methods import GraphRegression
from kgzsl.supervision import Supervision
from kgzsl.toy import toy_bank, toy_features, toy_graph, toy_semantics, toy_split
from kgzsl.training import FeatureCrossEntropy, feature_objectives
from kgzsl.training.feature_objectives import SCALES, logit_scale

COUNT, ROWS, DIM = 11, 4, 3


def images() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(COUNT, DIM, generator=draw), torch.randint(ROWS, (COUNT,), generator=draw)


@pytest.mark.parametrize("with_bias", [True, False])
def test_loss_and_gradient_are_those_of_the_plain_formula(with_bias: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_objectives, "CHUNK", 4)  # the images come in three chunks
    features, labels = images()
    predicted = torch.randn(ROWS, DIM + with_bias, generator=torch.Generator().manual_seed(1), requires_grad=True)
    found = FeatureCrossEntropy(features, labels, 2.0).loss(predicted, predicted.detach())
    (gradient,) = torch.autograd.grad(3 * found, predicted)
    biases = predicted[:, DIM] if with_bias else 0
    expected = functional.cross_entropy(2.0 * (features @ predicted[:, :DIM].T + biases), labels)
    (plain,) = torch.autograd.grad(3 * expected, predicted)
    assert float(found.detach()) == pytest.approx(float(expected.detach()), rel=1e-6)
    assert torch.allclose(gradient, plain, atol=1e-6)


def test_parts_of_processes_add_up_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = images()
    predicted = torch.randn(ROWS, DIM + 1, generator=torch.Generator().manual_seed(1))
    loss, gradient = FeatureCrossEntropy(features, labels, 2.0).parts(predicted)
    parts = []
    for place in range(3):
        monkeypatch.setattr(feature_objectives, "place_among_processes", lambda place=place: (place, 3))
        parts.append(FeatureCrossEntropy(features, labels, 2.0).parts(predicted))
    assert float(sum(part[0] for part in parts)) == pytest.approx(float(loss), rel=1e-6)
    assert torch.allclose(sum(part[1] for part in parts), gradient, atol=1e-6)


def test_scale_is_the_best_of_all_for_the_given_classifiers() -> None:
    features, labels = images()
    rows = torch.randn(ROWS, DIM + 1, generator=torch.Generator().manual_seed(2)) * torch.tensor([[1.0], [2], [3], [4]])
    bank = ClassifierBank(ClassIndex(tuple("abcd")), rows[:, :DIM], rows[:, DIM], "toy")
    unit = (rows / rows.norm(dim=1, keepdim=True)).double().numpy()
    scores = features.double().numpy() @ unit[:, :DIM].T + unit[:, DIM]
    losses = [
        np.mean(np.log(np.exp(scale * scores).sum(axis=1)) - scale * scores[range(COUNT), labels.numpy()])
        for scale in SCALES
    ]
    assert logit_scale(features, labels, bank) == SCALES[int(np.argmin(losses))]


def supervision(with_images: bool = True) -> Supervision:
    split = toy_split()
    seen = toy_features().of_classes(split.seen) if with_images else None
    return Supervision(toy_graph(), toy_semantics(), toy_bank().select(split.seen), seen)


def test_a_network_learns_to_tell_the_images_apart() -> None:
    method = GraphRegression(
        "sgcn",
        network_options={"hidden": [16], "dropout": 0.0},
        objective="feature_cross_entropy",
        held_out=0.0,
        epochs=200,
        evaluate_every=199,
        learning_rate=0.02,
        weight_decay=0.0,
    )
    given = supervision()
    rows = method.fit(given).synthesize(toy_split().seen)
    assert method.progress is not None and given.seen_features is not None
    losses = [record["loss"] for record in method.progress.metrics]
    assert losses[-1] < losses[0]
    own = torch.from_numpy(rows.index.rows(str(one) for one in given.seen_features.class_ids()))
    assert bool((rows.score(given.seen_features).argmax(dim=1) == own).all())


def test_without_images_it_says_what_is_missing() -> None:
    with pytest.raises(RecipeError, match=r"there are none; name a feature file in table \[seen_features\]"):
        GraphRegression("sgcn", objective="feature_cross_entropy", epochs=1).fit(supervision(with_images=False))


SETTINGS = (
    "method.network=sgcn",
    "method.network_options={ hidden = [8] }",
    "method.objective=feature_cross_entropy",
    "method.epochs=20",
    "method.evaluate_every=5",
    "seen_features.file=features.safetensors",
)


@pytest.mark.slow
def test_two_processes_of_torchrun_are_one_to_rounding(by_one_and_two: Callable[[Sequence[str]], None]) -> None:
    by_one_and_two(SETTINGS)

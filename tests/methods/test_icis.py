"""ICIS: its loss against the formula in numpy, when it stops, and that it gives back what it was shown."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kgzsl.errors import RecipeError
from kgzsl.methods import ICIS
from kgzsl.methods.class_exemplars import class_exemplars
from kgzsl.methods.icis import has_settled, injection_loss
from kgzsl.toy import toy_features, toy_supervision


def test_the_loss_is_the_sum_of_four_cosine_distances() -> None:
    generator = np.random.default_rng(0)
    a, w = generator.normal(size=(5, 4)), generator.normal(size=(5, 3))
    shapes = {"semantic": 4, "classifier": 3}
    layers = {}
    for name, dim in shapes.items():
        layers |= {
            f"{name}_encoder_weight": generator.normal(size=(dim, 6)),
            f"{name}_encoder_bias": generator.normal(size=6),
        }
        layers |= {
            f"{name}_decoder_weight": generator.normal(size=(6, dim)),
            f"{name}_decoder_bias": generator.normal(size=dim),
        }

    def code(name: str, rows: np.ndarray) -> np.ndarray:
        return np.maximum(rows @ layers[f"{name}_encoder_weight"] + layers[f"{name}_encoder_bias"], 0)

    def decode(name: str, hidden: np.ndarray) -> np.ndarray:
        return hidden @ layers[f"{name}_decoder_weight"] + layers[f"{name}_decoder_bias"]

    def distance(u: np.ndarray, v: np.ndarray) -> float:
        return float(np.mean(1 - (u * v).sum(axis=1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)))

    expected = sum(
        distance(decode(out, hidden), target)
        for out, target in (("semantic", a), ("classifier", w))
        for hidden in (code("semantic", a), code("classifier", w))
    )
    tensors = {name: torch.from_numpy(layer) for name, layer in layers.items()}
    assert float(injection_loss(tensors, torch.from_numpy(a), torch.from_numpy(w))) == pytest.approx(expected)


def test_it_stops_where_the_loss_no_longer_falls() -> None:
    falling = [4 - 0.05 * epoch for epoch in range(40)]
    flat = [*falling, *[falling[-1]] * 30]
    assert not has_settled(falling)
    settled = [count for count in range(1, len(flat) + 1) if has_settled(flat[:count])]
    # the mean of ten falls 0.5 in ten epochs; it is the same as before once both tens are flat, and less than 0.02
    # below shortly before: then five epochs more
    assert 55 < settled[0] < 65 and settled == list(range(settled[0], len(flat) + 1))


def test_it_gives_back_the_classifiers_that_it_was_shown() -> None:
    given = toy_supervision()
    bank = ICIS(hidden=64, learning_rate=3e-3, epochs=150).fit(given).synthesize(given.seen_bank.index.ids)
    rows = class_exemplars(given, "head")
    targets = rows.rows[[rows.class_ids.index(one) for one in bank.index]].float()
    found = torch.cat([bank.weights, bank.biases[:, None]], dim=1)
    assert found.norm(dim=1).tolist() == pytest.approx([1.0] * 5, abs=1e-5)
    assert float(torch.nn.functional.cosine_similarity(found, targets).min()) > 0.9
    scores = (
        ICIS(hidden=64, learning_rate=3e-3, epochs=150).fit(given).synthesize(["okapi", "owl"]).score(toy_features())
    )
    assert scores[:5].argmax(dim=1).tolist() == [0, 0, 0, 1, 1]


def test_images_do_not_matter_and_seeds_do() -> None:
    options = {"hidden": 8, "epochs": 3}
    one = ICIS(**options).fit(toy_supervision()).synthesize(["okapi"]).weights
    assert torch.equal(one, ICIS(**options).fit(toy_supervision(with_features=True)).synthesize(["okapi"]).weights)
    assert not torch.equal(one, ICIS(**options, seed=1).fit(toy_supervision()).synthesize(["okapi"]).weights)
    for wrong in ({"hidden": 0}, {"learning_rate": 0.0}, {"epochs": 0}):
        with pytest.raises(RecipeError, match="hidden, batch_size and epochs are at least 1"):
            ICIS(**wrong)

"""ESZSL's closed form and choice against the paper's formula in numpy."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from kgzsl.errors import RecipeError
from kgzsl.methods import ESZSL
from kgzsl.methods.class_exemplars import class_exemplars
from kgzsl.methods.class_folds import class_folds, reciprocal_rank
from kgzsl.toy import CLASSES, toy_seen_features, toy_semantics, toy_supervision

spec = importlib.util.spec_from_file_location("plain_learning", Path(__file__).with_name("plain_learning.py"))
assert spec is not None and spec.loader is not None
plain = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plain)


@pytest.mark.parametrize("kind", ["images", "class-means", "head"])
def test_the_bank_scores_as_the_formula(kind: str) -> None:
    given = toy_supervision(with_features=True)
    method = ESZSL(gammas=[0.3], lambdas=[2.0], exemplars=kind).fit(given)
    rows = class_exemplars(given, kind)
    semantics = plain.unit(toy_semantics().select(rows.class_ids).vectors.double().numpy())
    V = plain.eszsl(rows.rows.numpy(), rows.labels.numpy(), semantics, 0.3, 2.0)
    expected = rows.joint(torch.from_numpy(plain.unit(toy_semantics().vectors.double().numpy()) @ V.T))
    bank = method.synthesize(CLASSES)
    torch.testing.assert_close(torch.cat([bank.weights, bank.biases[:, None]], dim=1), expected.float())
    assert dict(method.chosen) == {"gamma": 0.3, "lam": 2.0}


def test_the_choice_is_the_best_of_left_out_classes() -> None:
    given = toy_supervision(with_features=True)
    rows = class_exemplars(given)
    semantics = plain.unit(toy_semantics().select(rows.class_ids).vectors.double().numpy())
    grid = [(gamma, lam) for gamma in (0.01, 1.0, 100.0) for lam in (0.1, 10.0)]
    means = {}
    for gamma, lam in grid:
        found = []
        for kept, left_out in class_folds(5, folds=2, seed=3):
            part, held = rows.of(kept), rows.of(left_out)
            V = plain.eszsl(part.rows.numpy(), part.labels.numpy(), semantics[kept], gamma, lam)
            scores = held.rows.numpy() @ V @ semantics[left_out].T
            found.append(reciprocal_rank(torch.from_numpy(scores), held.labels))
        means[gamma, lam] = round(float(np.mean(found)), 9)
    method = ESZSL(gammas=[0.01, 1.0, 100.0], lambdas=[0.1, 10.0], folds=2, seed=3).fit(given)
    assert (method.chosen["gamma"], method.chosen["lam"]) == max(grid, key=lambda setting: means[setting])


def test_it_knows_the_seen_pictures() -> None:
    images = toy_seen_features()
    scores = ESZSL(gammas=[0.01], lambdas=[0.01]).fit(toy_supervision(True)).synthesize(images.index.ids).score(images)
    assert float((scores.argmax(dim=1) == images.labels).float().mean()) > 0.5  # horse and zebra are nearly one vector


def test_what_it_refuses() -> None:
    for options in ({"gammas": []}, {"lambdas": [0.0]}, {"gammas": [-1.0, 1.0]}):
        with pytest.raises(RecipeError, match="gammas and lambdas are lists of positive numbers"):
            ESZSL(**options)

"""EXEM: predicted exemplars against kernel ridge in numpy, and scores against distances measured one by one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from kgzsl.errors import RecipeError
from kgzsl.methods import EXEM
from kgzsl.methods.class_exemplars import class_exemplars
from kgzsl.methods.exem import ExemplarSpace
from kgzsl.toy import CLASSES, toy_features, toy_semantics, toy_supervision

spec = importlib.util.spec_from_file_location("plain_learning", Path(__file__).with_name("plain_learning.py"))
assert spec is not None and spec.loader is not None
plain = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plain)


def numpy_space(kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows, components (by singular values), exemplars and deviations."""
    rows = class_exemplars(toy_supervision(with_features=True), kind)
    values, labels = rows.rows.numpy(), rows.labels.numpy()
    components = np.linalg.svd(values, full_matrices=False)[2].T
    components = components[:, np.linalg.svd(values)[1] > 1e-6]
    projected = values @ components
    exemplars = np.stack([projected[labels == c].mean(axis=0) for c in range(5)])
    if kind == "images":
        deviations = np.mean([projected[labels == c].std(axis=0) for c in range(5)], axis=0)
    else:
        deviations = exemplars.std(axis=0, ddof=1)
    return values, components, exemplars, deviations


@pytest.mark.parametrize("kind", ["images", "class-means", "head"])
def test_components_and_deviations(kind: str) -> None:
    _, components, exemplars, deviations = numpy_space(kind)
    space = ExemplarSpace.of(class_exemplars(toy_supervision(with_features=True), kind), most=500)
    signs = np.sign((space.components.numpy() * components).sum(axis=0))
    np.testing.assert_allclose(space.components, components * signs, atol=1e-6)
    np.testing.assert_allclose(space.exemplars, exemplars * signs, atol=1e-6)
    np.testing.assert_allclose(space.deviations, deviations, atol=1e-6)
    few = ExemplarSpace.of(class_exemplars(toy_supervision(with_features=True), kind), most=1)
    torch.testing.assert_close(few.components, space.components[:, :1])


@pytest.mark.parametrize("standardised", [True, False])
@pytest.mark.parametrize("kind", ["images", "class-means", "head"])
def test_the_nearest_exemplar_scores_best(kind: str, standardised: bool) -> None:
    given = toy_supervision(with_features=True)
    method = EXEM(widths=[0.8], ridges=[0.1], standardised=[standardised], exemplars=kind).fit(given)
    _, components, exemplars, deviations = numpy_space(kind)
    rows = class_exemplars(given, kind)
    seen = plain.unit(toy_semantics().select(rows.class_ids).vectors.double().numpy())
    vectors = plain.unit(toy_semantics().vectors.double().numpy())
    predicted = plain.kernel_ridge(vectors, seen, exemplars, float(method.chosen["kernel_width"]), 0.1)
    divisors = deviations if standardised else 1
    scores = method.synthesize(CLASSES).score(toy_features()).double().numpy()
    for image, found in zip(toy_features().features.double(), scores):
        if kind == "head":
            z = np.append(image.numpy(), 1) @ components / divisors
            scaled = predicted / divisors
            expected = scaled @ z / np.linalg.norm(scaled, axis=1)
        else:
            z = (image.numpy() - rows.origin.numpy()) / rows.scale @ components / divisors
            expected = np.square(z).sum() - np.square(z - predicted / divisors).sum(axis=1)
        np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_what_it_refuses() -> None:
    for options in ({"widths": []}, {"ridges": [0.0]}):
        with pytest.raises(RecipeError, match="widths and ridges are lists of positive numbers"):
            EXEM(**options)
    with pytest.raises(RecipeError, match="standardised is a list of true, false or both"):
        EXEM(standardised=[])
    with pytest.raises(RecipeError, match="components is a whole number of at least 1"):
        EXEM(components=0)

"""ConSE by hand, against the formula in numpy, with ties, and from disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.bank import ClassifierBank, StoredScorer
from kgzsl.classes import ClassIndex
from kgzsl.errors import BackboneMismatchError, CorruptFileError, GraphError, InputFileError, RecipeError
from kgzsl.features import FeatureSet
from kgzsl.methods import ConSE, ConvexCombination
from kgzsl.recipe import Recipe
from kgzsl.run_folder import RunFolder
from kgzsl.toy import CLASSES, SEEN, toy_bank, toy_features, toy_semantics, toy_supervision

LN2 = float(np.log(2))


def images_of(*rows: list[float]) -> FeatureSet:
    return FeatureSet(torch.tensor(rows), torch.full((len(rows),), -1), ClassIndex(("a",)), "toy")


def by_hand(top: int, temperature: float = 1.0) -> ConvexCombination:
    """Head: the scores are the features. Seen vectors along two axes and between; candidates along both axes."""
    head = ClassifierBank(ClassIndex(("a", "b", "c")), torch.eye(3), torch.zeros(3), "toy")
    seen = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    return ConvexCombination(ClassIndex(("x", "y")), torch.eye(2), head, seen, top, temperature)


def test_by_hand() -> None:
    image = images_of([2 * LN2, LN2, 0.0])  # probabilities 4/7, 2/7, 1/7
    assert by_hand(1).score(image)[0].tolist() == pytest.approx([1, 0])
    # two best: (4 (1, 0) + 2 (0, 1)) / 6, of cosine 2 / sqrt 5 and 1 / sqrt 5
    assert by_hand(2).combine(by_hand(2).head.score(image))[0].tolist() == pytest.approx([4 / 6, 2 / 6])
    assert by_hand(2).score(image)[0].tolist() == pytest.approx([2 / 5**0.5, 1 / 5**0.5])
    # all three: (4.6, 2.8) / 7
    assert by_hand(3).score(image)[0].tolist() == pytest.approx(np.array([4.6, 2.8]) / np.hypot(4.6, 2.8), rel=1e-6)
    # a temperature of 1/2 squares the probabilities: 16 : 4 : 1
    assert by_hand(2, 0.5).score(image)[0].tolist() == pytest.approx(np.array([16, 4]) / np.hypot(16, 4))


def test_classes_as_probable_as_the_last_one_all_count() -> None:
    image = images_of([1.0, 1.0, 1.0])
    assert by_hand(1).score(image)[0].tolist() == pytest.approx(np.array([1.6, 1.8]) / np.hypot(1.6, 1.8))


@given(st.integers(1, 7), st.sampled_from([0.2, 1.0, 5.0]), st.integers(0, 99))
def test_scores_equal_the_formula(top: int, temperature: float, seed: int) -> None:
    rows = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed))
    scorer = ConSE(top=top, temperature=temperature).fit(toy_supervision()).synthesize(CLASSES)
    bank, semantics = toy_bank(), toy_semantics()
    vectors = {c: semantics.select([c]).vectors[0].double().numpy() for c in CLASSES}
    for row, found in zip(rows, scorer.score(images_of(*rows.tolist()))):
        logits = (bank.weights @ row + bank.biases).double().numpy() / temperature
        weights = np.exp(logits - logits.max())
        weights[np.argsort(-weights)[top:]] = 0
        mean = sum(weight * vectors[c] for weight, c in zip(weights, SEEN)) / weights.sum()
        expected = [vectors[c] @ mean / np.linalg.norm(vectors[c]) / np.linalg.norm(mean) for c in CLASSES]
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_what_it_refuses() -> None:
    for options in ({"top": 0}, {"temperature": 0.0}, {"temperature": float("nan")}):
        with pytest.raises(RecipeError, match="top is at least 1 and temperature greater than 0"):
            ConSE(**options)
    scorer = by_hand(1)
    with pytest.raises(BackboneMismatchError):
        scorer.score(replace(images_of([1.0, 0, 0]), backbone="other"))
    with pytest.raises(GraphError, match="x"):
        scorer.concat(scorer)
    other = replace(scorer, index=ClassIndex(("z", "w")), head=scorer.head.select(("b", "a", "c")))
    with pytest.raises(BackboneMismatchError, match="different heads"):
        scorer.concat(other)


@pytest.mark.usefixtures("unchecked_shapes")
def test_vectors_of_two_widths() -> None:
    with pytest.raises(
        InputFileError, match=r"2 classes and 3 seen ones need vectors of one width, found \(2, 3\) and"
    ):
        replace(by_hand(1), vectors=torch.ones(2, 3))


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    scorer = by_hand(2, 0.3)
    scorer.save(tmp_path / "scorer.safetensors")
    again = ConvexCombination.load(tmp_path / "scorer.safetensors")
    image = images_of([0.3, -1.0, 2.0])
    assert torch.equal(again.score(image), scorer.score(image)) and isinstance(again, StoredScorer)
    toy_bank().save(tmp_path / "bank.safetensors")
    with pytest.raises(CorruptFileError, match="holds no whole convex combination"):
        ConvexCombination.load(tmp_path / "bank.safetensors")


def test_a_run_of_it(toy_recipe: Path, tmp_path: Path) -> None:
    text = toy_recipe.read_text()
    toy_recipe.write_text(text[: text.index("[method]")] + '[method]\nname = "conse"\ntop = 3\n')
    Recipe.load(toy_recipe).train(tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    assert isinstance(run.scorer, ConvexCombination) and not (run.path / "bank.safetensors").exists()
    with pytest.raises(InputFileError, match="holds no bank of linear classifiers: its method, conse, scores in anot"):
        run.bank  # noqa: B018
    expected = ConSE(top=3).fit(toy_supervision()).synthesize(CLASSES)
    assert torch.equal(run.scorer.score(toy_features()), expected.score(toy_features()))
    assert isinstance(run.method, ConSE) and run.method.parameters() == {"top": 3, "temperature": 1.0}

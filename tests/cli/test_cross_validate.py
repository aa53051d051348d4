"""``kgzsl cross-validate`` on the toy world."""

from __future__ import annotations

import json

import pytest
import torch

from kgzsl.classes import ClassIndex
from kgzsl.cross_validation import cross_validate
from kgzsl.features import FeatureSet
from kgzsl.methods import NearestSeen
from kgzsl.recipe import Recipe
from kgzsl.splits import draw_folds
from kgzsl.toy import SEEN, toy_supervision


@pytest.fixture
def recipe(toy_recipe):
    text = toy_recipe.read_text(encoding="utf-8").partition("[method]")[0]
    (toy_recipe.parent / "plain.toml").write_text(f'{text}[method]\nname = "nearest_seen"\n', encoding="utf-8")
    return toy_recipe.parent / "plain.toml"


def images_of_seen() -> FeatureSet:
    return FeatureSet(torch.eye(3)[[0, 1, 2, 0]], torch.tensor([0, 2, 3, 1]), ClassIndex(SEEN), "toy")


def test_the_figures_are_those_of_the_library(recipe, kgzsl, capsys):
    assert kgzsl("cross-validate", recipe, "--folds", 2, "--repeats", 3, "--seed", 1, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    expected = cross_validate(NearestSeen, toy_supervision(), draw_folds(SEEN, 2, 3, 1))
    assert found["criteria"] == expected.to_json(seed=1)["criteria"]
    assert (found["recipe"], found["folds"], found["classes"]) == ("plain", 6, 5)


def test_recipes_stand_side_by_side(recipe, toy_recipe, kgzsl, capsys):
    text = recipe.read_text(encoding="utf-8").replace("nearest_seen", "kernel_regression")
    toy_recipe.write_text(text, encoding="utf-8")
    assert kgzsl("cross-validate", recipe, toy_recipe, "--folds", 2) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 folds of 2 to 3 hidden classes, 5 seen classes in all"
    assert lines[2].split() == [
        "recipe",
        "cosine",
        "rows",
        "@1",
        "rows",
        "@5",
        "rows",
        "1/rank",
        "chance",
        "@1",
        "seconds",
    ]
    assert lines[3].startswith("plain") and lines[4].startswith(str(toy_recipe))


def test_images_and_lists_beside_the_graph(recipe, kgzsl, capsys):
    images_of_seen().save(recipe.parent / "seen.safetensors")
    (recipe.parent / "graph" / "splits" / "animals.txt").write_text("horse\neagle\n", encoding="utf-8")
    file = recipe.parent / "seen.safetensors"
    assert kgzsl("cross-validate", recipe, "--held-out", "animals", "--images", file, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    expected = cross_validate(NearestSeen, toy_supervision(), [("horse", "eagle")], images=images_of_seen())
    assert found["criteria"] == expected.to_json()["criteria"]
    assert found["criteria"]["image_hit1"]["spread_over_folds"] is None
    with_table = recipe.parent / "with.toml"
    with_table.write_text(recipe.read_text() + '[seen_features]\nfile = "seen.safetensors"\n', encoding="utf-8")
    assert kgzsl("cross-validate", with_table, "--held-out", "animals") == 0
    assert "images @1" in capsys.readouterr().out


def test_a_fitted_seen_bank_is_fitted_without_the_hidden_classes(recipe):
    features = FeatureSet(torch.randn(20, 3), torch.arange(20) % 5, ClassIndex(SEEN), "toy")
    features.save(recipe.parent / "seen.safetensors")
    inputs = Recipe.load(recipe, ["seen_bank.features=seen.safetensors", "seen_bank.fit=ridge"]).inputs
    whole, _ = inputs.supervision()
    left = inputs.without(whole, ("saw", "zebra"))
    from kgzsl.seen_bank import ridge

    kept = ("horse", "eagle", "hammer")
    assert left.seen_bank.index.ids == kept
    assert torch.equal(left.seen_bank.weights, ridge(features.of_classes(kept)).select(kept).weights)
    assert not torch.equal(left.seen_bank.weights, whole.seen_bank.select(kept).weights)


def test_what_is_wrong_is_one_line(recipe, kgzsl, capsys):
    for words, message in (
        (("--folds", 3), "5 classes cannot be cut into 3 folds"),
        (("--held-out", "anmals"), "no class list or mark 'anmals'"),
        (("--folds", 2, "--images", recipe.parent / "none.safetensors"), "no such file"),
    ):
        assert kgzsl("cross-validate", recipe, *words) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and message in error

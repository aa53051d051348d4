"""A finished run's method, fitted anew with classes hidden."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.errors import InputFileError
from kgzsl.methods import GraphRegression, KernelRegression
from kgzsl.recipe import Recipe
from kgzsl.refit import refit_of
from kgzsl.run_folder import RunFolder
from kgzsl.seen_bank import class_means
from kgzsl.supervision import Supervision
from kgzsl.toy import toy_seen_features, toy_supervision

HIDDEN = ("zebra", "saw")


def test_it_is_a_fit_without_the_hidden_classes(toy_recipe: Path, tmp_path: Path) -> None:
    text = toy_recipe.read_text()
    toy_recipe.write_text(
        text[: text.index("[method]")] + "[method]\nname = 'kernel_regression'\nseed = 3\nfolds = 3\n"
    )
    run = Recipe.load(toy_recipe).train(tmp_path / "run")
    expected = KernelRegression(seed=3, folds=3).fit(toy_supervision().without(HIDDEN)).synthesize(run.split.seen)
    found = refit_of(run)(HIDDEN)
    assert isinstance(found, ClassifierBank) and found.index.ids == run.split.seen
    assert torch.allclose(found.weights, expected.weights, atol=1e-6)
    assert not torch.allclose(found.select(HIDDEN).weights, run.bank.select(HIDDEN).weights, atol=1e-3)


def test_a_chosen_number_of_epochs_is_kept(toy_run: Path) -> None:
    run = RunFolder(toy_run)
    kept = {**run.manifest["parameters"], "epochs": run.manifest["epochs"], "held_out": 0.0}
    expected = GraphRegression(**kept).fit(toy_supervision().without(HIDDEN)).synthesize(run.split.seen)
    found = refit_of(run)(HIDDEN)
    assert isinstance(found, ClassifierBank)
    assert torch.allclose(found.weights, expected.weights, atol=1e-5)


def fitted_on_features(recipe: Path) -> Path:
    """Let the recipe fit its seen bank on features."""
    toy_seen_features().save(recipe.parent / "seen_images.safetensors")
    text = recipe.read_text().replace('bank = "bank.safetensors"', 'features = "seen_images.safetensors"')
    recipe.write_text(text[: text.index("[method]")] + "[method]\nname = 'kernel_regression'\n")
    return recipe


def test_what_was_fitted_on_features_is_fitted_anew_without_the_hidden_images(toy_recipe: Path, tmp_path: Path) -> None:
    run = Recipe.load(fitted_on_features(toy_recipe)).train(tmp_path / "run")
    kept = [class_id for class_id in run.split.seen if class_id not in HIDDEN]
    bank = class_means(toy_seen_features().of_classes(kept)).select(kept)
    supervision = Supervision(run.graph, run.semantics, bank)
    expected = KernelRegression(**run.manifest["parameters"]).fit(supervision).synthesize(run.split.seen)
    found = refit_of(run)(HIDDEN)
    assert isinstance(found, ClassifierBank)
    assert torch.allclose(found.weights, expected.weights, atol=1e-6)


def test_features_that_are_gone_are_said(toy_recipe: Path, tmp_path: Path) -> None:
    run = Recipe.load(fitted_on_features(toy_recipe)).train(tmp_path / "run")
    (toy_recipe.parent / "seen_images.safetensors").unlink()
    with pytest.raises(InputFileError, match="learned from features that it does not hold, and they are not where"):
        refit_of(run)

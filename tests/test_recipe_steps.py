"""What a recipe says of later steps: kept by the run, read by the commands, refused where it is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

from kgzsl.domain_shift import REMEDIES, LocalScaling, build_transducer
from kgzsl.errors import InputFileError, KgzslError, RecipeError, UnknownVariantError
from kgzsl.features import FeatureSet
from kgzsl.fine_tuning import ADAPTERS, ROWS
from kgzsl.recipe import Recipe
from kgzsl.recipe_steps import STEP_KEYS, RecipeSteps
from kgzsl.run_folder import RunFolder
from kgzsl.runtime import shipped_path
from kgzsl.transduction import TRANSDUCERS, PrototypeRefinement
from kgzsl.tuning_settings import KINDS_OF_ADAPTERS, TUNED_ROWS, TuningSettings

QUICK = ("method.epochs=3", "method.held_out=0", "method.network_options={hidden=4}")
UNSEEN = ("okapi", "owl")


def no_images() -> FeatureSet:
    raise AssertionError("nobody needs images here")


@pytest.mark.parametrize(
    ("setting", "error", "message"),
    [
        ("transduction.name=agreemnt", UnknownVariantError, "No transducer is called 'agreemnt'.*Did you mean 'agree"),
        ("transduction.iterations=3", RecipeError, r"lacks \[transduction\] name; it is one of agreement, .*centring"),
        ("transduction={name='prototypes',steps=3}", RecipeError, "is not of the form table.key=value"),
        ("fine_tuning.epoch=3", RecipeError, r"Table \[fine_tuning\] has no key 'epoch'; .*Did you mean 'epochs'"),
        ("fine_tuning.epochs=0", RecipeError, "epochs is a whole number from 1, found 0"),
        ("fine_tuning.seed=first", RecipeError, "seed is a whole number from 0, found 'first'"),
        ("fine_tuning.learning_rate=fast", RecipeError, "learning_rate is a number, found 'fast'"),
        ("fine_tuning.adapters=dora", UnknownVariantError, "No kind of adapters is called 'dora'"),
        (
            "fine_tuning.rows=all",
            UnknownVariantError,
            "No kind of rows is called 'all'; choose one of hidden, predicted",
        ),
        ("fine_tuning.precision=int8", UnknownVariantError, "No precision is called 'int8'"),
    ],
)
def test_a_wrong_step_is_named(toy_recipe: Path, setting: str, error: type[KgzslError], message: str) -> None:
    with pytest.raises(error, match=message):
        Recipe.load(toy_recipe, [setting])


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"name": "local-scaling", "neighbour": 3}, "has no option 'neighbour'; .*Did you mean 'neighbours'"),
        ({"name": "local-scaling", "neighbours": 0}, "neighbours is 1 at least"),
        ({"name": "centring", "seen_images": "mine"}, "'centring' has no option 'seen_images'"),
        ({"name": "agreement", "members": ["prototypes"]}, "Option 'members' of transducer 'agreement' is a number"),
    ],
)
def test_keywords_of_a_transducer_are_checked(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(KgzslError, match=message):
        RecipeSteps({"transduction": keywords})


def test_a_step_that_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text('transduction = "agreement"\n')
    with pytest.raises(RecipeError, match=r"transduction is no table; write it as \[transduction\]"):
        RecipeSteps.of_run(tmp_path)


def test_a_transducer_is_built_from_its_keywords() -> None:
    made = RecipeSteps({"transduction": {"name": "local-scaling", "neighbours": 3}}).transducer(no_images)
    assert made == LocalScaling(3)
    for name in (*TRANSDUCERS, *REMEDIES):
        assert type(build_transducer(name, {}, no_images)).__name__ == {**TRANSDUCERS, **REMEDIES}[name].__name__
    with pytest.raises(UnknownVariantError, match="No remedy is called 'prototypes'"):
        build_transducer("prototypes", {}, no_images, "remedy")


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (
            {"name": "gaussian", "dims": "many"},
            "'dims' of transducer 'gaussian' is a whole number, above 0, found 'many'",
        ),
        ({"name": "gaussian", "dims": -4}, "a whole number, above 0, found -4"),
        ({"name": "gaussian", "steps": 2.5}, "a whole number, not below 0, found 2.5"),
        ({"name": "gaussian", "temperature": 0}, "a number, above 0, found 0"),
        ({"name": "gaussian", "ridge": float("nan")}, "a number, not below 0, found nan"),
        ({"name": "gaussian", "pull": True}, "a number, not below 0, found True"),
        ({"name": "inverted-softmax", "temperature": "high"}, "a number, above 0, found 'high'"),
        ({"name": "balanced", "prior": 3}, "is a word such as 'unknown', found 3"),
        ({"name": "agreement", "members": "gaussian"}, "'members' of transducer 'agreement' cannot be written"),
    ],
)
def test_values_that_a_transducer_cannot_take_are_refused_before_the_training(table: dict, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        RecipeSteps({"transduction": table})


def test_values_that_a_transducer_takes() -> None:
    made = RecipeSteps({"transduction": {"name": "gaussian", "pull": 1, "neighbours": 0}}).transducer(no_images)
    assert made == TRANSDUCERS["gaussian"](pull=1, neighbours=0)


def test_the_tables_hold_what_the_steps_know() -> None:
    assert STEP_KEYS["fine_tuning"] == (*(one.name for one in fields(TuningSettings)), "rows", "precision")
    assert tuple(ADAPTERS) == KINDS_OF_ADAPTERS and tuple(ROWS) == TUNED_ROWS


def test_a_run_keeps_its_steps_and_takes_new_ones_without_a_training(toy_recipe: Path, tmp_path: Path) -> None:
    steps = ("transduction.name=prototypes", "transduction.anchor=2.0", "fine_tuning.epochs=3")
    run = Recipe.load(toy_recipe, [*QUICK, *steps]).train(tmp_path / "run")
    made = RecipeSteps.of_run(run.path).transducer(no_images)
    assert made == PrototypeRefinement(anchor=2.0) and RecipeSteps.of_run(run.path).fine_tuning == {"epochs": 3}
    trained = (run.path / "manifest.json").stat().st_mtime_ns
    Recipe.load(toy_recipe, [*QUICK, "transduction.name=centring"]).train(run.path)
    assert RecipeSteps.of_run(run.path).tables.keys() == {"graph", "semantics", "seen_bank", "method", "transduction"}
    assert RecipeSteps.of_run(run.path).transduction == {"name": "centring"}
    assert (run.path / "manifest.json").stat().st_mtime_ns == trained
    assert Recipe.load(run.path / "recipe.toml").steps.transduction == {"name": "centring"}


@pytest.fixture
def asked(toy_recipe: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that trains a run with a transducer, beside which images of unseen classes lie."""
    draw = torch.Generator().manual_seed(0)

    def train(name: str) -> Path:
        run = Recipe.load(toy_recipe, [*QUICK, f"transduction.name={name}"]).train(tmp_path / name)
        rows = run.bank.select(UNSEEN)
        features = rows.weights.repeat(20, 1) + 0.3 * torch.randn(40, rows.weights.shape[1], generator=draw)
        FeatureSet(features, torch.arange(2).repeat(20), rows.index, rows.backbone).save(run.path.parent / "new")
        seen = run.seen_bank
        images = FeatureSet(seen.weights, torch.arange(len(seen.index)), seen.index, seen.backbone)
        images.save(run.path.parent / "seen")
        return run.path

    return train


@pytest.mark.parametrize("name", ["prototypes", "local-scaling", "centring"])
def test_evaluate_does_what_the_recipe_says(
    asked: Callable[[str], Path], kgzsl: Callable[..., int], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    run = asked(name)
    words = ["evaluate", run, "--features", run.parent / "new", "--candidates", "own", "--seen-images", run.parent]
    words[-1] = run.parent / "seen"
    assert kgzsl(*words, "--transduce", "recipe", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    images, start = FeatureSet.load(run.parent / "new"), RunFolder(run).scorer.select(UNSEEN)
    seen_images = FeatureSet.load(run.parent / "seen")
    adapted = build_transducer(name, {}, lambda: seen_images).adapt(start, images)
    right = adapted.score(images).argmax(dim=1) == images.labels
    assert found["hits_micro"]["1"] == pytest.approx(100 * float(right.double().mean()), abs=1e-3)
    assert found["notes"][0].startswith(f"Transductive ({name}): the 40 images that are scored were seen before")


def test_a_run_without_the_table_is_refused(
    toy_run: Path, asked: Callable[[str], Path], kgzsl: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    features = asked("prototypes").parent / "new"
    words = ["evaluate", toy_run, "--features", features, "--candidates", "own", "--transduce", "recipe"]
    assert kgzsl(*words) == 2
    assert "has no table [transduction]; name a transducer" in capsys.readouterr().err
    assert kgzsl(*words[:-1], "local-scalin") == 2
    assert "No transducer is called 'local-scalin'" in capsys.readouterr().err
    with pytest.raises(RecipeError, match=r"lacks \[transduction\] name"):
        RecipeSteps({}).transducer(no_images)


SHIPPED = sorted(path.stem for path in shipped_path("recipes", "").glob("*.toml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_recipe_is_valid_where_its_files_are(name: str) -> None:
    try:
        recipe = Recipe.load(name)
    except InputFileError as error:
        assert "no such file" in str(error) and name in ("best", "attribute_nodes", "attribute_nodes_21k"), error
        return
    assert recipe.method() is not None

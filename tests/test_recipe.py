"""Recipes: what they may say, how --set changes them, and training into a folder that is or is not empty."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kgzsl.errors import (
    CorruptFileError,
    InputFileError,
    KgzslError,
    MissingResourceError,
    RecipeError,
    StorageError,
    UnknownVariantError,
)
from kgzsl.graph import save_graph
from kgzsl.methods import GraphRegression
from kgzsl.recipe import Recipe, find_recipe
from kgzsl.run_folder import RunFolder
from kgzsl.runtime import toml_text
from kgzsl.toy import SEEN, toy_bank, toy_features, toy_graph

QUICK = ("method.epochs=10", "method.held_out=0", "method.network_options={hidden=4}")


def digest(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


# what a recipe may say


@pytest.mark.parametrize("name", ["dgp", "sgcn", "gcnz", "dgp.toml"])
def test_shipped_recipes_are_valid(name: str) -> None:
    recipe = Recipe.load(name)
    assert recipe.method().parameters()["network"] == name.removesuffix(".toml")


def test_the_shipped_kernel_recipe_is_valid() -> None:
    assert Recipe.load("kernel").method().parameters()["criterion"] == "reciprocal_rank"


def test_unknown_recipes() -> None:
    with pytest.raises(MissingResourceError, match=r"no recipes called 'dpg', .*it ships .*dgp.*Did you mean 'dgp'"):
        find_recipe("dpg")
    with pytest.raises(InputFileError, match=r"Could not read recipe some/where\.toml"):
        find_recipe("some/where.toml")


@pytest.mark.parametrize(
    ("setting", "error", "message"),
    [
        ("methods.epochs=1", RecipeError, r"no table \[methods\]; its tables are graph, .*Did you mean 'method'"),
        ("graph.sene=x", RecipeError, r"Table \[graph\] has no key 'sene'; its keys are name, seen, unseen.*'seen'"),
        ("method.epoch=3", RecipeError, "has no option 'epoch'; its options are .*Did you mean 'epochs'"),
        ("method.name=dgp", UnknownVariantError, "No method is called 'dgp'; choose one of conse, devise"),
        ("method.network=dpg", UnknownVariantError, "No network is called 'dpg'.*Did you mean 'dgp'"),
        ("method.network_options.hiden=3", RecipeError, "network 'dgp' has no option 'hiden'.*Did you mean 'hidden'"),
        ("method.network_options=wide", RecipeError, "cannot be built from"),
        ("method.epochs=many", RecipeError, "cannot be built from"),
        ("method.epochs=0", RecipeError, "epochs and evaluate_every must be at least 1"),
        ("method.seed=one", RecipeError, "seed is a whole number of at least 0, found 'one'"),
        ("semantics.text_form=rhymes", UnknownVariantError, "No text form is called 'rhymes'"),
        ("semantics.missing=zero", RecipeError, "missing is one of raise, mean, below, found 'zero'"),
        ("semantics.source=no.safetensors", InputFileError, "Semantics name 'no.safetensors': no such"),
        ("seen_bank.bank=no.safetensors", InputFileError, r"\[seen_bank\] bank names 'no.safetensors': no such file"),
        ("seen_bank.fit=ridge", RecipeError, "'fit' of .seen_bank. goes with 'features', found 'bank'; remove it"),
        ("method.epochs", RecipeError, "'method.epochs' is not of the form table.key=value"),
        ("method.epochs=", RecipeError, "is not of the form table.key=value"),
        ("epochs=3", RecipeError, "is not of the form table.key=value"),
        ("method.epochs.more=3", RecipeError, "'epochs' of the recipe is no table"),
        ("method..epochs=3", RecipeError, "is not of the form"),
    ],
)
def test_a_wrong_setting_is_named(toy_recipe: Path, setting: str, error: type[KgzslError], message: str) -> None:
    with pytest.raises(error, match=message):
        Recipe.load(toy_recipe, [setting])


def test_what_a_recipe_needs(toy_recipe: Path) -> None:
    tables = tomllib.loads(toy_recipe.read_text())
    with pytest.raises(RecipeError, match=r"The recipe lacks \[graph\] name, \[graph\] seen"):
        Recipe({**tables, "graph": {}}, toy_recipe.parent)
    with pytest.raises(RecipeError, match="needs exactly one of backbone, bank, features; it has none"):
        Recipe({**tables, "seen_bank": {}}, toy_recipe.parent)
    with pytest.raises(RecipeError, match="it has backbone, bank of them"):
        Recipe({**tables, "seen_bank": {"backbone": "x", "bank": "bank.safetensors"}}, toy_recipe.parent)
    with pytest.raises(RecipeError, match=r"no table \[graph\]"):
        Recipe({**tables, "graph": "toy"}, toy_recipe.parent)  # type: ignore[dict-item]
    toy_recipe.write_text("[graph\nname")
    with pytest.raises(CorruptFileError, match=r"recipe.toml is not TOML: .*line 1"):
        Recipe.load(toy_recipe)


def test_settings_are_toml_or_plain_words(toy_recipe: Path) -> None:
    settings = [
        "method.epochs=7",
        "method.learning_rate = 1e-2",
        "method.network=sgcn",
        'method.criterion="reciprocal_rank"',
        "method.network_options={hidden=[4]}",
        "expected.flag=true",
        "expected.note=a word, or two",
    ]
    recipe = Recipe.load(toy_recipe, settings)
    found = recipe.method().parameters()
    assert (found["epochs"], found["learning_rate"], found["network"]) == (7, 0.01, "sgcn")
    assert found["criterion"] == "reciprocal_rank" and found["network_options"] == {"hidden": [4]}
    assert recipe.tables["expected"] == {"flag": True, "note": "a word, or two"}


def test_a_source_of_the_seen_bank_takes_the_place_of_the_recipes(toy_recipe: Path) -> None:
    recipe = Recipe.load(toy_recipe, ["seen_bank.features=features.safetensors", "seen_bank.fit=ridge"])
    assert recipe.tables["seen_bank"] == {"features": "features.safetensors", "fit": "ridge"}
    assert recipe.inputs.seen_bank().index.ids == ("okapi", "owl", "zebra")


def test_it_round_trips_through_toml(toy_recipe: Path) -> None:
    recipe = Recipe.load(toy_recipe, ['expected.note=say "hi" \\ there', "expected.hits={top=[54, 14.5]}"])
    assert tomllib.loads(recipe.to_toml()) == recipe.tables
    assert recipe.tables["method"]["network_options"] == {"hidden": 16}


def test_paths_are_relative_to_the_recipe_else_to_the_working_folder(
    toy_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "elsewhere"
    work.mkdir()
    shutil.move(tmp_path / "bank.safetensors", work / "own.safetensors")
    monkeypatch.chdir(work)
    recipe = Recipe.load("../recipe.toml", ["seen_bank.bank=own.safetensors"])
    assert len(recipe.inputs.seen_bank().index) == 5
    assert recipe.inputs.graph()[0].name == "toy"


def test_unseen_classes_are_all_others_where_none_are_named(toy_recipe: Path) -> None:
    tables = tomllib.loads(toy_recipe.read_text())
    del tables["graph"]["unseen"]
    graph, split, _ = Recipe(tables, toy_recipe.parent).inputs.graph()
    assert set(split.unseen) == set(graph.index) - set(split.seen)


def test_a_seen_class_without_a_classifier(toy_recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("zebra\nokapi\n")
    recipe = Recipe.load(toy_recipe, ["graph.seen=more.txt"])
    with pytest.raises(InputFileError, match=r"1 seen classes of the recipe have no classifier .*'okapi' first"):
        recipe.train(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_seen_features(toy_recipe: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert Recipe.load(toy_recipe).inputs.supervision()[0].seen_features is None
    recipe = Recipe.load(toy_recipe, ["seen_features.file=features.safetensors"])
    with caplog.at_level("INFO", "kgzsl.recipe_inputs"):
        given = recipe.inputs.supervision()[0].seen_features
    assert given is not None and given.class_ids() == ("zebra",)  # okapis and owls are not seen
    assert "features.safetensors: 5 of 6 images are of no seen class and are left out" in caplog.messages
    toy_features().of_classes(["okapi"]).save(tmp_path / "okapis.safetensors")
    with pytest.raises(InputFileError, match=r"okapis\.safetensors holds no image of a seen class"):
        Recipe.load(toy_recipe, ["seen_features.file=okapis.safetensors"]).inputs.supervision()
    with pytest.raises(RecipeError, match=r"The recipe lacks \[seen_features\] file"):
        Recipe({**recipe.tables, "seen_features": {}}, toy_recipe.parent)
    with pytest.raises(InputFileError, match=r"\[seen_features\] file names 'no.st': no such file"):
        Recipe.load(toy_recipe, ["seen_features.file=no.st"])


# training into a folder


def test_seen_features_are_recorded_of_a_run(toy_recipe: Path, tmp_path: Path) -> None:
    settings = [*QUICK, "seen_features.file=features.safetensors"]
    first = Recipe.load(toy_recipe, settings).train(tmp_path / "deep" / "run")
    again = Recipe.load(first.path / "recipe.toml")
    assert again.tables["seen_features"] == {"file": "../../features.safetensors"}
    assert Recipe.load(toy_recipe, settings).train(first.path).manifest == first.manifest
    images = toy_features()
    replace(images, features=2 * images.features).save(tmp_path / "features.safetensors")
    with pytest.raises(InputFileError, match="holds a run of another recipe"):
        Recipe.load(toy_recipe, settings).train(first.path)


def test_what_a_run_records(toy_recipe: Path, tmp_path: Path) -> None:
    run = Recipe.load(toy_recipe, QUICK).train(tmp_path / "run", device="cpu", command="kgzsl train recipe.toml")
    facts = run.manifest
    assert (facts["format"], facts["backbone"], facts["encoder"]) == (1, "toy", "toy")
    assert (facts["command"], facts["device"], facts["seed"], facts["epochs"]) == (
        "kgzsl train recipe.toml",
        "cpu",
        0,
        10,
    )
    assert facts["method"] == "graph_regression" and facts["parameters"]["network_options"] == {"hidden": 4}
    assert sorted(facts["inputs"]) == ["graph", "seen_bank", "semantics", "split"]
    assert all(len(digits) == 64 for digits in facts["inputs"].values())
    for name in ("manifest.json", "recipe.toml", "graph/graph.toml"):
        assert str(tmp_path) not in (run.path / name).read_text()  # a run can be moved and shown
    assert not (run.path / "checkpoint.safetensors").exists()
    assert [json.loads(line)["epoch"] for line in (run.path / "metrics.jsonl").read_text().splitlines()] == [10]


def test_the_recipe_of_a_run_makes_the_run_again(toy_recipe: Path, tmp_path: Path) -> None:
    first = Recipe.load(toy_recipe, QUICK).train(tmp_path / "deep" / "run")
    again = Recipe.load(first.path / "recipe.toml")
    assert again.tables["graph"]["name"] == "../../graph" and again.tables["graph"]["seen"] == "seen"
    assert again.tables["method"]["patience"] == 0 and again.tables["method"]["objective"] == "weight_regression"
    second = again.train(tmp_path / "second")
    assert second.manifest["inputs"] == first.manifest["inputs"]
    assert (second.path / "bank.safetensors").read_bytes() == (first.path / "bank.safetensors").read_bytes()


def test_a_finished_run_of_the_same_recipe_is_left_as_it_is(
    toy_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe.load(toy_recipe, QUICK)
    recipe.train(tmp_path / "run")
    before = digest(tmp_path / "run")
    (tmp_path / "run" / "checkpoint.safetensors").write_bytes(b"of a run killed before it could clear up")
    monkeypatch.setattr(GraphRegression, "fit", lambda *_: pytest.fail("it was trained again"))
    recipe.train(tmp_path / "run", command="said in other words")
    Recipe.load(toy_recipe, [*QUICK, "expected.note=more"]).train(tmp_path / "run", overwrite=True)
    assert digest(tmp_path / "run") == before


@pytest.mark.parametrize(
    "change", ["method.seed=1", "method.epochs=11", "graph.unseen=few.txt", "graph.name=marked", "seen_bank.bank=b.st"]
)
def test_another_run_is_refused_or_replaced_whole(toy_recipe: Path, tmp_path: Path, change: str) -> None:
    (tmp_path / "few.txt").write_text("okapi\n")
    save_graph(replace(toy_graph(), marks={"person": frozenset({"owl"})}), tmp_path / "marked", {"seen": SEEN})
    shutil.copytree(tmp_path / "graph" / "splits", tmp_path / "marked" / "splits", dirs_exist_ok=True)
    replace(toy_bank(), backbone="other").save(tmp_path / "b.st")
    run, other = tmp_path / "run", Recipe.load(toy_recipe, [*QUICK, change])
    Recipe.load(toy_recipe, QUICK).train(run)
    before = digest(run)
    with pytest.raises(InputFileError, match=r"run holds a run of another recipe.*--overwrite"):
        other.train(run)
    assert digest(run) == before
    other.train(run, overwrite=True)
    other.train(tmp_path / "fresh")
    replaced, fresh = digest(run), digest(tmp_path / "fresh")
    for files in (replaced, fresh):  # the seconds differ
        files.pop("manifest.json")
    assert replaced == fresh


def test_what_another_method_does_not_write_is_gone(toy_recipe: Path, tmp_path: Path) -> None:
    Recipe.load(toy_recipe, QUICK).train(tmp_path / "run")
    tables = {**tomllib.loads(toy_recipe.read_text()), "method": {"name": "nearest_seen"}}
    toy_recipe.write_text(toml_text(tables))
    run = Recipe.load(toy_recipe).train(tmp_path / "run", overwrite=True)
    assert run.manifest["method"] == "nearest_seen" and "epochs" not in run.manifest
    assert {path.name for path in run.path.glob("*")} == {
        "manifest.json", "recipe.toml", "graph", "semantics.safetensors", "bank.safetensors", "seen_bank.safetensors",
        "model.safetensors",
    }  # fmt: skip


def test_a_scorer_that_is_no_bank_takes_the_place_of_one_and_back(toy_recipe: Path, tmp_path: Path) -> None:
    recipes = {}
    for name in ("conse", "nearest_seen"):
        tables = {**tomllib.loads(toy_recipe.read_text()), "method": {"name": name}}
        recipes[name] = Recipe(tables, toy_recipe.parent)
    for name, kept, gone in (
        ("nearest_seen", "bank", "scorer"), ("conse", "scorer", "bank"), ("nearest_seen", "bank", "scorer"),
    ):  # fmt: skip
        run = recipes[name].train(tmp_path / "run", overwrite=True)
        assert (run.path / f"{kept}.safetensors").exists() and not (run.path / f"{gone}.safetensors").exists()
        assert run.scorer.index == toy_graph().index
        assert recipes[name].train(tmp_path / "run").manifest == run.manifest


class Stop(Exception):  # noqa: N818
    """Stands for a kill."""


@pytest.mark.parametrize("moment", ["write_run", "Checkpoint", "replace_run"])
@pytest.mark.parametrize("replacing", [False, True])
def test_stopped_at_the_end_of_a_training(
    toy_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, replacing: bool
) -> None:
    run, recipe = tmp_path / "run", Recipe.load(toy_recipe, QUICK)
    if replacing:
        Recipe.load(toy_recipe, [*QUICK, "method.seed=1"]).train(run)

    def stop(*_: object, **__: object) -> None:
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(f"kgzsl.recipe.{moment}", stop)
        if replacing or moment != "replace_run":
            with pytest.raises(Stop):
                recipe.train(run, overwrite=replacing)
    if replacing:
        assert RunFolder(run).manifest["seed"] == 1  # the run that was there still stands
    again = recipe.train(run, overwrite=replacing)
    whole = recipe.train(tmp_path / "whole")
    assert torch.equal(again.bank.weights, whole.bank.weights)
    assert sorted(digest(run)) == sorted(digest(tmp_path / "whole"))


def test_stopped_while_one_run_replaces_another(
    toy_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, recipe = tmp_path / "run", Recipe.load(toy_recipe, QUICK)
    Recipe.load(toy_recipe, [*QUICK, "method.seed=1"]).train(run)
    rename = Path.replace

    def stop_at_the_bank(self: Path, target: Path) -> Path:
        if self.name == "bank.safetensors" and self.parent.name == ".new":
            raise Stop
        return rename(self, target)

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(Path, "replace", stop_at_the_bank)
        recipe.train(run, overwrite=True)
    with pytest.raises(InputFileError, match="a training that has not ended"):
        RunFolder(run)
    assert recipe.train(run).manifest["seed"] == 0
    assert not (run / ".new").exists()


@pytest.mark.parametrize("replacing", [False, True])
def test_a_full_disk_costs_nothing_that_was_there(
    toy_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replacing: bool
) -> None:
    run, recipe = tmp_path / "run", Recipe.load(toy_recipe, QUICK)
    if replacing:
        Recipe.load(toy_recipe, [*QUICK, "method.seed=1"]).train(run)
    before = digest(run)
    flush = os.fsync

    def full(descriptor: int) -> None:
        if "bank.safetensors" in Path(f"/proc/self/fd/{descriptor}").readlink().name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(descriptor)

    with monkeypatch.context() as patch, pytest.raises(StorageError, match="No space left on device"):
        patch.setattr(os, "fsync", full)
        recipe.train(run, overwrite=replacing)
    assert {name: data for name, data in digest(run).items() if name in before} == before
    if not replacing:
        with pytest.raises(InputFileError, match=r"training that has not ended .*give the kgzsl train command again"):
            RunFolder(run)
    assert recipe.train(run, overwrite=replacing).manifest["seed"] == 0

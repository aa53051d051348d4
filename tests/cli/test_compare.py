"""``kgzsl compare`` on the toy world."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kgzsl.comparison import cells, compare
from kgzsl.evaluation import Bootstrap, evaluate
from kgzsl.features import FeatureSet
from kgzsl.recipe import Recipe
from kgzsl.run_folder import RunFolder
from kgzsl.semantics import SemanticEmbedding
from kgzsl.toy import toy_semantics

SETTINGS = ("--set", "method.epochs=40")


@pytest.fixture
def turned(toy_recipe: Path) -> Path:
    """Other vectors of the toy classes: those of the ones before them."""
    held = toy_semantics()
    path = toy_recipe.with_name("turned.safetensors")
    SemanticEmbedding(held.index, held.vectors.roll(1, dims=0), held.encoder, held.text_form).save(path)
    return path


def test_the_table_holds_what_evaluate_says(
    kgzsl: Callable[..., int], toy_recipe: Path, turned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features, out = toy_recipe.with_name("features.safetensors"), tmp_path / "out"
    words = ("compare", toy_recipe, "--features", features, "--candidates", "own", "all", "--out", out, *SETTINGS)
    words += ("--semantics", "semantics.safetensors", "turned.safetensors", "--k", "1", "2", "--draws", "50")
    assert kgzsl(*words, "--json", "--markdown", tmp_path / "t.md") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["semantics"], one["candidates"], one["k"]) for one in found["means"]] == [
        (name, kind, k)
        for name in ("semantics.safetensors", "turned.safetensors")
        for kind in ("own", "all")
        for k in (1, 2)
    ]
    for cell in found["cells"]:
        run = RunFolder(out / cell["run"])
        report = evaluate(
            run.scorer,
            FeatureSet.load(features),
            graph=run.graph,
            split=run.split,
            candidates="own",
            bootstrap=Bootstrap(50, 0),
        ).to_json()
        assert cell["reports"][0]["hits_micro"] == report["hits_micro"]
        assert cell["reports"][0]["interval_micro"] == report["interval_micro"]
    assert (tmp_path / "t.md").read_text(encoding="utf-8").startswith("## Candidates `own`\n")
    first, second = (RunFolder(out / cell["run"]).semantics.vectors for cell in found["cells"])
    torch.testing.assert_close(second, first.roll(1, dims=0))


def test_runs_and_reports_are_used_again(
    kgzsl: Callable[..., int],
    toy_recipe: Path,
    turned: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    words = ("compare", toy_recipe, "--features", toy_recipe.with_name("features.safetensors"), "--out", out, *SETTINGS)
    words += ("--candidates", "own")
    assert kgzsl(*words) == 0
    alone = capsys.readouterr().out
    manifests = {path: path.stat().st_mtime_ns for path in out.glob("*/manifest.json")}
    assert len(manifests) == 1
    monkeypatch.setattr("kgzsl.comparison.measurement.evaluate", None)  # what is asked for anew fails
    assert kgzsl(*words) == 0
    assert capsys.readouterr().out == alone
    monkeypatch.undo()
    assert kgzsl(*words, "--semantics", "semantics.safetensors", turned.name) == 0
    both = capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in manifests} == manifests
    assert "turned.safetensors" in both
    assert "turned" not in alone


def test_changed_inputs_are_trained_anew(toy_recipe: Path, turned: Path, tmp_path: Path) -> None:
    compared = cells([str(toy_recipe)], [turned.name], settings=["method.epochs=40"])
    files = [toy_recipe.with_name("features.safetensors")]
    before = compare(compared, files, tmp_path / "out", candidates=["own"])
    toy_semantics().save(turned)
    after = compare(compared, files, tmp_path / "out", candidates=["own"])
    assert [cell.folder for cell in before.cells] == [cell.folder for cell in after.cells]
    held = RunFolder(tmp_path / "out" / after.cells[0].folder).semantics
    assert torch.equal(held.vectors, toy_semantics().vectors)
    assert len(list((tmp_path / "out" / "reports").iterdir())) == 2


def test_a_stopped_comparison_goes_on(
    toy_recipe: Path, turned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = cells([str(toy_recipe)], ["semantics.safetensors", turned.name], settings=["method.epochs=40"])
    files, train = [toy_recipe.with_name("features.safetensors")], Recipe.train
    trained: list[str] = []

    def stop_at_the_second(self: Recipe, out: Path, **options: object) -> object:
        trained.append(Path(out).name)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return train(self, out, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Recipe, "train", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        compare(compared, files, tmp_path / "out", candidates=["own"])
    found = compare(compared, files, tmp_path / "out", candidates=["own"])
    assert trained[:2] == [cell.folder for cell in compared]
    assert found.cells[0].seconds is not None
    assert [cell.semantics for cell in found.cells] == ["semantics.safetensors", "turned.safetensors"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--candidates", "nearest"), "No kind of candidates is called 'nearest'; choose one of all, generalised, own"),
        (("--k", "3"), "--k takes 1, 2, 5, 10, 20, found 3"),
        (("--semantics", "rhymes"), "'rhymes' names no semantics"),
        (("--set", "method.epoch=3"), "has no option 'epoch'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    kgzsl: Callable[..., int],
    toy_recipe: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    message: str,
) -> None:
    features = toy_recipe.with_name("features.safetensors")
    assert kgzsl("compare", toy_recipe, "--features", features, "--out", tmp_path / "out", *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()

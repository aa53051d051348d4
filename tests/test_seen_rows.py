"""The classifiers of seen classes beside unseen ones: the head's where the scale allows it, alike for every caller."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.comparison import cells, compare
from kgzsl.errors import InputFileError
from kgzsl.features import FeatureSet
from kgzsl.recipe import Recipe
from kgzsl.run_folder import RunFolder
from kgzsl.scoring import CalibratedScorer
from kgzsl.seen_rows import with_seen_rows
from kgzsl.toy import SEEN

HEAD = ClassifierBank(
    ClassIndex(("b", "d")), torch.tensor([[3.0, 0.0], [0.0, 2.0]]), torch.tensor([4.0, 0.0]), "toy", "none"
)
ROWS = torch.tensor([[0.6, 0.8], [0.0, 1.0], [1.0, 0.0], [0.8, 0.6]])


def run_bank(normalisation: str) -> ClassifierBank:
    return ClassifierBank(ClassIndex(("a", "b", "c", "d")), ROWS, torch.zeros(4), "toy", normalisation)


def test_the_heads_rows_come_at_the_length_of_the_runs() -> None:
    joined = with_seen_rows(run_bank("joint"), HEAD)
    assert isinstance(joined, ClassifierBank) and joined.index.ids == ("a", "b", "c", "d")
    expected = np.array([[0.6, 0.8, 0], [3 / 5, 0, 4 / 5], [1, 0, 0], [0, 1, 0]])  # (3, 0, 4) has length 5
    np.testing.assert_allclose(np.column_stack([joined.weights, joined.biases]), expected, atol=1e-6)
    weights = with_seen_rows(run_bank("weights"), HEAD)
    assert isinstance(weights, ClassifierBank)
    np.testing.assert_allclose(weights.weights, [[0.6, 0.8], [1, 0], [1, 0], [0, 1]], atol=1e-6)


def test_rows_on_a_scale_of_their_own_stay_unless_the_head_is_asked_for() -> None:
    own = run_bank("none")
    assert with_seen_rows(own, HEAD) is own and with_seen_rows(own, HEAD, "predicted") is own
    assert with_seen_rows(run_bank("joint"), HEAD, "predicted").score is not None
    asked = with_seen_rows(own, HEAD, "head")
    assert isinstance(asked, ClassifierBank)
    np.testing.assert_allclose(asked.weights, [[0.6, 0.8], [3, 0], [1, 0], [0, 2]])


def test_what_is_no_bank_stays() -> None:
    scorer = CalibratedScorer(run_bank("joint"), frozenset({"b"}), 1.0)
    assert with_seen_rows(scorer, HEAD) is scorer  # type: ignore[arg-type, comparison-overlap]
    with pytest.raises(InputFileError, match="--seen-rows head needs a run whose method makes linear classifiers"):
        with_seen_rows(scorer, HEAD, "head")  # type: ignore[arg-type]
    with pytest.raises(InputFileError, match="--seen-rows is one of predicted, head, found 'both'"):
        with_seen_rows(run_bank("joint"), HEAD, "both")


@pytest.mark.parametrize("method", ["eszsl", "episodic"])
def test_compare_and_evaluate_score_seen_classes_alike(
    toy_recipe: Path, tmp_path: Path, kgzsl: Callable[..., int], capsys: pytest.CaptureFixture[str], method: str
) -> None:
    (tmp_path / "own.toml").write_text(_recipe_of(toy_recipe, method))
    run = Recipe.load(tmp_path / "own.toml").train(tmp_path / "run")
    assert (run.bank.normalisation == "none") == (method == "eszsl")
    draw = torch.Generator().manual_seed(0)
    rows = run.seen_bank.select(SEEN)
    features = (rows.weights + 0.4 * torch.randn(40, *rows.weights.shape, generator=draw)).flatten(0, 1)
    images = FeatureSet(features, torch.arange(len(SEEN)).repeat(40), rows.index, rows.backbone)
    new = run.bank.select(("okapi", "owl"))
    unseen = replace(images, features=new.weights.repeat(3, 1), labels=torch.arange(2).repeat(3), index=new.index)
    both = ClassIndex((*SEEN, *new.index.ids))
    labels = torch.cat([images.labels, unseen.labels + len(SEEN)])
    FeatureSet(torch.cat([images.features, unseen.features]), labels, both, rows.backbone).save(tmp_path / "images")
    found = compare(cells([str(tmp_path / "own.toml")]), [tmp_path / "images"], tmp_path / "kept", candidates=["all"])
    assert kgzsl("evaluate", run.path, "--features", tmp_path / "images", "--candidates", "all", "--json") == 0
    (told,) = json.loads(capsys.readouterr().out)
    (kept,) = found.cells[0].reports
    assert kept["seen"]["hits_micro"] == told["seen"]["hits_micro"]
    assert kept["hits_micro"] == told["hits_micro"]
    head = with_seen_rows(RunFolder(run.path).bank, run.seen_bank, "head").select(run.split.seen + run.split.unseen)
    right = head.score(images).argmax(dim=1) == torch.from_numpy(head.index.rows(images.class_ids()))
    assert (told["seen"]["hits_micro"]["1"] == pytest.approx(100 * float(right.double().mean()), abs=1e-3)) == (
        method != "eszsl"
    )


def _recipe_of(recipe: Path, method: str) -> str:
    text = recipe.read_text(encoding="utf-8")
    return text[: text.index("[method]")] + f'[method]\nname = "{method}"\n'

"""The table of ways of learning: paired differences by a plain formula, and the page from made-up hits."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from reproduction.acts import ACTS, ways
from reproduction.acts.ways import ADAPTED, BIRDS, SETS, TRAINED, block, fine_tuned, hidden_branches
from reproduction.grid import FOUND, LEFT_OUT, METHODS
from reproduction.held_out_branches import FIGURES
from reproduction.paired import Change, hits_by_class, images_by_class, once

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.features import FeatureSet

UP = {"images": [10, 20, 5, 40], "before": [[1, 2, 0, 8], [3, 2, 2, 8]], "after": [[9, 16, 5, 30], [9, 20, 4, 28]]}
DOWN = {"images": [1, 1, 1, 1], "before": [[1, 1, 1, 0]], "after": [[1, 0, 1, 0]]}
ONE = {"images": [10, 20], "before": [[1, 0]], "after": [[6, 10]]}
MIXED = {"images": [10, 20], "before": [[5, 5], [5, 5]], "after": [[9, 5], [5, 1]]}


def test_a_change_is_what_drawing_classes_by_hand_gives() -> None:
    found = Change.of(UP)
    images, before, after = (np.array(UP[key], dtype=float) for key in ("images", "before", "after"))
    assert found.before == pytest.approx(100 * before.mean(0).sum() / 75)
    assert found.gain == pytest.approx(100 * (after - before).mean(0).sum() / 75)
    assert found.by_seed == pytest.approx(100 * (after - before).sum(1) / 75)
    weights = np.random.default_rng(0).multinomial(4, np.full(4, 0.25), size=1000)
    drawn = 100 * (weights @ (after - before).mean(0)) / (weights @ images)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))


def test_a_change_of_harmonic_means() -> None:
    found = Change.of_harmonic_means(DOWN, ONE)
    before, after = 2 * 0.75 * 0.05 / 0.8, 2 * 0.5 * 0.55 / 1.05
    assert (found.before, found.after) == pytest.approx((100 * before, 100 * after))
    assert found.low < found.gain < found.high and found.high <= 100 * 2 * 0.6 / 1.6 + 1e-6


def test_hits_are_by_class_and_ties_are_misses() -> None:
    bank = ClassifierBank(ClassIndex(("b", "a", "c")), torch.eye(3), torch.zeros(3), "toy")
    features = torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [1.0, 1.0, 0], [0, 1.0, 0]])
    images = FeatureSet(features, torch.tensor([0, 1, 1, 0]), ClassIndex(("b", "a")), "toy")
    assert hits_by_class(bank, images) == [1.0, 1.0]  # of a (a tie), then of b (one is taken for a)
    assert images_by_class(images) == [2, 2]
    assert hits_by_class(bank, images.rows(torch.tensor([1, 3])), ("c",)) == [1.0, 0.0]


def test_once_computes_once(tmp_path: Path) -> None:
    assert once(tmp_path / "deep" / "kept.json", lambda: {"a": 1}) == {"a": 1}
    assert once(tmp_path / "deep" / "kept.json", lambda: {"a": 2}) == {"a": 1}


def test_the_table_has_a_row_a_way_and_says_what_is_certain() -> None:
    told = {"recipe": "transductive", "against": "`kernel`, inductive", "seconds": [0.0, 1.25]}
    found = {
        "ways": {
            "transductive (agreement)": {**told, "sets": {SETS[0]: UP, SETS[2]: MIXED}},
            "attribute nodes": {**told, "seconds": [3.2, 4.6], "sets": {BIRDS: MIXED}},
        },
        "branches": {"episodic": {**told, "sets": {"branches": MIXED}}},
        "calibrated": {"grocery-dev": {"gamma": 1.25, "seconds": [0.0, 0.4], "seen": UP, "unseen": ONE}},
    }
    text = block(found)
    assert text.startswith("### Ways of learning\n")
    row = (
        f"| transductive (agreement) | `transductive` | `kernel`, inductive | {Change.of(UP)} |  | {Change.of(MIXED)} |"
    )
    assert f"{row} 1.2 |" in text
    assert f"| attribute nodes | {BIRDS} | `kernel`, inductive | {Change.of(MIXED)} | 3 + 5 |" in text
    assert f"| episodic | seen classes in hidden branches | `kernel`, inductive | {Change.of(MIXED)} | 1.2 |" in text
    harmonic = Change.of_harmonic_means(UP, ONE)
    certain = f"transductive (agreement), {SETS[0]} +{Change.of(UP).gain:.1f}; "
    certain += f"calibration, H of grocery-dev +{harmonic.gain:.1f}."
    assert f"- better beyond the interval: {certain}" in text
    assert f"calibration, gamma 1.25 | grocery-dev and seen, H | `kernel`, gamma 0 | {harmonic} | 0.4 |" in text
    assert "- worse beyond the interval: none." in text
    assert "- of 5 differences 3 change their sign from seed to seed: " in text


def test_rows_of_other_acts() -> None:
    variant = {"by_class": {SETS[0]: UP}, "seconds": [10.0, 12.0]}
    (row,) = fine_tuned({"variants": {"SGCN": variant, "old": {}}}).values()
    assert row["seconds"] == [0.0, 11.0] and row["sets"] == {SETS[0]: UP}
    rest = [5.0] * (len(FIGURES) - 1)
    learners = {"memory": [[100.0, *rest], [0, *rest]], "memory, no episodes": [[50.0, *rest], [0, *rest]]}
    found = hidden_branches({name: {"figures": one, "seconds": [2.0]} for name, one in learners.items()})
    assert list(found) == ["memory, pictures Hit@1", "memory, hidden rows"]
    pictures, rows = (one["sets"]["branches"] for one in found.values())
    assert pictures == {"images": [1, 1], "before": [[0.5, 0]], "after": [[1, 0]]}
    assert Change.of(pictures).gain == pytest.approx(25) and Change.of(rows).gain == 0
    assert not hidden_branches({name: {"figures": [[1.0]], "seconds": [2.0]} for name in learners}), "of an older act"


def test_every_way_is_a_shipped_recipe_and_the_act_comes_first() -> None:
    assert {way.recipe for way in TRAINED} | {recipe for recipe, _ in ADAPTED.values()} | {
        "fine_tuning"
    } <= FOUND.keys()
    assert {way.plain[0] for way in TRAINED} <= FOUND.keys()
    assert set(METHODS) | set(LEFT_OUT) == set(FOUND)
    assert ACTS.index("ways") == ACTS.index("transduction") - 1 and ways.measure

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import CorruptFileError, InputFileError, UnknownVariantError
from kgzsl.export import Matching, choose_matching
from kgzsl.export.matching import logit_matching, norm_matching
from kgzsl.run_folder import RunFolder


def bank(seed: int, count: int, length: float, bias: float = 0.0) -> ClassifierBank:
    generator = torch.Generator().manual_seed(seed)
    ids = tuple(f"{seed}-{row}" for row in range(count))
    weights = length * torch.randn(count, 4, generator=generator)
    return ClassifierBank(ClassIndex(ids, "b"), weights, bias + torch.randn(count, generator=generator), "toy")


def entry(num_new: int, shift: float, lost: float = 5.0, found: float = 50.0) -> dict[str, Any]:
    return {"num_new": num_new, "levels": {"5": {"shift": shift, "lost": lost, "found": found}}}


def test_norm_is_the_ratio_of_median_lengths() -> None:
    old, new = bank(0, 6, 3.0), bank(1, 5, 0.5)
    expected = np.median(np.linalg.norm(old.weights, axis=1)) / np.median(np.linalg.norm(new.weights, axis=1))
    found = norm_matching(old, new)
    assert (found.how, found.shift) == ("norm", 0.0) and found.scale == pytest.approx(float(expected), rel=1e-5)


def test_logits_get_the_mean_and_deviation_of_the_old_ones() -> None:
    old, new = bank(0, 6, 3.0, 1.0), bank(1, 5, 0.5)
    found = logit_matching(old, new)
    weights, biases = found.rows(new.weights, new.biases)
    logits = old.weights @ weights.T + biases
    plain = (old.weights @ old.weights.T + old.biases).numpy()
    others = [plain[row, column] for row in range(6) for column in range(6) if row != column]
    assert logits.mean().item() == pytest.approx(np.mean(others), abs=1e-4)
    assert logits.std(correction=0).item() == pytest.approx(np.std(others), rel=1e-4)


def test_rows_without_any_deviation_are_matched_in_length() -> None:
    old = bank(0, 3, 1.0)
    flat = ClassifierBank(ClassIndex(("x",), "b"), torch.zeros(1, 4), torch.zeros(1), "toy")
    assert logit_matching(old, flat) == Matching("norm", 1.0)


def test_calibrated_shifts_lie_on_lines_in_the_logarithm() -> None:
    section = {"scale": 0.5, "numbers": [entry(1, 8.0), entry(10, 6.0), entry(100, 5.0, 4.0, 20.0)]}
    shifts = {number: Matching.calibrated(section, number).shift for number in (1, 10, 100, 1000)}
    assert shifts == pytest.approx({1: 8.0, 10: 6.0, 100: 5.0, 1000: 4.0})
    between = Matching.calibrated(section, 30)
    share = math.log(3) / math.log(10)
    assert (between.shift, between.scale) == (pytest.approx(6 - share), 0.5)
    assert (between.lost, between.found) == (pytest.approx(5 - share), pytest.approx(50 - 30 * share))
    beyond = Matching.calibrated(section, 1000)
    assert beyond == Matching("calibrated", 0.5, beyond.shift)  # nothing is promised of more than were tried
    assert Matching.calibrated({"scale": 1, "numbers": [entry(1, 8.0)]}, 30).shift == 8.0
    with pytest.raises(CorruptFileError, match=r"Section 'matching' of scoring.json is damaged"):
        Matching.calibrated({"scale": 1, "numbers": []}, 3)
    with pytest.raises(CorruptFileError, match="damaged"):
        Matching.calibrated({"numbers": [{"num_new": 0}]}, 3)


def test_the_default_is_what_the_run_has(head_run: Path, tmp_path: Path) -> None:
    run = RunFolder(Path(shutil.copytree(head_run, tmp_path / "run")))
    assert choose_matching(run, 3).how == "logits"
    with pytest.raises(InputFileError, match=r"holds no calibrated matching; run kgzsl calibrate"):
        choose_matching(run, 3, "calibrated")
    with pytest.raises(UnknownVariantError, match="No matching is called 'best'"):
        choose_matching(run, 3, "best")
    with pytest.raises(
        UnknownVariantError, match="No level of loss is called '3'; choose one of 1, 10, 2, 5, balanced"
    ):
        choose_matching(run, 3, level="3")
    (run.path / "scoring.json").write_text(json.dumps({"matching": {"scale": 2.0, "numbers": [entry(3, 7.0)]}}))
    assert choose_matching(run, 3) == Matching("calibrated", 2.0, 7.0, 5.0, 50.0)
    assert choose_matching(run, 3, "none") == Matching("none", 1.0, 0.0)
    (run.path / "scoring.json").write_text(json.dumps({"matching": {"unavailable": "too few"}}))
    assert choose_matching(run, 3).how == "logits"


def test_the_scale_is_that_of_the_run_whatever_is_exported(head_run: Path) -> None:
    run = RunFolder(head_run)
    assert choose_matching(run, 1, "norm") == choose_matching(run, 200, "norm")
    unseen = run.bank.select([c for c in run.bank.index if c not in set(run.split.seen)])
    assert choose_matching(run, 1, "norm") == norm_matching(run.seen_bank, unseen)
    assert choose_matching(run, 1, "logits") == logit_matching(run.seen_bank, unseen)

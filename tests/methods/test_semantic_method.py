"""What methods share that know a class by its vector alone: files that belong together, what is recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.errors import CorruptFileError
from kgzsl.methods import ESZSL, SYNC, FitContext
from kgzsl.methods.semantic_space import in_parts, median_distance, squared_distances, unit_rows
from kgzsl.toy import CLASSES, toy_bank, toy_graph, toy_semantics, toy_supervision


def test_a_file_of_another_method_or_run_is_refused(tmp_path: Path) -> None:
    method = ESZSL(gammas=[1.0], lambdas=[1.0]).fit(toy_supervision())
    method.save(tmp_path)
    scorer = method.synthesize(CLASSES)
    with pytest.raises(CorruptFileError, match="holds no whole SYNC"):
        SYNC.load(tmp_path, toy_graph(), toy_semantics(), scorer)
    narrow = replace(toy_semantics(), vectors=toy_semantics().vectors[:, :3])
    with pytest.raises(CorruptFileError, match="holds no whole ESZSL"):
        ESZSL.load(tmp_path, toy_graph(), narrow, scorer)
    with pytest.raises(CorruptFileError, match="the stored ESZSL is of another run; train it again"):
        ESZSL.load(tmp_path, toy_graph(), toy_semantics(), replace(scorer, backbone="other"))
    toy_bank().save(tmp_path / "model.safetensors")
    with pytest.raises(CorruptFileError, match="holds no whole ESZSL"):
        ESZSL.load(tmp_path, toy_graph(), toy_semantics(), scorer)


def test_what_was_measured_for_the_choice_is_listed(tmp_path: Path) -> None:
    ESZSL(gammas=[0.1, 1.0], lambdas=[2.0], folds=2).fit(toy_supervision(), FitContext(folder=tmp_path))
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(record["gamma"], record["lam"]) for record in records] == [(0.1, 2.0), (1.0, 2.0)]
    assert all(len(record["reciprocal_rank"]) == 2 for record in records)


@given(st.integers(0, 99))
def test_distances_equal_those_measured_one_by_one(seed: int) -> None:
    rows = torch.randn(6, 4, generator=torch.Generator().manual_seed(seed)).double()
    expected = torch.stack([torch.stack([(a - b).square().sum() for b in rows[:3]]) for a in rows])
    torch.testing.assert_close(squared_distances(rows, rows[:3]), expected)
    pairs = sorted(float((a - b).norm()) for i, a in enumerate(rows) for b in rows[:i])
    assert median_distance(rows) == pytest.approx(pairs[(len(pairs) - 1) // 2])


def test_edges_of_the_space() -> None:
    assert median_distance(torch.ones(1, 3)) == median_distance(torch.ones(4, 3)) == 1.0
    assert unit_rows(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).flatten().tolist() == pytest.approx([0.6, 0.8, 0.0, 0.0])
    assert [(part.start, part.stop) for part in in_parts(9000)] == [(0, 4096), (4096, 8192), (8192, 9000)]
    assert in_parts(0) == []

"""What is measured of exports, and the block of the results that tells it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from kgzsl.classes import ClassIndex
from kgzsl.export import EnlargedHead, HeadRow, Matching
from kgzsl.features import FeatureSet

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from reproduction.acts import exporting

INDEX = ClassIndex(("a", "b", "new"), "images")


def images(rows: list[list[float]], labels: list[int]) -> FeatureSet:
    return FeatureSet(torch.tensor(rows), torch.tensor(labels), INDEX, "toy")


def test_lost_and_found_are_counted_over_the_whole_head() -> None:
    rows = (
        HeadRow(None, "none", False),
        HeadRow("a", "a", True),
        HeadRow("b", "b", True),
        HeadRow("new", "new", False),
    )
    weights = torch.cat([torch.zeros(1, 3), torch.eye(3)])
    head = EnlargedHead(weights, torch.tensor([0.5, 0.0, 0.0, 0.0]), rows, 3, "toy", Matching("none"))
    kept, lost, wrong = [1.0, 0.0, 0.0], [1.0, 0.0, 2.0], [1.0, 2.0, 0.0]
    seen = images([kept, lost, wrong, [0.1, 0.0, 0.0]], [0, 0, 0, 0])  # the last is taken for nothing at all
    new = images([[0.0, 0.0, 1.0], [2.0, 0.0, 1.0]], [2, 2])
    found = exporting._shares(head, {"sample": seen, "own": seen.rows(torch.tensor([0])), "new": new})
    assert found == {"lost_sample": 50.0, "lost_own": 0.0, "found": 50.0, "in_five": 100.0}


def test_the_block_tells_each_matching_and_format() -> None:
    row = {"lost_sample": 1.0, "lost_own": 2.0, "found": 30.0, "in_five": 60.0}
    one: dict[str, Any] = {"num_new": 15, "among_new_only": 59.25, "matchings": dict.fromkeys(exporting.NAMES, row)}
    found = {
        "sets": {"first": one, "second": one},
        "formats": {"onnx": {"megabytes": 14.66, "seconds": 3.21}},
        "same_top5": {"onnx": 95.0},
        "pictures": 20,
        "new_rows": 50,
        "old_logits_off": 0.0,
    }
    lines = exporting.block(found).splitlines()
    assert lines[0] == "### Export: new rows beside the head's own"
    table = [line for line in lines if line.startswith("| ")]
    assert table[0] == "| matching | first (15 new): lost | found | second (15 new): lost | found |"
    assert table[1] == "| none: as predicted | 1.0 / 2.0 | 30.0 / 60.0 | 1.0 / 2.0 | 30.0 / 60.0 |"
    assert table[7] == "| among new classes only | | 59.2 | | 59.2 |"
    assert {line.count("|") for line in table[:8]} == {6}
    assert "| onnx | 14.7 | 3.2 |" in table
    assert "onnx 95 % the same. Old rows and old logits in torch are the same to the bit." in lines[-1]
    assert "differ by 2e-06 at most" in exporting.block({**found, "old_logits_off": 2e-6})


@pytest.mark.parametrize("name", exporting.NAMES)
def test_every_row_names_a_matching(name: str) -> None:
    how, _, level = name.partition(" ")
    assert how in ("none", "norm", "logits") or (how == "calibrated" and level in exporting.LEVELS)

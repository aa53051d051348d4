"""What the page of results says of few pictures, made of a few numbers, and how those are computed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from reproduction.acts import few_images
from reproduction.few_image_draws import Draw, one_class_at_a_time


def values(blended: float, ridge: float) -> few_images.Values:
    counts = (1, 2, 4, 8, 16)
    held = {"prediction alone": {0: [20.0, 21.0]}, "ridge": {count: [ridge, ridge + 1] for count in counts}}
    return held | {"blended": {count: [blended, blended + 1.5] for count in counts}}


def test_the_goal_names_where_it_is_missed() -> None:
    found = few_images.goal_of({"birds": values(40, 50), "fruit": values(70, 50), "mean": values(55, 50)})
    assert found["better_in_the_mean"] and found["behind"] == []
    assert [one[:3] for one in found["worse"]] == [["birds", "ridge", count] for count in (1, 2, 4, 8)]
    assert found["worse"][0][3] == pytest.approx(-9.75)
    missed = few_images.goal_of({"mean": values(40, 50)})
    assert not missed["better_in_the_mean"] and len(missed["behind"]) == 4 and missed["worse"] == []


def test_the_block_shows_every_figure() -> None:
    accuracy = few_images._summaries(values(70, 50))
    one = {"classes": 15, "accuracy": accuracy, "one_class": {"1": [50.0, 80.0, -0.25]}}
    one["generalised"] = {str(count): [60.4, 30.0, 40.1] for count in (0, 1, 2, 4, 8, 16)}
    prior = {"least_pictures": 0.83, "pictures": 10.8}
    goal = {"better_in_the_mean": True, "behind": [], "worse": [["birds", "ridge", 1, -1.25, 0.5]]}
    shown = few_images.block({"draws": 20, "sets": {"birds": one}, "mean": accuracy, "prior": prior, "goal": goal})
    assert shown.startswith("### ")
    assert "counts as 0.8 pictures where predictions err most, typically as 11." in shown
    assert "| blended, birds (15 classes) |  | 70.8 ± 1.5 |" in shown
    assert "| prediction alone, mean of the sets | 20.5 ± 1.0 |  |" in shown
    assert "pictures alone at 1, 2, 4, 8: reached. Nowhere worse beyond the 95 % interval: not reached." in shown
    assert "- worse on birds than ridge at 1: -1.2 ± 0.5" in shown
    assert "| birds | 50.0 → 80.0, others -0.2 |" in shown and "| birds | 60 / 30 / 40 |" in shown


def test_one_class_at_a_time_is_what_replacing_one_column_gives() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(4).repeat_interleave(5)
    old, new = (torch.randn(20, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    draw = Draw(torch.zeros(4, 1, 1), torch.zeros(20, 1), labels)
    before = draw.by_class(old.argmax(dim=1) == labels)
    own, others = [], []
    for column in range(4):
        mixed = old.clone()
        mixed[:, column] = new[:, column]
        after = draw.by_class(mixed.argmax(dim=1) == labels)
        own.append(float(after[column]))
        others += [float(after[row] - before[row]) for row in range(4) if row != column]
    expected = (float(before.mean()), sum(own) / 4, sum(others) / 12)
    assert one_class_at_a_time(draw, old, new) == pytest.approx(expected)

from __future__ import annotations

from math import sqrt

import pytest

from kgzsl.comparison import Comparison, MeasuredCell


def report(kind: str, file: str, hit: float, low: float, high: float, unseen: float | None = None) -> dict[str, object]:
    figures: dict[str, object] = {
        "candidates": kind,
        "features": file,
        "num_candidates": 15 if file == "a" else 1234,
        "hits_micro": {"1": hit, "5": 2 * hit},
        "interval_micro": {"1": [low, high], "5": [2 * low, 2 * high]},
    }
    if unseen is not None:
        figures["unseen"] = {"hits_micro": {"1": unseen}, "interval_micro": {"1": [unseen - 1, unseen + 1]}}
    return figures


def cell(method: str, semantics: str, seed: int | None, first: float, second: float) -> MeasuredCell:
    reports = (
        report("unrelated", "a", first, first - 3, first + 6),
        report("unrelated", "b", second, second - 4, second + 8),
    )
    return MeasuredCell(method, semantics, seed, "folder", None if seed else 2.0, reports)


TABLE = Comparison(
    (
        cell("kernel", "lemmas", None, 30, 10),
        cell("kernel", "photo | name", None, 40, 20),
        cell("dgp", "lemmas", 0, 20, 10),
        cell("dgp", "lemmas", 1, 30, 14),
    )
)


def test_the_interval_of_a_mean_adds_distances_in_squares() -> None:
    found = TABLE.hit("kernel", "lemmas", 1, "unrelated")
    assert found is not None
    assert (found.value, found.over_seeds) == (20, None)
    assert found.low == pytest.approx(20 - sqrt(3**2 + 4**2) / 2)
    assert found.high == pytest.approx(20 + sqrt(6**2 + 8**2) / 2)


def test_seeds_are_averaged_before_files() -> None:
    found = TABLE.hit("dgp", "lemmas", 1, "unrelated")
    assert found is not None
    assert found.value == pytest.approx((25 + 12) / 2)
    assert found.over_seeds == (15, 22)
    assert found.low == pytest.approx(18.5 - 2.5)  # means over seeds of the distances, 3 and 4
    alone = TABLE.hit("dgp", "lemmas", 5, "unrelated", ["b"])
    assert alone is not None
    assert (alone.value, alone.low, alone.high) == (24, 16, 40)


def test_semantics_stand_down_and_methods_across() -> None:
    assert TABLE.rows(1, "unrelated") == [
        ["semantics", "kernel", "dgp"],
        ["lemmas", "20.0 [17.5, 25.0]", "18.5 [16.0, 23.5]"],
        ["photo | name", "30.0 [27.5, 35.0]", ""],
    ]
    assert TABLE.to_text([1]).startswith(
        "micro Hit@1 in %, candidates unrelated (15 to 1,234), mean over 2 files\n\n"
        "semantics     kernel             dgp\n"
    )


def test_markdown_has_every_file_and_escapes_bars() -> None:
    lines = TABLE.to_markdown([1]).splitlines()
    assert lines[2] == "| method | semantics | a @1 | b @1 | mean @1 | seconds |"
    assert lines[5] == "| kernel | photo \\| name | 40.0 [37.0, 46.0] | 20.0 [16.0, 28.0] | 30.0 [27.5, 35.0] | 2 |"
    assert len(lines) == 7


def test_json_holds_means_and_reports() -> None:
    found = TABLE.to_json([1])
    assert found["files"] == ["a", "b"]
    assert found["means"][2] == {
        "method": "dgp",
        "semantics": "lemmas",
        "candidates": "unrelated",
        "k": 1,
        "value": 18.5,
        "interval": [16.0, 23.5],
        "over_seeds": [15, 22],
    }
    assert [one["seed"] for one in found["cells"]] == [None, None, 0, 1]
    assert found["cells"][0]["reports"][0]["hits_micro"]["1"] == 30


def test_where_seen_classes_compete_images_of_unseen_ones_count() -> None:
    reports = (report("all", "a", 60, 50, 70, unseen=4.0),)
    found = Comparison((MeasuredCell("kernel", "lemmas", None, "folder", 1.0, reports),))
    assert str(found.hit("kernel", "lemmas", 1, "all")) == "4.0 [3.0, 5.0]"
    assert found.title(1, "all") == "micro Hit@1 in %, candidates all (15), a, images of unseen classes"

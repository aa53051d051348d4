"""Hits by hops, the curve and confusions: values counted by hand, and pictures that hold all of them."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from kgzsl.bank import ClassifierBank
from kgzsl.errors import InputFileError
from kgzsl.evaluation import Report, evaluate
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.plots import confusion_data, curve_data, draw_confusion, draw_curves, draw_hops, hops_data
from kgzsl.splits import Split


@pytest.fixture
def report(world: ClassGraph, split: Split, bank: ClassifierBank, images: FeatureSet) -> Report:
    chosen = ["okapi", "puppy", "hammer", "dog"]
    return evaluate(
        bank, images, graph=world, split=split, candidates=chosen, baseline=bank, by=["hops"], name="a/b.st"
    )


def test_hops_are_those_of_the_report(report: Report) -> None:
    found = hops_data(report)
    assert [(row.hops, row.num_classes, row.num_images) for row in found.rows] == [
        ("0", 1, 1),
        ("1", 1, 1),
        ("2", 2, 3),
    ]
    assert [round(row.hit1, 3) for row in found.rows] == [100.0, 100.0, 33.333]
    assert [round(row.nearest_seen or -1, 3) for row in found.rows] == [100.0, 100.0, 33.333]
    assert found.chance == 25.0 and found.num_candidates == 4
    assert found.to_json()["rows"][2]["interval"] == found.rows[2].interval


def test_a_report_that_was_not_broken_down_is_refused(
    world: ClassGraph, split: Split, bank: ClassifierBank, images: FeatureSet
) -> None:
    plain = evaluate(bank, images, graph=world, split=split, candidates="own")
    with pytest.raises(InputFileError, match="not broken down by hops"):
        hops_data(plain)
    with pytest.raises(InputFileError, match="has no curve"):
        curve_data(plain)


def test_bars_hold_all_files_and_say_their_values(report: Report) -> None:
    picture = draw_hops([hops_data(report), hops_data(report)])
    bars = [one for one in picture.tips if one.startswith("bar-")]
    assert len(bars) == 6 and picture.tips["bar-0-2"][0].startswith("steps: 2, Hit@1 33.3 %")
    assert [bar.get_height() for bar in picture.figure.axes[0].patches] == pytest.approx([100, 100, 100 / 3] * 2)
    assert list(picture.series) == ["b, 4 candidates"]  # two files of one name are shown and hidden together
    svg = ElementTree.fromstring(picture.to_svg())
    titles = [one.text for one in svg.iter("{http://www.w3.org/2000/svg}title")]
    assert titles.count("chance: 25.0 %") == 6 and "images: 1, classes: 1" in str(titles)


def test_confusion_counts_edges_and_names_pairs(
    world: ClassGraph, split: Split, bank: ClassifierBank, images: FeatureSet
) -> None:
    found = confusion_data(bank, images, graph=world, split=split, candidates="own", name="x")
    # candidates okapi, puppy, hammer; images okapi x2, puppy, hammer: okapi-puppy 3, okapi-hammer 4, puppy-hammer 5
    assert {row.distance: row.share for row in found.rows} == {0: 50.0, 3: 25.0, 4: 25.0, 5: 0.0}
    twelfth = 100 / 12
    guessed = {row.distance: row.guessed for row in found.rows}
    assert guessed == pytest.approx({0: 4 * twelfth, 3: 3 * twelfth, 4: 3 * twelfth, 5: 2 * twelfth})
    assert found.rows[1].pairs == (("okapi", "puppy", 1),) and found.rows[2].pairs == (("hammer", "okapi", 1),)
    assert found.rows[0].pairs == (("okapi", "okapi", 1), ("puppy", "puppy", 1))
    assert found.mean_distance == pytest.approx(0.25 * 3 + 0.25 * 4)
    picture = draw_confusion([found])
    assert picture.tips["bar-0-1"] == ("distance 3: 25.0 % of the images\nokapi taken for puppy: 1 image",)
    assert picture.tips["mark-0-0"][0] == "guessing: 33.3 %" and picture.series == {}


def test_the_curve_and_its_gammas_are_those_of_the_report(report: Report) -> None:
    found = curve_data(report)
    assert report.generalised is not None
    assert found["points"] == report.generalised.curve_rows() and found["calibration"] == "none"
    (axes,) = draw_curves([report]).figure.axes
    steps, chosen, oracle, stops = axes.lines
    assert list(steps.get_xdata()) == [point["unseen_per_class"] for point in found["points"]]
    assert (chosen.get_xdata()[0], chosen.get_ydata()[0]) == (
        report.generalised.point.unseen,
        report.generalised.point.seen,
    )
    assert oracle.get_ydata()[0] == report.generalised.oracle.seen
    assert 2 <= len(stops.get_xdata()) <= len(found["points"])

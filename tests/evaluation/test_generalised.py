"""The generalised setting as a whole, and the files of its curve."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.errors import InputFileError, MissingDependencyError
from kgzsl.evaluation import Report, evaluate, plot_curves, to_markdown, to_text, write_curves
from kgzsl.evaluation.curve_files import draw_curve
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.splits import Split


@pytest.fixture
def report(bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split) -> Report:
    return evaluate(bank, images, graph=world, split=split, candidates="all", name="folder/pictures.safetensors")


def test_the_figures_by_hand(report: Report) -> None:
    # gaps: okapi 2 - 3, okapi (beaten by hammer), puppy 3 - 2, hammer 0 - 1, dog 3 - 1; all but one right of its kind
    found = report.generalised
    assert found is not None and found.calibration == "none"
    assert (found.point.gamma, found.point.seen) == (0, 100)
    assert found.point.unseen == pytest.approx(100 * (1 / 2 + 0 + 1) / 3)
    assert found.oracle.gamma == 1.5  # between the puppy and the dog
    assert (found.oracle.seen, found.oracle.unseen) == (100, pytest.approx(100 * (1 / 2 + 1 + 1) / 3))
    assert found.ausuc == {"class": pytest.approx(100 * 2.5 / 3), "image": pytest.approx(100 * 3 / 4)}


@pytest.mark.parametrize("calibrate", [1.5, "oracle", lambda unseen: 0.5 * len(unseen) - 0.5])
def test_all_figures_are_those_of_the_calibrated_scorer(
    calibrate: object, bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split, report: Report
) -> None:
    found = evaluate(bank, images, graph=world, split=split, candidates="all", calibrate=calibrate)  # type: ignore[arg-type]
    assert found.generalised is not None and found.seen is not None and found.unseen is not None
    assert found.generalised.point.gamma == 1.5
    assert found.unseen.hits_macro[1] == pytest.approx(found.generalised.point.unseen)
    assert found.seen.hits_macro[1] == found.generalised.point.seen == 100
    assert found.harmonic_mean == pytest.approx(found.generalised.point.harmonic_mean)
    assert found.generalised.oracle == report.generalised.oracle  # type: ignore[union-attr]
    assert found.generalised.ausuc == report.generalised.ausuc  # type: ignore[union-attr]


def test_images_of_seen_classes_from_another_file_take_the_place_of_the_own_ones(
    bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split
) -> None:
    wrong = FeatureSet(images.features[[2, 0, 2]], torch.tensor([0, 1, 0]), type(images.index)(("cat", "dog")), "toy")
    found = evaluate(bank, images, graph=world, split=split, candidates="generalised", seen_images=wrong)
    assert (found.num_candidates, found.figures.num_images) == (5, 6)
    assert found.seen is not None and found.seen.num_images == 3 and found.seen.hits_micro[1] == 0
    assert found.unseen is not None and found.unseen.num_images == 3


def test_nothing_to_calibrate_is_said(
    bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split
) -> None:
    with pytest.raises(InputFileError, match="nothing to calibrate: the scored images are of unseen classes only"):
        evaluate(bank, images, graph=world, split=split, candidates="unseen", calibrate=1.0)
    with pytest.raises(InputFileError, match="calibrate is a number or 'oracle', found 'best'"):
        evaluate(bank, images, graph=world, split=split, candidates="all", calibrate="best")


def test_the_text_names_the_oracle(
    report: Report, bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split
) -> None:
    text = to_text([report])
    assert "  gamma 0, as they score\n" in text
    assert "  oracle (the best gamma on these very images, no result): gamma 1.5, S 100.0, U 83.3, H 90.9" in text
    best = evaluate(bank, images, graph=world, split=split, candidates="all", calibrate="oracle")
    assert "  gamma 1.5, an oracle: the best on these very images\n" in to_text([best])
    assert "| 1.5 (oracle) | 100.0" in to_markdown([best])
    assert "hubness" not in text and "hubness " in to_text([best], details=True)


def test_the_curve_as_data(report: Report, tmp_path: Path) -> None:
    write_curves(tmp_path / "curve.json", [report])
    (found,) = json.loads((tmp_path / "curve.json").read_text())
    assert found["features"] == "folder/pictures.safetensors" and found["candidates"] == "all"
    points = found["points"]
    assert [point["seen_per_class"] for point in points] == [100, 100, 100, 0]
    assert [point["unseen_per_image"] for point in points] == [0, 50, 75, 75]
    assert points[1]["gamma"] == 0 and points[2]["gamma"] == 1.5
    write_curves(tmp_path / "curve.tsv", [report])
    lines = [line.split("\t") for line in (tmp_path / "curve.tsv").read_text().splitlines()]
    assert lines[0] == ["features", "candidates", *points[0]]
    assert [dict(zip(lines[0], line))["gamma"] for line in lines[2:4]] == ["0.0", "1.5"] and len(lines) == 5


def test_the_curve_as_a_picture(report: Report, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs pip install 'kgzsl[plots]'")
    for ending in ("png", "svg"):
        plot_curves(tmp_path / "deep" / f"curve.{ending}", [report])
    assert (tmp_path / "deep" / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "deep" / "curve.svg").read_text()


def test_what_is_drawn(report: Report) -> None:
    figure = pytest.importorskip("matplotlib.figure", reason="needs pip install 'kgzsl[plots]'").Figure()
    axes = figure.subplots()
    draw_curve(axes, report)
    steps, chosen, oracle = axes.get_lines()
    assert steps.get_xdata().tolist() == pytest.approx([0, 50, 250 / 3, 250 / 3])
    assert steps.get_ydata().tolist() == [100, 100, 100, 0] and steps.get_drawstyle() == "steps-pre"
    assert [*chosen.get_xdata(), *chosen.get_ydata()] == pytest.approx([50, 100])
    assert oracle.get_xdata().tolist() == pytest.approx([250 / 3])


def test_refusals_of_curves(
    report: Report,
    bank: ClassifierBank,
    images: FeatureSet,
    world: ClassGraph,
    split: Split,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flat = evaluate(bank, images, graph=world, split=split)
    with pytest.raises(InputFileError, match="No report has a curve: it takes seen and unseen classes"):
        write_curves(tmp_path / "curve.tsv", [flat])
    with pytest.raises(InputFileError, match=r"A curve is written as \.json or \.tsv, found 'curve\.csv'"):
        write_curves("curve.csv", [report])
    with pytest.raises(InputFileError, match=r"A plot is written as \.png, \.pdf, \.svg, found 'curve\.bmp'"):
        plot_curves("curve.bmp", [report])
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'kgzsl\[plots\]'"):
        plot_curves(tmp_path / "curve.png", [report])

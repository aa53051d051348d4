"""A report shows itself in a notebook with the figures of its text tables."""

from __future__ import annotations

import re
from dataclasses import replace

from kgzsl.bank import ClassifierBank
from kgzsl.evaluation import Bootstrap, Report, evaluate
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.splits import Split


def cells(markup: str) -> list[list[str]]:
    """Return the texts of every row of every table."""
    return [re.findall(r"<t[hd][^>]*>([^<]*)<", row) for row in re.findall(r"<tr.*?</tr>", markup)]


def report_of(
    kind: str, bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split, **options: object
) -> Report:
    return evaluate(
        *(bank, images),
        graph=world,
        split=split,
        candidates=kind,
        name="folder/<b>.safetensors",
        bootstrap=Bootstrap(50),
        **options,
    )


def test_hits_with_intervals(bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split) -> None:
    report = report_of("unseen", bank, images, world, split, baseline=bank, by=["hops"])
    shown = report._repr_html_()
    rows = {row[0]: row[1:] for row in cells(shown)}
    ends = report.figures.interval_micro
    assert rows["Hit@k in %"] == ["@1", "@2"] and rows["micro"] == ["75.0", "100.0"] == rows["nearest seen"]
    assert rows["95 % of micro"] == [f"{low:.1f} to {high:.1f}" for low, high in (ends[1], ends[2])]
    assert rows["macro"] == [f"{100 * (1 / 2 + 1 + 1) / 3:.1f}", "100.0"] and rows["chance"] == ["25.0", "50.0"]
    assert "&lt;b&gt;, candidates unseen (4)" in shown and "4 images of 3 classes" in shown
    assert "tolerant @1 75.0, mean tree distance 1.00" in shown and report.notes[0] in shown
    groups = report.breakdowns["hops"]
    assert [rows[group][0] for group in groups] == [f"{figures.num_images:,}" for figures in groups.values()]
    low, high = next(iter(groups.values())).interval_micro[1]
    assert rows[next(iter(groups))][-1] == f"{low:.1f} to {high:.1f}"
    first = report.figures.interval_micro[1]
    assert repr(report) == (
        "Report('folder/<b>.safetensors', 4 images, 4 candidates (unseen), "
        f"Hit@1 75.0 % [{first[0]:.1f}, {first[1]:.1f}])"
    )
    bare = replace(report, figures=replace(report.figures, interval_micro={}))
    assert repr(bare).endswith("Hit@1 75.0 %)")


def test_seen_against_unseen(bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split) -> None:
    report = report_of("all", bank, images, world, split)
    shown, found = report._repr_html_(), report.generalised
    assert found is not None
    rows = {row[0]: row[1:] for row in cells(shown)}
    low, high = found.intervals["harmonic_mean"]
    assert rows["H"] == [f"{found.point.harmonic_mean:.1f}", f"{low:.1f} to {high:.1f}"]
    assert rows["seen S"][0] == "100.0" and rows["AUSUC per image"][0] == f"{100 * 3 / 4:.1f}"
    assert "gamma 0, as they score" in shown and f"reaches H {found.oracle.harmonic_mean:.1f}" in shown
    assert "seen images of" in shown and "unseen images of" in shown

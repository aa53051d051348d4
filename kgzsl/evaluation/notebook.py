"""A report as a notebook shows it: one table a set of images, intervals beside the figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath

from kgzsl.evaluation.generalised import Generalised
from kgzsl.evaluation.report import Figures, Report
from kgzsl.evaluation.tables import CALIBRATIONS, rows_by_k
from kgzsl.markup import Html, page, paragraph, table

__all__ = ["to_html"]

H = "harmonic_mean"
INTERVALS = ("  95 % low", "  95 % high")


def to_html(report: Report) -> Html:
    """Return a report as HTML: Hit@k with intervals, chance and baseline; seen against unseen; by groups; notes."""
    parts = [part for name, figures in report.parts() for part in _figures(report, name, figures)]
    if report.generalised is not None:
        parts += _seen_against_unseen(report.generalised)
    parts += [_groups(report, name, groups) for name, groups in report.breakdowns.items()]
    parts += [paragraph(note) for note in report.notes]
    among = f"candidates {PurePath(report.candidates).stem} ({report.num_candidates:,})"
    return page(f"{PurePath(report.features).stem}, {among}", *parts)


def _figures(report: Report, name: str, figures: Figures) -> Iterator[Html]:
    shown = report.shown_hits
    images = f"{name} images" if name else "images"
    named = dict(rows_by_k(report, figures, details=False))
    rows = [(row, *(f"{named[row][k]:.1f}" for k in shown)) for row in named if row not in INTERVALS]
    low, high = (named[row] for row in INTERVALS)
    between = ("95 % of micro", *(f"{low[k]:.1f} to {high[k]:.1f}" for k in shown))
    title = f"{figures.num_images:,} {images} of {figures.num_classes:,} classes"
    yield table(("Hit@k in %", *(f"@{k}" for k in shown)), [rows[0], between, *rows[1:]], title=title)
    distance = "" if figures.tree_distance is None else f", mean tree distance {figures.tree_distance:.2f}"
    yield paragraph(f"tolerant @1 {figures.tolerant:.1f}{distance}")


def _seen_against_unseen(found: Generalised) -> list[Html]:
    point, ends = found.point, found.intervals
    named = [("seen S", point.seen, "seen"), ("unseen U", point.unseen, "unseen"), ("H", point.harmonic_mean, H)]
    named += [(f"AUSUC per {kind}", area, f"ausuc_{kind}") for kind, area in found.ausuc.items()]
    rows = [(name, f"{value:.1f}", f"{ends[key][0]:.1f} to {ends[key][1]:.1f}") for name, value, key in named]
    gamma = f"gamma {point.gamma:.3g}, {CALIBRATIONS[found.calibration]}"
    best = f"an oracle, the best gamma on these very images, reaches H {found.oracle.harmonic_mean:.1f}"
    return [
        table(("means over classes in %", "", "95 %"), rows, title="seen against unseen"),
        paragraph(f"{gamma}; {best}"),
    ]


def _groups(report: Report, name: str, groups: Mapping[str, Figures]) -> Html:
    shown = report.shown_hits
    head = (name, "images", "classes", *(f"@{k}" for k in shown), "95 % of @1")
    rows = [
        (
            group,
            f"{figures.num_images:,}",
            f"{figures.num_classes:,}",
            *(f"{figures.hits_micro[k]:.1f}" for k in shown),
            "{:.1f} to {:.1f}".format(*figures.interval_micro[1]),
        )
        for group, figures in groups.items()
    ]
    return table(head, rows, title=f"by {name}, micro Hit@k in %")

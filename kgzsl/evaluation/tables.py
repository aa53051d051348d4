"""Reports as text for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from kgzsl.evaluation.metrics import chance
from kgzsl.evaluation.report import HITS, Figures, Report

__all__ = ["CALIBRATIONS", "rows_by_k", "to_markdown", "to_text"]

CALIBRATIONS = {
    "none": "as they score",
    "given": "as given",
    "cv": "chosen on hidden seen classes",
    "oracle": "an oracle: the best on these very images",
}


def to_text(reports: Sequence[Report], details: bool = False) -> str:
    """Return a block of lines a report, for the terminal.

    Args:
        reports: what was found.
        details: also the intervals of macro figures, hubness, and the intervals of hierarchical metrics.
    """
    lines: list[str] = []
    for report in reports:
        for name, figures in report.parts():
            lines += [*_block(report, name, figures, details), ""]
        if report.generalised is not None:
            lines += [*_generalised(report), ""]
        elif (mean := report.harmonic_mean) is not None:
            lines += [f"harmonic mean of seen and unseen macro Hit@1: {mean:.1f}", ""]
        for name, groups in report.breakdowns.items():
            lines += [*_breakdown(report, name, groups), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _block(report: Report, name: str, figures: Figures, details: bool) -> list[str]:
    title = f"{_stem(report.features)}, candidates {_stem(report.candidates)} ({report.num_candidates:,})"
    images = f"{name} images" if name else "images"
    shown = report.shown_hits
    table = [("Hit@k in %", [f"@{k}" for k in shown])]
    table += [(row, [f"{values[k]:.1f}" for k in shown]) for row, values in rows_by_k(report, figures, details)]
    rows = [f"  {row:<15}" + "".join(f"{cell:>7}" for cell in cells) for row, cells in table]
    return [
        f"{title}: {figures.num_images:,} {images} of {figures.num_classes:,} classes",
        *rows,
        *_hierarchy(figures, details),
        *(_hubness(report) if details and not name else ()),
    ]


def rows_by_k(report: Report, figures: Figures, details: bool) -> Iterator[tuple[str, Mapping[int, float]]]:
    """Yield the rows of figures by k, each with its name; intervals of macro figures only with ``details``."""
    yield "micro", figures.hits_micro
    yield from _ends(figures.interval_micro)
    yield "macro", figures.hits_macro
    if details:
        yield from _ends(figures.interval_macro)
    yield "chance", {k: chance(report.num_candidates, k) for k in HITS}
    if figures.nearest_seen is not None:
        yield "nearest seen", figures.nearest_seen[0]
    if set(report.shown_hits) <= figures.hierarchical.keys():
        yield "hierarchical", figures.hierarchical
        if details:
            yield from _ends(figures.interval_hierarchical)
            yield "  chance", figures.chance_hierarchical


def _ends(intervals: Mapping[int, tuple[float, float]]) -> Iterator[tuple[str, Mapping[int, float]]]:
    yield "  95 % low", {k: low for k, (low, _) in intervals.items()}
    yield "  95 % high", {k: high for k, (_, high) in intervals.items()}


def _hierarchy(figures: Figures, details: bool) -> Iterator[str]:
    tolerant = f"{figures.tolerant:.1f}" + (_interval(figures.interval_tolerant) if details else "")
    distance = ""
    if figures.tree_distance is not None:
        shown = f"{figures.tree_distance:.2f}" + (_interval(figures.interval_tree_distance, 2) if details else "")
        distance = f", mean tree distance {shown}"
    yield f"  tolerant @1 {tolerant}{distance}"


def _hubness(report: Report) -> Iterator[str]:
    if report.hubness:
        yield "  hubness " + ", ".join(f"{value:.1f} (of the {k} best)" for k, value in report.hubness.items())


def _generalised(report: Report) -> Iterator[str]:
    found = report.generalised
    assert found is not None
    point, oracle, intervals = found.point, found.oracle, found.intervals
    parts = [
        f"{name} {value:.1f}{_interval(intervals[key])}"
        for name, key, value in (
            ("seen S", "seen", point.seen),
            ("unseen U", "unseen", point.unseen),
            ("H", "harmonic_mean", point.harmonic_mean),
        )
    ]
    yield "seen against unseen, means over classes in %:"
    yield f"  {', '.join(parts)}"
    yield f"  gamma {point.gamma:.3g}, {CALIBRATIONS[found.calibration]}"
    areas = [f"{found.ausuc[kind]:.1f}{_interval(intervals[f'ausuc_{kind}'])} per {kind}" for kind in found.ausuc]
    yield f"  AUSUC {', '.join(areas)}"
    if found.calibration != "oracle":
        reached = f"S {oracle.seen:.1f}, U {oracle.unseen:.1f}, H {oracle.harmonic_mean:.1f}"
        yield f"  oracle (the best gamma on these very images, no result): gamma {oracle.gamma:.3g}, {reached}"


def _breakdown(report: Report, name: str, groups: Mapping[str, Figures]) -> Iterator[str]:
    width = max(len(name), *map(len, groups)) + 2
    yield f"{_stem(report.features)}, by {name}, micro Hit@k in %"
    shown = "".join(f"{f'@{k}':>7}" for k in report.shown_hits)
    yield f"  {name:<{width}}{'images':>7}{'classes':>9}{shown}   95 % of @1"
    for group, figures in groups.items():
        cells = "".join(f"{figures.hits_micro[k]:>7.1f}" for k in report.shown_hits)
        ends = _interval(figures.interval_micro[1])
        yield f"  {group:<{width}}{figures.num_images:>7,}{figures.num_classes:>9,}{cells}  {ends}"


def _interval(ends: tuple[float, float] | None, digits: int = 1) -> str:
    return "" if ends is None else f" [{ends[0]:.{digits}f}, {ends[1]:.{digits}f}]"


def to_markdown(reports: Sequence[Report]) -> str:
    """Return one Markdown table with a row a set of images, one of seen against unseen, and the notes below."""
    shown = [k for k in HITS if any(k in report.shown_hits for report in reports)]
    head = ["features", "candidates", "images", "classes", "@1 [95 %]", *(f"@{k}" for k in shown if k > 1)]
    head += ["macro @1", "hierarchical @5", "tolerant @1", "tree distance", "chance @1", "nearest seen @1"]
    lines = _table(head, 2)
    for report in reports:
        for name, figures in report.parts():
            lines.append("| " + " | ".join(_cells(report, name, figures, shown)) + " |")
    both = [report for report in reports if report.generalised is not None]
    if both:
        head = ["features", "candidates", "gamma", "S [95 %]", "U [95 %]", "H [95 %]", "AUSUC per class", "per image"]
        lines += ["", *_table([*head, "oracle gamma", "oracle H"], 2)]
        lines += ["| " + " | ".join(_generalised_cells(report)) + " |" for report in both]
    for report in reports:
        for name, groups in report.breakdowns.items():
            head = [f"{_stem(report.features)}, by {name}", "images", "classes", "@1 [95 %]", "macro @1"]
            lines += ["", *_table(head, 1), *(_group_row(group, figures) for group, figures in groups.items())]
    notes = dict.fromkeys(note for report in reports for note in report.notes)
    return "\n".join(lines) + "\n" + "".join(f"\n{note}\n" for note in notes)


def _table(head: Sequence[str], left: int) -> list[str]:
    return ["| " + " | ".join(head) + " |", "|" + "---|" * left + "---:|" * (len(head) - left)]


def _cells(report: Report, name: str, figures: Figures, shown: Sequence[int]) -> list[str]:
    own, baseline = report.shown_hits, figures.nearest_seen
    return [
        _stem(report.features) + (f", {name} images" if name else ""),
        f"{_stem(report.candidates)} ({report.num_candidates:,})",
        f"{figures.num_images:,}",
        f"{figures.num_classes:,}",
        f"{figures.hits_micro[1]:.1f}{_interval(figures.interval_micro[1])}",
        *(f"{figures.hits_micro[k]:.1f}" if k in own else "" for k in shown if k > 1),
        f"{figures.hits_macro[1]:.1f}",
        f"{figures.hierarchical[5]:.1f}" if 5 in figures.hierarchical else "",
        f"{figures.tolerant:.1f}",
        "" if figures.tree_distance is None else f"{figures.tree_distance:.2f}",
        f"{chance(report.num_candidates, 1):.2f}",
        "" if baseline is None else f"{baseline[0][1]:.1f}",
    ]


def _generalised_cells(report: Report) -> list[str]:
    found = report.generalised
    assert found is not None
    ends, point = found.intervals, found.point
    return [
        _stem(report.features),
        f"{_stem(report.candidates)} ({report.num_candidates:,})",
        f"{point.gamma:.3g} ({found.calibration})",
        f"{point.seen:.1f}{_interval(ends['seen'])}",
        f"{point.unseen:.1f}{_interval(ends['unseen'])}",
        f"{point.harmonic_mean:.1f}{_interval(ends['harmonic_mean'])}",
        f"{found.ausuc['class']:.1f}{_interval(ends['ausuc_class'])}",
        f"{found.ausuc['image']:.1f}{_interval(ends['ausuc_image'])}",
        f"{found.oracle.gamma:.3g}",
        f"{found.oracle.harmonic_mean:.1f}",
    ]


def _group_row(group: str, figures: Figures) -> str:
    first = f"{figures.hits_micro[1]:.1f}{_interval(figures.interval_micro[1])}"
    cells = [group, f"{figures.num_images:,}", f"{figures.num_classes:,}", first, f"{figures.hits_macro[1]:.1f}"]
    return "| " + " | ".join(cells) + " |"


def _stem(name: str) -> str:
    return PurePath(name).stem

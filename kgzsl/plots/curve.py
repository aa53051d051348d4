"""The seen-unseen curve: what any gamma would reach, the one that was chosen, and the best in hindsight."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePath
from typing import Any

import numpy as np

from kgzsl.errors import InputFileError
from kgzsl.evaluation import Report
from kgzsl.evaluation.curve_files import draw_curve
from kgzsl.plots.picture import Picture
from kgzsl.plots.style import LINES, new_axes, styled

__all__ = ["curve_data", "draw_curves"]

STOPS = 60
"""How many points of a curve say their gamma on a page."""


def curve_data(report: Report) -> dict[str, Any]:
    """Return the figures of a report and every point of its curve, in percent.

    Raises:
        InputFileError: the report has no curve.
    """
    if report.generalised is None:
        raise InputFileError(
            f"The report of {report.features} has no curve: it takes seen and unseen classes among the candidates and "
            "images of both. Use candidates generalised or all, and images of seen classes (--seen-images)."
        )
    named = {"features": report.features, "candidates": report.candidates, "num_candidates": report.num_candidates}
    return {**named, **report.generalised.to_json(), "points": report.generalised.curve_rows()}


def draw_curves(reports: Sequence[Report]) -> Picture:
    """Draw a curve a report, means over classes, with the chosen gamma (dot) and the oracle's (cross)."""
    found = [curve_data(report) for report in reports]
    title = "What seen and unseen classes reach as gamma moves"
    tips: dict[str, tuple[str, ...]] = {}
    series: dict[str, tuple[str, ...]] = {}
    with styled():
        figure, (axes,) = new_axes(6.0, 5.4, title)
        for number, (report, data) in enumerate(zip(reports, found)):
            before = len(axes.lines)
            draw_curve(axes, report)
            drawn = axes.lines[before:]
            drawn[0].set_linestyle(LINES[number % len(LINES)])
            for place, line in enumerate(drawn):
                line.set_gid(f"curve-{number}-{place}")
                tips[f"curve-{number}-{place}"] = (str(line.get_label()),)
            stops = _stops(data["points"])
            across, up = ([one[f"{kind}_per_class"] for one in stops] for kind in ("unseen", "seen"))
            axes.plot(across, up, "o", alpha=0.0, markersize=9, gid=f"stops-{number}", label="_")
            tips[f"stops-{number}"] = tuple(
                f"gamma {one['gamma']:.3g}: S {one['seen_per_class']:.1f} %, U {one['unseen_per_class']:.1f} %"
                for one in stops
            )
            name = PurePath(report.features).stem
            series[name] = (*(f"curve-{number}-{place}" for place in range(len(drawn))), f"stops-{number}")
        axes.set(xlabel="accuracy of unseen images, U, %", ylabel="accuracy of seen images, S, %")
        axes.set(xlim=(0, None), ylim=(0, None))
        axes.grid()
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=1)
    return Picture(figure, title, tips, series if len(reports) > 1 else {})


def _stops(points: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """Choose points of a curve that stand evenly along it."""
    along = np.cumsum([0.0, *(np.hypot(*step) for step in _steps(points))])
    wanted = np.linspace(0, along[-1], STOPS)
    return [points[place] for place in np.unique(np.searchsorted(along, wanted).clip(max=len(points) - 1))]


def _steps(points: Sequence[dict[str, float]]) -> list[tuple[float, float]]:
    names = ("seen_per_class", "unseen_per_class")
    return [(b[names[0]] - a[names[0]], b[names[1]] - a[names[1]]) for a, b in pairwise(points)]

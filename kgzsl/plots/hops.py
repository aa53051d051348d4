"""Hit@1 by how many steps of the graph a class is away from the nearest seen one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

from kgzsl.errors import InputFileError
from kgzsl.evaluation import Report
from kgzsl.evaluation.metrics import chance
from kgzsl.plots.bars import BarSeries, draw_bars
from kgzsl.plots.picture import Picture
from kgzsl.plots.style import new_axes, styled

__all__ = ["HitsByHops", "HitsOfHop", "draw_hops", "hops_data"]

HOPS = "hops"


@dataclass(frozen=True, slots=True)
class HitsOfHop:
    """Hit@1 over the images of the classes that are equally far from the seen ones, in percent.

    Args:
        hops: the steps, as `kgzsl.evaluation` names the group.
        num_images, num_classes: what it is over.
        hit1: of the classifier.
        interval: 95 % bootstrap interval over classes.
        nearest_seen: of the baseline, None where there was none.
    """

    hops: str
    num_images: int
    num_classes: int
    hit1: float
    interval: tuple[float, float]
    nearest_seen: float | None


@dataclass(frozen=True, slots=True)
class HitsByHops:
    """The hits of one feature file, nearest classes first, and what guessing brings."""

    features: str
    candidates: str
    num_candidates: int
    chance: float
    rows: tuple[HitsOfHop, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def hops_data(report: Report) -> HitsByHops:
    """Take what is drawn out of a report that was broken down by hops.

    Raises:
        InputFileError: it was not.
    """
    if HOPS not in report.breakdowns:
        raise InputFileError(f"The report of {report.features} is not broken down by hops; evaluate with by=['hops'].")
    rows = tuple(
        HitsOfHop(
            hops,
            figures.num_images,
            figures.num_classes,
            figures.hits_micro[1],
            figures.interval_micro[1],
            figures.nearest_seen and figures.nearest_seen[0][1],
        )
        for hops, figures in report.breakdowns[HOPS].items()
    )
    guess = chance(report.num_candidates, 1)
    return HitsByHops(report.features, report.candidates, report.num_candidates, guess, rows)


def draw_hops(files: Sequence[HitsByHops]) -> Picture:
    """Draw bars with intervals, a series a feature file."""
    groups = sorted({row.hops for one in files for row in one.rows}, key=lambda hops: (not hops.isdigit(), hops))
    title = "Hit@1 by distance from the seen classes"
    with styled():
        figure, (axes,) = new_axes(6.8, 4.8, title)
        tips, series = draw_bars(axes, groups, [_bars(one) for one in files])
        axes.set(
            xlabel="steps in the class graph to the nearest seen class (above a bar: its classes)",
            ylabel="Hit@1, % of the images",
        )
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)
    return Picture(figure, title, tips, series)


def _bars(one: HitsByHops) -> BarSeries:
    said = {
        row.hops: f"steps: {row.hops}, Hit@1 {row.hit1:.1f} % [{row.interval[0]:.1f}, {row.interval[1]:.1f}]\n"
        f"images: {row.num_images:,}, classes: {row.num_classes:,}"
        for row in one.rows
    }
    marks = {"chance": {row.hops: one.chance for row in one.rows}}
    nearest = {row.hops: row.nearest_seen for row in one.rows if row.nearest_seen is not None}
    return BarSeries(
        f"{PurePath(one.features).stem}, {one.num_candidates:,} candidates",
        {row.hops: row.hit1 for row in one.rows},
        said,
        {row.hops: row.interval for row in one.rows},
        ({"nearest seen class": nearest} if nearest else {}) | marks,
        {row.hops: str(row.num_classes) for row in one.rows},
    )

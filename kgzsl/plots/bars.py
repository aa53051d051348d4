"""Bars side by side in groups, with intervals, and a mark on each for what it is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kgzsl.plots.style import COLOURS, HATCHES, INK

__all__ = ["BarSeries", "draw_bars"]

WIDTH = 0.76
"""Of the room between two groups, how much the bars of one take."""
BESIDE = (("D", "white"), ("_", INK))
"""Shape and fill of the marks."""


@dataclass(frozen=True, slots=True)
class BarSeries:
    """The bars of one colour.

    Args:
        name: what the legend calls them.
        heights: group to height; a group may lack a bar.
        tips: group to what its bar says when pointed at.
        intervals: group to lower and upper end.
        marks: name of a mark to group to height.
        notes: group to a few characters above its bar.
    """

    name: str
    heights: Mapping[str, float]
    tips: Mapping[str, str]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    marks: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


def draw_bars(
    axes: Any, groups: Sequence[str], series: Sequence[BarSeries]
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Draw the bars on matplotlib axes, a group at each whole number.

    Returns:
        Tips and series as `Picture` takes them.
    """
    tips: dict[str, tuple[str, ...]] = {}
    shown: dict[str, tuple[str, ...]] = {}
    width = WIDTH / len(series)
    for number, one in enumerate(series):
        at = {group: place + (number - (len(series) - 1) / 2) * width for place, group in enumerate(groups)}
        held = [group for group in groups if group in one.heights]
        colour, hatch = COLOURS[number % len(COLOURS)], HATCHES[number % len(HATCHES)]
        for group in held:
            (bar,) = axes.bar(
                at[group],
                one.heights[group],
                0.94 * width,
                facecolor=colour,
                edgecolor="white",
                hatch=hatch,
                label=one.name if group == held[0] else "_",
            )
            bar.set_gid(f"bar-{number}-{groups.index(group)}")
            tips[bar.get_gid()] = (one.tips[group],)
        shown[one.name] = tuple(f"bar-{number}-{groups.index(group)}" for group in held)
        if one.intervals:
            shown[one.name] += (_draw_intervals(axes, one, at, f"interval-{number}"),)
        for group, note in one.notes.items():
            top = max(one.heights[group], *one.intervals.get(group, (0.0,)), *_marked(one, group))
            text = {"xytext": (0, 3), "textcoords": "offset points", "ha": "center", "fontsize": 7.5}
            axes.annotate(note, (at[group], top), gid=f"note-{number}-{groups.index(group)}", **text)
            shown[one.name] += (f"note-{number}-{groups.index(group)}",)
        for place, (name, heights) in enumerate(one.marks.items()):
            gid = f"mark-{number}-{place}"
            _draw_marks(axes, heights, at, place, name if number == 0 else "_", width, gid)
            shown[one.name] += (gid,)
            tips[gid] = tuple(f"{name}: {heights[group]:.1f} %" for group in groups if group in heights)
    axes.set_xticks(range(len(groups)), groups)
    axes.grid(axis="y")
    axes.set_ylim(bottom=0)
    return tips, shown if len(series) > 1 else {}


def _marked(one: BarSeries, group: str) -> list[float]:
    return [heights[group] for heights in one.marks.values() if group in heights]


def _draw_intervals(axes: Any, one: BarSeries, at: Mapping[str, float], gid: str) -> str:
    held = [group for group in at if group in one.intervals]
    ends = [one.intervals[group] for group in held]
    axes.vlines([at[group] for group in held], *zip(*ends), colors=INK, linewidth=1.1, gid=gid)
    return gid


def _draw_marks(
    axes: Any, heights: Mapping[str, float], at: Mapping[str, float], place: int, name: str, width: float, gid: str
) -> None:
    held = [group for group in at if group in heights]
    marker, fill = BESIDE[place % len(BESIDE)]
    size = 6.0 if marker == "D" else 60 * 0.5 * width
    across = [at[group] - (0.25 * width if marker == "D" else 0) for group in held]
    values = [heights[group] for group in held]
    style = {"markerfacecolor": fill, "markeredgecolor": INK, "linestyle": "none", "markersize": size}
    axes.plot(across, values, marker, label=name, gid=gid, zorder=4, **style)

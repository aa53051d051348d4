"""The map of classifiers as a picture: colour is the branch, shape is what a classifier is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import hypot
from statistics import median
from typing import Any

from kgzsl.plots.branches import OTHER
from kgzsl.plots.classifier_map import HIDDEN, TRUE, UNSEEN, ClassifierMap, MapPoint
from kgzsl.plots.picture import Picture
from kgzsl.plots.style import COLOURS, INK, REST, new_axes, styled

__all__ = ["draw_map"]

SHAPES = {TRUE: ("o", True), HIDDEN: ("o", False), UNSEEN: ("^", True)}
"""Marker of each kind, and whether it is filled."""
SIZE = 17.0
NEAR = 0.35
"""A branch is named where this share of its points lies nearest."""
ROOM = (0.19, 0.045)
"""Share of the map's width and height that a name needs."""


def draw_map(data: ClassifierMap) -> Picture:
    """Draw the points; a thin line joins a true classifier with the same class as predicted while hidden."""
    sizes = Counter(point.branch for point in data.points if point.branch != OTHER)
    colours = {branch: COLOURS[place % 7] for place, (branch, _) in enumerate(sizes.most_common())} | {OTHER: REST}
    kinds = [kind for kind in SHAPES if any(point.kind == kind for point in data.points)]
    title = "Classifiers, like ones beside each other"
    tips: dict[str, tuple[str, ...]] = {}
    shown: dict[str, list[str]] = {}
    with styled():
        figure, (axes,) = new_axes(8.2, 6.8, title + _found(data))
        _join(axes, data.points)
        for place, branch in enumerate(colours):
            for number, kind in enumerate(kinds):
                part = [point for point in data.points if point.branch == branch and point.kind == kind]
                if part:
                    gid = f"points-{place}-{number}"
                    _scatter(axes, part, colours[branch], kind, gid)
                    tips[gid] = tuple(f"{point.name} ({point.class_id})\n{kind}; {branch}" for point in part)
                    for name in (kind, branch):
                        shown.setdefault(name, []).append(gid)
        shown |= {HIDDEN: [*shown[HIDDEN], "joins"]} if HIDDEN in shown else {}
        _name_branches(axes, data.points, colours)
        _name_asked(axes, data.points)
        axes.spines[:].set_visible(False)
        axes.set(xticks=[], yticks=[], xlabel="t-SNE: near points are alike, distances across the map mean little")
        _legend(axes, kinds, colours)
    order = [*kinds, *colours]
    return Picture(figure, title, tips, {name: tuple(shown[name]) for name in order if name in shown})


def _found(data: ClassifierMap) -> str:
    if data.found is None:
        return ""
    hidden = sum(point.kind == HIDDEN for point in data.points)
    return f"\n{data.found:.0f} % of the {hidden} hidden classes have their own true classifier nearest of all shown"


def _scatter(axes: Any, points: Sequence[MapPoint], colour: str, kind: str, gid: str) -> None:
    marker, filled = SHAPES[kind]
    axes.scatter(
        [point.x for point in points],
        [point.y for point in points],
        s=[4 * SIZE if point.is_asked else SIZE for point in points],
        marker=marker,
        facecolors=colour if filled else "white",
        edgecolors=colour if not filled else "white",
        linewidths=1.0 if not filled else 0.4,
        gid=gid,
        zorder=3,
    )


def _join(axes: Any, points: Sequence[MapPoint]) -> None:
    from matplotlib.collections import LineCollection

    true = {point.class_id: (point.x, point.y) for point in points if point.kind == TRUE}
    lines = [
        (true[point.class_id], (point.x, point.y))
        for point in points
        if point.kind == HIDDEN and point.class_id in true
    ]
    axes.add_collection(LineCollection(lines, colors="#c4c4c4", linewidths=0.5, zorder=1, gid="joins"))


def _name_branches(axes: Any, points: Sequence[MapPoint], colours: dict[str, str]) -> None:
    """Write each branch where its points are densest, so that it is known without its colour; no two names overlap."""
    width, height = (
        max(getattr(one, axis) for one in points) - min(getattr(one, axis) for one in points) for axis in "xy"
    )
    taken = [(point.x + 0.03 * width, point.y) for point in points if point.is_asked]
    for branch in colours:
        part = [point for point in points if point.branch == branch]
        if branch == OTHER or not part:
            continue
        places = _by_density(part)
        free = [
            (x, y)
            for x, y in places
            if all(abs(x - a) > ROOM[0] * width or abs(y - b) > ROOM[1] * height for a, b in taken)
        ]
        taken.append((free or places)[0])
        ground = {"facecolor": "white", "edgecolor": colours[branch], "alpha": 0.85, "pad": 2.0, "linewidth": 1.0}
        text = {"ha": "center", "va": "center", "fontsize": 9.5, "weight": "bold", "zorder": 5}
        axes.text(*taken[-1], branch, bbox=ground, **text)


def _by_density(points: Sequence[MapPoint]) -> list[tuple[float, float]]:
    """Return the middle of the densest part, then the points in the order of their distance from it."""
    x, y = (median(getattr(point, axis) for point in points) for axis in "xy")
    near = sorted(points, key=lambda point: hypot(point.x - x, point.y - y))[: max(1, int(NEAR * len(points)))]
    x, y = (median(getattr(point, axis) for point in near) for axis in "xy")
    order = sorted(points, key=lambda point: hypot(point.x - x, point.y - y))
    return [(x, y), *((point.x, point.y) for point in order)]


def _name_asked(axes: Any, points: Sequence[MapPoint]) -> None:
    for point in points:
        if point.is_asked:
            place = {"xytext": (7, 5), "textcoords": "offset points", "fontsize": 9, "zorder": 6}
            ground = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8}
            axes.annotate(point.name, (point.x, point.y), color=INK, bbox=ground, **place)


def _legend(axes: Any, kinds: Sequence[str], colours: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    entries = []
    for kind in kinds:
        marker, filled = SHAPES[kind]
        entries.append(Line2D([], [], color=INK, marker=marker, ls="none", mfc=INK if filled else "white", label=kind))
    for branch, colour in colours.items():
        entries.append(Line2D([], [], color=colour, marker="s", ls="none", label=branch))
    axes.legend(handles=entries, loc="upper center", bbox_to_anchor=(0.5, -0.05), ncols=4, handletextpad=0.2)

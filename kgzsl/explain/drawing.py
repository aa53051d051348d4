"""A neighbourhood as a picture, by matplotlib; kinds of classes differ in shape and line, so that it reads without
colour."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path, PurePath
from typing import Any

from kgzsl.errors import InputFileError, MissingDependencyError, StorageError
from kgzsl.explain.dot import to_dot
from kgzsl.explain.layout import Box, page_of
from kgzsl.explain.neighbourhood import ADDED, SEEN, UNSEEN, Neighbourhood, Node
from kgzsl.runtime import write_text, writing
from kgzsl.types import PathLike

__all__ = ["PICTURES", "check_picture_file", "draw", "figure_of"]

PICTURES = (".png", ".svg", ".dot")
FONT, DPI = 9.0, 110
FILLS = {SEEN: "#c9dcec", UNSEEN: "white", ADDED: "#fdf3d0"}
LEGEND = ((SEEN, "seen"), (UNSEEN, "unseen"), (ADDED, "added"))
LEGEND_HEIGHT, LEGEND_STEP = 0.42, 1.15
ALONG = 0.2
"""Where on a line its number of steps stands: 0 at the child, where lines are apart, 1 at the parent."""


def check_picture_file(path: PathLike) -> None:
    """Refuse, before there is anything to draw, a file that could not be written then.

    Raises:
        InputFileError: the name of the file says no format that is known.
        MissingDependencyError: matplotlib is not installed.
        StorageError: it is a folder, or nothing can be written where it is to be.
    """
    if PurePath(path).suffix not in PICTURES:
        raise InputFileError(f"A picture is written as {', '.join(PICTURES)}, found {str(path)!r}; name the file so.")
    _check_place(Path(path).absolute())
    if PurePath(path).suffix == ".dot":
        return
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "Pictures need matplotlib: pip install 'kgzsl[plots]'. A name that ends in .dot needs nothing."
        ) from error


def _check_place(path: Path) -> None:
    """Try the folder of a file, or the one in which it will be made."""
    if path.is_dir():
        raise StorageError(f"Could not write {path}: it is a folder; name a file.")
    try:
        with tempfile.TemporaryFile(dir=next(folder for folder in path.parents if folder.exists())):
            pass
    except OSError as error:
        raise StorageError(f"Could not write {path}: {error.strerror or error}; choose another place.") from error


def draw(path: PathLike, neighbourhood: Neighbourhood, title: str = "") -> None:
    """Write a neighbourhood as PNG, SVG or Graphviz DOT, by the ending of the file's name.

    Args:
        path: the file.
        neighbourhood: what is drawn.
        title: a line above it.

    Raises:
        InputFileError: the name of the file says no format that is known.
        MissingDependencyError: matplotlib is not installed.
        StorageError: the file could not be written.
    """
    check_picture_file(path)
    if PurePath(path).suffix == ".dot":
        write_text(path, to_dot(neighbourhood, title))
        return
    figure, settings = figure_of(neighbourhood, title), {"svg.hashsalt": "kgzsl", "svg.fonttype": "none"}
    from matplotlib import rc_context

    ending = PurePath(path).suffix
    metadata = {"Date": None} if ending == ".svg" else {"Software": None}
    with writing(path) as temporary, rc_context(settings):
        figure.savefig(temporary, format=ending[1:], dpi=DPI, metadata=metadata)


def figure_of(neighbourhood: Neighbourhood, title: str = "") -> Any:
    """Return the matplotlib figure, one inch of it an inch of the page; the box of a class has ``class-ID`` as gid."""
    from matplotlib.figure import Figure

    page = page_of(neighbourhood)
    kinds = {node.kind for node in neighbourhood.nodes}
    legend = [(kind, name) for kind, name in LEGEND if kind in kinds]
    head = 0.3 if title else 0.0
    width = max(page.width, LEGEND_STEP * len(legend) + 0.2, 0.078 * len(title) + 0.3)
    height, left = page.height + head + LEGEND_HEIGHT, (width - page.width) / 2
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(-left, width - left)
    axes.set_ylim(-LEGEND_HEIGHT, page.height + head)
    for link in neighbourhood.links:
        _line(axes, page.lines[link.child, link.parent], link.steps)
    for node in neighbourhood.nodes:
        _box(axes, page.boxes[node.class_id], node)
    for number, (kind, name) in enumerate(legend):
        box = Box(0.6 + LEGEND_STEP * number - left, -LEGEND_HEIGHT / 2 + 0.04, 0.95, 0.28, (name,))
        _box(axes, box, Node("", name, kind))
    if title:
        axes.text(page.width / 2, page.height + head / 2, title, ha="center", va="center", fontsize=FONT + 1)
    return figure


def _line(axes: Any, points: tuple[tuple[float, float], ...], steps: int) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Curve

    corners, codes = [points[0]], [Curve.MOVETO]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        middle = (y0 + y1) / 2
        corners += [(x0, middle), (x1, middle), (x1, y1)]
        codes += [Curve.CURVE4] * 3
    style = {"linestyle": (0, (2, 2))} if steps > 1 else {}
    axes.add_patch(PathPatch(Curve(corners, codes), fill=False, edgecolor="#555555", linewidth=1.0, zorder=1, **style))
    if steps > 1:
        (x0, y0), (x1, y1) = points[0], points[1]
        across, up = ALONG**2 * (3 - 2 * ALONG), 1.5 * ALONG - 1.5 * ALONG**2 + ALONG**3  # of the curve there
        place = (x0 + across * (x1 - x0), y0 + up * (y1 - y0))
        ground = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        axes.text(*place, f"{steps} steps", ha="center", va="center", fontsize=FONT - 2.5, bbox=ground, zorder=2)


def _box(axes: Any, box: Box, node: Node) -> None:
    from matplotlib.patches import FancyBboxPatch

    left, _, bottom, _ = box.edges
    round_off = 0.0 if node.kind == SEEN else min(box.height / 2, 0.16)
    style = "square,pad=0" if node.kind == SEEN else f"round,pad=0,rounding_size={round_off}"
    patch = FancyBboxPatch(
        (left, bottom),
        box.width,
        box.height,
        boxstyle=style,
        facecolor=FILLS[node.kind],
        edgecolor="black",
        linewidth=2.4 if node.is_asked else 1.0,
        linestyle=(0, (3, 2)) if node.kind == ADDED else "solid",
        zorder=3,
        gid=f"class-{node.class_id}" if node.class_id else None,
    )
    axes.add_patch(patch)
    weight = "bold" if node.is_asked else "normal"
    words = "\n".join(box.lines)
    axes.text(box.x, box.y, words, ha="center", va="center", fontsize=FONT, weight=weight, zorder=4, parse_math=False)

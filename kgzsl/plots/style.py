"""How pictures look: one font, one light background, colours that colour-blind people tell apart, shapes beside them.

Colours are those of Okabe and Ito (Color universal design, 2008); series also differ in shape, hatch or line, so that a
print in black and white says the same. The background is white in any case, so that a picture reads on a dark page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = ["COLOURS", "DPI", "FAINT", "HATCHES", "INK", "LINES", "MARKERS", "REST", "new_axes", "styled"]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5c00", "#f0e442")
INK, FAINT, REST = "#1a1a1a", "#d9d9d9", "#9a9a9a"
HATCHES = ("", "///", "...", "xxx")
LINES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P")
DPI = 110

SETTINGS: Mapping[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.titlesize": 11.0,
    "axes.titlelocation": "left",
    "axes.titlepad": 10.0,
    "axes.edgecolor": "#666666",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "kgzsl",
    "svg.fonttype": "none",
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save in the style of kgzsl, whatever the user's own settings are; equal pictures are equal files."""
    import matplotlib
    from cycler import cycler

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**SETTINGS, "axes.prop_cycle": cycler(color=COLOURS)})
        yield


def new_axes(width: float, height: float, title: str, rows: int = 1) -> tuple[Any, list[Any]]:
    """Return a figure of that size in inches and its axes, one under the other where there are several rows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    axes = [*figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]]
    axes[0].set_title(title)
    return figure, axes

"""What was measured while a run was trained: curves by epoch, or the settings that a method tried."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.plots.picture import Picture
from kgzsl.plots.style import COLOURS, INK, LINES, MARKERS, new_axes, styled
from kgzsl.types import PathLike

__all__ = ["TrainingCurves", "draw_training", "training_data"]

FILE = "metrics.jsonl"
EPOCH, PHASE, LOSS = "epoch", "phase", "loss"
SCORES = ("reciprocal_rank", "hit1", "cosine", "accuracy")
"""Measures of held-out seen classes, the first of which a setting is judged by."""
NAMES = {"reciprocal_rank": "mean reciprocal rank", "hit1": "Hit@1", "cosine": "cosine to the true rows", LOSS: "loss"}
PHASES = {"select": "while choosing the epoch", "fit": "on all seen classes", "": ""}


@dataclass(frozen=True, slots=True)
class TrainingCurves:
    """Measures by step.

    Args:
        is_search: whether a step is a setting that was tried; else it is an epoch.
        curves: measure to phase (``""`` where there is one only) to the points (step, value), in the order measured.
        settings: step to what was tried; empty for epochs.
        best: the step with the best score, the first of equals; None where nothing is scored.
    """

    is_search: bool
    curves: Mapping[str, Mapping[str, tuple[tuple[int, float], ...]]]
    settings: Mapping[int, Mapping[str, Any]]
    best: int | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"is_search": self.is_search, "best": self.best, "curves": self.curves, "settings": self.settings}


def training_data(run: PathLike) -> TrainingCurves:
    """Read the measurements of a run folder, finished or not.

    Raises:
        InputFileError: it holds none; closed-form methods without settings to choose write none.
        CorruptFileError: a line of the file is damaged.
    """
    path = Path(run) / FILE
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    if not any(line.strip() for line in lines):
        raise InputFileError(
            f"{run} holds no measurements ({FILE}): nothing was trained by epochs and no settings were tried there. "
            "Name another run."
        )
    rows = [_row(line, path, number) for number, line in enumerate(lines, 1) if line.strip()]
    return _search(rows) if EPOCH not in rows[0] else _epochs(rows)


def _row(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict) or not row:
        raise CorruptFileError(f"Line {number} of {path} is no measurement; train the run again.")
    return row


def _value(value: Any) -> float | None:
    """Return a number, of several (one a fold) the mean, of anything else None."""
    if isinstance(value, list) and value and all(isinstance(one, int | float) for one in value):
        return fmean(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _epochs(rows: Sequence[Mapping[str, Any]]) -> TrainingCurves:
    points: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for row in rows:
        for name, value in row.items():
            number = _value(value)
            if name not in (EPOCH, PHASE) and number is not None:
                points.setdefault(name, {}).setdefault(str(row.get(PHASE, "")), []).append((row[EPOCH], number))
    curves = {name: {phase: tuple(found) for phase, found in phases.items()} for name, phases in points.items()}
    score = next((name for name in SCORES if name in curves), None)
    found = [point for phase in curves.get(score or "", {}).values() for point in phase]
    best = max(found, key=lambda point: point[1])[0] if found else None
    return TrainingCurves(False, curves, {}, best)


def _search(rows: Sequence[Mapping[str, Any]]) -> TrainingCurves:
    measured = [name for name in (*SCORES, LOSS) if all(_value(row.get(name)) is not None for row in rows)]
    if not measured:
        raise InputFileError(f"The measurements hold none of {', '.join((*SCORES, LOSS))}; there is nothing to draw.")
    curves = {
        name: {"": tuple((step, _value(row[name]) or 0.0) for step, row in enumerate(rows, 1))} for name in measured
    }
    settings = {
        step: {name: value for name, value in row.items() if name not in measured} for step, row in enumerate(rows, 1)
    }
    best = max(curves[measured[0]][""], key=lambda point: point[1])[0] if measured[0] in SCORES else None
    return TrainingCurves(True, curves, settings, best)


def draw_training(data: TrainingCurves, name: str = "") -> Picture:
    """Draw the measures one under the other."""
    behind = f" of {name}" if name else ""
    title = f"The settings tried in the training{behind}" if data.is_search else f"The training{behind}"
    order = sorted(data.curves, key=lambda measure: (measure != LOSS, [*SCORES, measure].index(measure)))
    tips: dict[str, tuple[str, ...]] = {}
    with styled():
        figure, panels = new_axes(6.4, 1.4 + 1.35 * len(order), title + _best(data), len(order))
        for number, (measure, axes) in enumerate(zip(order, panels)):
            for place, (phase, points) in enumerate(data.curves[measure].items()):
                gid = f"measure-{number}-{place}"
                tips[gid] = _draw_points(axes, data, measure, phase, points, place, gid)
            axes.set_ylabel(NAMES.get(measure, measure))
            axes.grid()
            if data.best is not None and measure != LOSS:
                axes.axvline(data.best, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        panels[-1].set_xlabel("setting, in the order tried" if data.is_search else "epoch")
        if panels[0].get_legend_handles_labels()[1]:
            panels[0].legend()
    return Picture(figure, title, tips)


def _draw_points(
    axes: Any,
    data: TrainingCurves,
    measure: str,
    phase: str,
    points: Sequence[tuple[int, float]],
    place: int,
    gid: str,
) -> tuple[str, ...]:
    steps, values = zip(*points)
    line = "none" if data.is_search else LINES[place % len(LINES)]
    colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
    label = PHASES.get(phase, phase) or "_"
    axes.plot(steps, values, color=colour, linestyle=line, marker=marker, markersize=4.0, label=label)
    axes.plot(steps, values, color=colour, linestyle="none", marker=marker, markersize=4.0, gid=gid, label="_")
    return tuple(f"{_step(data, step)}\n{NAMES.get(measure, measure)} {value:.4f}" for step, value in points)


def _step(data: TrainingCurves, step: int) -> str:
    if not data.is_search:
        return f"epoch {step}"
    return ", ".join(f"{name} {value}" for name, value in data.settings[step].items())


def _best(data: TrainingCurves) -> str:
    return f"\nbest (dashed line): {_step(data, data.best)}" if data.best is not None else ""

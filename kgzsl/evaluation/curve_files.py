"""The seen-unseen curve of reports as data and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from kgzsl.errors import InputFileError, MissingDependencyError, StorageError
from kgzsl.evaluation.generalised import Generalised
from kgzsl.evaluation.report import Report
from kgzsl.evaluation.seen_unseen import WEIGHINGS
from kgzsl.runtime import write_json, write_text
from kgzsl.types import PathLike

__all__ = ["check_curve_file", "check_plotting", "draw_curve", "plot_curves", "write_curves"]

DIGITS = 6
PICTURES = (".png", ".pdf", ".svg")


def check_curve_file(path: PathLike) -> None:
    """Refuse a file name that says no format, with an InputFileError."""
    if PurePath(path).suffix not in (".json", ".tsv"):
        raise InputFileError(f"A curve is written as .json or .tsv, found {str(path)!r}; name the file so.")


def check_plotting(path: PathLike) -> None:
    """Refuse a picture of an unknown format, and say what to install where there is no matplotlib."""
    if PurePath(path).suffix not in PICTURES:
        raise InputFileError(f"A plot is written as {', '.join(PICTURES)}, found {str(path)!r}; name the file so.")
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("Plots need matplotlib: pip install 'kgzsl[plots]'.") from error


def write_curves(path: PathLike, reports: Sequence[Report]) -> None:
    """Write every point of the curves: gamma and the accuracies of both weighings, in percent.

    As ``.json`` an array, an object a report with ``features``, ``candidates`` and ``points``; as ``.tsv`` a line a
    point.

    Raises:
        InputFileError: the name of the file says no format, or no report has a curve.
        StorageError: the file could not be written.
    """
    check_curve_file(path)
    curves = [(report, _require(report).curve_rows()) for report in _with_curves(reports)]
    if PurePath(path).suffix == ".json":
        write_json(path, [{**_names(report), "points": [_rounded(row) for row in rows]} for report, rows in curves])
        return
    names = [*curves[0][1][0]]
    lines = ["\t".join(["features", "candidates", *names])]
    for report, rows in curves:
        lines += ["\t".join([*_names(report).values(), *map(str, _rounded(row).values())]) for row in rows]
    write_text(path, "\n".join(lines) + "\n")


def plot_curves(path: PathLike, reports: Sequence[Report]) -> None:
    """Draw the curves (means over classes), with the chosen gamma and the oracle's on each.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        InputFileError: the name of the file says no format, or no report has a curve.
        StorageError: the file could not be written.
    """
    check_plotting(path)
    shown = _with_curves(reports)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 5), layout="constrained")
    axes = figure.subplots()
    for report in shown:
        draw_curve(axes, report)
    axes.set(xlabel="unseen accuracy U, %", ylabel="seen accuracy S, %", xlim=(0, None), ylim=(0, 100))
    axes.legend(fontsize="small")
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise StorageError(f"Could not write {path}: {error.strerror or error}. Choose another place.") from error


def draw_curve(axes: Any, report: Report) -> None:
    """Draw the curve of a report on matplotlib axes, and its gammas as points."""
    found = _require(report)
    curve = found.curves.curve(WEIGHINGS[0])
    name = f"{PurePath(report.features).stem}, AUSUC {found.ausuc[WEIGHINGS[0]]:.1f}"
    (line,) = axes.step(curve.unseen, curve.seen, where="pre", label=name, linewidth=1.2)
    if found.calibration != "oracle":
        label = f"gamma {found.point.gamma:.3g} ({found.calibration}), H {found.point.harmonic_mean:.1f}"
        axes.plot(found.point.unseen, found.point.seen, "o", color=line.get_color(), label=label)
    label = f"oracle gamma {found.oracle.gamma:.3g}, H {found.oracle.harmonic_mean:.1f}"
    axes.plot(found.oracle.unseen, found.oracle.seen, "x", color=line.get_color(), label=label)


def _with_curves(reports: Sequence[Report]) -> list[Report]:
    shown = [report for report in reports if report.generalised is not None]
    if not shown:
        raise InputFileError(
            "No report has a curve: it takes seen and unseen classes among the candidates and images of both. Use "
            "candidates generalised or all, and images of seen classes (--seen-images)."
        )
    return shown


def _require(report: Report) -> Generalised:
    assert report.generalised is not None
    return report.generalised


def _names(report: Report) -> dict[str, str]:
    return {"features": report.features, "candidates": report.candidates}


def _rounded(row: dict[str, float]) -> dict[str, float]:
    return {name: round(value, DIGITS) for name, value in row.items()}

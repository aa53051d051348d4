"""Curves of specificity against correctness (`kgzsl.scoring.TradeOff`) as data and as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath

from kgzsl.errors import InputFileError, StorageError
from kgzsl.evaluation.curve_files import check_plotting
from kgzsl.runtime import write_json, write_text
from kgzsl.scoring import TradeOff
from kgzsl.types import PathLike

__all__ = ["plot_trade_offs", "write_trade_offs"]

DIGITS = 6
FORMATS = (".csv", ".tsv", ".json")


def write_trade_offs(path: PathLike, curves: Mapping[str, TradeOff]) -> None:
    """Write every point of the curves: level, share that is right, bits, and these as a share of a candidate's.

    As ``.json`` an object, an array of points by the name of the curve; as ``.csv`` or ``.tsv`` a line a point.

    Raises:
        InputFileError: the name of the file says no format, or there is no curve.
        StorageError: the file could not be written.
    """
    ending = PurePath(path).suffix
    if ending not in FORMATS:
        raise InputFileError(f"A curve is written as {', '.join(FORMATS)}, found {str(path)!r}; name the file so.")
    _check_any(curves)
    rows = {
        name: [{key: round(value, DIGITS) for key, value in row.items()} for row in curve.rows()]
        for name, curve in curves.items()
    }
    if ending == ".json":
        write_json(path, rows)
        return
    separator = "," if ending == ".csv" else "\t"
    names = [*next(iter(rows.values()))[0]]
    lines = [separator.join(["curve", *names])]
    lines += [separator.join([name, *(str(row[key]) for key in names)]) for name, part in rows.items() for row in part]
    write_text(path, "\n".join(lines) + "\n")


def plot_trade_offs(path: PathLike, curves: Mapping[str, TradeOff], marked: float | None = None) -> None:
    """Draw the curves: what the answers say, as a share of what a candidate says, against the share that is right.

    Args:
        path: a picture.
        curves: by the name that the legend shows.
        marked: put a point where the level is nearest to this one.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        InputFileError: the name of the file says no format, or there is no curve.
        StorageError: the file could not be written.
    """
    check_plotting(path)
    _check_any(curves)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 4), layout="constrained")
    axes = figure.subplots()
    for name, curve in curves.items():
        share, correct = ([100 * value for value in values] for values in (curve.share, curve.correct))
        (line,) = axes.plot(share, correct, label=name, linewidth=1.2)
        if marked is not None:
            place = min(range(len(curve.levels)), key=lambda number: abs(curve.levels[number] - marked))
            axes.plot(share[place], correct[place], "o", color=line.get_color(), markersize=5)
    axes.set(xlabel="information, % of a candidate's", ylabel="right answers, %", xlim=(0, 100), ylim=(0, 100))
    axes.legend(fontsize="small", loc="lower left")
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=100)
    except OSError as error:
        raise StorageError(f"Could not write {path}: {error.strerror or error}. Choose another place.") from error


def _check_any(curves: Mapping[str, TradeOff]) -> None:
    if not curves:
        raise InputFileError("There is no curve; give at least one.")

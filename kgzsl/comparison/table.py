"""What a comparison found: semantics down, methods across, for each set of candidates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

__all__ = ["Comparison", "MeasuredCell", "Summary"]

DIGITS = 4


@dataclass(frozen=True, slots=True)
class Summary:
    """A micro Hit@k in percent with its 95 % interval over classes.

    Args:
        value: the figure, a mean over seeds where there are several.
        low, high: the interval; over several files their distances from the mean are taken as independent.
        over_seeds: lowest and highest over seeds, None where there is one.
    """

    value: float
    low: float
    high: float
    over_seeds: tuple[float, float] | None = None

    def __str__(self) -> str:
        return f"{self.value:.1f} [{self.low:.1f}, {self.high:.1f}]"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        ends = [round(self.low, DIGITS), round(self.high, DIGITS)]
        spread = None if self.over_seeds is None else [round(end, DIGITS) for end in self.over_seeds]
        return {"value": round(self.value, DIGITS), "interval": ends, "over_seeds": spread}


@dataclass(frozen=True, slots=True)
class MeasuredCell:
    """A cell with what was measured.

    Args:
        method: the recipe's name.
        semantics: where its semantics come from.
        seed: the seed that was set, if any.
        folder: its run folder within that of the comparison.
        seconds: what its training took, with reading its inputs; None where it was trained elsewhere.
        reports: `kgzsl.evaluation.Report` of each kind of candidates and file, as plain values.
    """

    method: str
    semantics: str
    seed: int | None
    folder: str
    seconds: float | None
    reports: tuple[Mapping[str, Any], ...] = field(repr=False)

    def hit(self, k: int, kind: str, file: str) -> Summary:
        """Return Hit@k on one file; over images of unseen classes where seen classes compete too."""
        report = next(one for one in self.reports if (one["candidates"], one["features"]) == (kind, file))
        part = report.get("unseen") or report
        low, high = part["interval_micro"][str(k)]
        return Summary(part["hits_micro"][str(k)], low, high)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All cells of a comparison.

    Args:
        cells: the cells, each with the same files and candidates.
    """

    cells: tuple[MeasuredCell, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """The recipes, in the order given."""
        return tuple(dict.fromkeys(cell.method for cell in self.cells))

    @property
    def semantics(self) -> tuple[str, ...]:
        """The semantics, in the order given."""
        return tuple(dict.fromkeys(cell.semantics for cell in self.cells))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of candidates, in the order given."""
        return tuple(dict.fromkeys(report["candidates"] for cell in self.cells for report in cell.reports))

    @property
    def files(self) -> tuple[str, ...]:
        """The feature files, in the order given."""
        return tuple(dict.fromkeys(report["features"] for cell in self.cells for report in cell.reports))

    def hit(self, method: str, semantics: str, k: int, kind: str, files: Sequence[str] = ()) -> Summary | None:
        """Return the mean micro Hit@k over files and seeds, or None where nothing was measured.

        ``value = mean_f mean_s hit``; ``low = value - sqrt(sum_f (m_f - low_f)^2) / F`` with m_f and low_f the means
        over seeds of a file's figure and of the lower end of its interval, ``high`` likewise.

        Args:
            method, semantics, kind: the cell, and which classes compete.
            k: of Hit@k.
            files: the files, by default all.
        """
        held = [cell for cell in self.cells if (cell.method, cell.semantics) == (method, semantics)]
        if not held:
            return None
        by_file = [[cell.hit(k, kind, file) for cell in held] for file in files or self.files]
        value = mean(mean(one.value for one in seeds) for seeds in by_file)
        below = math.hypot(*(mean(one.value - one.low for one in seeds) for seeds in by_file)) / len(by_file)
        above = math.hypot(*(mean(one.high - one.value for one in seeds) for seeds in by_file)) / len(by_file)
        of_seeds = [mean(seeds[number].value for seeds in by_file) for number in range(len(held))]
        return Summary(value, value - below, value + above, (min(of_seeds), max(of_seeds)) if len(held) > 1 else None)

    def rows(self, k: int, kind: str) -> list[list[str]]:
        """Return the cells of the table of one kind of candidates: a head, then a row for each semantics."""
        table = [["semantics", *self.methods]]
        for semantics in self.semantics:
            found = [self.hit(method, semantics, k, kind) for method in self.methods]
            table.append([semantics, *("" if one is None else str(one) for one in found)])
        return table

    def title(self, k: int, kind: str) -> str:
        """Say what the table of one kind of candidates holds."""
        over = f"mean over {len(self.files)} files" if len(self.files) > 1 else self.files[0]
        sizes = sorted(
            {one["num_candidates"] for cell in self.cells for one in cell.reports if one["candidates"] == kind}
        )
        size = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
        images = (
            ", images of unseen classes"
            if any(one.get("unseen") for cell in self.cells for one in cell.reports if one["candidates"] == kind)
            else ""
        )
        return f"micro Hit@{k} in %, candidates {kind} ({size}), {over}{images}"

    def to_text(self, hits: Sequence[int] = (1, 5)) -> str:
        """Return a table for each kind of candidates and each k."""
        blocks = []
        for kind in self.kinds:
            for k in hits:
                rows = self.rows(k, kind)
                widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
                lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
                blocks.append("\n".join([self.title(k, kind), "", *lines]))
        return "\n\n".join(blocks) + "\n"

    def to_markdown(self, hits: Sequence[int] = (1, 5)) -> str:
        """Return a table for each kind of candidates with a line for each method and semantics, every file apart."""
        blocks = []
        for kind in self.kinds:
            columns = [(file, k) for file in self.files for k in hits]
            several = len(self.files) > 1
            head = ["method", "semantics", *(f"{file} @{k}" for file, k in columns)]
            head += [f"mean @{k}" for k in hits] if several else []
            lines = [f"## Candidates `{kind}`", "", _line([*head, "seconds"]), _line(["---"] * (len(head) + 1))]
            for method, semantics in dict.fromkeys((cell.method, cell.semantics) for cell in self.cells):
                found = [self.hit(method, semantics, k, kind, [file]) for file, k in columns]
                found += [self.hit(method, semantics, k, kind) for k in hits] if several else []
                cells = [method, semantics.replace("|", "\\|"), *map(str, found), self._seconds(method, semantics)]
                lines.append(_line(cells))
            blocks.append("\n".join(lines))
        return "\n\n".join(blocks) + "\n"

    def _seconds(self, method: str, semantics: str) -> str:
        held = [cell.seconds for cell in self.cells if (cell.method, cell.semantics) == (method, semantics)]
        known = [seconds for seconds in held if seconds is not None]
        return f"{mean(known):.0f}" if known else ""

    def to_json(self, hits: Sequence[int] = (1, 5)) -> dict[str, Any]:
        """Return means and all reports as plain values."""
        pairs = dict.fromkeys((cell.method, cell.semantics) for cell in self.cells)
        means = [
            {"method": method, "semantics": semantics, "candidates": kind, "k": k} | found.to_json()
            for method, semantics in pairs
            for kind in self.kinds
            for k in hits
            if (found := self.hit(method, semantics, k, kind)) is not None
        ]
        told = [
            {"method": cell.method, "semantics": cell.semantics, "seed": cell.seed, "run": cell.folder}
            | {"seconds": cell.seconds, "reports": [dict(report) for report in cell.reports]}
            for cell in self.cells
        ]
        return {"files": list(self.files), "means": means, "cells": told}


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

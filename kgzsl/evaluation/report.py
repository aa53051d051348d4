"""What an evaluation found, as JSON for programs, and as text and Markdown tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from kgzsl.evaluation.metrics import chance, harmonic_mean

__all__ = ["HITS", "Figures", "Report", "to_markdown", "to_text"]

HITS = (1, 2, 5, 10, 20)
"""The k of Hit@k that are reported."""
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured over one set of images, in percent.

    Args:
        num_images: images scored.
        num_classes: classes they are of.
        hits_micro: Hit@k over images, by k.
        hits_macro: Hit@k as the mean over classes, by k.
        interval_micro: 95 % bootstrap interval over classes of each micro Hit@k.
        tolerant: Hit@1 where an ancestor or a descendant of the class counts as right.
        tree_distance: mean undirected distance from the class to the prediction; None where some have no path.
        nearest_seen: micro and macro Hit@k of the baseline, or None where there is none.
    """

    num_images: int
    num_classes: int
    hits_micro: Mapping[int, float]
    hits_macro: Mapping[int, float]
    interval_micro: Mapping[int, tuple[float, float]]
    tolerant: float
    tree_distance: float | None = None
    nearest_seen: tuple[Mapping[int, float], Mapping[int, float]] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one feature file among one set of candidates.

    Args:
        features: the file, as it was named.
        candidates: the candidates, as they were named.
        num_candidates: how many classes compete.
        figures: over all scored images.
        seen: over the images of seen classes; None unless seen classes compete and have images.
        unseen: over the other images, under the same condition as ``seen``.
        notes: what a reader should know beside the figures.
    """

    features: str
    candidates: str
    num_candidates: int
    figures: Figures
    seen: Figures | None = None
    unseen: Figures | None = None
    notes: tuple[str, ...] = ()

    @property
    def harmonic_mean(self) -> float | None:
        """H of the macro Hit@1 of seen and unseen images, None where there are not both."""
        if self.seen is None or self.unseen is None:
            return None
        return harmonic_mean(self.seen.hits_macro[1], self.unseen.hits_macro[1])

    def parts(self) -> tuple[tuple[str, Figures], ...]:
        """Return the figures with the name of the images they are over: ``""``, then ``seen`` and ``unseen``."""
        named = (("", self.figures), ("seen", self.seen), ("unseen", self.unseen))
        return tuple((name, figures) for name, figures in named if figures is not None)

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values.

        With seen classes among the candidates it holds one more such object for the ``seen`` and one for the
        ``unseen`` images, null where there are none.
        """
        whole = self._object(self.figures)
        if self.seen is None and self.unseen is None:
            return whole
        parts = {"seen": self.seen, "unseen": self.unseen}
        return whole | {name: figures and self._object(figures) for name, figures in parts.items()}

    def _object(self, figures: Figures) -> dict[str, Any]:
        baseline = figures.nearest_seen
        return {
            "features": self.features,
            "candidates": self.candidates,
            "num_candidates": self.num_candidates,
            "num_images": figures.num_images,
            "num_classes": figures.num_classes,
            "hits_micro": _by_k(figures.hits_micro),
            "hits_macro": _by_k(figures.hits_macro),
            "interval_micro": {
                str(k): [round(low, DIGITS), round(high, DIGITS)] for k, (low, high) in figures.interval_micro.items()
            },
            "tolerant": round(figures.tolerant, DIGITS),
            "chance": _by_k({k: chance(self.num_candidates, k) for k in HITS}),
            "nearest_seen": baseline and {"hits_micro": _by_k(baseline[0]), "hits_macro": _by_k(baseline[1])},
        }


def _by_k(hits: Mapping[int, float]) -> dict[str, float]:
    return {str(k): round(value, DIGITS) for k, value in hits.items()}


def to_text(reports: Sequence[Report]) -> str:
    """Return a block of lines a report, for the terminal."""
    lines: list[str] = []
    for report in reports:
        for name, figures in report.parts():
            lines += [*_block(report, name, figures), ""]
        if (mean := report.harmonic_mean) is not None:
            lines += [f"harmonic mean of seen and unseen macro Hit@1: {mean:.1f}", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _block(report: Report, name: str, figures: Figures) -> list[str]:
    title = f"{_stem(report.features)}, candidates {_stem(report.candidates)} ({report.num_candidates:,})"
    images = f"{name} images" if name else "images"
    table = [
        ("Hit@k in %", [f"@{k}" for k in HITS]),
        ("micro", [f"{figures.hits_micro[k]:.1f}" for k in HITS]),
        ("  95 % low", [f"{figures.interval_micro[k][0]:.1f}" for k in HITS]),
        ("  95 % high", [f"{figures.interval_micro[k][1]:.1f}" for k in HITS]),
        ("macro", [f"{figures.hits_macro[k]:.1f}" for k in HITS]),
        ("chance", [f"{chance(report.num_candidates, k):.1f}" for k in HITS]),
    ]
    if figures.nearest_seen is not None:
        table.append(("nearest seen", [f"{figures.nearest_seen[0][k]:.1f}" for k in HITS]))
    rows = [f"  {row:<13}" + "".join(f"{cell:>7}" for cell in cells) for row, cells in table]
    distance = "" if figures.tree_distance is None else f", mean tree distance {figures.tree_distance:.2f}"
    return [
        f"{title}: {figures.num_images:,} {images} of {figures.num_classes:,} classes",
        *rows,
        f"  tolerant @1 {figures.tolerant:.1f}{distance}",
    ]


def to_markdown(reports: Sequence[Report]) -> str:
    """Return one Markdown table with a row a set of images, and the notes below it."""
    head = ["features", "candidates", "images", "classes", "@1 [95 %]", *(f"@{k}" for k in HITS[1:])]
    head += ["macro @1", "tolerant @1", "tree distance", "chance @1", "nearest seen @1"]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
    for report in reports:
        for name, figures in report.parts():
            lines.append("| " + " | ".join(_cells(report, name, figures)) + " |")
    notes = dict.fromkeys(note for report in reports for note in report.notes)
    return "\n".join(lines) + "\n" + "".join(f"\n{note}\n" for note in notes)


def _cells(report: Report, name: str, figures: Figures) -> list[str]:
    low, high = figures.interval_micro[1]
    baseline = figures.nearest_seen
    return [
        _stem(report.features) + (f", {name} images" if name else ""),
        f"{_stem(report.candidates)} ({report.num_candidates:,})",
        f"{figures.num_images:,}",
        f"{figures.num_classes:,}",
        f"{figures.hits_micro[1]:.1f} [{low:.1f}, {high:.1f}]",
        *(f"{figures.hits_micro[k]:.1f}" for k in HITS[1:]),
        f"{figures.hits_macro[1]:.1f}",
        f"{figures.tolerant:.1f}",
        "" if figures.tree_distance is None else f"{figures.tree_distance:.2f}",
        f"{chance(report.num_candidates, 1):.2f}",
        "" if baseline is None else f"{baseline[0][1]:.1f}",
    ]


def _stem(name: str) -> str:
    return PurePath(name).stem

"""What an evaluation found, as values and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kgzsl.evaluation.generalised import Generalised
from kgzsl.evaluation.metrics import chance, harmonic_mean

__all__ = ["HITS", "Figures", "Report"]

HITS = (1, 2, 5, 10, 20)
"""The k of Hit@k that are reported."""
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured over one set of images, in percent; distances are in steps. Intervals are 95 % over classes.

    Args:
        num_images: images scored.
        num_classes: classes they are of.
        hits_micro: Hit@k over images, by k.
        hits_macro: Hit@k as the mean over classes, by k.
        interval_micro, interval_macro: bootstrap intervals of these.
        tolerant: Hit@1 where an ancestor or a descendant of the class counts as right.
        tree_distance: mean undirected distance from the class to the prediction; None where some have no path.
        hierarchical: hierarchical precision@k, by the k below the number of candidates.
        chance_hierarchical, chance_tolerant, chance_tree_distance: what guessing brings on average.
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
    interval_macro: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    interval_tolerant: tuple[float, float] | None = None
    interval_tree_distance: tuple[float, float] | None = None
    hierarchical: Mapping[int, float] = field(default_factory=dict)
    interval_hierarchical: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    chance_hierarchical: Mapping[int, float] = field(default_factory=dict)
    chance_tolerant: float | None = None
    chance_tree_distance: float | None = None

    def to_json(self, num_candidates: int) -> dict[str, Any]:
        """Return the figures as plain values."""
        baseline = self.nearest_seen
        return {
            "num_candidates": num_candidates,
            "num_images": self.num_images,
            "num_classes": self.num_classes,
            "hits_micro": _by_k(self.hits_micro),
            "hits_macro": _by_k(self.hits_macro),
            "interval_micro": _intervals(self.interval_micro),
            "tolerant": round(self.tolerant, DIGITS),
            "chance": _by_k({k: chance(num_candidates, k) for k in HITS}),
            "nearest_seen": baseline and {"hits_micro": _by_k(baseline[0]), "hits_macro": _by_k(baseline[1])},
            "interval_macro": _intervals(self.interval_macro),
            "interval_tolerant": _ends(self.interval_tolerant),
            "chance_tolerant": _rounded(self.chance_tolerant),
            "tree_distance": _rounded(self.tree_distance),
            "interval_tree_distance": _ends(self.interval_tree_distance),
            "chance_tree_distance": _rounded(self.chance_tree_distance),
            "hierarchical_precision": _by_k(self.hierarchical),
            "interval_hierarchical_precision": _intervals(self.interval_hierarchical),
            "chance_hierarchical_precision": _by_k(self.chance_hierarchical),
        }


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
        generalised: U, S, H and the curve; None unless seen and unseen classes compete and both have images.
        hubness: skewness of how often a candidate is among the k best, by k.
        breakdowns: by what (``hops``, ``branch``), then group, the figures over the images of its classes.
    """

    features: str
    candidates: str
    num_candidates: int
    figures: Figures
    seen: Figures | None = None
    unseen: Figures | None = None
    notes: tuple[str, ...] = ()
    generalised: Generalised | None = None
    hubness: Mapping[int, float] = field(default_factory=dict)
    breakdowns: Mapping[str, Mapping[str, Figures]] = field(default_factory=dict)

    def __repr__(self) -> str:
        ends = self.figures.interval_micro.get(1)
        found = f"Hit@1 {self.figures.hits_micro[1]:.1f} %" + (f" [{ends[0]:.1f}, {ends[1]:.1f}]" if ends else "")
        among = f"{self.num_candidates:,} candidates ({self.candidates})"
        return f"Report({self.features!r}, {self.figures.num_images:,} images, {among}, {found})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the tables of `kgzsl.evaluation.to_text`, with intervals."""
        from kgzsl.evaluation.notebook import to_html

        return to_html(self)

    @property
    def harmonic_mean(self) -> float | None:
        """H of the macro Hit@1 of seen and unseen images, None where there are not both."""
        if self.seen is None or self.unseen is None:
            return None
        return harmonic_mean(self.seen.hits_macro[1], self.unseen.hits_macro[1])

    @property
    def shown_hits(self) -> tuple[int, ...]:
        """The k that tell something: those below the number of candidates, 1 in any case."""
        return tuple(k for k in HITS if k == 1 or k < self.num_candidates)

    def parts(self) -> tuple[tuple[str, Figures], ...]:
        """Return the figures with the name of the images they are over: ``""``, then ``seen`` and ``unseen``."""
        named = (("", self.figures), ("seen", self.seen), ("unseen", self.unseen))
        return tuple((name, figures) for name, figures in named if figures is not None)

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values.

        With seen classes among the candidates it holds one more such object for the ``seen`` and one for the
        ``unseen`` images, null where there are none, and ``generalised`` where there are both; with ``notes``, where
        there is one.
        """
        whole = self._object(self.figures) | {"hubness": _by_k(self.hubness)}
        if self.breakdowns:
            whole["by"] = {
                name: {group: figures.to_json(self.num_candidates) for group, figures in groups.items()}
                for name, groups in self.breakdowns.items()
            }
        if self.seen is not None or self.unseen is not None:
            parts = {"seen": self.seen, "unseen": self.unseen}
            whole |= {name: figures and self._object(figures) for name, figures in parts.items()}
        if self.generalised is not None:
            whole["generalised"] = self.generalised.to_json()
        return whole | ({"notes": list(self.notes)} if self.notes else {})

    def _object(self, figures: Figures) -> dict[str, Any]:
        return {
            "features": self.features,
            "candidates": self.candidates,
            **figures.to_json(self.num_candidates),
        }


def _by_k(values: Mapping[int, float]) -> dict[str, float]:
    return {str(k): round(value, DIGITS) for k, value in values.items()}


def _intervals(intervals: Mapping[int, tuple[float, float]]) -> dict[str, list[float]]:
    return {str(k): [round(low, DIGITS), round(high, DIGITS)] for k, (low, high) in intervals.items()}


def _ends(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else [round(end, DIGITS) for end in interval]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)

"""What was found of domain shift and bias, as values, as JSON and as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kgzsl.domain_shift.bias import SeenBias
from kgzsl.domain_shift.feature_shift import FeatureShift
from kgzsl.evaluation import GeneralisedPoint
from kgzsl.types import ClassId

__all__ = ["Hubs", "Remedied", "ShiftReport"]

DIGITS = 4
FEW = 30
"""A branch with fewer images is printed, but does not count for the gap."""


@dataclass(frozen=True, slots=True)
class Hubs:
    """How images spread over the candidates.

    Args:
        skewness: of how often a candidate is the best of an image (N_1).
        effective: so many classes, used alike, have the entropy of the answers.
        largest: the class that most images are given to.
        share: the percent of the images that it gets.
        unused: how many candidates are never the best.
    """

    skewness: float
    effective: float
    largest: ClassId
    share: float
    unused: int


@dataclass(frozen=True, slots=True)
class Remedied:
    """A scorer as it is, or after a remedy; among the unseen candidates, in percent.

    Args:
        hit: Hit@1 over images.
        interval: its 95 % bootstrap interval over classes.
        hubs: how images spread.
    """

    hit: float
    interval: tuple[float, float]
    hubs: Hubs

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        hubs = self.hubs
        return {
            "hit": round(self.hit, DIGITS),
            "interval": [round(end, DIGITS) for end in self.interval],
            "skewness": round(hubs.skewness, DIGITS),
            "effective_classes": round(hubs.effective, DIGITS),
            "largest_hub": {"class_id": hubs.largest, "share": round(hubs.share, DIGITS)},
            "unused": hubs.unused,
        }


@dataclass(frozen=True, slots=True)
class ShiftReport:
    """What parts unseen classes from seen ones, and what helps.

    Args:
        features: the file of images, as it was named.
        num_images, num_candidates: images of unseen classes, and those classes.
        bias: where seen classes compete as they score.
        generalised: seen and unseen accuracy and their harmonic mean as they score, then with calibrated stacking where
            a gamma was given or chosen.
        mean_hits: percent of classes whose mean image is ranked first among the seen and among the unseen classes: a
            class whose very mean goes elsewhere is misplaced, not just hard.
        branches: Hit@1 and images by branch of the graph.
        shift: of the images' features from those of seen classes.
        natural: the same between two halves of the seen classes: what different classes bring of themselves.
        before: as it scores.
        remedies: by name, after each.
        labels: what people read for the classes named.
    """

    features: str
    num_images: int
    num_candidates: int
    bias: SeenBias
    generalised: tuple[GeneralisedPoint, ...]
    mean_hits: tuple[float, float]
    branches: Mapping[str, tuple[float, int]]
    shift: FeatureShift
    natural: FeatureShift
    before: Remedied
    remedies: Mapping[str, Remedied]
    labels: Mapping[ClassId, str]

    @property
    def branch_gap(self) -> float:
        """Points between the best and the worst branch, of those with thirty images or more; 0 for fewer than two."""
        hits = [hit for hit, images in self.branches.values() if images >= FEW]
        return max(hits) - min(hits) if hits else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        branches = {name: {"hit": round(hit, DIGITS), "images": count} for name, (hit, count) in self.branches.items()}
        return {
            "features": self.features,
            "num_images": self.num_images,
            "num_candidates": self.num_candidates,
            "seen_bias": self.bias.to_json(),
            "generalised": [point.to_json() for point in self.generalised],
            "mean_hits": {name: round(hit, DIGITS) for name, hit in zip(("seen", "unseen"), self.mean_hits)},
            "branches": branches,
            "branch_gap": round(self.branch_gap, DIGITS),
            "feature_shift": self.shift.to_json(),
            "between_halves_of_seen": self.natural.to_json(),
            "before": self.before.to_json(),
            "remedies": {name: one.to_json() for name, one in self.remedies.items()},
        }

    def __str__(self) -> str:
        """Return what the terminal shows."""
        return "\n".join((*self._bias_lines(), *self._shift_lines(), *self._branch_lines(), *self._remedy_lines()))

    def _bias_lines(self) -> list[str]:
        bias = self.bias
        lines = [
            f"{self.features}: {self.num_images:,} images of unseen classes, {self.num_candidates:,} candidates",
            "seen bias, where all seen classes compete:",
            f"  {bias.unseen_as_seen:.1f} % of these images are taken for seen classes, {bias.seen_as_unseen:.1f} % of "
            f"images of seen classes for unseen ones (lead of the seen: {bias.margin:+.2f} standard deviations)",
        ]
        for point in self.generalised:
            told = f"after calibration, gamma {point.gamma:.3g}" if point.gamma else "as they score"
            lines.append(f"  S {point.seen:.1f}  U {point.unseen:.1f}  H {point.harmonic_mean:.1f}  {told}")
        return lines

    def _shift_lines(self) -> list[str]:
        shift, natural = self.shift.to_json(), self.natural.to_json()
        rows = [f"  {name.replace('_', ' '):<15}{shift[name]:>9.3f}{natural[name]:>12.3f}" for name in shift]
        first, second = self.mean_hits
        return [
            "features of these images against those of seen classes (second column: halves of the seen classes):",
            *rows,
            f"  mean image of a class ranked first: {first:.1f} % of seen classes among seen, {second:.1f} % of unseen "
            "among unseen",
        ]

    def _branch_lines(self) -> list[str]:
        rows = [f"  {hit:5.1f}  {name} ({count:,} images)" for name, (hit, count) in self.branches.items()]
        return [f"Hit@1 by branch (gap {self.branch_gap:.1f} points):", *rows]

    def _remedy_lines(self) -> list[str]:
        lines = ["Hit@1 among the unseen candidates, with each remedy:"]
        for name, one in (("as it scores", self.before), *self.remedies.items()):
            low, high = one.interval
            hub = self.labels.get(one.hubs.largest, one.hubs.largest)
            lines.append(
                f"  {name:<17}{one.hit:5.1f} [{low:.1f}, {high:.1f}]  skewness {one.hubs.skewness:.2f}, "
                f"{one.hubs.effective:.1f} effective classes, largest hub {hub} ({one.hubs.share:.1f} %)"
            )
        return lines

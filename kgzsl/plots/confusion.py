"""How far in the class graph a prediction is from the class of the image, beside what guessing would give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

import torch

from kgzsl.bank import Scorer
from kgzsl.evaluation.hierarchy import tree_distances_of_leaders
from kgzsl.evaluation.protocols import candidates as candidates_of
from kgzsl.evaluation.protocols import scored_images
from kgzsl.evaluation.ranking import leaders, score_in_chunks, top_k
from kgzsl.evaluation.relatives import Relatives
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.plots.bars import BarSeries, draw_bars
from kgzsl.plots.picture import Picture
from kgzsl.plots.style import new_axes, styled
from kgzsl.splits import Split

__all__ = ["Confusion", "ConfusionAt", "confusion_data", "draw_confusion"]

NO_PATH = "no path"
PAIRS = 3
FARTHEST = 16
"""Distances of more steps are drawn together."""


@dataclass(frozen=True, slots=True)
class ConfusionAt:
    """The images whose prediction is so far from their class.

    Args:
        distance: edges of the graph between class and prediction, -1 where there is no path.
        share: of the images, in percent.
        guessed: what guessing among the candidates would give on average, in percent.
        pairs: the most frequent (class, prediction, images), by label; at distance 0 the classes that are told best.
    """

    distance: int
    share: float
    guessed: float
    pairs: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Confusion:
    """Predictions of one feature file by distance, nearest first."""

    features: str
    num_images: int
    num_candidates: int
    rows: tuple[ConfusionAt, ...]

    @property
    def mean_distance(self) -> float | None:
        """Mean number of edges, None where some prediction has no path to the class."""
        if any(row.distance < 0 and row.share for row in self.rows):
            return None
        return sum(row.distance * row.share for row in self.rows) / 100

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "mean_distance": self.mean_distance}


def confusion_data(
    scorer: Scorer,
    features: FeatureSet,
    *,
    graph: ClassGraph,
    split: Split,
    candidates: str | Sequence[str] = "unrelated",
    name: str = "features",
) -> Confusion:
    """Rank images and count how far the predictions are from their classes; of tied predictions the farthest counts.

    Args:
        scorer: what is looked at; it must know every candidate.
        features: labelled images; those of candidates count.
        graph: the class graph.
        split: tells which classes are seen.
        candidates: as `kgzsl.evaluation.evaluate` takes them.
        name: of the features.

    Raises:
        InputFileError: no image is of a candidate.
        UnknownClassError: a candidate is not in the graph.
    """
    chosen = candidates_of(candidates, features, graph, split)
    images = scored_images(features, chosen, split, name)
    relatives = Relatives(graph, chosen)
    own = relatives.columns(images.index)[images.labels]
    counts, guessed, pairs = Counter[int](), Counter[int](), Counter[tuple[int, int, int]]()
    for rows, scores in score_in_chunks(scorer.select(chosen), images):
        away = relatives.of(own[rows]).distances_of_images()
        found, best = tree_distances_of_leaders(leaders(scores), away), top_k(scores, 1)[:, 0]
        counts.update(found.tolist())
        pairs.update(zip(found.tolist(), own[rows].tolist(), best.tolist()))
        lengths, numbers = torch.unique(away, return_counts=True)
        guessed.update(dict(zip(lengths.tolist(), numbers.tolist())))
    labels = [graph.text(class_id).label for class_id in chosen]
    total = len(images)
    rows_of = tuple(
        ConfusionAt(
            distance,
            100 * counts[distance] / total,
            100 * guessed[distance] / (total * len(chosen)),
            tuple((labels[one], labels[other], number) for one, other, number in _most(pairs, distance)),
        )
        for distance in sorted(guessed, key=lambda distance: (distance < 0, distance))
    )
    return Confusion(name, total, len(chosen), rows_of)


def _most(pairs: Counter[tuple[int, int, int]], distance: int) -> list[tuple[int, int, int]]:
    found = [(one, other, number) for (away, one, other), number in pairs.items() if away == distance]
    return sorted(found, key=lambda pair: (-pair[2], *pair[:2]))[:PAIRS]


def draw_confusion(files: Sequence[Confusion]) -> Picture:
    """Draw bars by distance, a series a feature file, with a line on each for what guessing gives."""
    drawn = [(one, _grouped(one)) for one in files]
    groups = [str(step) for step in range(FARTHEST)] + [f"{FARTHEST}+", NO_PATH]
    held = [group for group in groups if any(group in rows for _, rows in drawn)]
    title = "How far predictions are from the class of the image"
    with styled():
        figure, (axes,) = new_axes(7.2, 4.2, title)
        tips, series = draw_bars(axes, held, [_bars(one, rows) for one, rows in drawn])
        axes.set(
            xlabel="edges of the class graph between class and prediction (0: right)", ylabel="images, % of the file's"
        )
        axes.legend(loc="upper right")
    return Picture(figure, title, tips, series)


def _grouped(one: Confusion) -> dict[str, list[ConfusionAt]]:
    groups: dict[str, list[ConfusionAt]] = {}
    for row in one.rows:
        name = NO_PATH if row.distance < 0 else str(row.distance) if row.distance < FARTHEST else f"{FARTHEST}+"
        groups.setdefault(name, []).append(row)
    return groups


def _bars(one: Confusion, groups: dict[str, list[ConfusionAt]]) -> BarSeries:
    mean = "" if one.mean_distance is None else f", mean {one.mean_distance:.1f} edges"
    shares = {name: sum(row.share for row in rows) for name, rows in groups.items()}
    tips = {
        name: "\n".join([f"distance {name}: {shares[name]:.1f} % of the images", *map(_said, _best_pairs(rows))])
        for name, rows in groups.items()
    }
    guessed = {name: sum(row.guessed for row in rows) for name, rows in groups.items()}
    name = f"{PurePath(one.features).stem}, {one.num_candidates:,} candidates{mean}"
    return BarSeries(name, shares, tips, marks={"guessing": guessed})


def _best_pairs(rows: Sequence[ConfusionAt]) -> list[tuple[str, str, int]]:
    return sorted((pair for row in rows for pair in row.pairs), key=lambda pair: -pair[2])[:PAIRS]


def _said(pair: tuple[str, str, int]) -> str:
    one, other, number = pair
    images = f"{number} image{'s' if number != 1 else ''}"
    return f"{one}: {images}" if one == other else f"{one} taken for {other}: {images}"

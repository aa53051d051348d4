"""The promise of pessimistic ties: a scorer that gives all classes one score is at or below chance in everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.evaluation import HITS, Figures, Report, chance, evaluate
from kgzsl.evaluation.hubness import Occurrences
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.splits import Split

Pairs = Iterator[tuple[float, float]]
"""What was found, and what guessing brings; the first must not be higher."""


def parts(report: Report) -> list[Figures]:
    """All figures of a report: over all, seen and unseen images, and over those of each group."""
    groups = [figures for named in report.breakdowns.values() for figures in named.values()]
    return [figures for _, figures in report.parts()] + groups


def hits(name: str) -> Callable[[Report], Pairs]:
    def pairs(report: Report) -> Pairs:
        for figures in parts(report):
            for k in HITS:
                yield getattr(figures, name)[k], chance(report.num_candidates, k)

    return pairs


def upper_ends(name: str) -> Callable[[Report], Pairs]:
    def pairs(report: Report) -> Pairs:
        for figures in parts(report):
            for k in HITS:
                yield getattr(figures, name)[k][1], chance(report.num_candidates, k)

    return pairs


def hierarchical(report: Report) -> Pairs:
    for figures in parts(report):
        assert set(figures.hierarchical) == {k for k in HITS if k < report.num_candidates}
        for k, value in figures.hierarchical.items():
            yield value, figures.chance_hierarchical[k]


def tolerant(report: Report) -> Pairs:
    for figures in parts(report):
        assert figures.chance_tolerant is not None
        yield figures.tolerant, figures.chance_tolerant


def nearness(report: Report) -> Pairs:
    """A small distance is good."""
    for figures in parts(report):
        assert figures.tree_distance is not None and figures.chance_tree_distance is not None
        yield -figures.tree_distance, -figures.chance_tree_distance


def evenness(report: Report) -> Pairs:
    """Hubs are bad: a constant scorer has more of them than random scores."""
    ids = ClassIndex(tuple(f"c{number:03}" for number in range(report.num_candidates)))
    guessing = Occurrences(ids)
    guessing.add(torch.rand(200, report.num_candidates, generator=torch.Generator().manual_seed(0)))
    for k, value in report.hubness.items():
        if 2 * k < report.num_candidates:  # else most candidates are among the k best of every image
            yield -value, -guessing.skewness()[k]


def accuracy(name: str) -> Callable[[Report], Pairs]:
    def pairs(report: Report) -> Pairs:
        found = report.generalised
        if found is not None:
            yield getattr(found.point, name), chance(report.num_candidates, 1)
            yield getattr(found.oracle, name), chance(report.num_candidates, 1)
            yield found.intervals[name][1], chance(report.num_candidates, 1)

    return pairs


def ausuc(weighing: str) -> Callable[[Report], Pairs]:
    def pairs(report: Report) -> Pairs:
        found = report.generalised
        if found is not None:
            seen = 3  # guessing is right within each kind once in its size, and orders half of the pairs rightly
            guessed = 100 / (seen * (report.num_candidates - seen)) / 2
            yield found.ausuc[weighing], guessed
            yield found.intervals[f"ausuc_{weighing}"][1], guessed

    return pairs


METRICS: dict[str, Callable[[Report], Pairs]] = {
    "micro Hit@k": hits("hits_micro"),
    "macro Hit@k (per-class accuracy)": hits("hits_macro"),
    "upper end of micro": upper_ends("interval_micro"),
    "upper end of macro": upper_ends("interval_macro"),
    "hierarchical precision@k": hierarchical,
    "tolerant Hit@1": tolerant,
    "tree distance": nearness,
    "hubness": evenness,
    "S": accuracy("seen"),
    "U": accuracy("unseen"),
    "H": accuracy("harmonic_mean"),
    "AUSUC per class": ausuc("class"),
    "AUSUC per image": ausuc("image"),
}


@pytest.mark.parametrize("value", [0.0, -2.5])
@pytest.mark.parametrize("kind", ["own", "unrelated", "generalised", "unseen", "all"])
@pytest.mark.parametrize("name", METRICS)
def test_a_constant_scorer_is_at_or_below_chance(
    name: str, kind: str, value: float, bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split
) -> None:
    constant = replace(bank, weights=torch.zeros_like(bank.weights), biases=torch.full_like(bank.biases, value))
    for calibrate in (None, "oracle") if kind in ("all", "generalised") else (None,):
        report = evaluate(
            constant, images, graph=world, split=split, candidates=kind, calibrate=calibrate, by=("hops", "branch")
        )
        pairs = list(METRICS[name](report))
        assert pairs or (name in ("S", "U", "H") or name.startswith("AUSUC") or name == "hubness")
        for found, guessed in pairs:
            assert found <= guessed + 1e-9


def test_every_figure_is_among_the_metrics(
    bank: ClassifierBank, images: FeatureSet, world: ClassGraph, split: Split
) -> None:
    """A figure added to the report must be added above."""
    report = evaluate(bank, images, graph=world, split=split, candidates="all").to_json()
    known = {"hits_micro", "hits_macro", "tolerant", "tree_distance", "hierarchical_precision", "hubness"}
    known |= {"features", "candidates", "num_candidates", "num_images", "num_classes", "nearest_seen"}
    known |= {key for key in report if key.startswith(("interval_", "chance"))} | {"seen", "unseen", "generalised"}
    known |= {"notes"} & set(report)
    assert set(report) == known
    points = {"calibration", "gamma", "seen", "unseen", "harmonic_mean", "intervals", "oracle"}
    assert set(report["generalised"]) == points | {"ausuc_per_class", "ausuc_per_image"}

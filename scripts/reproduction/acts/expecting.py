"""Forecasts made before any image, held against what the images of the development sets say.

Measured is the rank correlation over classes between expected and measured Hit@1, among the unrelated unseen classes of
each file, and how often the most frequent confusion of a class was among the first three that were forecast. Beside
them stand every single piece of evidence, and the classes of the most similar classifiers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.evaluation import candidates
from kgzsl.expectation import Expectation, expect
from kgzsl.features import FeatureSet
from kgzsl.types import Array

FILES = ("caltech101-dev", "grocery-dev", "cub100-dev")
DRAWS, SEED, FIRST = 1000, 0, 3
ALL = "all files"


def measure(run: Path, assets: Path) -> dict[str, Any]:
    """Compare forecasts with images, file by file and over the classes of all files."""
    classifier = ZeroShotClassifier.load(run)
    files = dict[str, Any]()
    parts = list[tuple[Array, Array]]()
    everywhere = list[Expectation]()
    for name in FILES:
        images = FeatureSet.load(assets / "features" / f"{name}.safetensors")
        asked = candidates("unrelated", images, classifier.graph, classifier.run.split)
        found = expect(classifier, asked, include_person=True)
        counts = confusion_counts(classifier, images.of_classes(asked), asked)
        measured = 100 * np.diag(counts) / counts.sum(axis=1)
        expected = np.array([one.hit1 for one in found])
        parts.append((expected, measured))
        everywhere += found
        inside = np.mean([one.low <= value <= one.high for one, value in zip(found, measured)])
        files[name] = compared(expected, measured) | {
            "inside": 100 * float(inside),
            "evidence": evidence_alone(found, measured),
            "confusions": confusions_found(classifier, found, asked, counts),
        }
    expected, measured = (np.concatenate(part) for part in zip(*parts))
    together = compared(expected, measured) | {"evidence": evidence_alone(everywhere, measured)}
    section = classifier.run.scoring["expectation"]
    seen = {name: section[name] for name in ("forecast", "cases", "hit1", "compared")}
    return {"files": files, ALL: together, "seen": seen}


def confusion_counts(classifier: ZeroShotClassifier, images: FeatureSet, asked: tuple[str, ...]) -> Array:
    """Return (C, C) how many images of each class were taken for each."""
    scorer = classifier.scorer_of(asked)
    own = scorer.index.rows([str(one) for one in images.class_ids()])
    best = scorer.score(images).argmax(dim=1).numpy()
    counts = np.zeros((len(asked), len(asked)), dtype=np.int64)
    np.add.at(counts, (own, best), 1)
    return counts


def compared(expected: Array, measured: Array) -> dict[str, Any]:
    """Return how forecasts go together with what was measured, with intervals over classes."""
    from scipy.stats import kendalltau, spearmanr

    return {
        "classes": len(expected),
        "expected": float(expected.mean()),
        "measured": float(measured.mean()),
        "spearman": with_interval(lambda x, y: float(spearmanr(x, y).statistic), expected, measured),
        "kendall": with_interval(lambda x, y: float(kendalltau(x, y).statistic), expected, measured),
        "error": float(np.abs(expected - measured).mean()),
        "error_of_mean": float(np.abs(expected.mean() - measured).mean()),
    }


def with_interval(statistic: Callable[[Array, Array], float], first: Array, second: Array) -> list[float]:
    """Return a statistic, and between what it lies in 95 % of draws of the classes; 0 where nothing varies."""
    generator = np.random.default_rng(SEED)
    drawn = list[float]()
    for _ in range(DRAWS):
        rows = generator.integers(len(first), size=len(first))
        varies = np.ptp(first[rows]) > 0 and np.ptp(second[rows]) > 0
        drawn.append(statistic(first[rows], second[rows]) if varies else 0.0)
    varies = np.ptp(first) > 0 and np.ptp(second) > 0
    low, high = np.quantile(drawn, [0.025, 0.975])
    return [statistic(first, second) if varies else 0.0, float(low), float(high)]


def evidence_alone(found: Sequence[Expectation], measured: Array) -> dict[str, float]:
    """Return the rank correlation of every piece of evidence that varies."""
    from scipy.stats import spearmanr

    values = {name: np.array([one.evidence[name] for one in found]) for name in found[0].evidence}
    return {
        name: float(spearmanr(value, measured).statistic)
        for name, value in values.items()
        if np.ptp(value) > 0 and np.ptp(measured) > 0
    }


def confusions_found(
    classifier: ZeroShotClassifier, found: Sequence[Expectation], asked: tuple[str, ...], counts: Array
) -> dict[str, float]:
    """Return how often, in percent, the most frequent confusion is among the first of a forecast.

    Where several confusions are equally frequent, the share of them that is found counts.
    """
    forecast = [[asked.index(other.class_id) for other in one.confusions[:FIRST]] for one in found]
    bank = classifier.bank_of(asked)
    rows = functional.normalize(torch.cat([bank.weights, bank.biases[:, None]], dim=1).double(), dim=1)
    likeness = rows @ rows.T - 3 * torch.eye(len(asked), dtype=torch.float64)
    nearest = likeness.topk(min(FIRST, len(asked) - 1)).indices.tolist()
    wrong = counts - np.diag(np.diag(counts))
    confused = [row for row in range(len(asked)) if wrong[row].any()]
    top = {row: set(np.flatnonzero(wrong[row] == wrong[row].max()).tolist()) for row in confused}

    def share(lists: Sequence[Sequence[int]]) -> float:
        return 100 * float(np.mean([len(top[row] & set(lists[row])) / len(top[row]) for row in confused]))

    by_chance = 100 * min(FIRST / (len(asked) - 1), 1)
    return {"classes": len(confused), "forecast": share(forecast), "nearest": share(nearest), "chance": by_chance}


def block(found: dict[str, Any]) -> str:
    """Write the tables."""
    seen, files = found["seen"], found["files"]
    lines = [
        "### Expecting: accuracy and confusions before any image",
        "",
        f"The forecast ({seen['forecast']}) was learned on {seen['cases']:,} hidden seen classes in drawn candidate "
        "sets. Expected and measured Hit@1 are compared over the unrelated unseen classes of each file, which compete "
        "with each other. Rank correlations have 95 % intervals over classes; the error is the mean absolute one, "
        "beside that of one forecast, the mean, for all. Inside: classes whose accuracy lies in the range that "
        "should hold 80 %.",
        "",
        "| file | classes | expected | measured | Spearman | Kendall | error | of the mean | inside |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in [*files.items(), (ALL, found[ALL])]:
        inside = f"{one['inside']:.0f} %" if "inside" in one else ""
        lines.append(
            f"| {name} | {one['classes']} | {one['expected']:.1f} | {one['measured']:.1f} | {_told(one['spearman'])} | "
            f"{_told(one['kendall'])} | {one['error']:.1f} | {one['error_of_mean']:.1f} | {inside} |"
        )
    lines += [
        "",
        "The most frequent confusion of a class among the first three of its forecast, in percent of the classes that "
        "were confused at all:",
        "",
        "| file | classes | forecast | most similar classifiers | chance |",
        "|---|---|---|---|---|",
    ]
    for name, one in files.items():
        told = one["confusions"]
        shares = " | ".join(f"{told[way]:.0f}" for way in ("forecast", "nearest", "chance"))
        lines.append(f"| {name} | {told['classes']} | {shares} |")
    lines += ["", _judged(files, found[ALL]), "", *_evidence({**files, ALL: found[ALL]})]
    return "\n".join([*lines, "", *_on_seen(seen)])


def _judged(files: dict[str, Any], together: dict[str, Any]) -> str:
    told = sum(one["spearman"][1] > 0 for one in files.values())
    alone = together["evidence"]
    best = max(alone, key=lambda name: abs(alone[name]))
    return (
        f"Within a file the interval of the rank correlation is above 0 in {told} of {len(files)}. Over all files it "
        f"also tells easy candidate sets from hard ones: {together['spearman'][0]:.2f}; the single piece of evidence "
        f"that does best there, picked afterwards, is `{best}` with {alone[best]:.2f}."
    )


def _told(interval: Sequence[float]) -> str:
    middle, low, high = interval
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _evidence(files: dict[str, Any]) -> list[str]:
    names = list(dict.fromkeys(name for one in files.values() for name in one["evidence"]))
    rows = [
        f"| {name} | " + " | ".join(_or_dash(one["evidence"].get(name)) for one in files.values()) + " |"
        for name in names
    ]
    head = ["| evidence | " + " | ".join(files) + " |", "|---" * (len(files) + 1) + "|"]
    return ["Rank correlation (Spearman) of each piece of evidence alone with the measured Hit@1:", "", *head, *rows]


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _on_seen(seen: dict[str, Any]) -> list[str]:
    rows = [
        f"| {name} | {one['log_loss']:.3f} | {one['rank_correlation']:.2f} |" for name, one in seen["compared"].items()
    ]
    head = ["| forecast by | log loss | rank correlation with hits |", "|---|---|---|"]
    return ["On seen classes left out of the fit, from which the forecast was chosen:", "", *head, *rows]

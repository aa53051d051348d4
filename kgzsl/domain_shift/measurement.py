"""Measure domain shift and bias of a scorer, and what each remedy does about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from kgzsl.bank import Scorer
from kgzsl.classes import ClassIndex
from kgzsl.domain_shift.bias import SeenBias
from kgzsl.domain_shift.feature_shift import FeatureShift
from kgzsl.domain_shift.report import Hubs, Remedied, ShiftReport
from kgzsl.evaluation import Bootstrap, GammaChoice, Occurrences, bootstrap_interval, by_branch, evaluate
from kgzsl.evaluation import candidates as choose_candidates
from kgzsl.evaluation.protocols import scored_images, with_seen_images
from kgzsl.evaluation.ranking import ranks, score_in_chunks
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.splits import Split
from kgzsl.transduction import ClassUsage, Transducer
from kgzsl.types import Bool, ClassId, Tensor

__all__ = ["measure_shift"]

DEFAULT = Bootstrap()


def measure_shift(
    scorer: Scorer,
    images: FeatureSet,
    seen_images: FeatureSet,
    *,
    graph: ClassGraph,
    split: Split,
    candidates: str | Sequence[ClassId] = "unrelated",
    calibrate: float | GammaChoice | None = None,
    remedies: Mapping[str, Transducer] | None = None,
    name: str = "features",
    bootstrap: Bootstrap = DEFAULT,
) -> ShiftReport:
    """Measure seen bias, hubs, gaps between branches and the shift of features, before and after remedies.

    Args:
        scorer: of the seen classes and of every candidate.
        images: of unseen classes, labelled; images of seen classes among them are left out.
        seen_images: of seen classes.
        graph: tells branches and ancestors.
        split: tells seen and unseen.
        candidates: which unseen classes compete: ``own``, ``unrelated``, or class ids that are not seen.
        calibrate: what seen classes give up, or what chooses it; None measures no calibration.
        remedies: by name; each is adapted to the images without their classes.
        name: what the report calls the images.
        bootstrap: how intervals are drawn.

    Raises:
        InputFileError: no image is left, or too few.
        BackboneMismatchError: the features are of different backbones.
        UnknownClassError: the graph or the scorer lacks a class.
    """
    chosen = tuple(choose_candidates(candidates, images, graph, split))
    taken = scored_images(images, chosen, split, name)
    shown = with_seen_images(images, seen_images, split)  # refuses another backbone, and no image of a seen class
    seen = shown.of_classes(split.seen)
    together = scorer.select(split.seen + chosen)
    asked = {"graph": graph, "split": split, "candidates": split.seen + chosen, "seen_images": seen_images}
    gammas = (None,) if calibrate is None else (None, calibrate)
    reports = [evaluate(together, images, calibrate=gamma, **asked) for gamma in gammas]  # type: ignore[arg-type]
    points = [report.generalised.point for report in reports if report.generalised is not None]
    start = scorer.select(chosen)
    adapted = {one: remedy.adapt(start, taken) for one, remedy in (remedies or {}).items()}
    measured = {one: _remedied(after, taken, bootstrap) for one, after in {"": start, **adapted}.items()}
    hubs = {one.hubs.largest for one in measured.values()}
    return ShiftReport(
        name,
        len(taken),
        len(chosen),
        SeenBias.of(together, shown.of_classes(split.seen + chosen), frozenset(split.seen)),
        tuple(points),
        (_mean_hit(scorer, seen, split.seen), _mean_hit(start, taken, chosen)),
        _branches(start, taken, graph, split),
        FeatureShift.between(seen, taken),
        FeatureShift.within(seen),
        measured.pop(""),
        measured,
        {class_id: graph.text(class_id).label for class_id in hubs},
    )


def _right(scorer: Scorer, images: FeatureSet) -> tuple[Bool[Tensor, "N"], Tensor, float]:
    """Return which images are right, the column of each one's class, and the skewness of how often classes are best."""
    own = torch.from_numpy(scorer.index.rows(str(one) for one in images.class_ids()))
    occurrences = Occurrences(scorer.index, (1,))
    right = torch.zeros(len(images), dtype=torch.bool)
    for rows, scores in score_in_chunks(scorer, images):
        occurrences.add(scores)
        right[rows] = ranks(scores, own[rows]) == 1
    return right, own, occurrences.skewness().get(1, 0.0)


def _remedied(scorer: Scorer, images: FeatureSet, bootstrap: Bootstrap) -> Remedied:
    right, own, skewness = _right(scorer, images)
    usage = ClassUsage.of(scorer, images)
    largest = max(usage.counts, key=lambda class_id: (usage.counts[class_id], class_id))
    share = 100 * usage.counts[largest] / len(images)
    hubs = Hubs(skewness, usage.effective, largest, share, len(usage.unused))
    ends = bootstrap_interval(right, own, draws=bootstrap.draws, seed=bootstrap.seed)
    return Remedied(100 * float(right.double().mean()), ends, hubs)


def _mean_hit(scorer: Scorer, images: FeatureSet, class_ids: Sequence[ClassId]) -> float:
    """Return the percent of the classes with images whose mean image is ranked first."""
    rows = torch.unique(images.labels)
    means = torch.stack([images.features[images.labels == row].mean(dim=0) for row in rows])
    ids = tuple(images.index[row] for row in rows.tolist())
    average = replace(images, features=means, labels=torch.arange(len(ids)), index=ClassIndex(ids), paths=None)
    right, _, _ = _right(scorer.select(tuple(class_ids)), average)
    return 100 * float(right.double().mean())


def _branches(scorer: Scorer, images: FeatureSet, graph: ClassGraph, split: Split) -> dict[str, tuple[float, int]]:
    """Return Hit@1 in percent and the number of images by branch, the best first."""
    right, own, _ = _right(scorer, images)
    branch = by_branch(graph, split, scorer.index)
    names = [branch[scorer.index[column]] for column in own.tolist()]
    found: dict[str, list[bool]] = {}
    for one, hit in zip(names, right.tolist()):
        found.setdefault(one, []).append(hit)
    hits = {one: (100 * sum(held) / len(held), len(held)) for one, held in found.items()}
    return dict(sorted(hits.items(), key=lambda item: (-item[1][0], item[0])))

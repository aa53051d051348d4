"""Score the images of a feature file among candidates and measure how well it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch

from kgzsl.bank import Scorer
from kgzsl.errors import BackboneMismatchError, InputFileError
from kgzsl.evaluation.bootstrap import Bootstrap
from kgzsl.evaluation.breakdown import BREAKDOWNS
from kgzsl.evaluation.generalised import Generalised, generalised
from kgzsl.evaluation.outcome import Outcome, measure
from kgzsl.evaluation.protocols import candidates as choose_candidates
from kgzsl.evaluation.protocols import scored_images, with_seen_images
from kgzsl.evaluation.ranking import score_in_chunks
from kgzsl.evaluation.relatives import Relatives
from kgzsl.evaluation.report import Figures, Report
from kgzsl.evaluation.seen_unseen import SeenUnseen, gaps_of_scores
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import PERSON_MARK, ClassGraph
from kgzsl.registry import choose
from kgzsl.scoring import CalibratedScorer
from kgzsl.splits import Split
from kgzsl.types import ClassId, ClassIds

__all__ = ["ORACLE", "GammaChoice", "evaluate", "seen_against_unseen"]

ORACLE = "oracle"
DEFAULT = Bootstrap()


@runtime_checkable
class GammaChoice(Protocol):
    """Chooses gamma for a set of unseen candidates without their images, as `CrossValidatedGamma` does."""

    def __call__(self, unseen: ClassIds) -> float:
        """Return gamma."""
        ...


def evaluate(
    scorer: Scorer,
    features: FeatureSet,
    *,
    graph: ClassGraph,
    split: Split,
    candidates: str | Sequence[ClassId] = "unrelated",
    seen_images: FeatureSet | None = None,
    calibrate: float | str | GammaChoice | None = None,
    baseline: Scorer | None = None,
    by: Sequence[str] = (),
    name: str = "features",
    list_name: str = "list",
    bootstrap: Bootstrap = DEFAULT,
) -> Report:
    """Rank every image whose class is among the candidates, and measure.

    Args:
        scorer: what is measured; it must know every candidate.
        features: labelled images.
        graph: the class graph, for ancestors, descendants and distances.
        split: seen and unseen classes.
        candidates: one of `kgzsl.evaluation.KINDS`, or class ids.
        seen_images: images that stand for the seen classes, in place of the file's own ones.
        calibrate: what seen classes give up: a number, what chooses one, or ``oracle``, the best on these images.
            All figures are then those of the calibrated scorer, but for the baseline's.
        baseline: a scorer measured beside, usually nearest-seen.
        by: names of `kgzsl.evaluation.BREAKDOWNS`.
        name: what the report calls the features.
        list_name: what the report calls candidates that are given as ids.
        bootstrap: how the intervals are drawn.

    Returns:
        The figures in percent; where seen classes compete, also those of seen and unseen images apart.

    Raises:
        InputFileError: no image is left, no candidates are called so, or there is nothing to calibrate.
        UnknownVariantError: there is no breakdown of that name.
        UnknownClassError: the graph or a scorer lacks a candidate.
        BackboneMismatchError: the features are of another backbone.
    """
    if features.backbone != scorer.backbone:
        raise BackboneMismatchError(
            f"The features of {name} come from backbone {features.backbone!r}, the classifiers take those of "
            f"{scorer.backbone!r}; extract them with the same backbone."
        )
    groupings = {word: choose(BREAKDOWNS, word, "breakdown") for word in by}
    chosen = choose_candidates(candidates, features, graph, split)
    offered = features if seen_images is None else with_seen_images(features, seen_images, split)
    images = scored_images(offered, chosen, split, name)
    apart = _seen_against_unseen(scorer, images, chosen, split, calibrate, bootstrap)
    if apart is not None and apart.point.gamma:
        scorer = CalibratedScorer(scorer, frozenset(split.seen), apart.point.gamma)
    outcome, hubness = measure(scorer, baseline, images, Relatives(graph, chosen))
    whole, seen, unseen = _figures(outcome, images, chosen, split, bootstrap)
    kind = candidates if isinstance(candidates, str) else list_name
    breakdowns = {
        word: _broken_down(outcome, images, group(graph, split, images.index), bootstrap)
        for word, group in groupings.items()
    }
    notes = _notes(graph, chosen)
    return Report(name, kind, len(chosen), whole, seen, unseen, notes, apart, hubness, breakdowns)


def _notes(graph: ClassGraph, chosen: Sequence[ClassId]) -> tuple[str, ...]:
    persons = len(graph.marked(PERSON_MARK) & set(chosen))
    if not persons:
        return ()
    return (
        f"The candidates follow the published lists: {persons:,} of the {len(chosen):,} are person classes, "
        "which kgzsl predict leaves out.",
    )


def _seen_against_unseen(
    scorer: Scorer,
    images: FeatureSet,
    chosen: ClassIds,
    split: Split,
    calibrate: float | str | GammaChoice | None,
    bootstrap: Bootstrap,
) -> Generalised | None:
    """Return the figures of the generalised setting, or None where not both kinds compete and have images."""
    seen = set(split.seen)
    kinds = {class_id in seen for class_id in images.class_ids()}
    if len(kinds) < 2:
        if calibrate is not None:
            raise InputFileError(
                "There is nothing to calibrate: the scored images are of "
                f"{'seen' if True in kinds else 'unseen'} classes only. Let seen and unseen classes compete "
                "(candidates generalised or all) and give images of both (--seen-images)."
            )
        return None
    found = seen_against_unseen(scorer, images, chosen, split)
    if calibrate is None:
        return generalised(found, 0.0, "none", bootstrap)
    if callable(calibrate):
        return generalised(found, calibrate([i for i in chosen if i not in seen]), "cv", bootstrap)
    if isinstance(calibrate, str):
        if calibrate != ORACLE:
            raise InputFileError(f"calibrate is a number or {ORACLE!r}, found {calibrate!r}.")
        return generalised(found, 0.0, ORACLE, bootstrap)
    return generalised(found, calibrate, "given", bootstrap)


def seen_against_unseen(scorer: Scorer, images: FeatureSet, chosen: ClassIds, split: Split) -> SeenUnseen:
    """Score images among seen and unseen candidates and keep what any gamma would do.

    Args:
        scorer: what is measured, not calibrated.
        images: labelled images of candidates.
        chosen: the candidates.
        split: tells which are seen.

    Raises:
        InputFileError: there are not images of both kinds.
    """
    held, column = set(split.seen), {class_id: number for number, class_id in enumerate(chosen)}
    own = torch.tensor([column.get(class_id, -1) for class_id in images.index])[images.labels]
    seen = torch.tensor([class_id in held for class_id in chosen])
    parts = []
    for rows, scores in score_in_chunks(scorer.select(tuple(chosen)), images):
        parts.append(gaps_of_scores(scores, own[rows], seen))
    gaps, right = (torch.cat(part) for part in zip(*parts))
    return SeenUnseen(gaps, right, images.labels, seen[own])


def _of_seen(images: FeatureSet, split: Split) -> torch.Tensor:
    seen = set(split.seen)
    return torch.tensor([class_id in seen for class_id in images.index])[images.labels]


def _figures(
    outcome: Outcome, images: FeatureSet, chosen: Sequence[ClassId], split: Split, bootstrap: Bootstrap
) -> tuple[Figures, Figures | None, Figures | None]:
    """Return the figures over all images and, where seen classes compete, those over seen and unseen ones."""
    whole = outcome.figures(bootstrap)
    if not set(split.seen) & set(chosen):
        return whole, None, None
    of_seen = _of_seen(images, split)
    first, second = (outcome.of(part).figures(bootstrap) if bool(part.any()) else None for part in (of_seen, ~of_seen))
    return whole, first, second


def _broken_down(
    outcome: Outcome, images: FeatureSet, groups: Mapping[ClassId, str], bootstrap: Bootstrap
) -> dict[str, Figures]:
    """Return the figures over the images of each group of classes: numbers by size, words by how many images."""
    of_image = [groups[images.index[label]] for label in images.labels.tolist()]
    sizes = {group: of_image.count(group) for group in dict.fromkeys(of_image)}
    order = sorted(
        sizes, key=lambda group: (not group.isdigit(), int(group) if group.isdigit() else -sizes[group], group)
    )
    masks = {group: torch.tensor([one == group for one in of_image]) for group in order}
    return {group: outcome.of(mask).figures(bootstrap) for group, mask in masks.items()}

"""Score the images of a feature file among candidates and measure how well it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from kgzsl.bank import Scorer
from kgzsl.errors import BackboneMismatchError
from kgzsl.evaluation.metrics import bootstrap_interval, hit_macro, hit_micro, tolerant_hits, tree_distances_of_leaders
from kgzsl.evaluation.protocols import candidates as choose_candidates
from kgzsl.evaluation.protocols import scored_images
from kgzsl.evaluation.ranking import leaders, ranks, score_in_chunks
from kgzsl.evaluation.relatives import Relatives
from kgzsl.evaluation.report import HITS, Figures, Report
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.runtime import progress
from kgzsl.splits import Split
from kgzsl.types import Bool, ClassId, Int, Tensor

__all__ = ["Bootstrap", "evaluate"]


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How the intervals are drawn: how often, and from which seed."""

    draws: int = 1000
    seed: int = 0


def evaluate(
    scorer: Scorer,
    features: FeatureSet,
    *,
    graph: ClassGraph,
    split: Split,
    candidates: str | Sequence[ClassId] = "unrelated",
    baseline: Scorer | None = None,
    name: str = "features",
    list_name: str = "list",
    bootstrap: Bootstrap = Bootstrap(),
) -> Report:
    """Rank every image whose class is among the candidates, and measure.

    Args:
        scorer: what is measured; it must know every candidate.
        features: labelled images.
        graph: the class graph, for ancestors, descendants and distances.
        split: seen and unseen classes.
        candidates: one of `kgzsl.evaluation.KINDS`, or class ids.
        baseline: a scorer measured beside, usually nearest-seen.
        name: what the report calls the features.
        list_name: what the report calls candidates that are given as ids.
        bootstrap: how the intervals are drawn.

    Returns:
        The figures in percent; where seen classes compete, also those of seen and unseen images apart.

    Raises:
        InputFileError: no image is left, or no candidates are called so.
        UnknownClassError: the graph or a scorer lacks a candidate.
        BackboneMismatchError: the features are of another backbone.
    """
    if features.backbone != scorer.backbone:
        raise BackboneMismatchError(
            f"The features of {name} come from backbone {features.backbone!r}, the classifiers take those of "
            f"{scorer.backbone!r}; extract them with the same backbone."
        )
    chosen = choose_candidates(candidates, features, graph, split)
    images = scored_images(features, chosen, split, name)
    outcome = _measure(scorer, baseline, images, Relatives(graph, chosen))
    figures, seen, unseen = _figures(outcome, images, chosen, split, bootstrap)
    kind = candidates if isinstance(candidates, str) else list_name
    return Report(name, kind, len(chosen), figures, seen, unseen, _notes(graph, chosen))


def _notes(graph: ClassGraph, chosen: Sequence[ClassId]) -> tuple[str, ...]:
    persons = len(graph.marked("person") & set(chosen))
    if not persons:
        return ()
    return (
        f"The candidates follow the published lists: {persons:,} of the {len(chosen):,} are person classes, "
        "which kgzsl predict leaves out.",
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Outcome:
    """What is kept of each scored image, none of it as wide as the candidates.

    Args:
        labels: (N,) number of its class.
        ranks: (N,) rank of its class.
        tolerated: (N,) whether the prediction is its class, an ancestor or a descendant.
        distances: (N,) edges between class and prediction, -1 where there is no path.
        baseline: (N,) rank of its class by the baseline, or None.
    """

    labels: Int[Tensor, "N"]
    ranks: Int[Tensor, "N"]
    tolerated: Bool[Tensor, "N"]
    distances: Int[Tensor, "N"]
    baseline: Int[Tensor, "N"] | None

    def of(self, images: Bool[Tensor, "N"]) -> _Outcome:
        """Return what is kept of some of the images, chosen by a mask."""
        return _Outcome(
            self.labels[images],
            self.ranks[images],
            self.tolerated[images],
            self.distances[images],
            None if self.baseline is None else self.baseline[images],
        )

    def figures(self, bootstrap: Bootstrap) -> Figures:
        """Measure over all images kept."""
        labels, found, draws, seed = self.labels, self.ranks, bootstrap.draws, bootstrap.seed
        micro, macro = _hits(found, labels)
        return Figures(
            num_images=len(labels),
            num_classes=int(torch.bincount(labels).count_nonzero()),
            hits_micro=micro,
            hits_macro=macro,
            interval_micro={k: bootstrap_interval(found <= k, labels, draws=draws, seed=seed) for k in HITS},
            tolerant=100.0 * float(self.tolerated.double().mean()),
            tree_distance=None if bool((self.distances < 0).any()) else float(self.distances.double().mean()),
            nearest_seen=None if self.baseline is None else _hits(self.baseline, labels),
        )


def _hits(found: Tensor, labels: Tensor) -> tuple[dict[int, float], dict[int, float]]:
    return {k: hit_micro(found, k) for k in HITS}, {k: hit_macro(found, labels, k) for k in HITS}


def _figures(
    outcome: _Outcome, images: FeatureSet, chosen: Sequence[ClassId], split: Split, bootstrap: Bootstrap
) -> tuple[Figures, Figures | None, Figures | None]:
    """Return the figures over all images and, where seen classes compete, those over seen and unseen ones."""
    seen = set(split.seen)
    whole = outcome.figures(bootstrap)
    if not seen & set(chosen):
        return whole, None, None
    of_seen = torch.tensor([class_id in seen for class_id in images.index])[images.labels]
    first, second = (outcome.of(part).figures(bootstrap) if bool(part.any()) else None for part in (of_seen, ~of_seen))
    return whole, first, second


def _measure(scorer: Scorer, baseline: Scorer | None, images: FeatureSet, relatives: Relatives) -> _Outcome:
    own = relatives.columns(images.index)[images.labels]
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    others: list[Tensor] = []
    with progress("scoring", len(images) * (1 if baseline is None else 2)) as advance:
        for rows, scores in score_in_chunks(scorer.select(relatives.candidates), images):
            best = leaders(scores)
            related, distances = relatives.of(own[rows])
            tolerated = tolerant_hits(best, related)
            found.append((ranks(scores, own[rows]), tolerated, tree_distances_of_leaders(best, distances)))
            advance(len(scores))
        if baseline is not None:
            for rows, scores in score_in_chunks(baseline.select(relatives.candidates), images):
                others.append(ranks(scores, own[rows]))
                advance(len(scores))
    found_ranks, tolerated, distances = (torch.cat(part) for part in zip(*found))
    return _Outcome(images.labels, found_ranks, tolerated, distances, torch.cat(others) if others else None)

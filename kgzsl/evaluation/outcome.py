"""What is kept of each scored image, and the figures over any part of the images."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kgzsl.bank import Scorer
from kgzsl.classes import ClassIndex
from kgzsl.evaluation.bootstrap import Bootstrap, ClassDraws
from kgzsl.evaluation.hierarchy import hierarchical_precision, tolerant_hits, tree_distances_of_leaders
from kgzsl.evaluation.hubness import Occurrences
from kgzsl.evaluation.metrics import hit_macro, hit_micro
from kgzsl.evaluation.ranking import leaders, ranks, score_in_chunks
from kgzsl.evaluation.relatives import Kinship, Relatives
from kgzsl.evaluation.report import HITS, Figures
from kgzsl.features import FeatureSet
from kgzsl.runtime import progress
from kgzsl.types import Bool, Float, Int, Tensor

__all__ = ["Outcome", "measure"]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What is kept of each scored image, none of it as wide as the candidates.

    Args:
        labels: (N,) number of its class.
        ranks: (N,) rank of its class.
        tolerated: (N,) whether the prediction is its class, an ancestor or a descendant.
        distances: (N,) edges between class and prediction, -1 where there is no path.
        precision: (N, H) hierarchical precision at the `HITS` below the number of candidates.
        guessed: (N, H + 2) what guessing brings on average: of each precision, of ``tolerated``, of ``distances``.
        baseline: (N,) rank of its class by the baseline, or None.
    """

    labels: Int[Tensor, "N"]
    ranks: Int[Tensor, "N"]
    tolerated: Bool[Tensor, "N"]
    distances: Int[Tensor, "N"]
    precision: Float[Tensor, "N H"]
    guessed: Float[Tensor, "N G"]
    baseline: Int[Tensor, "N"] | None = None

    def of(self, images: Bool[Tensor, "N"]) -> Outcome:
        """Return what is kept of some of the images, chosen by a mask."""
        return Outcome(
            self.labels[images],
            self.ranks[images],
            self.tolerated[images],
            self.distances[images],
            self.precision[images],
            self.guessed[images],
            None if self.baseline is None else self.baseline[images],
        )

    def figures(self, bootstrap: Bootstrap) -> Figures:
        """Measure over all images kept."""
        labels, found = self.labels, self.ranks
        draws = ClassDraws(labels, bootstrap.draws, bootstrap.seed)
        lost = bool((self.distances < 0).any())
        micro, macro = _hits(found, labels)
        places, guessed = HITS[: self.precision.shape[1]], self.guessed.mean(dim=0).tolist()
        columns = {k: self.precision[:, place] for place, k in enumerate(places)}
        return Figures(
            num_images=len(labels),
            num_classes=int(torch.bincount(labels).count_nonzero()),
            hits_micro=micro,
            hits_macro=macro,
            interval_micro={k: _percent(draws.micro(found <= k)) for k in HITS},
            interval_macro={k: _percent(draws.macro(found <= k)) for k in HITS},
            tolerant=100.0 * float(self.tolerated.double().mean()),
            interval_tolerant=_percent(draws.micro(self.tolerated)),
            tree_distance=None if lost else float(self.distances.double().mean()),
            interval_tree_distance=None if lost else draws.micro(self.distances.double()),
            hierarchical={k: 100.0 * float(column.mean()) for k, column in columns.items()},
            interval_hierarchical={k: _percent(draws.micro(column)) for k, column in columns.items()},
            chance_hierarchical={k: 100.0 * guessed[place] for place, k in enumerate(places)},
            chance_tolerant=100.0 * guessed[-2],
            chance_tree_distance=None if lost or guessed[-1] != guessed[-1] else guessed[-1],
            nearest_seen=None if self.baseline is None else _hits(self.baseline, labels),
        )


def _hits(found: Tensor, labels: Tensor) -> tuple[dict[int, float], dict[int, float]]:
    return {k: hit_micro(found, k) for k in HITS}, {k: hit_macro(found, labels, k) for k in HITS}


def _percent(interval: tuple[float, float]) -> tuple[float, float]:
    return 100.0 * interval[0], 100.0 * interval[1]


def measure(
    scorer: Scorer, baseline: Scorer | None, images: FeatureSet, relatives: Relatives
) -> tuple[Outcome, dict[int, float]]:
    """Score images against the candidates, a chunk at a time.

    Args:
        scorer: what is measured.
        baseline: what is measured beside, or None.
        images: labelled images of candidates.
        relatives: the candidates in the graph.

    Returns:
        What is kept of each image, and the hubness by k.
    """
    own = relatives.columns(images.index)[images.labels]
    found: list[tuple[Tensor, ...]] = []
    others: list[Tensor] = []
    occurrences = Occurrences(ClassIndex(relatives.candidates, "the candidates"))
    with progress("scoring", len(images) * (1 if baseline is None else 2)) as advance:
        for rows, scores in score_in_chunks(scorer.select(relatives.candidates), images):
            found.append(_kept(scores, own[rows], relatives.of(own[rows])))
            occurrences.add(scores)
            advance(len(scores))
        if baseline is not None:
            for rows, scores in score_in_chunks(baseline.select(relatives.candidates), images):
                others.append(ranks(scores, own[rows]))
                advance(len(scores))
    placed, tolerated, distances, precision, guessed = (torch.cat(part) for part in zip(*found))
    compared = torch.cat(others) if others else None
    outcome = Outcome(images.labels, placed, tolerated, distances, precision, guessed, compared)
    return outcome, occurrences.skewness()


def _kept(scores: Float[Tensor, "N C"], own: Int[Tensor, "N"], kin: Kinship) -> tuple[Tensor, ...]:
    """Return ranks, tolerated, distances, precision and guessed of a chunk; see `Outcome`."""
    best, count = leaders(scores), scores.shape[1]
    distances = kin.distances_of_images()
    precision, shares = [], []
    for k in HITS:
        if k < count:
            correct = kin.correct_sets(k)
            precision.append(hierarchical_precision(scores, correct[kin.number], k))
            shares.append(correct.double().mean(dim=1)[kin.number])
    shares.append(kin.related.double().mean(dim=1)[kin.number])
    reached = torch.where(distances < 0, torch.nan, distances.double()).mean(dim=1)
    nothing = scores.new_zeros(len(scores), 0)
    return (
        ranks(scores, own),
        tolerant_hits(best, kin.related_of_images()),
        tree_distances_of_leaders(best, distances),
        torch.stack(precision, dim=1).double() if precision else nothing.double(),
        torch.stack([*shares, reached], dim=1),
    )

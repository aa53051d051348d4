"""Choose gamma on seen classes alone: class-wise cross-validation on images of seen classes.

Gamma (see `kgzsl.scoring.CalibratedScorer`) must be chosen without a look at any image of an unseen class. So some seen
classes play unseen: they are hidden from the method, which predicts their classifiers from the other seen classes, and
their images are scored against those predictions and the rows of the seen classes that were not hidden. The gamma of
the highest mean H over many such folds is taken.

What makes the chosen gamma fit the unseen classes, to which it is carried over:

- *As many compete.* A fold hides as many classes as there are unseen candidates (at most half of the seen ones). Among
  200 hidden classes the best score is higher than among 15, and less has to be taken from the seen ones.
- *They stand where the candidates stand.* Each candidate is stood in for by a seen class near it in the graph: drawn
  with probability ~ exp(-tree distance / reach). Candidates that crowd in one branch, as 52 birds among the 1000
  classes of ImageNet do, meet each other and their seen neighbours there, while classes drawn from all over meet
  neither, are easy to tell apart, and make gamma far too small. Only the graph and the ids of the candidates are used.
- *The same rows compete.* The seen classes that stay score as they do in the test (the head's own rows, or the
  predicted ones), the hidden ones by rows that were predicted without them.

Where rows mean the same in every fit (rows of length one, beside those of a head), the method is refitted a few times
only, each time without one part of the seen classes, and folds combine the rows that were predicted for hidden classes.
A method whose scores have a scale of their own is refitted for each fold, and all its scores come from that fit.

References:
    W.-L. Chao, S. Changpinyo, B. Gong, F. Sha: An empirical study and analysis of generalized zero-shot learning for
    object recognition in the wild, ECCV 2016 (hyper-parameters by class-wise cross-validation). The stand-ins are our
    own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch

from kgzsl.bank import Scorer
from kgzsl.errors import InputFileError
from kgzsl.evaluation.ranking import score_in_chunks
from kgzsl.evaluation.seen_unseen import SeenUnseen, best_gamma, gaps_of_scores
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.hops import tree_distances
from kgzsl.runtime import progress
from kgzsl.scoring import JoinedScorer
from kgzsl.splits import draw_folds
from kgzsl.types import Array, ClassId, ClassIds, Int

__all__ = ["Calibration", "CrossValidatedGamma", "Refit", "beside_hidden", "hidden_parts", "hidden_scorer", "stand_ins"]


Refit: TypeAlias = Callable[[tuple[ClassId, ...]], Scorer]
"""Fits the method anew with some seen classes hidden from it; returns a scorer of all seen classes."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How gamma is chosen.

    Args:
        parts: the method is refitted so often, each time without another part of the seen classes.
        folds: how many sets of stand-ins are drawn.
        reach: of the stand-ins, in steps of the graph: one so many steps farther away is e times rarer. Infinite:
            classes are drawn from all over.
        seed: of the parts and of the stand-ins.

    Raises:
        InputFileError: a value is out of range.
    """

    parts: int = 5
    folds: int = 20
    reach: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.parts < 2 or self.folds < 1 or not self.reach > 0:
            raise InputFileError(
                "A calibration needs at least 2 parts, 1 fold and a reach above 0, found "
                f"{self.parts} parts, {self.folds} folds and a reach of {self.reach}."
            )


def hidden_scorer(refit: Refit, seen: ClassIds, calibration: Calibration = Calibration()) -> Scorer:
    """Return a scorer of all seen classes, each by a row that was predicted while it was hidden.

    Arguments and errors as `hidden_parts`.
    """
    return JoinedScorer(tuple(hidden_parts(refit, seen, calibration))).select(tuple(seen))


def hidden_parts(refit: Refit, seen: ClassIds, calibration: Calibration = Calibration()) -> list[Scorer]:
    """Return scorers of parts of the seen classes, each of classes that were hidden together while it was fitted.

    Args:
        refit: fits the method without some classes.
        seen: the seen classes.
        calibration: how many parts, and the seed that cuts them.

    Raises:
        GraphError: there are fewer than four seen classes.
    """
    parts = draw_folds(seen, max(2, min(calibration.parts, len(seen) // 2)), seed=calibration.seed)
    scorers = []
    with progress("fitting without a part of the seen classes", len(parts)) as advance:
        for part in parts:
            scorers.append(refit(part).select(part))
            advance()
    return scorers


def stand_ins(
    distances: Int[Array, "K C"], count: int, reach: float, generator: np.random.Generator
) -> Int[Array, "_"]:
    """Draw one class for each candidate, none twice, near ones more likely.

    The candidates choose one after the other, in an order drawn anew each time.

    Args:
        distances: of K candidates to C classes, -1 where there is no way; those are drawn last.
        count: how many candidates are stood in for, at most C; fewer than K: that many, drawn.
        reach: a class so many steps farther away is e times rarer.
        generator: the source of chance.

    Returns:
        The columns of the stand-ins.
    """
    far = np.where(distances < 0, 2 * int(distances.max(initial=0)) + 100, distances)
    free, chosen = np.ones(distances.shape[1], dtype=bool), []
    for row in generator.permutation(len(distances))[:count]:
        keys = generator.gumbel(size=distances.shape[1]) - far[row] / reach  # the highest: a draw from the softmax
        keys[~free] = -np.inf
        chosen.append(int(keys.argmax()))
        free[chosen[-1]] = False
    return np.array(chosen, dtype=np.int64)


def beside_hidden(seen_scorer: Scorer, hidden: Scorer) -> Refit:
    """Return what scores hidden classes by what was predicted of them, beside the others as they compete.

    For scorers whose rows mean the same in every fit, such as rows of length one beside those of a head; a method on a
    scale of its own is fitted anew for each fold, so that all scores of a fold come from one fit.

    Args:
        seen_scorer: scores the seen classes as they will compete.
        hidden: scores them by what was predicted while they were hidden; see `hidden_scorer`.
    """

    def fold_scorer(held_out: tuple[ClassId, ...]) -> Scorer:
        hiding = set(held_out)
        shown = tuple(class_id for class_id in seen_scorer.index if class_id not in hiding)
        return JoinedScorer((seen_scorer.select(shown), hidden.select(held_out)))

    return fold_scorer


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidatedGamma:
    """Chooses gamma for a set of unseen candidates from images of seen classes that play unseen.

    Args:
        fold_scorer: scores all seen classes while some are hidden: `beside_hidden`, or a refit of the method.
        images: labelled images; those of no seen class are left out.
        graph: tells how near seen classes are to the candidates.
        seen: the seen classes.
        calibration: folds, reach and seed.
    """

    fold_scorer: Refit
    images: FeatureSet
    graph: ClassGraph
    seen: tuple[ClassId, ...]
    calibration: Calibration = Calibration()

    def __call__(self, unseen: ClassIds) -> float:
        """Return the gamma of the highest mean H (of means over classes) over all folds.

        Args:
            unseen: the unseen candidates; only their number and their place in the graph are looked at.

        Raises:
            InputFileError: images are of fewer than four seen classes, or there is no unseen candidate.
        """
        return best_gamma([fold.curve() for fold in self.folds(unseen)])[0]

    def folds(self, unseen: ClassIds) -> list[SeenUnseen]:
        """Return what each fold of hidden classes says; arguments and errors as when called."""
        kept = self.images.of_classes(self.seen)
        shown = set(kept.class_ids())
        able = [class_id for class_id in sorted(self.seen) if class_id in shown]
        if len(able) < 4 or not unseen:
            raise InputFileError(
                "Choosing gamma needs images of at least 4 seen classes and an unseen candidate, found images of "
                f"{len(able)} and {len(unseen)} candidates; give more images of seen classes, or gamma itself."
            )
        found = []
        folds = _folds(self.graph, able, sorted(unseen), self.calibration)
        with progress("choosing gamma", len(folds)) as advance:
            for fold in folds:
                found.append(self._fold(kept, tuple(able[place] for place in sorted(fold.tolist()))))
                advance()
        return found

    def _fold(self, images: FeatureSet, held_out: tuple[ClassId, ...]) -> SeenUnseen:
        order, hiding = tuple(sorted(self.seen)), set(held_out)
        column = {class_id: number for number, class_id in enumerate(order)}
        own = torch.tensor([column[class_id] for class_id in images.class_ids() if class_id is not None])
        of_seen = torch.tensor([class_id not in hiding for class_id in order])
        scorer = self.fold_scorer(held_out).select(order)
        parts = [gaps_of_scores(scores, own[rows], of_seen) for rows, scores in score_in_chunks(scorer, images)]
        gaps, right = (torch.cat(part) for part in zip(*parts))
        return SeenUnseen(gaps, right, own, of_seen[own])


def _folds(
    graph: ClassGraph, able: Sequence[ClassId], unseen: Sequence[ClassId], calibration: Calibration
) -> list[Int[Array, "_"]]:
    """Return the stand-ins of each fold, as places in a list of classes."""
    distances = tree_distances(graph, graph.index.rows(unseen))[:, graph.index.rows(able)]
    generator = np.random.default_rng(calibration.seed)
    count = min(len(unseen), len(able) // 2)
    return [stand_ins(distances, count, calibration.reach, generator) for _ in range(calibration.folds)]

"""The classes that are asked about, among their candidates: evidence, simulated pictures, and what follows of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.expectation.evidence import EVIDENCE, FAR, NEAR, Pool, evidence_of, steps_to
from kgzsl.expectation.fit import PICTURES, SIMULATED, num_places, numbers_of
from kgzsl.expectation.fitted import FittedExpectation
from kgzsl.expectation.hidden_world import fingerprints, unit_vectors
from kgzsl.expectation.pictures import class_likeness
from kgzsl.expectation.reasons import Surroundings, reasons_of
from kgzsl.expectation.simulation import DrawnScores, drawn_scores, tally
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.hops import tree_distances
from kgzsl.runtime import progress
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.types import Array, ClassId, ClassIds, Float, Int, Tensor

__all__ = ["AskedClasses", "Forecast", "semantics_with"]

AT_ONCE = 256
MOST_RIVALS = 256
"""So many candidates, those that can score highest on pictures of a class, compete for its simulated pictures."""
NAMES = "names"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of one class, in numbers.

    Args:
        class_id: its id.
        hit1: the expected accuracy, 0 to 1.
        others: column and share of the candidates that get its lost pictures, the likeliest first.
        why: what lowers the expectation most.
        evidence: what is known of it.
    """

    class_id: ClassId
    hit1: float
    others: tuple[tuple[int, float], ...]
    why: tuple[str, ...]
    evidence: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class AskedClasses:
    """Classes among candidates.

    Args:
        classifier: where they are known.
        fitted: the forecast.
        asked: the A classes, which stand first among the candidates.
        candidates: all that compete.
        graph: with all of them.
        pool: what is known of them.
        expected: (A, D) pictures.
        drawn: draws pictures around those.
    """

    classifier: ZeroShotClassifier
    fitted: FittedExpectation
    asked: tuple[ClassId, ...]
    candidates: tuple[ClassId, ...]
    graph: ClassGraph
    pool: Pool
    expected: Float[Tensor, "A D"]
    drawn: DrawnScores

    @classmethod
    def of(
        cls,
        classifier: ZeroShotClassifier,
        fitted: FittedExpectation,
        asked: tuple[ClassId, ...],
        candidates: tuple[ClassId, ...],
    ) -> AskedClasses:
        """Gather what is known; classes that the run lacks are placed.

        Raises:
            UnknownClassError: a class cannot be placed.
        """
        scorer, graph = classifier.scorer_of(candidates), classifier.graph_with(candidates)
        semantics = semantics_with(classifier, candidates)
        likeness = class_likeness(graph, semantics, fitted.known, asked)
        rows, means = fingerprints(scorer, fitted.images)
        texts, seen = unit_vectors(semantics, candidates), classifier.run.split.seen
        near = (texts[: len(asked)] @ unit_vectors(semantics, seen).T).max(axis=1)
        is_seen = np.isin(np.array(candidates), np.array(seen))
        variance = fitted.pictures.process.variance(likeness).numpy()
        pool = Pool(texts, rows, means, is_seen, near, variance)
        noise = fitted.pictures.noise(num_places(isinstance(scorer, ClassifierBank)), PICTURES)
        drawn = drawn_scores((scorer,), noise)
        return cls(classifier, fitted, asked, candidates, graph, pool, fitted.expected(likeness), drawn)

    def forecasts(self) -> Iterator[Forecast]:
        """Yield the forecast of each class, in order."""
        regression = self.fitted.regression
        seen = self.graph.index.rows(self.classifier.run.split.seen)
        every, places = np.arange(len(self.candidates)), self.graph.index.rows(self.candidates)
        with progress("forecasting", len(self.asked)) as advance:
            for start in range(0, len(self.asked), AT_ONCE):
                part = range(start, min(start + AT_ONCE, len(self.asked)))
                rows = np.array(part)
                distances = steps_to(tree_distances(self.graph, places[rows]))
                steps = distances[:, places]
                evidence = evidence_of(self.pool, rows, every, steps, distances[:, seen])
                tallies = self._simulated(part)
                shares = np.array([share for share, _ in tallies])
                numbers = numbers_of(self.fitted.forecast, evidence, shares)
                expected, added = regression.probabilities(numbers), regression.contributions(numbers)
                known = np.column_stack([evidence, shares])
                alike = np.stack([_most_alike(values, rows) for values in (self.pool.rows, self.pool.texts)], axis=1)
                for number, row in enumerate(part):
                    facts = dict(zip((*EVIDENCE, SIMULATED), known[number].tolist()))
                    around = self._surroundings(row, steps[number], alike[number], int(facts["distance"]))
                    why = self._why(added[number], numbers[number], around)
                    yield Forecast(self.asked[row], float(expected[number]), tallies[number][1], why, facts)
                advance(len(part))

    def _simulated(self, rows: range) -> list[tuple[float, tuple[tuple[int, float], ...]]]:
        """Return the share of its simulated pictures that each class wins, and who gets the others."""
        every = torch.arange(len(self.candidates))
        if len(every) <= MOST_RIVALS:
            return [self._tallied(row, every) for row in rows]
        rivals = self.drawn.rivals(self.expected[rows.start : rows.stop], MOST_RIVALS)
        return [self._tallied(row, torch.tensor(sorted({row, *near.tolist()}))) for row, near in zip(rows, rivals)]

    def _tallied(self, row: int, columns: Int[Tensor, "K"]) -> tuple[float, tuple[tuple[int, float], ...]]:
        counted = tally(self.drawn.scores(self.expected[row], columns), int((columns == row).nonzero()[0, 0]))
        order = counted.others.argsort(descending=True, stable=True)
        pairs = zip(columns[order].tolist(), counted.others[order].tolist())
        return counted.share, tuple((column, share) for column, share in pairs if share > 0)

    def _why(self, added: Float[Array, "E"], numbers: Float[Array, "E"], around: Surroundings) -> tuple[str, ...]:
        regression = self.fitted.regression
        deviations = (numbers - regression.mean) / regression.scale
        names = regression.names
        return tuple(reasons_of(dict(zip(names, added.tolist())), dict(zip(names, deviations.tolist())), around))

    def _surroundings(self, row: int, steps: Int[Array, "K"], alike: Int[Array, "2"], distance: int) -> Surroundings:
        near = np.flatnonzero(steps <= NEAR)
        near = near[near != row]
        near = near[np.argsort(steps[near], kind="stable")]
        return Surroundings(
            None if distance >= FAR else distance,
            [self._label(column) for column in near.tolist()],
            self._label(int(alike[0])),
            self._label(int(alike[1])),
            len(self.candidates),
            int(self.pool.is_seen.sum()),
            self._is_named_only(self.asked[row]),
        )

    def _label(self, column: int) -> str:
        return self.classifier.text(self.candidates[column]).label

    def _is_named_only(self, class_id: ClassId) -> bool:
        added = self.classifier.added
        return class_id in added and added[class_id].source == NAMES


def _most_alike(values: Float[Array, "C _"], rows: Int[Array, "A"]) -> Int[Array, "A"]:
    """Return the candidate that is nearest to each class but itself."""
    likeness = values[rows] @ values.T
    likeness[np.arange(len(rows)), rows] = -np.inf
    nearest: Array = np.argmax(likeness, axis=1)
    return nearest


def semantics_with(classifier: ZeroShotClassifier, class_ids: ClassIds) -> SemanticEmbedding:
    """Return the run's vectors, with those of classes that it lacks behind."""
    semantics, added = classifier.run.semantics, classifier.added
    new = [class_id for class_id in class_ids if class_id not in semantics.index]
    if not new:
        return semantics
    nodes = {node.class_id: node for class_id in new for node in added[class_id].extension.classes}
    vectors, _ = added.synthesis.embed(nodes, kept=added.state.vectors)
    return semantics.concat(vectors.select(new))

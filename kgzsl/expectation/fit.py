"""Learn on seen classes that were hidden how well a class will be told among candidates.

Candidate sets are drawn as people ask for them (`draw_queries`). For each hidden class of a set there is the evidence,
the share of simulated pictures that it wins, and what became of its real images. Three forecasts compete: by the
evidence, by the simulation, and by both, each a logistic regression; the lowest log loss on classes that were left out
of its fit is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.expectation.evidence import EVIDENCE
from kgzsl.expectation.hidden_world import HiddenWorld
from kgzsl.expectation.logistic import LogisticRegression, log_loss, logits
from kgzsl.expectation.queries import Query, draw_queries
from kgzsl.expectation.simulation import drawn_scores, shared_spread, tally
from kgzsl.hidden_classes import CalibrationData
from kgzsl.run_folder import EXPECTATION
from kgzsl.runtime import progress
from kgzsl.types import Array, Bool, Float, Int, Tensor

__all__ = ["FORECASTS", "PICTURES", "SIMULATED", "Cases", "fit_expectation", "num_places", "numbers_of"]

SIMULATED = "simulated"
FORECASTS = {"evidence": tuple(EVIDENCE), "simulation": (SIMULATED,), "both": (*EVIDENCE, SIMULATED)}
"""Forecast to the numbers that it looks at, in the order in which the simplest is taken of equal ones."""

QUERIES, FOLDS = 120, 5
STRETCHES = (0.8, 1.0, 1.25, 1.5)
PENALTIES = (1.0, 10.0, 100.0)
PICTURES = 4
"""Drawn of each place that a class might have."""


def num_places(linear: bool) -> int:
    """Return how many places of a class are drawn; scorers that are no banks take longer."""
    return 128 if linear else 32


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """Hidden classes of all queries, one after the other.

    Args:
        evidence: (P, E).
        outcomes: (P,) Hit@1 of the images of each, 0 to 1.
        class_number: (P,) which class each is.
        columns: the candidates of each, as rows of the pool, and which of them it is itself.
    """

    evidence: Float[Array, "P E"]
    outcomes: Float[Array, "P"]
    class_number: Int[Array, "P"]
    columns: list[tuple[Tensor, int]]

    @classmethod
    def of(cls, world: HiddenWorld, queries: Sequence[Query]) -> Cases:
        """Gather the classes of some queries."""
        columns = [
            (torch.from_numpy(world.columns(query)), own) for query in queries for own in range(len(query.hidden))
        ]
        parts = ([world.evidence(query) for query in queries], [world.outcomes(query) for query in queries])
        evidence, outcomes = (np.concatenate(part) for part in parts)
        return cls(evidence, outcomes, np.concatenate([query.hidden for query in queries]), columns)


def fit_expectation(data: CalibrationData, *, queries: int = QUERIES, seed: int = 0) -> dict[str, Any]:
    """Fit the section ``expectation`` of a run, and keep the images in it that forecasts are made from.

    Args:
        data: the run, its seen classes as if unseen, and images of them; at least four classes.
        queries: how many candidate sets are drawn.
        seed: of the sets and of the folds.

    Returns:
        The forecast that was chosen, its regression, and how the forecasts compare on seen classes.

    Raises:
        InputFileError: there are images of fewer than four seen classes.
        StorageError: the images could not be written.
    """
    world = HiddenWorld.of(data)
    cases = Cases.of(world, draw_queries(world.steps, np.arange(len(world.known)), queries, seed))
    stretch, shares, spread = _calibrated(world, cases)
    compared = {name: _compare(name, cases, shares, seed) for name in FORECASTS}
    chosen = min(compared, key=lambda name: compared[name]["log_loss"])
    numbers = numbers_of(chosen, cases.evidence, shares)
    regression = LogisticRegression.fit(FORECASTS[chosen], numbers, cases.outcomes, compared[chosen]["penalty"])
    world.images.save(data.run.path / EXPECTATION, quantised=True)
    plain = {"forecast": chosen, "cases": len(cases.outcomes), **compared[chosen]}
    drawn = {"stretch": stretch, "ridge": world.pictures.process.ridge, "spread": spread}
    return {**plain, **drawn, "hit1": float(cases.outcomes.mean()), "compared": compared} | {
        "regression": regression.to_json()
    }


def numbers_of(forecast: str, evidence: Float[Array, "P E"], shares: Float[Array, "P"]) -> Float[Array, "P _"]:
    """Return the numbers that a forecast looks at; of the simulated shares the log-odds."""
    every = dict(zip(EVIDENCE, evidence.T)) | {SIMULATED: logits(shares)}
    return np.column_stack([every[name] for name in FORECASTS[forecast]])


def _calibrated(world: HiddenWorld, cases: Cases) -> tuple[float, Float[Array, "P"], float]:
    """Return the stretch of the lowest log loss, the shares that it gives, and how much accuracies differ."""
    linear = all(isinstance(scorer, ClassifierBank) for scorer in world.scorers)
    tried = dict[float, Bool[Tensor, "P U"]]()
    stretches = STRETCHES if linear else (1.0,)
    with progress("simulating pictures of hidden classes", len(stretches)) as advance:
        for stretch in stretches:
            tried[stretch] = _simulate(world, cases, stretch, num_places(linear))
            advance()
    shares = {stretch: hits.double().mean(dim=1).numpy() for stretch, hits in tried.items()}
    best = min(stretches, key=lambda stretch: log_loss(shares[stretch], cases.outcomes))
    return best, shares[best], shared_spread(tried[best], PICTURES)


def _simulate(world: HiddenWorld, cases: Cases, stretch: float, places: int) -> Bool[Tensor, "P U"]:
    """Return which drawn pictures each case wins; class by class, as a scorer may keep what it scored last."""
    drawn = drawn_scores(world.scorers, world.pictures.noise(places, PICTURES))
    expected = world.pictures.stretched(world.pictures.hidden, stretch)
    hits = torch.empty(len(cases.outcomes), places * PICTURES, dtype=torch.bool)
    for case in np.argsort(cases.class_number, kind="stable").tolist():
        columns, own = cases.columns[case]
        hits[case] = tally(drawn.scores(expected[cases.class_number[case]], columns), own).hits
    return hits


def _compare(forecast: str, cases: Cases, shares: Float[Array, "P"], seed: int) -> dict[str, float]:
    """Return how a forecast does on classes that were left out of its fit, with the best penalty."""
    from scipy.stats import spearmanr

    numbers = numbers_of(forecast, cases.evidence, shares)
    classes = np.unique(cases.class_number)
    order = np.random.default_rng(seed).permutation(len(classes))
    fold = (order % min(FOLDS, len(classes)))[np.searchsorted(classes, cases.class_number)]
    found = list[dict[str, float]]()
    for penalty in PENALTIES:
        expected = np.empty(len(numbers))
        for left_out in np.unique(fold):
            kept = fold != left_out
            fitted = LogisticRegression.fit(FORECASTS[forecast], numbers[kept], cases.outcomes[kept], penalty)
            expected[~kept] = fitted.probabilities(numbers[~kept])
        varies = np.ptp(expected) > 0 and np.ptp(cases.outcomes) > 0
        rank = float(spearmanr(expected, cases.outcomes).statistic) if varies else 0.0
        found.append({"log_loss": log_loss(expected, cases.outcomes), "rank_correlation": rank, "penalty": penalty})
    return min(found, key=lambda one: one["log_loss"])

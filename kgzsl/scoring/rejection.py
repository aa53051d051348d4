"""Refuse a picture whose class is not among the candidates: a statistic of its scores, and a threshold on it.

| statistic | formula |
|---|---|
| ``max_score`` | the best score |
| ``energy`` | ``T log sum_c exp(s_c / T)`` over the candidates: negative free energy (Liu et al.) |
| ``margin`` | energy of the candidates less that of the background |

The background is the run's seen classes that are neither candidates nor above or below one. A picture is refused where
the statistic is below a threshold. The threshold of a wanted false-alarm rate, the share of pictures of candidates that
are refused, is the quantile of the statistic of images of seen classes that play unseen (`SeenQueries`). It depends on
the number of candidates, so there is a table of numbers, read between two of them along the log. The margin is our own;
it costs the scores of the seen classes.

References:
    W. Liu, X. Wang, J. Owens, Y. Li: Energy-based out-of-distribution detection, NeurIPS 2020.
    D. Hendrycks, K. Gimpel: A baseline for detecting misclassified and out-of-distribution examples in neural
    networks, ICLR 2017 (the best score).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.scoring.seen_queries import CandidateSet, SeenQueries
from kgzsl.scoring.temperature import answers_of, fit_temperature
from kgzsl.types import Array, Bool, Float, Tensor

__all__ = ["RATES", "STATISTICS", "Rejector", "Thresholds", "auroc", "check_rate", "energy", "fit_rejection"]

STATISTICS = ("max_score", "energy", "margin")
RATES = (*(number / 200 for number in range(41)), *(number / 20 for number in range(5, 21)))
"""False-alarm rates that thresholds are kept for: steps of 0.5 % up to 20 %, of 5 % above."""


def energy(scores: Float[Tensor, "N C"], temperature: float) -> Float[Tensor, "N"]:
    """Return ``T log sum_c exp(s_c / T)``: the best score, and more where others come near.

    Example:
        >>> round(float(energy(torch.tensor([[1.0, 1.0]]), 2.0)), 4) == round(1 + 2 * math.log(2), 4)
        True
    """
    return temperature * torch.logsumexp(scores.double() / temperature, dim=1)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds of one statistic.

    Args:
        sizes: numbers of candidates, rising.
        values: a row a size, a threshold a rate of `RATES`.
    """

    sizes: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, known: Mapping[int, Array]) -> Thresholds:
        """Return the quantiles of the statistic of images whose class is a candidate, by number of candidates."""
        rows = []
        for values in known.values():
            ordered = np.append(np.sort(values), np.nextafter(values.max(), np.inf))
            rows.append(tuple(float(ordered[int(rate * len(values) + 1e-9)]) for rate in RATES))
        return cls(tuple(known), tuple(rows))

    def at(self, rate: float, num_candidates: int) -> float:
        """Return the threshold of a false-alarm rate; of numbers beyond the table, that of its nearest."""
        column = [float(np.interp(rate, RATES, row)) for row in self.values]
        return float(np.interp(math.log(num_candidates), np.log(self.sizes), column))


@dataclass(frozen=True, slots=True)
class Rejector:
    """Says which pictures are of none of the candidates.

    Args:
        statistic: the one of `STATISTICS` that is used.
        temperature: of the energies, in the units of the scores.
        thresholds: by statistic; without a background the energy stands in for the margin.

    Raises:
        CorruptFileError: there is no such statistic, or no thresholds of it.
    """

    statistic: str
    temperature: float
    thresholds: Mapping[str, Thresholds]

    def __post_init__(self) -> None:
        if self.statistic not in self.thresholds or "energy" not in self.thresholds or not self.temperature > 0:
            raise CorruptFileError(
                f"A rejection needs thresholds of {self.statistic!r} and of the energy, and a temperature above 0; run "
                "kgzsl calibrate again."
            )

    def values(
        self, scores: Float[Tensor, "N C"], background: Float[Tensor, "N B"] | None = None, statistic: str | None = None
    ) -> tuple[str, Float[Tensor, "N"]]:
        """Return the statistic of each picture, higher where it is of a candidate, and which one it is.

        Args:
            scores: of the candidates.
            background: scores of the seen classes that are no candidates; None or empty where there are none.
            statistic: one of `STATISTICS`; by default the rejector's.
        """
        name = statistic or self.statistic
        if name == "margin" and (background is None or not background.shape[1]):
            name = "energy"
        return name, _statistic(name, scores, background, self.temperature)

    def is_unknown(
        self, scores: Float[Tensor, "N C"], rate: float, background: Float[Tensor, "N B"] | None = None
    ) -> Bool[Tensor, "N"]:
        """Say which pictures are refused.

        Args:
            scores: of the candidates.
            rate: the wanted share of pictures of candidates that are refused, from 0 to below 1.
            background: scores of the seen classes that are no candidates.

        Raises:
            InputFileError: the rate is out of range.
        """
        check_rate(rate)
        name, values = self.values(scores, background)
        return values < self.thresholds[name].at(rate, scores.shape[1])

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        tables = {
            name: {"sizes": list(table.sizes), "values": [list(row) for row in table.values]}
            for name, table in self.thresholds.items()
        }
        return {
            "statistic": self.statistic, "temperature": self.temperature, "rates": list(RATES), "thresholds": tables
        }  # fmt: skip

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Rejector:
        """Read what `to_json` wrote; further keys are passed over.

        Raises:
            CorruptFileError: a value is missing, or thresholds are of other rates.
        """
        try:
            if tuple(content["rates"]) != RATES:
                raise CorruptFileError("The thresholds are of other false-alarm rates; run kgzsl calibrate again.")
            tables = {
                name: Thresholds(tuple(table["sizes"]), tuple(tuple(row) for row in table["values"]))
                for name, table in content["thresholds"].items()
            }
            return cls(content["statistic"], content["temperature"], tables)
        except (KeyError, TypeError, AttributeError) as error:
            raise CorruptFileError(f"No rejection can be read ({error}); run kgzsl calibrate again.") from error


def check_rate(rate: float) -> None:
    """Refuse a false-alarm rate that is none, with an InputFileError."""
    if not 0 <= rate < 1:
        raise InputFileError(f"A false-alarm rate is a share from 0 to below 1, such as 0.05, found {rate}.")


def fit_rejection(queries: SeenQueries) -> dict[str, Any]:
    """Fit the thresholds of all statistics, and choose the one that tells known from unknown best.

    Unknown is an image whose class is not among the candidates. Its class is taken from the background, too: a class
    that nobody knows is the hard case.

    Returns:
        A `Rejector` as JSON; also ``auroc``: of each statistic, by number of candidates up to half the seen classes.
    """
    temperature = math.exp(fit_temperature(answers_of(queries)).level)
    known: dict[str, dict[int, Array]] = {name: {} for name in STATISTICS}
    areas: dict[str, dict[str, float]] = {name: {} for name in STATISTICS}
    for size in queries.sets:
        for name, (inside, outside) in _values_of_size(queries, size, temperature).items():
            if len(inside):
                known[name][size] = inside
            if len(inside) and len(outside):
                areas[name][str(size)] = auroc(inside, outside)
    tables = {name: Thresholds.of(values) for name, values in known.items() if values}
    shared = sorted(set.intersection(*(set(found) for found in areas.values())))
    means = {name: float(np.mean([areas[name][size] for size in shared])) if shared else 0.0 for name in tables}
    best = max(means, key=lambda name: (means[name], name == "energy"))
    return {**Rejector(best, temperature, tables).to_json(), "auroc": areas}


def _values_of_size(queries: SeenQueries, size: int, temperature: float) -> dict[str, tuple[Array, Array]]:
    """Return each statistic of images whose class is among the candidates, and of as many others.

    The margin is left out where more than half of the classes are candidates: the rest is no background any more.
    """
    names = STATISTICS if 2 * size <= len(queries.class_ids) else STATISTICS[:2]
    found: dict[str, tuple[list[Tensor], list[Tensor]]] = {name: ([], []) for name in names}
    for turn, (candidates, known) in enumerate(queries.known(size)):
        others = (~known).nonzero()[:, 0]
        step = max(1, len(others) // max(1, int(known.sum())))
        asked = known.clone()
        asked[others[turn % step :: step]] = True
        scores = queries.hidden[asked][:, torch.from_numpy(candidates.columns)]
        background = _background_of(queries, candidates, asked) if "margin" in names else None
        for name in names:
            values = _statistic(name, scores, background, temperature)
            found[name][0].append(values[known[asked]])
            found[name][1].append(values[~known[asked]])
    return {name: (torch.cat(inside).numpy(), torch.cat(outside).numpy()) for name, (inside, outside) in found.items()}


def _statistic(name: str, scores: Tensor, background: Tensor | None, temperature: float) -> Float[Tensor, "N"]:
    if name == "max_score":
        return scores.double().amax(dim=1)
    found = energy(scores, temperature)
    return found if name == "energy" or background is None else found - energy(background, temperature)


def _background_of(queries: SeenQueries, candidates: CandidateSet, images: Bool[Tensor, "N"]) -> Float[Tensor, "_ _"]:
    """Return the scores of the seen classes that are no candidates, the class of each image itself left out."""
    rest = torch.ones(len(queries.class_ids), dtype=torch.bool)
    rest[torch.from_numpy(candidates.columns)] = False
    scores = queries.shown[images].clone()
    scores[torch.arange(len(scores)), queries.own[images]] = -torch.inf
    return scores[:, rest]


def auroc(higher: Float[Array, "N"], lower: Float[Array, "M"]) -> float:
    """Return the share of pairs in which the first value is above the second; a tie counts half.

    Example:
        >>> auroc(np.array([3.0, 2.0]), np.array([2.0, 1.0]))
        0.875
    """
    order = np.sort(lower)
    below, not_above = np.searchsorted(order, higher, "left"), np.searchsorted(order, higher, "right")
    return float((below + not_above).mean() / (2 * len(lower)))

"""Refuse a picture whose class is not among the candidates: a statistic of its scores, and a threshold on it.

| statistic | formula |
|---|---|
| ``max_score`` | the best score |
| ``energy`` | ``T log sum_c exp(s_c / T)`` over the candidates: negative free energy (Liu et al.) |
| ``margin`` | energy of the candidates less that of the background |

The background is the run's seen classes that are neither candidates nor above or below one. A picture is refused where
the statistic is below a threshold. The threshold of a wanted false-alarm rate, the share of pictures of candidates that
are refused, is the quantile of the statistic of images of seen classes that play unseen (`SeenQueries`). It depends on
the number of candidates, and on how far apart they stand: among thirty kinds of bird one scores well for every bird. So
there is a table of numbers and spacings, read between its entries. The margin is our own; it costs the scores of the
seen classes.

References:
    W. Liu, X. Wang, J. Owens, Y. Li: Energy-based out-of-distribution detection, NeurIPS 2020.
    D. Hendrycks, K. Gimpel: A baseline for detecting misclassified and out-of-distribution examples in neural
    networks, ICLR 2017 (the best score).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.scoring.seen_queries import CandidateSet, SeenQueries
from kgzsl.scoring.temperature import answers_of, fit_temperature
from kgzsl.types import Array, Bool, Float, Tensor

__all__ = ["RATES", "STATISTICS", "Rejector", "Row", "Thresholds", "auroc", "check_rate", "energy", "fit_rejection"]

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
class Row:
    """Thresholds of candidates that are so many and stand so far apart.

    Args:
        size: number of candidates.
        spacing: mean spacing of the sets of candidates; see `kgzsl.scoring.spacing`.
        values: a threshold a rate of `RATES`.
    """

    size: int
    spacing: float
    values: tuple[float, ...]

    @classmethod
    def of(cls, size: int, spacing: Array, known: Array) -> Row:
        """Return the quantiles of a statistic of images whose class is a candidate.

        Exactly the share of each rate, rounded down to whole images, lies below its threshold where no two are equal.
        """
        ordered = np.append(np.sort(known), np.nextafter(known.max(), np.inf))
        values = tuple(float(ordered[int(rate * len(known) + 1e-9)]) for rate in RATES)
        return cls(size, float(spacing.mean()), values)

    def at(self, rate: float) -> float:
        """Return the threshold of a rate, between those of two rates on a line."""
        return float(np.interp(rate, RATES, self.values))


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds of one statistic: two rows a number of candidates, of the sets that stand near and of those far apart.

    Args:
        near, far: rows of rising sizes.
    """

    near: tuple[Row, ...]
    far: tuple[Row, ...]

    @classmethod
    def of(cls, known: Mapping[int, tuple[Array, Array]]) -> Thresholds:
        """Cut the queries of each size at their median spacing.

        Args:
            known: by number of candidates: the statistic of images whose class is one, and the spacing of each query.
        """
        near, far = list[Row](), list[Row]()
        for size, (values, spacing) in known.items():
            is_far = spacing > np.median(spacing)
            near.append(Row.of(size, spacing[~is_far], values[~is_far]))
            far.append(Row.of(size, spacing[is_far], values[is_far]) if is_far.any() else near[-1])
        return cls(tuple(near), tuple(far))

    def at(self, rate: float, num_candidates: int, spacing: float) -> float:
        """Return the threshold of a false-alarm rate; beyond the table that of its nearest entry."""
        place, logs = math.log(num_candidates), [math.log(row.size) for row in self.near]
        ends = [
            (
                float(np.interp(place, logs, [r.spacing for r in rows])),
                np.interp(place, logs, [r.at(rate) for r in rows]),
            )
            for rows in (self.near, self.far)
        ]
        (near, low), (far, high) = ends
        weight = min(max((spacing - near) / (far - near), 0.0), 1.0) if far > near else 0.5
        return float(low + weight * (high - low))


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
        self,
        scores: Float[Tensor, "N C"],
        rate: float,
        spacing: float,
        background: Float[Tensor, "N B"] | None = None,
    ) -> Bool[Tensor, "N"]:
        """Say which pictures are refused.

        Args:
            scores: of the candidates.
            rate: the wanted share of pictures of candidates that are refused, from 0 to below 1.
            spacing: how far apart the candidates stand.
            background: scores of the seen classes that are no candidates.

        Raises:
            InputFileError: the rate is out of range.
        """
        check_rate(rate)
        name, values = self.values(scores, background)
        return values < self.thresholds[name].at(rate, scores.shape[1], spacing)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        tables = {name: asdict(table) for name, table in self.thresholds.items()}
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
                name: Thresholds(*(tuple(_row(row) for row in table[half]) for half in ("near", "far")))
                for name, table in content["thresholds"].items()
            }
            return cls(content["statistic"], content["temperature"], tables)
        except (KeyError, TypeError, AttributeError) as error:
            raise CorruptFileError(f"No rejection can be read ({error}); run kgzsl calibrate again.") from error


def _row(content: Mapping[str, Any]) -> Row:
    return Row(content["size"], content["spacing"], tuple(content["values"]))


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
    known: dict[str, dict[int, tuple[Array, Array]]] = {name: {} for name in STATISTICS}
    areas: dict[str, dict[str, float]] = {name: {} for name in STATISTICS}
    for size in queries.sets:
        for name, (inside, outside, spacing) in _values_of_size(queries, size, temperature).items():
            if len(inside):
                known[name][size] = inside, spacing
            if len(inside) and len(outside):
                areas[name][str(size)] = auroc(inside, outside)
    tables = {name: Thresholds.of(values) for name, values in known.items() if values}
    shared = sorted(set.intersection(*(set(found) for found in areas.values())))
    means = {name: float(np.mean([areas[name][size] for size in shared])) if shared else 0.0 for name in tables}
    best = max(means, key=lambda name: (means[name], name == "energy"))
    return {**Rejector(best, temperature, tables).to_json(), "auroc": areas}


def _values_of_size(queries: SeenQueries, size: int, temperature: float) -> dict[str, tuple[Array, Array, Array]]:
    """Return each statistic of images whose class is a candidate, of as many others, and the spacing of the first.

    The margin is left out where more than half of the classes are candidates: the rest is no background any more.
    """
    names = STATISTICS if 2 * size <= len(queries.class_ids) else STATISTICS[:2]
    found: dict[str, tuple[list[Tensor], ...]] = {name: ([], [], []) for name in names}
    for turn, (candidates, known) in enumerate(queries.known(size)):
        others = (~known).nonzero()[:, 0]
        step = max(1, len(others) // max(1, int(known.sum())))
        asked = known.clone()
        asked[others[turn % step :: step]] = True
        scores = queries.hidden[asked][:, torch.from_numpy(candidates.columns)]
        background = _background_of(queries, candidates, asked) if "margin" in names else None
        for name in names:
            values = _statistic(name, scores, background, temperature)
            inside = values[known[asked]]
            for parts, part in zip(
                found[name], (inside, values[~known[asked]], torch.full_like(inside, candidates.spacing))
            ):
                parts.append(part)
    return {
        name: (torch.cat(inside).numpy(), torch.cat(outside).numpy(), torch.cat(spacing).numpy())
        for name, (inside, outside, spacing) in found.items()
    }


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

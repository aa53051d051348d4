"""Say less and be right: the most specific class above the candidates that is certain enough.

The confidence of a class is the sum of the calibrated probabilities of the candidates at or below it. Of the classes
whose confidence reaches a level the one that says most is the answer: the one with the highest information,

    I(v) = -log2 (candidates at or below v / all candidates)   bits.

The graph may have classes with several parents: a candidate counts once below each class above it, by whatever ways.
Classes above the same candidates are one answer, named by the deepest of them. A class above all candidates says
nothing: 0 bits.

The paper chooses by a weight of information against accuracy; a level of confidence is its form when probabilities
are calibrated. The level for a wanted share of right answers is chosen on seen classes that play unseen.

References:
    J. Deng, J. Krause, A. Berg, L. Fei-Fei: Hedging your bets: optimizing accuracy-specificity trade-offs in large
    scale visual recognition, CVPR 2012.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.scoring.seen_queries import SeenQueries
from kgzsl.scoring.temperature import Temperature, fit_probabilities
from kgzsl.types import Bool, ClassId, ClassIds, Float, Int, Tensor

__all__ = ["LEVELS", "Hedges", "TradeOff", "check_level", "fit_back_off", "level_for"]

LEVELS = (*(number / 20 for number in range(1, 19)), *(number / 100 for number in range(91, 100)))
"""Levels of confidence of a curve: steps of 5 %, of 1 % above 90 %."""

SLACK = 1e-9
NO_ANSWER = -1
QUERIES_A_SIZE, SMALLEST = 300, 5


@dataclass(frozen=True, slots=True, eq=False)
class Hedges:
    """The answers that may be given about some candidates: the candidates and what is above them.

    Args:
        graph: holds the candidates.
        candidates: C classes, each once.

    Attributes:
        class_ids: the A answers, the most informative first, of equal ones the deepest first.
        information: (A,) bits.

    Example:
        >>> from kgzsl.toy import toy_graph
        >>> hedges = Hedges(toy_graph(), ("okapi", "zebra", "eagle", "saw"))
        >>> [(name, round(bits, 2)) for name, bits in zip(hedges.class_ids, hedges.information.tolist())][3:]
        [('saw', 2.0), ('hoofed', 1.0), ('animal', 0.42), ('entity', 0.0)]
        >>> answer, confidence = hedges.choose(torch.tensor([[0.4, 0.3, 0.2, 0.1]]), 0.6)
        >>> hedges.class_ids[int(answer)], round(float(confidence), 2)
        ('hoofed', 0.7)
    """

    graph: ClassGraph
    candidates: tuple[ClassId, ...]
    class_ids: tuple[ClassId, ...] = field(init=False)
    information: Float[Tensor, "A"] = field(init=False)
    _below: tuple[tuple[int, ...], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        depth = _depths(self.graph, self.candidates)
        deepest_first = sorted(depth, key=lambda row: (-depth[row], row))
        below: dict[int, set[int]] = {row: set() for row in depth}
        for column, row in enumerate(self.graph.index.rows(self.candidates).tolist()):
            below[row].add(column)
        answers: dict[tuple[int, ...], int] = {}
        for row in deepest_first:  # children before parents
            answers.setdefault(tuple(sorted(below[row])), row)
            for parent in self.graph.parent_rows(row):
                below[parent] |= below[row]
        ordered = sorted(answers, key=lambda columns: (len(columns), -depth[answers[columns]], answers[columns]))
        bits = [math.log2(len(self.candidates) / len(columns)) for columns in ordered]
        object.__setattr__(self, "class_ids", tuple(self.graph.index[answers[columns]] for columns in ordered))
        object.__setattr__(self, "information", torch.tensor(bits, dtype=torch.float64))
        object.__setattr__(self, "_below", tuple(ordered))

    def confidence(self, probabilities: Float[Tensor, "N C"]) -> Float[Tensor, "N A"]:
        """Return the sum of the probabilities of the candidates at or below each answer."""
        found: Tensor = torch.sparse.mm(self.members(), probabilities.double().T)  # (A, N)
        return found.T

    def members(self) -> Float[Tensor, "A C"]:
        """Return 1 where a candidate is at or below an answer, sparse."""
        counts = torch.tensor([len(columns) for columns in self._below])
        rows = torch.repeat_interleave(torch.arange(len(counts)), counts)
        columns = torch.tensor([column for part in self._below for column in part], dtype=torch.int64)
        shape = (len(self._below), len(self.candidates))
        ones = torch.ones(len(columns), dtype=torch.float64)
        return torch.sparse_coo_tensor(torch.stack([rows, columns]), ones, shape, check_invariants=True).coalesce()

    def holds(self, columns: Int[Tensor, "N"]) -> Bool[Tensor, "N A"]:
        """Say of which answers a candidate is a kind."""
        return self.members().index_select(1, columns).to_dense().T > 0

    def choose(self, probabilities: Float[Tensor, "N C"], level: float) -> tuple[Int[Tensor, "N"], Float[Tensor, "N"]]:
        """Return the most informative answer whose confidence reaches a level, and that confidence.

        Of equally informative ones the more certain, then the deeper. Where none reaches it, as may be in a graph with
        several roots, the answer is -1.

        Args:
            probabilities: (N, C) of the candidates.
            level: above 0 and at most 1.

        Raises:
            InputFileError: the level is out of range.
        """
        check_level(level)
        return self._choose(self.confidence(probabilities), level)

    def _choose(self, confidence: Float[Tensor, "N A"], level: float) -> tuple[Int[Tensor, "N"], Float[Tensor, "N"]]:
        passing = confidence >= level - SLACK
        sizes = torch.tensor([len(columns) for columns in self._below])
        least = torch.where(passing, sizes, len(self.candidates) + 1).amin(dim=1, keepdim=True)
        chosen = torch.where(passing & (sizes == least), confidence, -1.0).argmax(dim=1)  # of equal ones the first
        found = confidence.gather(1, chosen[:, None])[:, 0]
        return torch.where(passing.any(dim=1), chosen, NO_ANSWER), found.clamp(max=1.0)


def check_level(level: float) -> None:
    """Refuse a level of confidence that is none, with an InputFileError."""
    if not 0 < level <= 1:
        raise InputFileError(f"A level of confidence is above 0 and at most 1, such as 0.8, found {level}.")


def _depths(graph: ClassGraph, class_ids: ClassIds) -> dict[int, int]:
    """Return the longest way up from each of the classes and their ancestors, by row."""
    rows = graph.index.rows({*class_ids, *graph.ancestors(class_ids)}).tolist()
    open_parents = {row: len(graph.parent_rows(row)) for row in rows}
    depth = {row: 0 for row in rows if not open_parents[row]}
    ready = list(depth)
    while ready:
        row = ready.pop()
        for child in graph.child_rows(row):
            if child in open_parents:
                depth[child] = max(depth.get(child, 0), depth[row] + 1)
                open_parents[child] -= 1
                if not open_parents[child]:
                    ready.append(child)
    return depth


@dataclass(frozen=True, slots=True, eq=False)
class TradeOff:
    """Specificity against correctness: of each level the share of right answers, and what they say.

    Args:
        levels: of confidence, rising.
        correct: share of answers at or above the class of the image, from 0 to 1.
        information: mean of the bits of the answers.
        share: the same as a share of ``log2 C``, what a candidate says.
    """

    levels: tuple[float, ...]
    correct: tuple[float, ...]
    information: tuple[float, ...]
    share: tuple[float, ...]

    @classmethod
    def of(
        cls,
        hedges: Hedges,
        probabilities: Float[Tensor, "N C"],
        right: Int[Tensor, "N"],
        levels: Sequence[float] = LEVELS,
    ) -> TradeOff:
        """Answer at every level. No answer counts as right and says nothing, as the root does.

        Args:
            hedges: the answers that may be given.
            probabilities: (N, C).
            right: (N,) column of the class of each image.
            levels: rising.
        """
        confidence, held = hedges.confidence(probabilities), hedges.holds(right)
        correct, bits = list[float](), list[float]()
        for level in levels:
            check_level(level)
            chosen = hedges._choose(confidence, level)[0]
            answered, place = chosen != NO_ANSWER, chosen.clamp(min=0)
            correct.append(float((held.gather(1, place[:, None])[:, 0] | ~answered).double().mean()))
            bits.append(float((hedges.information[place] * answered).mean()))
        whole = max(math.log2(len(hedges.candidates)), SLACK)
        return cls(tuple(levels), tuple(correct), tuple(bits), tuple(one / whole for one in bits))

    @classmethod
    def mean(cls, parts: Iterable[tuple[int, TradeOff]]) -> TradeOff:
        """Return the mean of several curves of the same levels, each counted so many times."""
        counted = [*parts]
        total = sum(count for count, _ in counted)

        def mean(name: str) -> tuple[float, ...]:
            rows = [[count * value / total for value in getattr(one, name)] for count, one in counted]
            return tuple(map(sum, zip(*rows)))

        return cls(counted[0][1].levels, mean("correct"), mean("information"), mean("share"))

    def rows(self) -> list[dict[str, float]]:
        """Return a row a level."""
        names = ("level", "correct", "information", "share")
        return [dict(zip(names, row)) for row in zip(self.levels, self.correct, self.information, self.share)]


def fit_back_off(queries: SeenQueries, graph: ClassGraph, temperature: Temperature | None = None) -> dict[str, Any]:
    """Draw the curve of specificity against correctness on seen classes that play unseen.

    Args:
        queries: of them.
        graph: the class graph.
        temperature: what makes probabilities of their scores; by default the one that `fit_probabilities` finds.

    Returns:
        The mean curve over numbers of candidates from 5 on; see `level_for`.
    """
    temperature = temperature or Temperature.from_json(fit_probabilities(queries))
    sizes = [size for size in queries.sets if size >= SMALLEST] or [*queries.sets]
    means = [(1, curve) for size in sizes if (curve := _curve(queries, graph, temperature, size)) is not None]
    return {"curve": TradeOff.mean(means).rows()}


def _curve(queries: SeenQueries, graph: ClassGraph, temperature: Temperature, size: int) -> TradeOff | None:
    parts, asked = list[tuple[int, TradeOff]](), 0
    for candidates, known in queries.known(size):
        columns, count = torch.from_numpy(candidates.columns), int(known.sum())
        if not count:
            continue
        ids = tuple(queries.class_ids[column] for column in candidates.columns.tolist())
        probabilities = temperature.probabilities(queries.hidden[known][:, columns], candidates.spacing)
        right = torch.searchsorted(columns, queries.own[known])
        parts.append((count, TradeOff.of(Hedges(graph, ids), probabilities, right)))
        asked += count
        if asked >= QUERIES_A_SIZE and len(parts) > 1:
            break
    return TradeOff.mean(parts) if parts else None


def level_for(section: Mapping[str, Any], correct: float) -> float:
    """Return the lowest level from which on at least a wanted share of answers was right on seen classes.

    Args:
        section: what `fit_back_off` returned.
        correct: the wanted share, from 0 to 1.

    Raises:
        InputFileError: no level was as good; the message says what was reached.
        CorruptFileError: the section holds no curve.
    """
    try:
        rows = [(float(row["level"]), float(row["correct"])) for row in section["curve"]]
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"No back-off curve can be read ({error}); run kgzsl calibrate again.") from error
    good = None
    for level, reached in sorted(rows, reverse=True):
        if reached < correct:
            break
        good = level
    if good is None:
        reached = max(share for _, share in rows)
        raise InputFileError(
            f"No level had {100 * correct:.0f} % of its answers right on seen classes; the best had "
            f"{100 * reached:.0f} %."
        )
    return good

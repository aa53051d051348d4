"""Where a class belongs that is known by its words alone: beneath what the classes like it are beneath.

The words, a name with its description or a bare name, become a semantic vector with the encoder and text form of the
run. The K classes of the run's graph that are nearest to it vote for a parent: each for itself and for its own parents,
the more so the more alike it is. The class with most votes becomes the parent.

The rule was chosen on WordNet nouns that were hidden and placed by their own descriptions; see ``docs/results.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from kgzsl.additions.added_class import Likeness
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.links import ATTRIBUTE_MARK
from kgzsl.semantics import SemanticEmbedding
from kgzsl.types import ClassId, Float, Tensor

__all__ = ["DescriptionPlacer", "Placement", "PlacementRule"]

ROWS_AT_ONCE = 256
SHOWN = 5


@dataclass(frozen=True, slots=True)
class PlacementRule:
    """How the nearest classes vote.

    Args:
        neighbours: K, how many classes vote.
        width: how much less cosine divides a vote by e.
        itself: the share of a vote that a class gives to itself as a parent, not to its own parents.
        least_voters: a place that fewer classes vote for is doubtful.
        least_likeness: so is one where even the nearest class has a smaller cosine.
    """

    neighbours: int = 10
    width: float = 0.2
    itself: float = 0.6
    least_voters: int = 3
    least_likeness: float = 0.5


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a description leads.

    Args:
        parent: the class that it is put beneath.
        nearest: the classes nearest to it, the nearest first.
        voters: those of them that voted for the parent.
        why: one sentence that says so.
        is_doubtful: too few vote for it, or none is much like it.
    """

    parent: ClassId
    nearest: tuple[Likeness, ...]
    voters: tuple[ClassId, ...]
    why: str
    is_doubtful: bool


class DescriptionPlacer:
    """Places classes by their semantic vectors among those of a graph.

    Args:
        graph: the class graph.
        semantics: a vector for each of its classes; parts side by side count alike.
        rule: how the nearest classes vote.
    """

    def __init__(self, graph: ClassGraph, semantics: SemanticEmbedding, rule: PlacementRule | None = None) -> None:
        self.graph = graph
        self.rule = rule or PlacementRule()
        self._attributes = graph.index.rows(graph.marked(ATTRIBUTE_MARK))
        self._known = [functional.normalize(part, dim=1) for part in semantics.parts().values()]

    def place(self, vectors: SemanticEmbedding) -> list[Placement]:
        """Return where each class belongs, in the order of the vectors.

        Args:
            vectors: of the classes, with the parts of the graph's own.
        """
        places: list[Placement] = []
        for first in range(0, len(vectors.index), ROWS_AT_ONCE):
            rows = slice(first, first + ROWS_AT_ONCE)
            likeness = self.likeness([part[rows] for part in vectors.parts().values()])
            likeness[:, self._attributes] = -torch.inf  # they are no classes
            count = min(self.rule.neighbours, self.graph.num_classes - len(self._attributes))
            best = likeness.topk(count, dim=1)
            places += [self._place(values, found) for values, found in zip(best.values.tolist(), best.indices.tolist())]
        return places

    def likeness(self, parts: Sequence[Float[Tensor, "R _"]]) -> Float[Tensor, "R C"]:
        """Return the mean cosine of each part with those of the graph's classes."""
        each = [functional.normalize(part, dim=1) @ known.T for part, known in zip(parts, self._known)]
        return torch.stack(each).mean(dim=0)

    def _place(self, values: Sequence[float], rows: Sequence[int]) -> Placement:
        votes: dict[int, float] = {}
        voters: dict[int, list[int]] = {}
        for value, row in zip(values, rows):
            weight = 2.718281828459045 ** ((value - values[0]) / self.rule.width)
            above = self.graph.parent_rows(row)
            shares = {row: self.rule.itself if above else 1.0}
            shares |= {parent: (1 - self.rule.itself) / len(above) for parent in above}
            for candidate, share in shares.items():
                votes[candidate] = votes.get(candidate, 0.0) + weight * share
                voters.setdefault(candidate, []).append(row)
        parent = max(votes, key=lambda row: (votes[row], self.graph.index[row]))
        near = tuple(Likeness(*self._named(row), round(value, 4)) for value, row in zip(values[:SHOWN], rows[:SHOWN]))
        ids = tuple(self.graph.index[row] for row in voters[parent])
        why = self._reason(parent, voters[parent], values, rows)
        return Placement(self.graph.index[parent], near, ids, why, self._is_doubtful(len(ids), values))

    def _is_doubtful(self, voters: int, values: Sequence[float]) -> bool:
        return voters < min(self.rule.least_voters, len(values)) or values[0] < self.rule.least_likeness

    def _named(self, row: int) -> tuple[ClassId, str]:
        return self.graph.index[row], self.graph.texts[row].label

    def _reason(self, parent: int, voters: Sequence[int], values: Sequence[float], rows: Sequence[int]) -> str:
        label = self.graph.texts[parent].label
        likeness = dict(zip(rows, values))
        kin = [f"{self.graph.texts[row].label} ({likeness[row]:.2f})" for row in voters if row != parent][:3]
        count = len(voters)
        told = f"{count} of the {len(rows)} classes nearest to its words"
        if not kin:
            return f"it is most like {label} ({likeness[parent]:.2f}) itself"
        own = f" or are {label} itself ({likeness[parent]:.2f})" if parent in likeness else ""
        return f"{told} are kinds of {label}{own}: {', '.join(kin)}"

"""Links: edges beside the hierarchy, for networks to gather along; they say what is alike, not what is a kind of what.

Ancestors, hops and distances do not know them; adjacencies that take all neighbours do (`kgzsl.graph.adjacency`).

- ``similar``: two classes whose semantic vectors are near
- ``attribute``: a class has an attribute; attributes are nodes of their own, marked ``attribute``

References:
    M. Kampffmeyer et al.: Rethinking Knowledge Graph Propagation for Zero-Shot Learning, CVPR 2019 (hierarchy).
    M. Schlichtkrull et al.: Modeling Relational Data with Graph Convolutional Networks, ESWC 2018 (relations).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgzsl.errors import GraphError
from kgzsl.types import Array, Int

__all__ = ["ATTRIBUTE", "ATTRIBUTE_MARK", "LINKS", "SIMILAR", "Links"]

LINKS = ("similar", "attribute")
"""Kinds of links."""
SIMILAR, ATTRIBUTE = range(2)

ATTRIBUTE_MARK = "attribute"
"""The mark of nodes that are attributes; they are no classes, and no name means one."""


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Edges between rows of a graph, without repetition.

    Args:
        ends: (L, 2) rows: for ``similar`` the lower row first, for ``attribute`` the class, then the attribute.
        kinds: (L,) rows of `LINKS`.
    """

    ends: Int[Array, "L 2"]
    kinds: Int[Array, "L"]

    @classmethod
    def none(cls) -> Links:
        """Return no links."""
        return cls(np.zeros((0, 2), dtype=np.int64), np.zeros(0, dtype=np.int64))

    @classmethod
    def of(cls, kind: int, ends: Int[Array, "L 2"]) -> Links:
        """Return links of one kind, sorted, each once; those of ``similar`` with the lower row first."""
        sides = np.sort(ends, axis=1) if kind == SIMILAR else ends
        unique = np.unique(sides.reshape(-1, 2), axis=0)
        return cls(unique, np.full(len(unique), kind, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.kinds)

    def __add__(self, other: Links) -> Links:
        """Put two sets of links together."""
        return Links(np.concatenate([self.ends, other.ends]), np.concatenate([self.kinds, other.kinds]))

    def among(self, rows: Int[Array, "R"]) -> Links:
        """Return the links between some rows, which are numbered anew in the order given (ascending)."""
        if not len(self) or not len(rows):
            return Links.none()
        places = np.searchsorted(rows, self.ends)
        kept = (rows[places.clip(max=len(rows) - 1)] == self.ends).all(axis=1)
        return Links(places[kept], self.kinds[kept])

    def check(self, count: int, name: str) -> None:
        """Refuse links to no row, from a row to itself, or that stand twice, with a GraphError."""
        if not len(self):
            return
        if self.ends.min() < 0 or self.ends.max() >= count:
            raise GraphError(f"Graph {name!r} has a link to a row that is no class (rows are 0 to {count - 1}).")
        if (self.ends[:, 0] == self.ends[:, 1]).any():
            raise GraphError(f"Graph {name!r} links a class to itself.")
        keyed = np.concatenate([self.kinds[:, None], self.ends], axis=1)
        if len(np.unique(keyed, axis=0)) != len(keyed):
            raise GraphError(f"Graph {name!r} has a link that stands twice.")

    def counts(self) -> dict[str, int]:
        """Return how many links there are of each kind that has any."""
        numbers: Sequence[int] = np.bincount(self.kinds, minlength=len(LINKS)).tolist()
        return {name: number for name, number in zip(LINKS, numbers) if number}

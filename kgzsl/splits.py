"""Which classes are seen, held out and unseen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kgzsl.errors import GraphError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.types import ClassId

__all__ = ["Split"]


@dataclass(frozen=True, slots=True)
class Split:
    """Seen, held-out and unseen classes; held-out ones are seen classes hidden while fitting.

    Raises:
        GraphError: a class is both seen and unseen, a held-out one is not seen, one stands twice.

    Example:
        >>> Split(seen=("a", "b"), unseen=("c",)).hold_out(0.5, seed=0).held_out
        ('b',)
    """

    seen: tuple[ClassId, ...]
    unseen: tuple[ClassId, ...] = ()
    held_out: tuple[ClassId, ...] = ()

    def __post_init__(self) -> None:
        for name, ids in (("seen", self.seen), ("unseen", self.unseen), ("held-out", self.held_out)):
            if len(set(ids)) != len(ids):
                twice = next(i for number, i in enumerate(ids) if i in ids[:number])
                raise GraphError(f"Class {twice!r} stands twice among the {name} classes; remove one.")
        if both := sorted(set(self.seen) & set(self.unseen)):
            raise GraphError(
                f"{len(both)} classes are both seen and unseen ({both[0]!r} first); a class is one of them."
            )
        if strangers := sorted(set(self.held_out) - set(self.seen)):
            raise GraphError(f"Held-out class {strangers[0]!r} is not a seen class; hold out seen classes only.")

    @property
    def fitted(self) -> tuple[ClassId, ...]:
        """The seen classes that are not held out, in order."""
        hidden = set(self.held_out)
        return tuple(class_id for class_id in self.seen if class_id not in hidden)

    def check(self, graph: ClassGraph) -> None:
        """Raise UnknownClassError where a class of the split is not in the graph."""
        graph.index.rows(self.seen)
        graph.index.rows(self.unseen)

    def hold_out(self, share: float, seed: int) -> Split:
        """Hold out a share of the seen classes, drawn uniformly with a seed, in the order of ``seen``."""
        count = round(len(self.seen) * share)
        if not 0 < count < len(self.seen):
            raise GraphError(
                f"Cannot hold out {share:.0%} of {len(self.seen)} seen classes; some must be held out and some stay."
            )
        rows = np.sort(np.random.default_rng(seed).choice(len(self.seen), size=count, replace=False))
        return replace(self, held_out=tuple(self.seen[row] for row in rows))

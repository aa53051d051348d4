"""Which classes are seen, held out and unseen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kgzsl.errors import GraphError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.types import ClassId, ClassIds

__all__ = ["Split", "draw_folds"]


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


def draw_folds(class_ids: ClassIds, folds: int = 5, repeats: int = 1, seed: int = 0) -> tuple[tuple[ClassId, ...], ...]:
    """Cut classes into folds of nearly one size, several times; each class is in one fold of each repetition.

    Args:
        class_ids: the classes; their order does not matter.
        folds: how many parts; each must have two classes at least.
        repeats: how often they are cut anew.
        seed: of the drawing.

    Returns:
        ``folds * repeats`` sets of classes, those of one repetition side by side, each in the order of ids.

    Raises:
        GraphError: there are too few classes for so many folds.

    Example:
        >>> draw_folds(("a", "b", "c", "d"), folds=2)
        (('a', 'c'), ('b', 'd'))
    """
    if folds < 2 or repeats < 1:
        raise GraphError(f"Cut classes into at least 2 folds at least once, found {folds} folds and {repeats} repeats.")
    if len(class_ids) < 2 * folds:
        raise GraphError(f"{len(class_ids)} classes cannot be cut into {folds} folds of two or more; take fewer folds.")
    ordered, generator = sorted(class_ids), np.random.default_rng(seed)
    orders = [generator.permutation(len(ordered)) for _ in range(repeats)]
    parts = [np.sort(part) for order in orders for part in np.array_split(order, folds)]
    return tuple(tuple(ordered[row] for row in part.tolist()) for part in parts)

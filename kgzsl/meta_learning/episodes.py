"""Episodes: some seen classes are shown, others are hidden and asked for.

How classes are hidden says how far a learner has to reach. A class that is hidden alone has its siblings shown, a
class that is hidden with its whole branch has nothing shown nearby, and most unseen classes of a large graph are of the
second kind.

After, on learning from episodes that look like what is asked later:
    Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra: Matching Networks for One Shot Learning, NeurIPS 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from kgzsl import registry
from kgzsl.errors import RecipeError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.hops import ancestor_hops, tree_distances
from kgzsl.types import Array, ClassIds, Int

__all__ = ["STRATEGIES", "Episode", "EpisodeSampler"]

LEAST = 2
"""Classes that are shown at least, and hidden at least where that can be."""


@dataclass(frozen=True, slots=True, eq=False)
class Episode:
    """Positions in a list of classes: those whose classifiers are given, and those that are to be predicted.

    Args:
        shown: sorted, never empty.
        hidden: sorted, never empty, none of them shown. Classes in neither of both are left out of the episode.
    """

    shown: Int[Array, "_"]
    hidden: Int[Array, "_"]


@dataclass(frozen=True, slots=True)
class EpisodeSampler:
    """Draws episodes, the same ones for the same seed.

    - ``uniform``: a share of the classes, drawn one by one.
    - ``subtree``: whole branches of the graph. Each is all given classes at or below some class; branches are drawn
      until the share is reached.
    - ``hops``: balls around classes. No hidden class is nearer than ``hops`` steps to a shown one; classes between the
      two are left out.
    - ``mixed``: ``uniform`` and ``subtree`` by turns.

    Args:
        strategy: which of `STRATEGIES`.
        share: of the classes that are hidden, above 0 and below 1; ``subtree`` passes it by at most a half of it,
            ``hops`` by as much as a ball holds.
        hops: least undirected distance from a hidden to a shown class; used by ``hops`` alone.
        seed: of the drawing.

    Raises:
        UnknownVariantError, RecipeError: there is no such strategy, or a value is out of range.

    Example:
        >>> from kgzsl.toy import toy_graph
        >>> classes = ("eagle", "hammer", "horse", "saw", "zebra")
        >>> episodes = EpisodeSampler("subtree", share=0.4).episodes(toy_graph(), classes)
        >>> [[classes[row] for row in next(episodes).hidden] for _ in range(3)]
        [['hammer', 'saw'], ['eagle', 'horse', 'zebra'], ['eagle', 'zebra']]
    """

    strategy: str = "uniform"
    share: float = 0.2
    hops: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        registry.choose(STRATEGIES, self.strategy, "strategy")
        if not 0 < self.share < 1:
            raise RecipeError(f"share is above 0 and below 1, found {self.share!r}.")
        if self.hops < 1:
            raise RecipeError(f"hops is a whole number of at least 1, found {self.hops!r}.")

    def episodes(self, graph: ClassGraph, class_ids: ClassIds) -> Iterator[Episode]:
        """Draw without end.

        Args:
            graph: the class graph.
            class_ids: the classes to show and to hide; their order decides nothing but the positions.

        Raises:
            RecipeError: there are fewer than three classes.
            UnknownClassError: a class is not in the graph.
        """
        if len(class_ids) <= LEAST:
            raise RecipeError(
                f"An episode needs at least {LEAST + 1} classes to show and hide, found {len(class_ids)}."
            )
        order = np.argsort(np.array(class_ids))  # positions in the order of ids, so that no other order matters
        hide = STRATEGIES[self.strategy](self, graph, [class_ids[row] for row in order])
        generator = np.random.default_rng(self.seed)
        while True:
            shown, hidden = hide(generator)
            yield Episode(np.sort(order[shown]), np.sort(order[hidden]))

    def count(self, num_classes: int) -> int:
        """Return how many of so many classes are to be hidden."""
        return int(np.clip(round(self.share * num_classes), 1, num_classes - LEAST))


Hide = Callable[[np.random.Generator], tuple[Array, Array]]
"""Draws one episode: whether each class is shown, and whether it is hidden."""


def _uniform(sampler: EpisodeSampler, graph: ClassGraph, class_ids: ClassIds) -> Hide:
    graph.index.rows(class_ids)
    total, count = len(class_ids), sampler.count(len(class_ids))

    def hide(generator: np.random.Generator) -> tuple[Array, Array]:
        hidden = np.zeros(total, dtype=bool)
        hidden[generator.choice(total, size=count, replace=False)] = True
        return ~hidden, hidden

    return hide


def _subtree(sampler: EpisodeSampler, graph: ClassGraph, class_ids: ClassIds) -> Hide:
    total, count = len(class_ids), sampler.count(len(class_ids))
    branches = branches_of(graph, class_ids)
    most = max(count, min(round(1.5 * count), total - LEAST))

    def hide(generator: np.random.Generator) -> tuple[Array, Array]:
        hidden = np.zeros(total, dtype=bool)
        for number in generator.permutation(len(branches)):
            wider = hidden | branches[number]
            if hidden.sum() < count and wider.sum() <= most:
                hidden = wider
        return ~hidden, hidden

    return hide


def branches_of(graph: ClassGraph, class_ids: ClassIds) -> list[Array]:
    """Return the sets of given classes at or below one class of the graph, each set once, as (C,) bool.

    A class stands for itself, so that every one of them is in a set.
    """
    place = {row: number for number, row in enumerate(graph.index.rows(class_ids).tolist())}
    below: dict[int, set[int]] = {}
    for descendant, ancestor, _ in ancestor_hops(graph).tolist():
        if descendant in place:
            below.setdefault(ancestor, set()).add(place[descendant])
    found = sorted({tuple(sorted(group)) for group in below.values()})
    return [np.isin(np.arange(len(class_ids)), group) for group in found]


def _hops(sampler: EpisodeSampler, graph: ClassGraph, class_ids: ClassIds) -> Hide:
    total, count = len(class_ids), sampler.count(len(class_ids))
    rows = graph.index.rows(class_ids)
    distances = tree_distances(graph, rows)[:, rows].astype(np.int64)
    distances[distances < 0] = np.iinfo(np.int64).max  # no way at all
    near = distances < sampler.hops

    def hide(generator: np.random.Generator) -> tuple[Array, Array]:
        taken = np.zeros(total, dtype=bool)
        for centre in generator.permutation(total):
            wider = taken | near[centre]
            if taken.sum() < count and wider.sum() <= total - LEAST:
                taken = wider
        if not taken.any():
            raise RecipeError(f"No class is {sampler.hops} hops from two others; take fewer hops.")
        return ~taken, taken & ~near[:, ~taken].any(axis=1)

    return hide


def _mixed(sampler: EpisodeSampler, graph: ClassGraph, class_ids: ClassIds) -> Hide:
    turns = [_uniform(sampler, graph, class_ids), _subtree(sampler, graph, class_ids)]

    def hide(generator: np.random.Generator) -> tuple[Array, Array]:
        turns.reverse()
        return turns[0](generator)

    return hide


STRATEGIES: dict[str, Callable[[EpisodeSampler, ClassGraph, ClassIds], Hide]] = {
    "uniform": _uniform,
    "subtree": _subtree,
    "hops": _hops,
    "mixed": _mixed,
}
"""How classes are hidden, by the name that recipes use."""

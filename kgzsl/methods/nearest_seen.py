"""NearestSeen: a class takes the mean classifier of the seen classes nearest to it in the graph.

After T. Hascoet, Y. Ariki and T. Takiguchi, On zero-shot recognition of generic objects, CVPR 2019: a baseline without
any learning, which shames many models. It shows how much of a result comes from the tree alone.

Deviations from the paper:
- The paper takes the prediction of the seen head and then the unseen class nearest to it; here each class gets a
  linear classifier of its own, so that the baseline is a bank like any other and can be ranked at every k.
- Distance is the number of edges of the undirected class graph, not a distance in the word hierarchy's tree.
- All seen classes at the least distance are averaged; classes with the same nearest ones score alike and are tied.
- A class that no seen class can be reached from takes the mean of all seen classifiers.
"""

from __future__ import annotations

import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import NotFittedError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.methods.context import FitContext
from kgzsl.supervision import Supervision
from kgzsl.types import ClassIds

__all__ = ["NearestSeen", "nearest_seen_bank", "nearest_seen_rows"]


class NearestSeen:
    """The baseline as a method; it has no hyper-parameters.

    Example:
        >>> NearestSeen().synthesize(["n02439398"])
        Traceback (most recent call last):
        ...
        kgzsl.errors.NotFittedError: NearestSeen has not been fitted; call fit(supervision) first.
    """

    def __init__(self) -> None:
        self._graph: ClassGraph | None = None
        self._seen_bank: ClassifierBank | None = None

    def fit(self, supervision: Supervision, context: FitContext | None = None) -> NearestSeen:
        """Keep the graph and the seen classifiers; there is nothing to learn."""
        self._graph, self._seen_bank = supervision.graph, supervision.seen_bank
        return self

    def synthesize(self, class_ids: ClassIds) -> ClassifierBank:
        """Return the mean classifiers of the classes; see `nearest_seen_bank`."""
        if self._graph is None or self._seen_bank is None:
            raise NotFittedError("NearestSeen has not been fitted; call fit(supervision) first.")
        return nearest_seen_bank(self._graph, self._seen_bank, class_ids)


def nearest_seen_bank(graph: ClassGraph, seen_bank: ClassifierBank, class_ids: ClassIds) -> ClassifierBank:
    """Give each class the mean of the jointly normalised classifiers of its nearest seen classes.

    ``[w_c, b_c] = mean over s in nearest(c) of [w_s, b_s] / |[w_s, b_s]|``; a seen class is nearest to itself.

    Args:
        graph: the class graph.
        seen_bank: the classifiers of the seen classes.
        class_ids: the classes wanted.

    Returns:
        A bank in the order of ``class_ids``. Means are shorter than 1, so its normalisation is ``none``.

    Raises:
        UnknownClassError: a class, or a seen one, is not in the graph.
    """
    seen = seen_bank.normalised("joint")
    nearest = nearest_seen_rows(graph, seen.index)
    wanted = [nearest[row] for row in graph.index.rows(class_ids).tolist()]
    groups = {group: number for number, group in enumerate(dict.fromkeys(wanted))}
    weights = seen.weights.new_empty(len(groups), seen.dim)
    biases = seen.biases.new_empty(len(groups))
    for group, number in groups.items():
        rows = torch.tensor(group or range(len(seen.index)))
        weights[number], biases[number] = seen.weights[rows].mean(dim=0), seen.biases[rows].mean()
    taken = torch.tensor([groups[group] for group in wanted], dtype=torch.int64)
    index = ClassIndex(tuple(class_ids), "nearest-seen bank")
    return ClassifierBank(index, weights[taken], biases[taken], seen_bank.backbone)


def nearest_seen_rows(graph: ClassGraph, seen: ClassIndex) -> list[tuple[int, ...]]:
    """Return for each row of the graph the rows of ``seen`` at the least undirected distance, in order.

    One breadth-first search from all seen classes at once: what is nearest to a class at distance d is nearest to
    one of its neighbours at distance d - 1. Empty where no seen class can be reached.
    """
    nearest: list[set[int]] = [set() for _ in range(graph.num_classes)]
    level = graph.index.rows(seen).tolist()
    for number, row in enumerate(level):
        nearest[row].add(number)
    reached = set(level)
    while level:
        following: dict[int, None] = {}
        for row in level:
            for near in (*graph.parent_rows(row), *graph.child_rows(row)):
                if near not in reached:
                    nearest[near] |= nearest[row]
                    following[near] = None
        reached.update(following)
        level = list(following)
    return [tuple(sorted(rows)) for rows in nearest]

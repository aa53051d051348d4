"""Far transfer: whole branches of the seen classes play unseen classes, some for choosing and others for the test.

The rule, written down before anything was measured by it:

- ``CHOOSING``: what is chosen (losses, parameters, learning rates, numbers of episodes) is chosen on these branches.
  The classes of the test are then not in the supervision at all.
- ``TEST``: measured once, with everything chosen. All seen classes but those of one hold-out are given.
- A hold-out hides whole branches at once. A class is of the first branch that holds it, those for choosing before those
  of the test (in WordNet a wheeled vehicle is a container). Classes of no branch here are always given.
- What counts in a choice is the reciprocal rank of true rows among all that is hidden at once: `hidden rows`. A learner
  is above another where the 95 % interval of the difference over classes lies above zero.

Classifiers of hidden classes are asked in two ways. *Rows*: the true weights of a class, without the mean of all
candidates, play an image of it. *Pictures*: the shipped one of each class.

Changed while choosing, before the test was touched: rows were asked with their bias at first, as in
`kgzsl.training.compare_classifiers`. An image has none, and the first principal direction of the 1,000 rows is the bias
(0.96 of it). A learner that only made biases small then won 9 points by rows and nothing by pictures.

Older than the rule: learning rates of memory, MAML and the SGCN beside it, compared on six branches (dogs,
invertebrates, matter, furnishing, musical instruments, ungulates) of which all but the last lie in the test.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import normalize

from kgzsl.bank import ClassifierBank
from kgzsl.evaluation import ranks
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.runtime import shipped_path
from kgzsl.supervision import Supervision
from kgzsl.types import Float, Tensor

HoldOut = tuple[tuple[str, ...], ...]
"""The classes of each branch that is hidden."""

CHOOSING = (
    ("bird.n.01", "wheeled_vehicle.n.01"),
    ("structure.n.01", "reptile.n.01"),
    ("clothing.n.01", "ungulate.n.01", "primate.n.02"),
    ("equipment.n.01", "craft.n.02", "feline.n.01"),
)
TEST = (
    ("canine.n.02", "implement.n.01"),
    ("device.n.01", "fish.n.01"),
    ("container.n.01", "furnishing.n.02"),
    ("invertebrate.n.01", "matter.n.03"),
)
FIGURES = ("pictures Hit@1", "pictures", "rows Hit@1", "rows", "hidden rows", "cosine")
"""Hit@1 in the own branch, reciprocal rank there; of rows also the reciprocal rank among all that is hidden."""


def all_hold_outs(graph: ClassGraph, seen: Sequence[str]) -> tuple[list[HoldOut], list[HoldOut]]:
    """Return the hold-outs for choosing, and those of the test."""
    found = hold_outs(graph, seen, (*CHOOSING, *TEST))
    return found[: len(CHOOSING)], found[len(CHOOSING) :]


def hold_outs(graph: ClassGraph, seen: Sequence[str], branches: Sequence[Sequence[str]]) -> list[HoldOut]:
    """Return the classes of each branch, a class in the first that holds it."""
    rows = {text.name: row for row, text in enumerate(graph.texts)}
    above = {one: graph.ancestors((one,)) | {one} for one in sorted(seen)}
    taken, found = set[str](), list[HoldOut]()
    for names in branches:
        groups = []
        for name in names:
            root = graph.index[rows[name]]
            group = tuple(one for one, ancestors in above.items() if one not in taken and root in ancestors)
            taken |= set(group)
            groups.append(group)
        found.append(tuple(groups))
    return found


def for_choosing(whole: Supervision) -> Supervision:
    """Return the supervision without the classes of the test."""
    _, test = all_hold_outs(whole.graph, tuple(whole.seen_bank.index))
    return whole.without(tuple(one for groups in test for group in groups for one in group))


def class_figures(predicted: ClassifierBank, true: ClassifierBank, groups: HoldOut) -> list[list[float]]:
    """Return `FIGURES` in percent of each hidden class, branch by branch."""
    images = FeatureSet.load(shipped_path("graphs", "sample") / "seen.safetensors")
    hidden = [one for group in groups for one in group]
    among_all = dict(zip(hidden, row_ranks(weights_of(predicted, hidden), weights_of(true, hidden)).tolist()))
    figures = []
    for group in groups:
        asked, own = weights_of(predicted, group), weights_of(true, group)
        by_row = row_ranks(asked, own)
        by_picture = _picture_ranks(predicted.select(group), images.of_classes(group), group)
        wide = torch.tensor([among_all[one] for one in group])
        parts = [by_picture == 1, 1 / by_picture, by_row == 1, 1 / by_row, 1 / wide, (asked * own).sum(dim=1)]
        figures.append(100 * torch.stack([part.double() for part in parts], dim=1))
    return torch.cat(figures).tolist()


def row_ranks(predicted: Float[Tensor, "R D"], true: Float[Tensor, "R D"]) -> Tensor:
    """Return the rank of each class for its own true weights, among the classes given."""
    return ranks(normalize(true - true.mean(dim=0), dim=1) @ predicted.T, torch.arange(len(true)))


def _picture_ranks(bank: ClassifierBank, images: FeatureSet, group: Sequence[str]) -> Tensor:
    """Return the rank of each class for its picture, in the order of the group."""
    ids = [str(one) for one in images.class_ids()]
    place = {one: number for number, one in enumerate(ids)}
    found = ranks(bank.score(images), torch.from_numpy(bank.index.rows(ids)))
    return found[torch.tensor([place[one] for one in group])]


def weights_of(bank: ClassifierBank, class_ids: Sequence[str]) -> Float[Tensor, "R D"]:
    """Return the weights of classes, of length one, in double precision."""
    return normalize(bank.select(tuple(class_ids)).weights.double(), dim=1)


def interval(figures: np.ndarray, draws: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of 95 % of the means over classes drawn with replacement, one of each figure."""
    taken = np.random.default_rng(0).integers(len(figures), size=(draws, len(figures)))
    low, high = np.percentile(figures[taken].mean(axis=1), [2.5, 97.5], axis=0)
    return low, high

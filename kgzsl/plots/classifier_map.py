"""A map of classifiers: true ones, the same classes as predicted while they were hidden, and predicted unseen ones.

References:
    L. van der Maaten, G. Hinton: Visualizing data using t-SNE, JMLR 2008.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.errors import InputFileError, MissingDependencyError
from kgzsl.graph.class_graph import PERSON_MARK, ClassGraph
from kgzsl.plots.branches import coloured_branches
from kgzsl.run_folder import RunFolder
from kgzsl.types import Array, ClassId, Float, Tensor

__all__ = ["HIDDEN", "TRUE", "UNSEEN", "ClassifierMap", "MapPoint", "chosen_classes", "map_data", "rows_of_map"]

TRUE, HIDDEN, UNSEEN = "seen: true", "seen: predicted while hidden", "unseen: predicted"
DIRECTIONS = 50
"""Main directions of the predicted classifiers in which all are compared."""
PERPLEXITY, NOTHING = 30.0, 1e-9
FEWEST = 4


@dataclass(frozen=True, slots=True)
class MapPoint:
    """A classifier on the map: its class, what it is (`TRUE`, `HIDDEN`, `UNSEEN`), its branch and its place."""

    class_id: ClassId
    name: str
    kind: str
    branch: str
    x: float
    y: float
    is_asked: bool = False


@dataclass(frozen=True, slots=True)
class ClassifierMap:
    """All points, and how many percent of the hidden classes have their own true classifier nearest on the map's input.

    Args:
        points: true ones first, then hidden, then unseen ones, each in the order of the classes.
        found: share of the classes predicted while hidden whose nearest true classifier, among those drawn and in the
            directions compared, is their own; None where nothing was hidden.
        seed: of the choice and of the map.
    """

    points: tuple[MapPoint, ...]
    found: float | None
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def chosen_classes(
    run: RunFolder, most: int, seed: int, asked: Sequence[ClassId] = ()
) -> tuple[tuple[ClassId, ...], tuple[ClassId, ...]]:
    """Return the seen and the unseen classes of a map: all, or ``most`` of them drawn two seen to one unseen.

    Classes of persons are left out unless asked for; classes asked for are in any case shown.
    """
    person, wanted = run.graph.marked(PERSON_MARK), set(asked)
    generator = np.random.default_rng(seed)
    kinds = []
    for ids, number in ((run.split.seen, 2 * most // 3), (run.split.unseen, most - 2 * most // 3)):
        able = [one for one in ids if one not in wanted and one not in person]
        drawn = set(generator.permutation(len(able))[:number].tolist())
        kept = {one for place, one in enumerate(able) if place in drawn} | wanted
        kinds.append(tuple(one for one in ids if one in kept))
    added = tuple(one for one in asked if one not in run.split.seen and one not in run.split.unseen)
    return kinds[0], kinds[1] + added


def rows_of_map(
    true: Float[Tensor, "S D"], hidden: Float[Tensor, "H D"], unseen: Float[Tensor, "U D"]
) -> tuple[Float[Tensor, "S K"], Float[Tensor, "H K"], Float[Tensor, "U K"]]:
    """Return rows in which classifiers of all kinds can be compared by their angle.

    Predicted classifiers are smoother than true ones, and lie around another mean. So the true ones are centred by
    themselves, the predicted ones together; then all are written in the main directions of the predicted ones and
    brought to length one.

    Args:
        true, hidden, unseen: rows of S, H and U classes.
    """
    predicted = torch.cat([hidden, unseen]).double()
    predicted = torch.nn.functional.normalize(predicted, dim=1)
    centred = predicted - predicted.mean(dim=0)
    known = torch.nn.functional.normalize(true.double(), dim=1)
    known = known - known.mean(dim=0)
    _, strengths, directions = torch.linalg.svd(centred, full_matrices=False)
    basis = directions[strengths > NOTHING * strengths.max()][:DIRECTIONS]  # few rows span fewer directions
    parts = [torch.nn.functional.normalize(part @ basis.T, dim=1) for part in (known, centred)]
    return parts[0], parts[1][: len(hidden)], parts[1][len(hidden) :]


def map_data(
    run: RunFolder,
    seen: Sequence[ClassId],
    unseen_bank: ClassifierBank,
    graph: ClassGraph,
    *,
    seed: int = 0,
    asked: Sequence[ClassId] = (),
) -> ClassifierMap:
    """Lay classifiers out by t-SNE, alike ones beside each other; the same seed gives the same map.

    Args:
        run: the run; where it holds ``hidden.safetensors`` (`kgzsl calibrate`) its hidden classes are shown.
        seen: the seen classes that are shown.
        unseen_bank: the predicted classifiers of the unseen ones.
        graph: the run's graph, with the classes that it lacks.
        seed: of the layout.
        asked: classes that are marked and named.

    Raises:
        InputFileError: there are fewer than four classifiers.
        MissingDependencyError: scikit-learn is not installed.
    """
    kept = run.hidden_bank
    hidden_ids = tuple(seen) if kept is not None else ()
    hidden = torch.zeros(0, unseen_bank.dim) if kept is None else kept.select(hidden_ids).weights
    unseen_ids = unseen_bank.index.ids
    if len(hidden_ids) + len(unseen_ids) < FEWEST:
        raise InputFileError(
            f"A map takes at least {FEWEST} predicted classifiers, found {len(hidden_ids) + len(unseen_ids)}; show "
            f"more classes, or hide the seen ones with kgzsl calibrate {run.path}."
        )
    true, hidden, unseen = rows_of_map(run.seen_bank.select(seen).weights, hidden, unseen_bank.weights)
    places = _laid_out(torch.cat([true, hidden, unseen]).numpy(), seed)
    ids = (*seen, *hidden_ids, *unseen_ids)
    kinds = [TRUE] * len(seen) + [HIDDEN] * len(hidden_ids) + [UNSEEN] * len(unseen_ids)
    branches = coloured_branches(graph, tuple(dict.fromkeys(ids)))
    points = tuple(
        MapPoint(one, graph.text(one).label, kind, branches[one], round(float(x), 3), round(float(y), 3), one in asked)
        for one, kind, (x, y) in zip(ids, kinds, places)
    )
    own = (hidden @ true.T).argmax(dim=1) == torch.arange(len(hidden)) if len(hidden) else None
    return ClassifierMap(points, None if own is None else 100 * float(own.double().mean()), seed)


def _laid_out(rows: Float[Array, "N K"], seed: int) -> Float[Array, "N 2"]:
    """Return places by t-SNE of rows of length one, begun with their two main directions."""
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise MissingDependencyError("Maps need scikit-learn: pip install 'kgzsl[plots]'.") from error
    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    layout = TSNE(init="pca", perplexity=perplexity, learning_rate="auto", random_state=seed, n_jobs=1)
    found: Array = layout.fit_transform(rows)
    return found

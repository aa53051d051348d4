"""Metrics that know how far apart classes are in the graph.

References:
    A. Frome et al., DeViSE: A deep visual-semantic embedding model, NeurIPS 2013 (hierarchical precision@k).
"""

from __future__ import annotations

import numpy as np
import torch

from kgzsl.errors import InputFileError
from kgzsl.types import Array, Bool, Float, Int, Tensor

__all__ = ["correct_sets", "hierarchical_precision", "tolerant_hits", "tree_distances_of_leaders"]


def correct_sets(distances: Int[Array, "U C"], k: int) -> Bool[Array, "U C"]:
    """Return the candidates that count as correct for each class: the radius around it grows until k are inside.

    Args:
        distances: of U classes to C candidates in the hierarchy, -1 where there is no way; those come last of all.
        k: how many candidates must be inside.

    Raises:
        InputFileError: k is not between 1 and the number of candidates.

    Example:
        >>> correct_sets(np.array([[0, 1, 1, 2]]), 2).tolist()
        [[True, True, True, False]]
    """
    if not 1 <= k <= distances.shape[1]:
        raise InputFileError(f"A correct set of {k} needs as many candidates, found {distances.shape[1]}; lower k.")
    reach = np.where(distances < 0, np.iinfo(distances.dtype).max, distances)
    radius = np.partition(reach, k - 1, axis=1)[:, k - 1]
    inside: Array = reach <= radius[:, None]
    return inside


def hierarchical_precision(scores: Float[Tensor, "N C"], correct: Bool[Tensor, "N C"], k: int) -> Float[Tensor, "N"]:
    """Return hierarchical precision@k of each image: ``|k best candidates in its correct set| / k``.

    Of candidates that tie for the last places among the k, those outside the set are taken first.

    Args:
        scores: (N, C), higher is better; what is not a number counts as the worst inside the set, the best outside.
        correct: the correct set of the class of each image, see `correct_sets`.
        k: how many candidates are looked at.

    Example:
        >>> correct = torch.tensor([[True, True, False], [True, True, False]])
        >>> hierarchical_precision(torch.tensor([[3.0, 1.0, 2.0], [1.0, 1.0, 1.0]]), correct, 2).tolist()
        [0.5, 0.5]
    """
    if bool(scores.isnan().any()):
        inf = torch.tensor(torch.inf, dtype=scores.dtype)
        scores = torch.where(scores.isnan(), torch.where(correct, -inf, inf), scores)
    last = scores.topk(k, dim=1).values[:, -1:]
    above, tied = scores > last, scores == last
    places = k - above.sum(dim=1)
    left = (places - (tied & ~correct).sum(dim=1)).clamp(min=0)
    return ((above & correct).sum(dim=1) + left) / k


def tolerant_hits(leaders: Bool[Tensor, "N C"], related: Bool[Tensor, "N C"]) -> Bool[Tensor, "N"]:
    """Tell which images are right when ancestors and descendants of the class count as the class.

    Args:
        leaders: the candidates with the best score; see `kgzsl.evaluation.ranking.leaders`.
        related: for each image the candidates that are its class, an ancestor or a descendant of it.

    Returns:
        (N,), true where every leader is related: one stranger among tied leaders makes it wrong.
    """
    return ~(leaders & ~related).any(dim=1)


def tree_distances_of_leaders(leaders: Bool[Tensor, "N C"], distances: Int[Tensor, "N C"]) -> Int[Tensor, "N"]:
    """Return the undirected distance from each image's class to its prediction; of tied ones the greatest.

    Args:
        leaders: the candidates with the best score.
        distances: for each image the distance of its class to each candidate, -1 where there is no path.

    Returns:
        (N,), -1 where a leader cannot be reached.
    """
    farthest = torch.where(leaders, distances, 0).amax(dim=1)
    lost = (leaders & (distances < 0)).any(dim=1)
    return torch.where(lost, -1, farthest)

"""Rank images among candidates: ties count against the class that is asked for, and memory stays bounded.

A score that is not a number counts as beating everything, and as beaten by everything where it is the own one.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from kgzsl.bank import Scorer
from kgzsl.errors import InputFileError
from kgzsl.features import FeatureSet
from kgzsl.types import Bool, Float, Int, Tensor

__all__ = ["leaders", "ranks", "score_in_chunks", "top_k"]

MAX_SCORES = 4_000_000
"""Scores held at a time; with the masks and distances beside them a chunk stays under 100 MB."""


def score_in_chunks(scorer: Scorer, images: FeatureSet, max_scores: int = MAX_SCORES) -> Iterator[tuple[slice, Tensor]]:
    """Score images a chunk at a time.

    Args:
        scorer: scores N images against C classes.
        images: the images.
        max_scores: bound on the size of one chunk of scores (at least one image is scored at a time).

    Yields:
        The rows of the chunk, and its scores (n, C).
    """
    step = max(1, max_scores // max(1, len(scorer.index)))
    for start in range(0, len(images), step):
        rows = slice(start, min(start + step, len(images)))
        yield rows, scorer.score(images.rows(torch.arange(rows.start, rows.stop)))


def ranks(scores: Float[Tensor, "N C"], own: Int[Tensor, "N"]) -> Int[Tensor, "N"]:
    """Rank the own class of each image: ``1 + number of other candidates with score >= own``.

    Args:
        scores: (N, C), higher is better.
        own: (N,), the column of each image's class.

    Returns:
        (N,) int64 from 1 (strictly best) to C.

    Example:
        >>> ranks(torch.tensor([[3.0, 1.0, 2.0], [5.0, 5.0, 5.0]]), torch.tensor([2, 2])).tolist()
        [2, 3]
    """
    own_score = scores.gather(1, own[:, None])
    return (~(scores < own_score)).sum(dim=1)  # the own score is never below itself: that is the 1


def leaders(scores: Float[Tensor, "N C"]) -> Bool[Tensor, "N C"]:
    """Mark the candidates that no other beats: one an image, several where the best score is tied.

    Example:
        >>> leaders(torch.tensor([[3.0, 1.0], [2.0, 2.0]])).tolist()
        [[True, False], [True, True]]
    """
    return ~(scores < scores.amax(dim=1, keepdim=True))


def top_k(scores: Float[Tensor, "N C"], k: int) -> Int[Tensor, "N K"]:
    """Return the columns of the k best scores, best first; of equal scores the earlier column comes first.

    Raises:
        InputFileError: k is not between 1 and the number of candidates.

    Example:
        >>> top_k(torch.tensor([[1.0, 3.0, 1.0, 3.0]]), 3).tolist()
        [[1, 3, 0]]
    """
    if not 1 <= k <= scores.shape[1]:
        raise InputFileError(f"Cannot rank the best {k} of {scores.shape[1]} candidates; ask for 1 to that many.")
    values, columns = scores.topk(k, dim=1)
    repeated = (values[:, 1:] == values[:, :-1]).any(dim=1)
    cut = (scores >= values[:, -1:]).sum(dim=1) > k
    tied = (repeated | cut).nonzero()[:, 0]  # topk orders ties as it likes: these rows are sorted stably instead
    if len(tied):
        columns[tied] = scores[tied].argsort(dim=1, descending=True, stable=True)[:, :k]
    return columns

"""Rank images among candidates: ties count against the class that is asked for, and memory stays bounded.

A score that is not a number counts as beating everything, and as beaten by everything where it is the own one.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from kgzsl.bank import ClassifierBank, Scorer, single_at_least
from kgzsl.errors import InputFileError
from kgzsl.features import FeatureSet
from kgzsl.runtime import product
from kgzsl.types import Bool, Float, Int, Tensor

__all__ = ["best_in_blocks", "leaders", "ranks", "score_in_chunks", "top_k"]

MAX_SCORES = 4_000_000
"""Scores held at a time; with the masks and distances beside them a chunk stays under 100 MB."""
CLASSES_AT_ONCE = 65_536
WIDENED_AT_ONCE = 2048
"""Rows in half precision that are widened together: the cache holds them, and thousands of images wait for each."""
GROUP = 64
"""Columns of which the largest is found first."""


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
    return _best(scores, k)[1]


def _best(scores: Float[Tensor, "N C"], k: int) -> tuple[Float[Tensor, "N K"], Int[Tensor, "N K"]]:
    """Return the k best scores and their columns; see `top_k`."""
    values, columns = _largest(scores, min(k + 1, scores.shape[1]))  # one more shows a tie that would be cut
    tied = (values[:, 1:] == values[:, :-1]).any(dim=1).nonzero()[:, 0]
    values, columns = values[:, :k].contiguous(), columns[:, :k].contiguous()
    if len(tied):  # topk orders ties as it likes: these rows are sorted stably instead
        columns[tied] = scores[tied].argsort(dim=1, descending=True, stable=True)[:, :k]
        values[tied] = scores[tied].gather(1, columns[tied])
    return values, columns


def _largest(scores: Float[Tensor, "N C"], k: int) -> tuple[Float[Tensor, "N K"], Int[Tensor, "N K"]]:
    """Return the k largest values and their columns as `torch.topk` does, five times as quick where C is large.

    They stand in the k groups of columns with the largest maxima: each other group has k values before its largest.
    """
    whole = scores.shape[1] // GROUP * GROUP
    if whole < 2 * k * GROUP:
        values, columns = scores.topk(k, dim=1)
        return values, columns
    groups = scores[:, :whole].reshape(len(scores), -1, GROUP).amax(dim=2).topk(k, dim=1).indices  # (N, K)
    columns = (groups[:, :, None] * GROUP + torch.arange(GROUP, device=scores.device)).flatten(1)
    rest = torch.arange(whole, scores.shape[1], device=scores.device).expand(len(scores), -1)
    columns = torch.cat([columns, rest], dim=1)
    values, at = scores.gather(1, columns).topk(k, dim=1)
    return values, columns.gather(1, at)


def best_in_blocks(
    scorer: Scorer, images: FeatureSet, k: int, max_scores: int = MAX_SCORES
) -> Iterator[tuple[slice, Float[Tensor, "N K"], Int[Tensor, "N K"]]]:
    """Rank images among all classes of a scorer, a block of images at a time; the matrix of all scores is never held.

    Args:
        scorer: scores N images against C classes; a bank is multiplied in blocks of classes too.
        images: the images; with `kgzsl.features.FeatureFile` they come from a file in blocks.
        k: how many classes of each image; all where there are fewer.
        max_scores: bound on the scores that are held at a time (at least one image is scored at a time).

    Yields:
        The rows of the block, their best scores and the columns of those, as `top_k` orders them.

    Example:
        >>> from kgzsl.toy import toy_bank, toy_features
        >>> images = toy_features()
        >>> rows, values, columns = next(best_in_blocks(toy_bank(), images, 2))
        >>> columns.shape == (len(images), 2)
        True
    """
    if k < 1:
        raise InputFileError(f"Cannot rank the best {k} candidates; ask for at least 1.")
    width = _classes_at_once(scorer) if isinstance(scorer, ClassifierBank) else len(scorer.index)
    step = max(1, max_scores // max(1, min(width, len(scorer.index))))
    for start in range(0, len(images), step):
        rows = slice(start, min(start + step, len(images)))
        block = images.rows(torch.arange(rows.start, rows.stop))
        values, columns = (
            _best_of_bank(scorer, block, k)
            if isinstance(scorer, ClassifierBank)
            else (_best(scorer.score(block), min(k, len(scorer.index))))
        )
        yield rows, values, columns


def _classes_at_once(bank: ClassifierBank) -> int:
    return CLASSES_AT_ONCE if bank.weights.dtype == single_at_least(bank.weights.dtype) else WIDENED_AT_ONCE


def _best_of_bank(bank: ClassifierBank, images: FeatureSet, k: int) -> tuple[Tensor, Tensor]:
    """Go over the classes in blocks; what was best so far stands before a block, so that earlier classes win ties."""
    bank.check_backbone(images)
    kind, step = single_at_least(bank.weights.dtype), _classes_at_once(bank)
    features = images.features.to(bank.weights.device, kind)
    values, columns = features.new_empty(len(images), 0), torch.empty(len(images), 0, dtype=torch.int64)
    for first in range(0, len(bank.index), step):
        part = slice(first, first + step)
        scores = product(features, bank.weights[part].to(kind).T).add_(bank.biases[part])
        found, at = _best(scores, min(k, scores.shape[1]))
        both, where = torch.cat([values, found], dim=1), torch.cat([columns, at + first], dim=1)
        values, chosen = _best(both, min(k, both.shape[1])) if first else (both, None)
        columns = where if chosen is None else where.gather(1, chosen)
    return values, columns

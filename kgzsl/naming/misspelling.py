"""Words near to a misspelt one: restricted Damerau-Levenshtein distance, with a filter that spares most of the work.

Two words at distance d differ by at most 2 d in the counts of their letters, which numpy tells for a hundred thousand
words in a millisecond or two; only the few that are left are compared letter by letter. There are no word
frequencies: of equally near words those that begin alike come first, then the earlier ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["NearWords", "allowed_distance", "distance"]

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789 "
_CODES = {letter: code for code, letter in enumerate(ALPHABET)}
OTHER = len(ALPHABET)
STEPS = ((4, 0), (6, 1))
FARTHEST = 2


def allowed_distance(word: str) -> int:
    """Return how many edits a word of its length may be away: 0 below four letters, 1 below six, else 2."""
    return next((edits for length, edits in STEPS if len(word) < length), FARTHEST)


def distance(first: str, second: str, limit: int) -> int:
    """Return how many insertions, deletions, replacements and swaps of neighbours turn one word into another.

    No letter is edited twice (optimal string alignment). Beyond ``limit`` the answer is ``limit + 1``.

    Example:
        >>> distance("giraffe", "girafe", 2), distance("okapi", "okpai", 2), distance("zebra", "horse", 2)
        (1, 1, 3)
    """
    first, second = _unlike_parts(first, second)
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, letter in enumerate(first, start=1):
        before, last, row = row, before, [i]
        for j, other in enumerate(second, start=1):
            value = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == second[j - 2] and other == first[i - 2]:
                value = min(value, last[j - 2] + 1)
            row.append(value)
        if min(row) > limit and min(before) > limit:
            return limit + 1
    return min(row[-1], limit + 1)


def _unlike_parts(first: str, second: str) -> tuple[str, str]:
    """Leave out the beginning and the end that two words share."""
    start, most = 0, min(len(first), len(second))
    while start < most and first[start] == second[start]:
        start += 1
    end = 0
    while end < most - start and first[-1 - end] == second[-1 - end]:
        end += 1
    return first[start : len(first) - end], second[start : len(second) - end]


class NearWords:
    """Finds the words of a list that are near to a given one.

    Args:
        words: the list, as `kgzsl.naming.spelling.plain` gives them.
    """

    def __init__(self, words: Sequence[str]) -> None:
        order = np.argsort(np.array([len(word) for word in words], dtype=np.int64), kind="stable")
        self._words = [words[place] for place in order.tolist()]
        self._lengths = np.array([len(word) for word in self._words], dtype=np.int64)
        self._places = order
        self._counts = _letter_counts(self._words)

    def near(self, word: str, limit: int) -> list[tuple[str, int]]:
        """Return the words at the smallest distance that is allowed and found, with that distance; empty for none.

        Args:
            word: the misspelt one.
            limit: at most so many.
        """
        for edits in range(1, allowed_distance(word) + 1):
            if found := self._within(word, edits):
                return [(name, edits) for _, _, name in sorted(found)[:limit]]
        return []

    def _within(self, word: str, edits: int) -> list[tuple[bool, int, str]]:
        """Return the words at most so many edits away, each behind what orders it."""
        low, high = np.searchsorted(self._lengths, [len(word) - edits, len(word) + edits + 1]).tolist()
        difference = np.abs(self._counts[low:high] - _letter_counts([word])).sum(axis=1, dtype=np.int16)
        alike = (np.flatnonzero(difference <= 2 * edits) + low).tolist()
        near = (place for place in alike if 0 < distance(word, self._words[place], edits) <= edits)
        return [(self._words[at][:1] != word[:1], int(self._places[at]), self._words[at]) for at in near]


def _letter_counts(words: Sequence[str]) -> np.ndarray:
    """Count the letters of each word, (W, A) int8; what is not in the alphabet is counted together."""
    lengths = np.array([len(word) for word in words], dtype=np.int64)
    codes = np.array([_CODES.get(letter, OTHER) for word in words for letter in word], dtype=np.int64)
    places = np.repeat(np.arange(len(words)), lengths) * (OTHER + 1) + codes
    counts = np.bincount(places, minlength=len(words) * (OTHER + 1)).reshape(len(words), OTHER + 1)
    return np.minimum(counts, np.iinfo(np.int8).max).astype(np.int8)

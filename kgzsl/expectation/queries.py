"""Candidate sets of seen classes, as people ask for them: few or many, scattered or of a kind, beside seen ones too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kgzsl.errors import InputFileError
from kgzsl.evaluation import stand_ins
from kgzsl.types import Array, Int

__all__ = ["Query", "draw_queries"]

FEWEST, MOST = 4, 100
SCATTERED, BESIDE_SEEN = 0.3, 0.25
KINDS = (1, 3, 10)
REACH = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """One candidate set.

    Args:
        hidden: (K,) classes that play unseen, each scored by what was predicted while it was hidden.
        shown: (M,) classes that compete as seen ones.
    """

    hidden: Int[Array, "K"]
    shown: Int[Array, "M"]


def draw_queries(distances: Int[Array, "C C"], able: Int[Array, "A"], count: int, seed: int = 0) -> list[Query]:
    """Draw candidate sets.

    The number of hidden classes is drawn evenly on a logarithmic scale from 4 to 100 (at most half of the able ones).
    In three sets of ten they are scattered; else they gather around one, three or ten classes, as birds do, drawn by
    `stand_ins`. Beside one set in four compete seen classes, ten to all of the others.

    Args:
        distances: tree distances between C seen classes.
        able: which of them have images, at least 4.
        count: how many sets.
        seed: of the draws.

    Raises:
        InputFileError: there are images of fewer than 4 classes.
    """
    if len(able) < FEWEST:
        raise InputFileError(
            f"A forecast is learned on images of at least {FEWEST} seen classes, found {len(able)}; give more."
        )
    generator = np.random.default_rng(seed)
    return [_draw(distances, able, generator) for _ in range(count)]


def _draw(distances: Array, able: Array, generator: np.random.Generator) -> Query:
    most = max(min(MOST, len(able) // 2), 2)
    size = _between(min(FEWEST, most), most, generator)
    if generator.random() < SCATTERED:
        hidden = generator.choice(able, size, replace=False)
    else:
        centres = generator.choice(able, min(int(generator.choice(KINDS)), len(able)), replace=False)
        near = distances[np.resize(centres, size)][:, able]
        hidden = able[stand_ins(near, size, REACH, generator)]
    rest = np.setdiff1d(np.arange(len(distances)), hidden)
    if generator.random() >= BESIDE_SEEN:
        return Query(np.sort(hidden), rest[:0])
    shown = generator.choice(rest, _between(min(10, len(rest)), len(rest), generator), replace=False)
    return Query(np.sort(hidden), np.sort(shown))


def _between(low: int, high: int, generator: np.random.Generator) -> int:
    """Draw a whole number evenly on a logarithmic scale, both ends included."""
    return round(float(np.exp(generator.uniform(np.log(low), np.log(high)))))

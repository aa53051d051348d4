"""How the learning rate runs over the epochs of a training.

References:
    Smith, Topin: Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates, 2019.
"""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["SCHEDULES", "constant", "one_cycle"]

RISE = 0.1
"""Share of the epochs in which the rate of one cycle rises."""
START = 0.04
"""What part of its peak the rate of one cycle starts from."""


def constant(share: float) -> float:
    """Return 1: the same rate in every epoch.

    Args:
        share: how much of the training is done, from 0 to 1.
    """
    return 1.0


def one_cycle(share: float) -> float:
    """Return the rate as a part of its peak: up along a line, then down to nothing along half a cosine.

    Args:
        share: how much of the training is done, from 0 to 1.

    Example:
        >>> [round(one_cycle(share), 2) for share in (0, 0.1, 0.55, 1)]
        [0.04, 1.0, 0.5, 0.0]
    """
    if share < RISE:
        return START + (1 - START) * share / RISE
    return 0.5 + 0.5 * math.cos(math.pi * (share - RISE) / (1 - RISE))


SCHEDULES: dict[str, Callable[[float], float]] = {"constant": constant, "one_cycle": one_cycle}

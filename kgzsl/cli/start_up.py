"""How a short command starts and ends: imports make a million objects that stay; to look for unused ones is in vain."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["keeping_all", "leave_all"]

SELDOM = (100_000, 50, 50)


@contextmanager
def keeping_all() -> Iterator[None]:
    """Look for unused rings of objects seldom in here.

    Python looks each time 700 objects more are there, which is a tenth of the start of ``kgzsl predict``.
    """
    before = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def leave_all() -> None:
    """Let the program end without a last look for unused rings of objects: the system takes back all at once."""
    atexit.register(gc.freeze)

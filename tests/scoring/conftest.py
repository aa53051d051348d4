"""Queries that can be written down: scores of six classes by numbers of our own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from kgzsl.scoring.seen_queries import CandidateSet, SeenQueries


@pytest.fixture
def make_queries() -> Callable[..., SeenQueries]:
    """A function that draws scores of images, the own class ahead by a margin, and sets of the first classes."""

    def make(num_classes: int = 6, images: int = 120, margin: float = 1.0, scale: float = 1.0) -> SeenQueries:
        generator = torch.Generator().manual_seed(3)
        own = torch.arange(images) % num_classes
        scores = torch.randn(images, num_classes, generator=generator, dtype=torch.float64)
        scores[torch.arange(images), own] += margin
        shown = torch.randn(images, num_classes, generator=generator, dtype=torch.float64)
        sets = {
            size: (
                CandidateSet(np.arange(size), 0.7 + 0.1 * size),
                CandidateSet(np.arange(num_classes - size, num_classes), 1.4 + 0.1 * size),
            )
            for size in (2, 3)
        }
        sets[num_classes] = (CandidateSet(np.arange(num_classes), 1.0),)
        ids = tuple(f"class {number}" for number in range(num_classes))
        return SeenQueries(ids, scale * scores, scale * shown, own, sets)

    return make

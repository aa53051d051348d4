"""Hits of each class before and after something was done, and the paired interval of the difference over classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgzsl.bank import Scorer
from kgzsl.evaluation import ClassDraws, ranks, score_in_chunks
from kgzsl.features import FeatureSet
from kgzsl.runtime import read_json, write_json


def once(path: Path, compute: Callable[[], Any]) -> Any:
    """Return what is kept in a file, or compute and keep it."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, compute())
    return read_json(path)


def hits_by_class(scorer: Scorer, images: FeatureSet, others: Sequence[str] = ()) -> list[float]:
    """Return how many images of each class are right, ties pessimistic.

    Args:
        scorer: of the classes that compete.
        images: labelled images; their own classes compete.
        others: further classes that do.
    """
    ids = sorted({str(one) for one in images.class_ids()})
    narrow = scorer.select((*ids, *(one for one in others if one not in set(ids))))
    own = torch.from_numpy(narrow.index.rows(str(one) for one in images.class_ids()))
    found = torch.cat([ranks(scores, own[rows]) for rows, scores in score_in_chunks(narrow, images)])
    return torch.bincount(own, weights=(found == 1).double(), minlength=len(ids)).tolist()


def images_by_class(images: FeatureSet) -> list[int]:
    """Return how many images there are of each class, in the order of `hits_by_class`."""
    ids = [str(one) for one in images.class_ids()]
    return [ids.count(one) for one in sorted(set(ids))]


@dataclass(frozen=True)
class Change:
    """Hit@1 over images before and after, in percent, means over seeds.

    Args:
        before, after: the figures.
        low, high: the paired 95 % interval of the difference, classes drawn with replacement.
        by_seed: the difference of each seed.
    """

    before: float
    after: float
    low: float
    high: float
    by_seed: tuple[float, ...]

    @classmethod
    def of(cls, one: Mapping[str, Any]) -> Change:
        """Compute it from ``images`` (C,), and ``before`` and ``after``, hits of each class for each seed."""
        images = torch.tensor(one["images"])
        before, after = (torch.tensor(one[side], dtype=torch.float64) for side in ("before", "after"))
        each = 100 * (after - before).sum(dim=1) / images.sum()
        gains = 100 * (after.mean(dim=0) - before.mean(dim=0)) / images
        labels = torch.repeat_interleave(torch.arange(len(images)), images)
        low, high = ClassDraws(labels).micro(gains[labels])
        hits = [100 * float(side.mean(dim=0).sum()) / float(images.sum()) for side in (before, after)]
        return cls(*hits, low, high, tuple(each.tolist()))

    @classmethod
    def of_harmonic_means(cls, seen: Mapping[str, Any], unseen: Mapping[str, Any], draws: int = 1000) -> Change:
        """Compute it for H, of accuracies per class; seen and unseen classes are drawn by themselves."""
        sizes = [len(one["images"]) for one in (seen, unseen)]
        drawn = [np.random.default_rng(kind).integers(size, size=(draws, size)) for kind, size in enumerate(sizes)]
        figures, spread = [], []
        for side in ("before", "after"):
            parts = [np.mean(one[side], axis=0) / np.array(one["images"]) for one in (seen, unseen)]
            figures.append(100 * float(_harmonic(parts[0].mean(), parts[1].mean())))
            spread.append(_harmonic(*(one[rows].mean(axis=1) for one, rows in zip(parts, drawn))))
        low, high = 100 * np.quantile(spread[1] - spread[0], [0.025, 0.975])
        return cls(*figures, float(low), float(high), (figures[1] - figures[0],))

    @property
    def gain(self) -> float:
        """The difference."""
        return self.after - self.before

    def __str__(self) -> str:
        return f"{self.before:.1f} → {self.after:.1f}, {self.gain:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"


def _harmonic(first: Any, second: Any) -> Any:
    return 2 * first * second / np.maximum(first + second, 1e-12)

"""Seen classes that play unseen, with unlabelled images: what transducers are chosen on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from kgzsl.bank import Scorer
from kgzsl.classes import ClassIndex
from kgzsl.features import FeatureSet
from kgzsl.run_folder import RunFolder
from kgzsl.types import ClassIds, Tensor

SETS = {
    "caltech": ("caltech101-dev",),
    "grocery": ("grocery-dev",),
    "all": ("caltech101-dev", "grocery-dev", "cub100-dev"),
}
SKEWED = (0, 1)
"""Seeds of the skewed draws."""
LOW = 0.1
"""The share of its images that the rarest class keeps where frequencies are skewed."""


def skewed(images: FeatureSet, seed: int, low: float = LOW) -> FeatureSet:
    """Keep a share of each class's images, from all down to `low` in equal ratios, classes in an order by the seed."""
    draw = torch.Generator().manual_seed(seed)
    rows = images.labels.unique()
    shares = low ** (torch.randperm(len(rows), generator=draw).double() / max(1, len(rows) - 1))
    kept = []
    for row, share in zip(rows.tolist(), shares.tolist()):
        own = (images.labels == row).nonzero()[:, 0]
        kept.append(own[torch.randperm(len(own), generator=draw)[: max(2, round(share * len(own)))]])
    return images.rows(torch.cat(kept).sort().values)


def hit(scorer: Scorer, images: FeatureSet) -> float:
    """Return the share of images whose class is best, in percent."""
    own = torch.from_numpy(scorer.index.rows(str(one) for one in images.class_ids()))
    return 100 * float((scorer.score(images).argmax(dim=1) == own).double().mean())


@dataclass(frozen=True, slots=True, eq=False)
class TableScorer:
    """Scores that were computed before, found by the images' paths: choosing looks at the same ones again and again."""

    index: ClassIndex
    table: Tensor
    backbone: str

    def score(self, images: FeatureSet) -> Tensor:
        """Look up."""
        return self.table[torch.tensor([int(path) for path in images.paths or ()], dtype=torch.int64)]

    def select(self, class_ids: ClassIds) -> TableScorer:
        """Return some columns."""
        rows = torch.from_numpy(self.index.rows(class_ids))
        return TableScorer(ClassIndex(tuple(class_ids)), self.table[:, rows], self.backbone)


@dataclass(frozen=True, slots=True, eq=False)
class Game:
    """A scorer of hidden predictions, images of those classes, and which set they are of."""

    name: str
    scorer: TableScorer
    images: FeatureSet


def games(run: RunFolder, features: Path, dims: int) -> Iterator[Game]:
    """Yield the games of a run: every set whole and in parts, each with all images and with skewed frequencies.

    Args:
        run: with hidden predictions.
        features: the folder of the feature files.
        dims: images are projected to so many dimensions, for speed.
    """
    hidden = run.hidden_bank
    assert hidden is not None, "run kgzsl calibrate first"
    for name, files in SETS.items():
        images = joined(
            [FeatureSet.load(features / f"{file}.safetensors").of_classes(run.split.seen) for file in files]
        )
        for ids in parts(tuple(images.index[row] for row in images.labels.unique().tolist())):
            part = images.of_classes(ids)
            for taken in (part, *(skewed(part, seed) for seed in SKEWED)):
                yield Game(name, *tabled(hidden.select(ids), taken, dims))


def parts(ids: ClassIds) -> list[tuple[str, ...]]:
    """Return all classes, both halves of many, and two draws: 15 and 15 others of many, 8 and 8 of few."""
    draw = torch.Generator().manual_seed(1)
    if len(ids) <= 20:
        drawn = [torch.randperm(len(ids), generator=draw)[:8] for _ in range(2)]
        return [tuple(ids), *(_of(ids, rows) for rows in drawn)]
    order = torch.randperm(len(ids), generator=draw)
    return [tuple(ids), tuple(ids[::2]), tuple(ids[1::2]), _of(ids, order[:15]), _of(ids, order[15:30])]


def _of(ids: ClassIds, rows: Tensor) -> tuple[str, ...]:
    return tuple(ids[row] for row in sorted(rows.tolist()))


def tabled(scorer: Scorer, images: FeatureSet, dims: int) -> tuple[TableScorer, FeatureSet]:
    """Compute the scores, and project the images' unit rows to their first principal axes."""
    units = torch.nn.functional.normalize(images.features.double(), dim=1)
    _, axes = torch.linalg.eigh(units.T @ units)
    paths = tuple(str(row) for row in range(len(images)))
    projected = replace(images, features=(units @ axes[:, -dims:]).contiguous(), paths=paths)
    return TableScorer(scorer.index, scorer.score(images).double(), images.backbone), projected


def joined(parts: list[FeatureSet]) -> FeatureSet:
    """Return the images of several sets as one."""
    own = [str(one) for part in parts for one in part.class_ids()]
    index = ClassIndex(tuple(sorted(set(own))))
    features = torch.cat([part.features for part in parts])
    return FeatureSet(features, torch.from_numpy(index.rows(own)), index, parts[0].backbone)

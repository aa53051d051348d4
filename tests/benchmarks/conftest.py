"""A small benchmark in the published form."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

CLASSES = ("002.Zebra", "killer+whale", "owl", "okapi", "saw")
SEEN, UNSEEN = ("002.Zebra", "owl", "saw"), ("killer+whale", "okapi")
LABELS = np.array([1, 1, 3, 3, 5, 5, 2, 4, 4, 3])
"""Numbers from 1 in `CLASSES`, an image each."""


def cells(texts: tuple[str, ...]) -> np.ndarray:
    held = np.empty((len(texts), 1), dtype=object)
    held[:, 0] = texts
    return held


def published() -> tuple[dict[str, Any], dict[str, Any]]:
    """The content of both files: 3 attributes, 4 features, 10 images."""
    attributes = np.arange(15, dtype=np.float64).reshape(3, 5) + 1
    splits = {
        "allclasses_names": cells(CLASSES),
        "att": attributes / np.linalg.norm(attributes, axis=0),
        "original_att": attributes,
        "trainval_loc": np.array([[5], [1], [3], [4]], dtype=np.uint16),
        "test_seen_loc": np.array([[2], [6], [10]], dtype=np.uint16),
        "test_unseen_loc": np.array([[7], [8], [9]], dtype=np.uint16),
    }
    images = {"features": np.arange(40, dtype=np.float64).reshape(4, 10), "labels": LABELS[:, None].astype(np.uint8)}
    return splits, images


@pytest.fixture
def make_published(tmp_path: Path):
    """A function that writes the pair, changed as asked, and returns the folder."""
    scipy_io = pytest.importorskip("scipy.io")

    def write(
        splits: dict[str, Any] | None = None, images: dict[str, Any] | None = None, **lists: tuple[str, ...]
    ) -> Path:
        first, second = published()
        folder = tmp_path / "ZOO"
        folder.mkdir(exist_ok=True)
        kept = {name: value for name, value in (first | (splits or {})).items() if value is not None}
        scipy_io.savemat(folder / "att_splits.mat", kept)
        if images is not None or not lists.pop("without_images", ()):
            scipy_io.savemat(folder / "res101.mat", second | (images or {}))
        for name, ids in lists.items():
            (folder / f"{name}.txt").write_text("".join(f"{class_id}\n" for class_id in ids), encoding="utf-8")
        return folder

    return write


@pytest.fixture
def zoo() -> SimpleNamespace:
    splits, images = published()
    return SimpleNamespace(classes=CLASSES, seen=SEEN, unseen=UNSEEN, labels=LABELS, splits=splits, images=images)

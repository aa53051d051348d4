"""Pictures on disk to features, those that cannot be read left out and told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError
from kgzsl.features import NO_CLASS, FeatureSet
from kgzsl.vision.backbone import Backbone
from kgzsl.vision.extract import batches_of_pixels
from kgzsl.vision.images import ImageFile

__all__ = ["picture_features"]


def picture_features(
    backbone: Backbone, paths: Sequence[Path], batch_size: int = 32
) -> tuple[FeatureSet, list[tuple[str, str]]]:
    """Turn pictures into features without labels.

    Args:
        backbone: what turns pixels into features, with its own preprocessing.
        paths: the pictures.
        batch_size: how many are held at one time.

    Returns:
        The features of the pictures that could be read, and path and reason of those that could not.

    Raises:
        InputFileError: none could be read.
    """
    images = [ImageFile(path, str(path)) for path in paths]
    names, skipped, parts = list[str](), list[tuple[str, str]](), list[torch.Tensor]()
    batches = batches_of_pixels(images, backbone, batch_size=batch_size)
    for start, (rows, pixels, bad) in zip(range(0, len(images), batch_size), batches):
        names += [images[start + row].name for row in rows]
        skipped += [(images[start + row].name, reason) for row, reason in bad]
        if pixels is not None:
            parts.append(backbone.features(pixels).cpu())
    if not parts:
        reasons = " ".join(reason for _, reason in skipped[:3])
        raise InputFileError(f"None of the pictures could be read. {reasons or 'Name at least one picture.'}")
    features = torch.cat(parts)
    labels = torch.full((len(features),), NO_CLASS, dtype=torch.int64)
    return FeatureSet(features, labels, ClassIndex((), "pictures"), backbone.id, tuple(names)), skipped

"""Images as commands are given them: pictures, folders of pictures, or rows of a feature file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgzsl.classifier import ZeroShotClassifier
    from kgzsl.features import FeatureSet
    from kgzsl.vision import ImageFile

__all__ = ["by_class_id", "read_images"]

NOUNS = "wordnet-nouns"


def read_images(
    classifier: ZeroShotClassifier, pictures: Sequence[Path] | None, features: Path | None, rows: str | None
) -> tuple[FeatureSet, list[tuple[str, str]]]:
    """Return features, and path and reason of the pictures that could not be read.

    Raises:
        InputFileError: nothing could be read, both pictures and a file are named, or the rows are none of the file.
    """
    import torch

    from kgzsl.errors import InputFileError
    from kgzsl.features import FeatureSet

    if bool(pictures) == (features is not None):
        raise InputFileError("Name pictures, or a feature file with --features: one of the two.")
    if features is None:
        if rows is not None:
            raise InputFileError("--rows chooses rows of a feature file; give one with --features, or leave it out.")
        return classifier.features(_pictures(pictures or []))
    images = FeatureSet.load(features)
    if rows is None:
        return images, []
    ends = re.fullmatch(r"(\d*):(\d*)", rows)
    if ends is None:
        raise InputFileError(f"--rows takes FROM:TO, such as 0:10, found {rows!r}.")
    wanted = range(len(images))[int(ends[1] or 0) : int(ends[2] or len(images))]
    if not wanted:
        raise InputFileError(f"--rows {rows} holds none of the {len(images)} rows of {features}.")
    return images.rows(torch.tensor(wanted)), []


def _pictures(paths: Sequence[Path]) -> list[Path]:
    """Put the pictures of a folder in its place."""
    from kgzsl.vision.images import list_images

    return [one for path in paths for one in ([i.path for i in list_images(path)] if path.is_dir() else [path])]


def by_class_id(listed: Sequence[ImageFile], source: Path, graph: str) -> tuple[ImageFile, ...]:
    """Return the pictures with class ids in place of names; WordNet ids stay without a look into the graph.

    Raises:
        UnknownClassError, AmbiguousClassError: a name means no class, or several.
    """
    from kgzsl.errors import AmbiguousClassError, UnknownClassError
    from kgzsl.graph.storage import load_graph
    from kgzsl.naming import ClassResolver, is_wnid

    names = {image.class_id for image in listed if image.class_id is not None and not is_wnid(image.class_id)}
    if not names:
        return tuple(listed)
    resolver = ClassResolver(load_graph(graph), lambda: load_graph(NOUNS))
    try:
        ids = resolver.resolve_each(sorted(names), str(source))
    except (UnknownClassError, AmbiguousClassError) as error:
        raise type(error)(f"{error} Call the folders by class ids, or name their own taxonomy with --graph.") from error
    return tuple(replace(image, class_id=ids.get(image.class_id or "", image.class_id)) for image in listed)

"""Which classes compete for an image: the question that a figure answers.

The lists follow the published ones, which contain person classes; `kgzsl predict` leaves those out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import BackboneMismatchError, InputFileError
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.runtime import read_lines
from kgzsl.splits import Split
from kgzsl.types import ClassId

__all__ = ["KINDS", "candidates", "read_candidates", "scored_images", "with_seen_images"]

KINDS = ("own", "unrelated", "generalised", "unseen", "all")


def candidates(
    kind: str | Sequence[ClassId], features: FeatureSet, graph: ClassGraph, split: Split
) -> tuple[ClassId, ...]:
    """Return the classes that compete.

    Args:
        kind: ``own`` = the classes of the file that are not seen; ``unrelated`` = those of them that are neither
            ancestor nor descendant of a seen class; ``generalised`` = the seen classes, then the unrelated ones;
            ``unseen`` = the split's unseen classes; ``all`` = its seen classes, then its unseen ones; or the class
            ids themselves.
        features: the file's images; only its class list is read.
        graph: tells ancestors and descendants.
        split: tells seen and unseen.

    Raises:
        InputFileError: no kind is called so.
        UnknownClassError: a candidate is not in the graph.
        GraphError: a candidate stands twice.
    """
    if not isinstance(kind, str):
        chosen = ClassIndex(tuple(kind), "the candidate list").ids
    elif kind == "unseen":
        chosen = split.unseen
    elif kind == "all":
        chosen = split.seen + split.unseen
    elif kind in ("own", "unrelated", "generalised"):
        seen = set(split.seen)
        chosen = tuple(class_id for class_id in features.index if class_id not in seen)
    else:
        raise InputFileError(f"No candidates are called {kind!r}; choose one of {', '.join(KINDS)}, or give class ids.")
    graph.index.rows(chosen)
    if kind in ("unrelated", "generalised"):
        related = graph.ancestors(split.seen) | graph.descendants(split.seen)
        chosen = tuple(class_id for class_id in chosen if class_id not in related)
    return split.seen + chosen if kind == "generalised" else chosen


def read_candidates(text: str) -> str | tuple[ClassId, ...]:
    """Return one of `KINDS` as it is, else the class ids in the file of that name, one a line.

    Raises:
        InputFileError: neither a kind nor a readable file, or an empty one.
    """
    if text in KINDS:
        return text
    try:
        chosen = tuple(read_lines(text))
    except InputFileError as error:
        raise InputFileError(
            f"Candidates {text!r} are neither one of {', '.join(KINDS)} nor a file. {error}"
        ) from error
    if not chosen:
        raise InputFileError(f"The candidate list {text} is empty; write one class id a line.")
    return chosen


def scored_images(features: FeatureSet, chosen: Sequence[ClassId], split: Split, name: str) -> FeatureSet:
    """Return the images whose class competes, those of one class side by side.

    Raises:
        InputFileError: no image is left; the message says what was found.
    """
    kept = features.of_classes(chosen)
    if not len(kept):
        classes = {class_id for class_id in features.class_ids() if class_id is not None}
        seen = len(classes & set(split.seen))
        raise InputFileError(
            f"No image of {name} is of one of the {len(chosen):,} candidates: its {len(features):,} images are of "
            f"{len(classes):,} classes, {seen:,} of them seen and {len(classes) - seen:,} not. "
            "Choose other candidates or another feature file."
        )
    return kept.rows(kept.labels.argsort(stable=True))


def with_seen_images(features: FeatureSet, seen_images: FeatureSet, split: Split) -> FeatureSet:
    """Return the images of one file that are of no seen class, and behind them those of another that are of one.

    Args:
        features: the file's images; its own ones of seen classes are left out.
        seen_images: the images that stand for the seen classes instead; others than those are left out.
        split: tells which classes are seen.

    Raises:
        InputFileError: the other file has no image of a seen class.
        BackboneMismatchError: the files are of different backbones.
    """
    if (seen_images.backbone, seen_images.dim) != (features.backbone, features.dim):
        raise BackboneMismatchError(
            f"The images come from backbone {features.backbone!r} ({features.dim}-d), those of seen classes from "
            f"{seen_images.backbone!r} ({seen_images.dim}-d); extract both with the same one."
        )
    held = set(split.seen)
    first = features.of_classes(class_id for class_id in features.index if class_id not in held)
    second = seen_images.of_classes(held)
    if not len(second):
        raise InputFileError(f"None of the {len(seen_images):,} images that are to stand for seen classes is of one.")
    ids = tuple(dict.fromkeys((*features.index, *second.index)))
    moved = torch.from_numpy(ClassIndex(ids, "the images").rows(second.index))
    return replace(
        first,
        features=torch.cat([first.features, second.features.to(first.features)]),
        labels=torch.cat([first.labels, moved[second.labels]]),
        index=ClassIndex(ids, "the images"),
        paths=None,
    )

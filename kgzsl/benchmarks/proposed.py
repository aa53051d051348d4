"""The 'proposed splits' as published: ``att_splits.mat``, ``res101.mat`` and lists of classes in one folder.

| in ``att_splits.mat``                               | is                                                         |
|-----------------------------------------------------|------------------------------------------------------------|
| ``allclasses_names`` (C cells)                      | the classes; their order is that of no other list          |
| ``att``, ``original_att`` (A, C)                    | attributes, of length one a class, and as collected        |
| ``trainval_loc`` ``test_seen_loc`` ``test_unseen_loc`` | numbers of images, from 1                                |
| ``train_loc`` ``val_loc`` (not in every release)    | images of the first validation set and of the classes left |

| in ``res101.mat`` | is                                                   |
|-------------------|------------------------------------------------------|
| ``features``      | (D, N), an image a column                            |
| ``labels``        | (N), numbers of classes in ``allclasses_names``, from 1 |

The lists ``trainvalclasses.txt``, ``testclasses.txt`` and ``valclasses1.txt`` to ``valclasses3.txt`` name classes.
Where they and the images are both there they must agree. In one published file (AwA2, ``binaryAtt_splits.mat``)
``train_loc`` and ``val_loc`` hold test images; only the classes of ``val_loc`` are used, and only where there is no
list.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from kgzsl.benchmarks.benchmark import Benchmark, BenchmarkImages, flat_graph
from kgzsl.benchmarks.matlab import MatlabFile
from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.runtime import read_lines, sha256_file
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.splits import Split
from kgzsl.types import Array, ClassId, PathLike

__all__ = ["ATTRIBUTES", "read_proposed"]

SPLITS, FEATURES = "att_splits.mat", "res101.mat"
ATTRIBUTES = ("att", "original_att", "standardised")
PARTS = ("trainval_loc", "test_seen_loc", "test_unseen_loc")
VALIDATION = "val_loc"
MOST_SETS = 9


def read_proposed(
    folder: PathLike,
    *,
    name: str | None = None,
    splits_file: str = SPLITS,
    features_file: str = FEATURES,
    attributes: str = "att",
    graph: ClassGraph | None = None,
) -> Benchmark:
    """Read a folder of the proposed splits.

    Args:
        folder: holds the files; without ``features_file`` the lists of classes must be there.
        name: of the benchmark; the folder's where not given.
        splits_file: the file of attributes and splits.
        features_file: the file of features and labels.
        attributes: ``att``, which has length one a class; ``original_att``, where -1 may stand for not known; or
            ``standardised``, the latter less the mean over all classes, in standard deviations. With attributes that
            are never negative all classes look alike to a cosine, which standardising undoes.
        graph: a class graph that holds the benchmark's classes; without one they stand side by side.

    Raises:
        InputFileError: a file is missing or of MATLAB 7.3, or what it holds does not fit together; the message says
            which numbers disagree.
        CorruptFileError: a file is damaged.
        UnknownClassError: the graph lacks a class.
    """
    place = Path(folder)
    if attributes not in ATTRIBUTES:
        raise InputFileError(f"Attributes are one of {', '.join(ATTRIBUTES)}, found {attributes!r}.")
    called = name or place.resolve().name
    file = MatlabFile.open(place / splits_file)
    index = _classes(file)
    split, images, chosen = _from_lists(place, index), None, dict[str, set[int]]()
    if (place / features_file).is_file():
        images, chosen = _images(file, MatlabFile.open(place / features_file), index)
        found = _split(file, chosen, index)
        _check_lists(place, split, found)
        split = found
    if split is None:
        raise InputFileError(
            f"{place} holds neither {features_file} nor trainvalclasses.txt and testclasses.txt, so that nothing tells "
            f"seen from unseen classes; put {features_file} beside {splits_file}."
        )
    vectors = _attributes(file, attributes, index, called)
    held_out = _validation(place, index, split, chosen.get(VALIDATION, set()))
    return Benchmark(called, graph or flat_graph(called, index.ids), vectors, split, held_out, images)


def _classes(file: MatlabFile) -> ClassIndex:
    names = file.texts("allclasses_names")
    if len(set(names)) != len(names):
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        raise InputFileError(f"{file.path}: class {twice!r} stands twice in allclasses_names.")
    return ClassIndex(names, f"classes of {file.path.name}")


def _attributes(file: MatlabFile, name: str, index: ClassIndex, called: str) -> SemanticEmbedding:
    values = file.matrix("original_att" if name == "standardised" else name)
    if values.shape[1] != len(index):
        found = f"{values.shape[0]:,} x {values.shape[1]:,}"
        raise InputFileError(
            f"{file.path}: {name} is {found}; expected attributes x {len(index)} classes, as many as allclasses_names."
        )
    if name == "standardised":
        spread = values.std(axis=1, keepdims=True)
        values = (values - values.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)
    encoder = f"attributes/{called}@{sha256_file(file.path)[:12]}"
    return SemanticEmbedding(index, torch.from_numpy(values.T.astype(np.float32)), encoder, name)  # (C, A)


def _images(file: MatlabFile, held: MatlabFile, index: ClassIndex) -> tuple[BenchmarkImages, dict[str, set[int]]]:
    """Return the three sets of images, and the classes of each set of image numbers in the file of splits."""
    labels = held.numbers("labels", len(index), "classes")
    matrix = held.matrix("features")
    if matrix.shape[1] != len(labels):
        found = f"{matrix.shape[0]:,} x {matrix.shape[1]:,}"
        raise InputFileError(
            f"{held.path}: features are {found} and there are {len(labels):,} labels; expected an image a column."
        )
    rows = {part: file.numbers(part, len(labels), "images") for part in PARTS}
    _check_images(file, rows)
    features = torch.from_numpy(np.ascontiguousarray(matrix.T, dtype=np.float32))  # (N, D)
    every = FeatureSet(features, torch.from_numpy(labels), index, f"proposed-splits/{held.path.stem}")
    images = BenchmarkImages(*(every.rows(torch.from_numpy(rows[part])) for part in PARTS))
    if VALIDATION in file:
        rows[VALIDATION] = file.numbers(VALIDATION, len(labels), "images")
    return images, {part: set(labels[numbers].tolist()) for part, numbers in rows.items()}


def _check_images(file: MatlabFile, rows: dict[str, Array]) -> None:
    """Refuse an image that stands twice, in one set or in two."""
    first: dict[int, str] = {}
    for part, numbers in rows.items():
        for number in numbers.tolist():
            if number in first:
                raise InputFileError(f"{file.path}: image {number + 1} stands in {first[number]} and again in {part}.")
            first[number] = part


def _split(file: MatlabFile, classes: dict[str, set[int]], index: ClassIndex) -> Split:
    seen, tested, unseen = (classes[part] for part in PARTS)
    if both := sorted(seen & unseen):
        raise InputFileError(
            f"{file.path}: class {index[both[0]]!r} has images in trainval_loc and in test_unseen_loc; do this file "
            "and the features belong together?"
        )
    if strange := sorted(tested - seen):
        raise InputFileError(
            f"{file.path}: class {index[strange[0]]!r} has images in test_seen_loc but none in trainval_loc; do this "
            "file and the features belong together?"
        )
    return Split(*(tuple(index[row] for row in sorted(rows)) for rows in (seen, unseen)))


def _from_lists(folder: Path, index: ClassIndex) -> Split | None:
    """Return the split of the published lists in the order of the classes, or None where they are not there."""
    files = [folder / "trainvalclasses.txt", folder / "testclasses.txt"]
    if not all(file.is_file() for file in files):
        return None
    return Split(*(_listed(file, index) for file in files))


def _listed(file: Path, index: ClassIndex) -> tuple[ClassId, ...]:
    rows = index.rows(read_lines(file)).tolist()
    if len(set(rows)) != len(rows):
        twice = next(row for number, row in enumerate(rows) if row in rows[:number])
        raise InputFileError(f"{file}: class {index[twice]!r} stands twice; remove one.")
    return tuple(index[row] for row in sorted(rows))


def _check_lists(folder: Path, listed: Split | None, found: Split) -> None:
    if listed is None:
        return
    for name, one, other in (
        ("trainvalclasses", listed.seen, found.seen),
        ("testclasses", listed.unseen, found.unseen),
    ):
        if odd := sorted(set(one) ^ set(other)):
            raise InputFileError(
                f"{folder / name}.txt and the images disagree about {len(odd)} classes ({odd[0]!r} first); do the "
                "files belong together?"
            )


def _validation(folder: Path, index: ClassIndex, split: Split, chosen: set[int]) -> tuple[tuple[ClassId, ...], ...]:
    """Return the published sets of validation classes: those of the lists, else the classes of ``val_loc``."""
    files = [folder / f"valclasses{number}.txt" for number in range(1, MOST_SETS + 1)]
    sets = {str(file): _listed(file, index) for file in files if file.is_file()}
    if not sets and chosen:
        sets = {VALIDATION: tuple(index[row] for row in sorted(chosen))}
    for place, held_out in sets.items():
        if strange := sorted(set(held_out) - set(split.seen)):
            raise InputFileError(f"{place}: class {strange[0]!r} is not a seen class; only those can be held out.")
    return tuple(sets.values())

"""Extract features of many pictures: decoded in parallel, in fixed batches, each batch safe once it is done.

The pictures are cut into batches of a fixed size in list order. Each finished batch is a shard, written whole or not at
all into ``OUT.partial/`` beside a manifest of what it was made from. A run that was killed goes on behind its last
shard and ends in the same bytes as one that was not. A picture that cannot be read is left out and listed, and does not
move the boundaries of the batches. At the end the shards become one feature file and the partial folder goes.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError
from kgzsl.features import FeatureSet
from kgzsl.runtime import progress, sha256_text, write_text
from kgzsl.types import Float, PathLike, Tensor
from kgzsl.vision.backbone import Backbone
from kgzsl.vision.images import ImageFile, load_image, warnings_as_errors
from kgzsl.vision.shards import Shard, Shards

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["ExtractReport", "batches_of_pixels", "extract_features"]

AHEAD = 2
"""How many batches are decoded ahead of the one in the network."""

SKIPPED_HEADER = "path\treason"


@dataclass(frozen=True, slots=True)
class ExtractReport:
    """What an extraction did.

    Args:
        out: the feature file.
        num_images: how many pictures have features.
        skipped: name and reason of each picture that could not be read.
        resumed: how many batches an earlier, stopped run had finished.
        seconds: time taken by this run.
    """

    out: Path
    num_images: int
    skipped: tuple[tuple[str, str], ...]
    resumed: int
    seconds: float


def extract_features(
    images: Sequence[ImageFile],
    backbone: Backbone,
    out: PathLike,
    *,
    batch_size: int = 32,
    workers: int | None = None,
    dtype: torch.dtype = torch.float16,
) -> ExtractReport:
    """Write the features of pictures to one file of the project's feature format.

    Args:
        images: the pictures, in order.
        backbone: what makes the features.
        out: the feature file; ``OUT.partial/`` holds the work until it is done, ``OUT.skipped.tsv`` lists
            pictures that could not be read.
        batch_size: pictures a batch.
        workers: threads that decode; as many as there are cores by default.
        dtype: of the stored features.

    Raises:
        InputFileError: no picture could be read, or ``OUT.partial/`` belongs to another extraction.
        StorageError: a write failed; finished batches are kept.
    """
    started = time.perf_counter()
    target = Path(out)
    if batch_size < 1 or not images:
        raise InputFileError(f"Nothing to extract: {len(images)} pictures in batches of {batch_size}.")
    shards = Shards.open(_partial(target), _manifest(images, backbone, batch_size, dtype))
    resumed = shards.finished(-(-len(images) // batch_size))
    done = len(resumed)
    with progress("extract", len(images)) as advance, warnings_as_errors():
        advance(min(done * batch_size, len(images)))
        todo = images[done * batch_size :]
        with closing(batches_of_pixels(todo, backbone, batch_size=batch_size, workers=workers)) as batches:
            for number, (rows, pixels, skipped) in enumerate(batches, start=done):
                features = torch.zeros(0, backbone.dim) if pixels is None else backbone.features(pixels)
                first = number * batch_size
                kept = torch.tensor([first + row for row in rows], dtype=torch.int64)
                bad = tuple((images[first + row].name, reason) for row, reason in skipped)
                shards.write(number, Shard(features.to("cpu", dtype), kept, bad))
                advance(len(rows) + len(skipped))
    report = _join(images, backbone, shards, target)
    return ExtractReport(target, *report, done, time.perf_counter() - started)


def _partial(out: Path) -> Path:
    return out.with_name(out.name + ".partial")


def _manifest(images: Sequence[ImageFile], backbone: Backbone, batch_size: int, dtype: torch.dtype) -> dict[str, Any]:
    from kgzsl import __version__

    listing = "\n".join(f"{image.name}\t{image.class_id or ''}\t{_size(image.path)}" for image in images)
    return {
        "format": 1,
        "kgzsl": __version__,
        "images_sha256": sha256_text(listing),
        "num_images": len(images),
        "backbone": backbone.id,
        "preprocessing_sha256": sha256_text(json.dumps(backbone.preprocess.record, sort_keys=True, default=str)),
        "batch_size": batch_size,
        "dtype": str(dtype).removeprefix("torch."),
        "engine": getattr(getattr(backbone, "engine", None), "name", "torch"),
    }


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


Decoded = tuple[list[int], Float[Tensor, "N 3 H W"] | None, list[tuple[int, str]]]


def batches_of_pixels(
    images: Sequence[ImageFile],
    backbone: Backbone,
    *,
    batch_size: int,
    workers: int | None = None,
    cut: Callable[[ImageFile, Image], Tensor] | None = None,
) -> Generator[Decoded, None, None]:
    """Yield, batch by batch, the rows within it that could be read, their pixels, and row and reason of the others.

    At most `AHEAD` batches wait, so memory stays bounded whatever the number of pictures.

    Args:
        images: the pictures, in order.
        backbone: whose preprocessing makes pixels of a decoded picture.
        batch_size: pictures a batch.
        workers: threads that decode; as many as there are cores by default.
        cut: makes pixels of a decoded picture instead, such as a random crop.
    """

    def read(image: ImageFile) -> Tensor:
        picture = load_image(image.path)
        try:
            return backbone.preprocess.one(picture) if cut is None else cut(image, picture)
        except (ValueError, TypeError, RuntimeError, OSError) as error:
            raise InputFileError(f"{image.path} could not be preprocessed: {error}.") from error

    starts = iter(range(0, len(images), batch_size))
    waiting: deque[list[Future[Tensor]]] = deque()
    pool = ThreadPoolExecutor(workers or os.cpu_count() or 1, thread_name_prefix="decode")
    try:
        while True:
            while len(waiting) <= AHEAD and (start := next(starts, None)) is not None:
                waiting.append([pool.submit(read, image) for image in images[start : start + batch_size]])
            if not waiting:
                return
            yield _collect(waiting.popleft(), backbone)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _collect(batch: list[Future[Tensor]], backbone: Backbone) -> Decoded:
    rows, pixels, skipped = [], [], []
    for row, future in enumerate(batch):
        try:
            pixels.append(future.result())
            rows.append(row)
        except InputFileError as error:
            skipped.append((row, str(error)))
    return rows, backbone.preprocess.stack(pixels) if pixels else None, skipped


def _join(
    images: Sequence[ImageFile], backbone: Backbone, shards: Shards, out: Path
) -> tuple[int, tuple[tuple[str, str], ...]]:
    parts = list(shards.read_all())
    skipped = tuple(bad for part in parts for bad in part.skipped)
    rows = torch.cat([part.rows for part in parts])
    if not len(rows):
        shards.remove()
        name, reason = skipped[0]
        raise InputFileError(f"None of {len(images)} pictures could be read; the first, {name}: {reason}")
    kept = [images[row] for row in rows.tolist()]
    index = ClassIndex(tuple(sorted({image.class_id for image in kept if image.class_id})), f"the pictures of {out}")
    labels = torch.tensor([index.row(image.class_id) if image.class_id else -1 for image in kept])
    features = torch.cat([part.features for part in parts])
    FeatureSet(features, labels, index, backbone.id, tuple(image.name for image in kept)).save(out)
    _list_skipped(out.with_name(out.name + ".skipped.tsv"), skipped)
    shards.remove()
    return len(rows), skipped


def _list_skipped(path: Path, skipped: Sequence[tuple[str, str]]) -> None:
    if skipped:
        lines = ["\t".join(" ".join(cell.split()) for cell in bad) for bad in skipped]
        write_text(path, "\n".join([SKIPPED_HEADER, *lines]) + "\n")
    elif path.is_file() and path.read_text(encoding="utf-8").startswith(SKIPPED_HEADER):
        path.unlink()  # the list of an earlier extraction to the same file, which no longer holds

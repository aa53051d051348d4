"""Pictures of a block to features: decoded in threads while the network works, a bounded number ahead of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO

import torch

from kgzsl.bulk.places import Place
from kgzsl.bulk.sources import PictureRows, Rows
from kgzsl.errors import InputFileError
from kgzsl.types import Tensor
from kgzsl.vision import Backbone
from kgzsl.vision.images import load_image, warnings_as_errors

__all__ = ["features_of"]

AHEAD = 2
"""How many batches are decoded, or being decoded, ahead of the one in the network."""


def features_of(batches: Iterable[PictureRows], backbone: Backbone, threads: int = 1) -> Iterator[Rows]:
    """Turn batches of pictures into features; a picture that cannot be read becomes an error of its row.

    At most `AHEAD` batches wait, whatever the number of pictures.

    Args:
        batches: read from a source when their turn comes.
        backbone: what makes the features.
        threads: how many decode.
    """
    waiting: deque[tuple[PictureRows, list[Future[Tensor]]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        with warnings_as_errors():
            for batch in batches:
                todo = zip(batch.pictures, batch.names)
                waiting.append((batch, [pool.submit(_pixels, one, name, backbone) for one, name in todo]))
                if len(waiting) > AHEAD:
                    yield _features(*waiting.popleft(), backbone)
            while waiting:
                yield _features(*waiting.popleft(), backbone)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _pixels(picture: bytes | Place | None, name: str, backbone: Backbone) -> Tensor:
    if picture is None:
        raise InputFileError(f"There is no picture: {name} is empty.")
    with BytesIO(picture) if isinstance(picture, bytes) else picture.reading() as stream:
        decoded = load_image(stream, name)
    try:
        return backbone.preprocess.one(decoded)
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        raise InputFileError(f"{name} could not be preprocessed: {error}.") from error


def _features(batch: PictureRows, decoding: list[Future[Tensor]], backbone: Backbone) -> Rows:
    kept, pixels, errors = list[int](), list[Tensor](), list[tuple[int, str]]()
    for row, future in enumerate(decoding):
        try:
            pixels.append(future.result())
            kept.append(row)
        except InputFileError as error:
            errors.append((row, str(error)))
    features = torch.zeros(0, backbone.dim)
    if pixels:
        features = backbone.features(backbone.preprocess.stack(pixels)).float().cpu()
    return Rows(batch.ids, features, torch.tensor(kept, dtype=torch.int64), tuple(errors))

"""How much a request may ask for, and how much may wait."""

from __future__ import annotations

from dataclasses import dataclass, fields

from kgzsl.errors import InputFileError

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the service takes at once; everything is a whole number of at least 1.

    Args:
        body_bytes: of one request.
        pictures: of one request; feature rows count as pictures.
        pixels: of one picture, told by its header before it is decoded.
        classes: named in one request.
        top_k: answers for a picture.
        requests: in work at the same time; further ones get a 503 with Retry-After.
        waiting_pictures: decoded and waiting for the backbone, those of all requests together; likewise.
        batch_size: pictures that the backbone takes together.
        retry_after: seconds that a client is asked to wait.

    Raises:
        InputFileError: a limit is below 1.
    """

    body_bytes: int = 32 * 2**20
    pictures: int = 16
    pixels: int = 40_000_000
    classes: int = 1000
    top_k: int = 100
    requests: int = 64
    waiting_pictures: int = 128
    batch_size: int = 32
    retry_after: int = 1

    def __post_init__(self) -> None:
        for one in fields(self):
            if getattr(self, one.name) < 1:
                raise InputFileError(f"Limit {one.name} must be at least 1, found {getattr(self, one.name)}.")

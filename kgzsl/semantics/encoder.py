"""The text encoder as a protocol, the table of encoders, and the way from a name to one.

An encoder is named ``KIND:PLACE``, with `ENCODERS` as kinds: ``clip:openai/clip-vit-base-patch32``,
``word-vectors:glove.6B.300d.txt``. A name alone is a sentence encoder's. Recorded ids (``clip/NAME@digits``) are names
too, as far as the weights can be found by them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from kgzsl.errors import SemanticsError
from kgzsl.semantics.model_folder import LOCAL
from kgzsl.semantics.sentences import SentenceEncoder
from kgzsl.semantics.text_towers import TOWERS, clip_text, siglip_text
from kgzsl.semantics.word_vectors import WordVectors
from kgzsl.types import Float, Tensor

__all__ = ["ENCODERS", "SemanticEncoder", "open_encoder", "recorded_encoder", "split_kind"]


@runtime_checkable
class SemanticEncoder(Protocol):
    """Turns texts into vectors; its ``id`` says which vectors may stand beside which."""

    @property
    def id(self) -> str:
        """What tells this encoder from every other, free of machine paths."""

    @property
    def dim(self) -> int:
        """The semantic dimension S."""

    def encode(self, texts: Sequence[str]) -> Float[Tensor, "C S"]:
        """Return one row of length 1 a text, in the order given."""


ENCODERS: dict[str, Callable[[str], SemanticEncoder]] = {
    "sentences": SentenceEncoder,
    "clip": clip_text,
    "siglip": siglip_text,
    "word-vectors": WordVectors,
}
"""Encoders by name; each is built from a model's name or folder, or a file."""


def split_kind(name: str, kinds: Sequence[str]) -> tuple[str | None, str]:
    """Take ``kind:place`` apart where the kind is one of the known; else there is no kind.

    Example:
        >>> split_kind("clip:openai/clip-vit-base-patch32", ["clip"])
        ('clip', 'openai/clip-vit-base-patch32')
        >>> split_kind("all-MiniLM-L6-v2", ["clip"])
        (None, 'all-MiniLM-L6-v2')
    """
    kind, colon, place = name.partition(":")
    return (kind, place.strip()) if colon and kind in kinds else (None, name)


def open_encoder(encoder: str | SemanticEncoder) -> SemanticEncoder:
    """Return an encoder as it is, or the one of a name, folder, file or recorded id.

    Raises:
        SemanticsError: the recorded id leads to no weights: they came from a folder or file of their own.
        InputFileError: it is a file, and not one of word vectors.
    """
    if not isinstance(encoder, str):
        return encoder
    kind, place = split_kind(encoder, tuple(ENCODERS))
    if kind is not None:
        return ENCODERS[kind](place)
    if Path(encoder).is_file():
        return WordVectors(encoder)
    return recorded_encoder(encoder) if "@" in encoder and not Path(encoder).is_dir() else SentenceEncoder(encoder)


def recorded_encoder(recorded: str) -> SemanticEncoder:
    """Return the encoder of a recorded id; other weights of the same name are refused when they are read.

    Raises:
        SemanticsError: the id leads to no weights: they came from a folder or file of their own, or are no encoder's.
    """
    family, _, name = recorded.partition("/")
    if family == "attributes":
        raise SemanticsError(
            f"The vectors come from {recorded!r}, a table of attributes, and no text tells those of a new class; add "
            "the class to the table and to the graph, and train again."
        )
    is_tower = family in TOWERS
    if "@" not in recorded or family == "word-vectors" or (name if is_tower else recorded).startswith(f"{LOCAL}@"):
        kind = f"{family}:FOLDER" if is_tower else "word-vectors:FILE" if family == "word-vectors" else "FOLDER"
        raise SemanticsError(
            f"The vectors come from {recorded!r}, which cannot be found by its name, and a new class needs that "
            f"encoder; name it with --encoder {kind} (encoder=...)."
        )
    return ENCODERS[family](name) if is_tower else SentenceEncoder(recorded)

"""The text encoder as a protocol, and the way from classes through words to vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.semantics.sentences import DEFAULT_ENCODER, SentenceEncoder
from kgzsl.semantics.text_form import DEFAULT_TEXT_FORM, uses_definition, write_class
from kgzsl.types import ClassId, Float, Tensor

__all__ = ["ClassTexts", "SemanticEncoder", "embed_classes", "embed_graph", "open_encoder", "with_definitions"]


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


@runtime_checkable
class ClassTexts(Protocol):
    """What embedding needs of a class graph: its classes and their texts, in row order."""

    @property
    def index(self) -> ClassIndex:
        """The classes."""

    @property
    def texts(self) -> tuple[ClassText, ...]:
        """Their texts."""


def open_encoder(encoder: str | SemanticEncoder) -> SemanticEncoder:
    """Return an encoder as it is, or the `SentenceEncoder` of a name, folder or recorded id."""
    return SentenceEncoder(encoder) if isinstance(encoder, str) else encoder


def embed_classes(
    texts: Mapping[ClassId, ClassText],
    encoder: str | SemanticEncoder = DEFAULT_ENCODER,
    text_form: str = DEFAULT_TEXT_FORM,
) -> tuple[SemanticEmbedding, frozenset[ClassId]]:
    """Encode classes from their texts.

    Args:
        texts: class id to its lemmas and definition.
        encoder: an encoder, or the name, folder or recorded id of one.
        text_form: a key of `TEXT_FORMS`; a class without a definition is encoded from its names alone.

    Returns:
        The vectors, and the classes whose definition was part of the text.

    Raises:
        UnknownVariantError: there is no such text form.
        MissingDependencyError, MissingResourceError: the encoder is not on this machine.
    """
    words = [write_class(text, text_form) for text in texts.values()]
    encoder = open_encoder(encoder)
    vectors = encoder.encode(words)
    defined = frozenset(class_id for class_id, text in texts.items() if uses_definition(text, text_form))
    index = ClassIndex(tuple(texts), f"embeddings of {encoder.id}")
    return SemanticEmbedding(index, vectors, encoder.id, text_form), defined


def with_definitions(
    texts: Mapping[ClassId, ClassText], definitions: Mapping[ClassId, str]
) -> dict[ClassId, ClassText]:
    """Return class texts with definitions put in where a class has none of its own."""
    return {
        class_id: text if text.definition else replace(text, definition=definitions.get(class_id))
        for class_id, text in texts.items()
    }


def embed_graph(
    graph: ClassTexts,
    *,
    encoder: str | SemanticEncoder = DEFAULT_ENCODER,
    definitions: Mapping[ClassId, str] | None = None,
    text_form: str = DEFAULT_TEXT_FORM,
) -> SemanticEmbedding:
    """Encode every class of a graph, in row order; arguments and errors as `embed_classes`.

    Args:
        graph: the class graph.
        encoder: an encoder, or the name, folder or recorded id of one.
        definitions: class id to definition, for classes whose own text has none.
        text_form: a key of `TEXT_FORMS`.
    """
    texts = with_definitions(dict(zip(graph.index, graph.texts)), definitions or {})
    return embed_classes(texts, encoder, text_form)[0]

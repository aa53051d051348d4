"""The embedding of a whole graph put together: stored vectors where there are any, the rest encoded on demand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kgzsl.classes import ClassIndex
from kgzsl.semantics.embedding import SemanticEmbedding, same_encoder
from kgzsl.semantics.encoder import ClassTexts, SemanticEncoder, embed_classes, open_encoder, with_definitions
from kgzsl.semantics.sentences import DEFAULT_ENCODER
from kgzsl.semantics.text_form import DEFAULT_TEXT_FORM
from kgzsl.types import ClassId, ClassIds

__all__ = ["DEFINITION", "NAMES", "SOURCES", "STORED", "AssembledSemantics", "assemble_semantics"]

SOURCES = ("stored", "definition", "names")
STORED, DEFINITION, NAMES = SOURCES


@dataclass(frozen=True, slots=True)
class AssembledSemantics:
    """The vectors of a graph's classes and where each came from.

    Args:
        embedding: the vectors, in the graph's row order.
        sources: class id to ``stored``, ``definition`` (encoded now, with one) or ``names`` (encoded now, from its
            names alone).
    """

    embedding: SemanticEmbedding
    sources: Mapping[ClassId, str]

    @property
    def counts(self) -> dict[str, int]:
        """How many classes came from each source, in the order of `SOURCES`."""
        found = Counter(self.sources.values())
        return {source: found[source] for source in SOURCES}


def assemble_semantics(
    graph: ClassTexts,
    *,
    encoder: str | SemanticEncoder = DEFAULT_ENCODER,
    stored: Sequence[SemanticEmbedding] = (),
    define: Callable[[ClassIds], Mapping[ClassId, str]] | None = None,
    text_form: str = DEFAULT_TEXT_FORM,
) -> AssembledSemantics:
    """Give every class of a graph a vector.

    Args:
        graph: the class graph.
        encoder: an encoder, or the name, folder or recorded id of one; opened only where a class has no stored vector.
        stored: embeddings to take vectors from, the first that has a class wins; those of another encoder or text
            form are passed over.
        define: looks up definitions, such as ``kgzsl.graph.wordnet.definitions``; asked once, for the classes that
            have neither a stored vector nor a definition of their own.
        text_form: a key of `TEXT_FORMS`.

    Raises:
        MissingDependencyError, MissingResourceError: a class must be encoded and the encoder is not on this machine.
        SemanticsError: the encoder's weights are not those that made the stored vectors.
    """
    ids = tuple(graph.index)
    parts, sources = _stored_parts(ids, [part for part in stored if _fits(part, encoder, text_form)])
    if rest := {class_id: text for class_id, text in zip(ids, graph.texts) if class_id not in sources}:
        bare = [class_id for class_id, text in rest.items() if not text.definition]
        found = define(bare) if define and bare and text_form == DEFAULT_TEXT_FORM else {}
        fresh, defined = embed_classes(with_definitions(rest, found), encoder, text_form)
        sources |= {class_id: DEFINITION if class_id in defined else NAMES for class_id in rest}
        parts.append(fresh)
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.concat(part)
    named = replace(whole, index=ClassIndex(whole.index.ids, graph.index.owner))
    return AssembledSemantics(named.select(ids), sources)


def _stored_parts(
    ids: tuple[ClassId, ...], stored: Sequence[SemanticEmbedding]
) -> tuple[list[SemanticEmbedding], dict[ClassId, str]]:
    parts, sources = [], dict[ClassId, str]()
    for embedding in stored:
        if taken := [class_id for class_id in ids if class_id in embedding.index and class_id not in sources]:
            parts.append(embedding.select(taken))
            sources |= dict.fromkeys(taken, STORED)
    return parts, sources


def _fits(embedding: SemanticEmbedding, encoder: str | SemanticEncoder, text_form: str) -> bool:
    if embedding.text_form != text_form:
        return False
    if isinstance(encoder, str) and not Path(encoder).is_dir():
        name = encoder if "/" in encoder else f"sentence-transformers/{encoder}"
        return embedding.encoder.partition("@")[0] == name or same_encoder(embedding.encoder, name)
    return same_encoder(embedding.encoder, open_encoder(encoder).id)

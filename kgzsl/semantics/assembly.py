"""The embedding of a whole graph put together: stored vectors where there are any, the rest encoded on demand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from kgzsl.classes import ClassIndex
from kgzsl.semantics.embed import average, embed_lineages, side_by_side
from kgzsl.semantics.embedding import SemanticEmbedding, same_encoder
from kgzsl.semantics.encoder import ENCODERS, SemanticEncoder, open_encoder, split_kind
from kgzsl.semantics.lineage import ClassTexts, Definer, Lineages, lineages
from kgzsl.semantics.sentences import DEFAULT_ENCODER
from kgzsl.semantics.text_form import (
    DEFAULT_TEXT_FORM,
    averaged_forms,
    parts_of,
    read_text_form,
    single_forms,
    uses_definition,
)
from kgzsl.semantics.text_towers import TOWERS
from kgzsl.types import ClassId, ClassIds

__all__ = [
    "DEFINITION",
    "FILLED",
    "GIVEN",
    "NAMES",
    "SOURCES",
    "STORED",
    "AssembledSemantics",
    "assemble_semantics",
    "is_stored",
]

SOURCES = ("stored", "definition", "names", "given", "filled")
STORED, DEFINITION, NAMES, GIVEN, FILLED = SOURCES


@dataclass(frozen=True, slots=True)
class AssembledSemantics:
    """The vectors of a graph's classes and where each came from.

    Args:
        embedding: the vectors, in the graph's row order.
        sources: class id to ``stored`` (all its vectors were), ``definition`` (encoded now, with one), ``names``
            (encoded now, from its names alone), ``given`` (as a file has it) or ``filled`` (from other classes).
    """

    embedding: SemanticEmbedding
    sources: Mapping[ClassId, str]

    @property
    def counts(self) -> dict[str, int]:
        """How many classes came from each source, in the order of `SOURCES`; those of encoders always stand there."""
        found = Counter(self.sources.values())
        return {source: found[source] for source in SOURCES if found[source] or source in (STORED, DEFINITION, NAMES)}


def assemble_semantics(
    graph: ClassTexts,
    *,
    encoder: str | SemanticEncoder = DEFAULT_ENCODER,
    stored: Sequence[SemanticEmbedding] = (),
    define: Definer | None = None,
    text_form: str = DEFAULT_TEXT_FORM,
) -> AssembledSemantics:
    """Give every class of a graph a vector.

    Args:
        graph: the class graph.
        encoder: an encoder, or the name, folder or recorded id of one; opened only where a class has no stored vector.
        stored: embeddings to take vectors from, the first that has a class wins. Each of their parts serves the part
            of the same form; those of another encoder are passed over.
        define: looks up definitions, such as ``kgzsl.graph.wordnet.definitions``; asked once, for the classes that
            lack a stored vector and have no definition of their own, and for those above them of which the form speaks.
        text_form: see `kgzsl.semantics.text_form`.

    Raises:
        UnknownVariantError, RecipeError: there is no such text form.
        MissingDependencyError, MissingResourceError: a class must be encoded and the encoder is not on this machine.
        SemanticsError: the encoder's weights are not those that made the stored vectors.
    """
    text_form, ids = read_text_form(text_form), graph.index.ids
    assembly = _Assembly(graph, encoder, _pieces(stored, text_form, encoder), define, text_form)
    whole = side_by_side([assembly.part(part, ids) for part in parts_of(text_form)], text_form)
    named = replace(whole, index=ClassIndex(ids, graph.index.owner))
    return AssembledSemantics(named, {class_id: assembly.source(class_id) for class_id in ids})


def is_stored(
    class_ids: ClassIds, stored: Sequence[SemanticEmbedding], text_form: str, encoder: str | SemanticEncoder
) -> bool:
    """Say whether stored embeddings hold all that a text form wants of classes, so that no encoder is needed."""
    pieces = _pieces(stored, text_form, encoder)

    def held(form: str) -> set[ClassId]:
        return {one for piece in pieces if piece.text_form == form for one in class_ids if one in piece.index}

    wanted = set(class_ids)
    return all(
        wanted == held(part) | set.intersection(*(held(form) for form in averaged_forms(part)))
        for part in parts_of(text_form)
    )


def _pieces(
    stored: Sequence[SemanticEmbedding], text_form: str, encoder: str | SemanticEncoder
) -> list[SemanticEmbedding]:
    """Return those parts of stored embeddings that serve a text form, each as an embedding of its own."""
    wanted = {*parts_of(text_form), *single_forms(text_form)}
    return [
        embedding if embedding.text_form == part else replace(embedding, vectors=vectors, text_form=part)
        for embedding in stored
        if not wanted.isdisjoint(parts_of(embedding.text_form)) and _is_of(embedding, encoder)
        for part, vectors in embedding.parts().items()
        if part in wanted
    ]


class _Assembly:
    """One graph's vectors, found part by part."""

    def __init__(
        self,
        graph: ClassTexts,
        encoder: str | SemanticEncoder,
        stored: Sequence[SemanticEmbedding],
        define: Definer | None,
        text_form: str,
    ) -> None:
        self.graph, self.encoder, self.stored = graph, encoder, stored
        self.define, self.text_form = define, text_form
        self.encoded = set[ClassId]()

    def part(self, part: str, class_ids: ClassIds) -> SemanticEmbedding:
        """Return the vectors of one part, or of one form of it, in the order given."""
        found, rest = self._stored(part, class_ids)
        if rest or not found:
            forms = averaged_forms(part)
            if len(forms) > 1:
                found.append(average([self.part(form, rest) for form in forms], part))
            else:
                found.append(self._encode(part, rest))
        whole = found[0]
        for other in found[1:]:
            whole = whole.concat(other)
        return whole.select(class_ids)

    def _stored(self, part: str, class_ids: ClassIds) -> tuple[list[SemanticEmbedding], list[ClassId]]:
        """Return the stored rows of a part, and the classes that have none."""
        found, rest = list[SemanticEmbedding](), list(class_ids)
        for embedding in self.stored:
            if embedding.text_form == part and (taken := [one for one in rest if one in embedding.index]):
                found.append(embedding.select(taken))
                rest = list(embedding.missing(rest))
        return found, rest

    def _encode(self, form: str, class_ids: ClassIds) -> SemanticEmbedding:
        self.encoder = open_encoder(self.encoder)
        self.encoded.update(class_ids)
        lines = {class_id: self.lines[class_id] for class_id in class_ids}
        return embed_lineages(lines, self.encoder, form)

    @cached_property
    def lines(self) -> Lineages:
        """The texts of all classes that lack a stored vector of any form."""
        forms = single_forms(self.text_form)
        bare = {class_id for form in forms for class_id in self._stored(form, self.graph.index.ids)[1]}
        ordered = [class_id for class_id in self.graph.index if class_id in bare]
        return lineages(self.graph, ordered, self.text_form, self.define)

    def source(self, class_id: ClassId) -> str:
        """Say where the vector of a class came from."""
        if class_id not in self.encoded:
            return STORED
        return DEFINITION if uses_definition(self.lines[class_id][0], self.text_form) else NAMES


def _is_of(embedding: SemanticEmbedding, encoder: str | SemanticEncoder) -> bool:
    """Say whether an encoder made an embedding; a published name is compared without opening it."""
    if not isinstance(encoder, str):
        return same_encoder(embedding.encoder, encoder.id)
    kind, place = split_kind(encoder, tuple(ENCODERS))
    if kind == "word-vectors" or Path(place).exists():
        return same_encoder(embedding.encoder, open_encoder(encoder).id)
    name = f"{kind}/{place}" if kind in TOWERS else place
    name = name if "/" in name else f"sentence-transformers/{name}"
    return embedding.encoder.partition("@")[0] == name or same_encoder(embedding.encoder, name)

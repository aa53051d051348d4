"""The way from classes through words to vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch.nn import functional

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import SemanticsError
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.semantics.encoder import SemanticEncoder, open_encoder
from kgzsl.semantics.lineage import ClassTexts, Lineages, lineages
from kgzsl.semantics.sentences import DEFAULT_ENCODER
from kgzsl.semantics.text_form import (
    DEFAULT_TEXT_FORM,
    averaged_forms,
    parts_of,
    read_text_form,
    uses_definition,
    write_class,
)
from kgzsl.types import ClassId

__all__ = ["average", "embed_classes", "embed_graph", "embed_known", "embed_lineages", "side_by_side"]


def embed_classes(
    texts: Mapping[ClassId, ClassText],
    encoder: str | SemanticEncoder = DEFAULT_ENCODER,
    text_form: str = DEFAULT_TEXT_FORM,
) -> tuple[SemanticEmbedding, frozenset[ClassId]]:
    """Encode classes from their own texts alone; see `embed_lineages` for forms that speak of parents.

    Args:
        texts: class id to its lemmas and definition.
        encoder: an encoder, or the name, folder or recorded id of one.
        text_form: see `kgzsl.semantics.text_form`; what a class lacks is left out.

    Returns:
        The vectors, and the classes whose definition was part of the text.

    Raises:
        UnknownVariantError, RecipeError: there is no such text form.
        MissingDependencyError, MissingResourceError: the encoder is not on this machine.
    """
    lines: Lineages = {class_id: (text,) for class_id, text in texts.items()}
    found = embed_lineages(lines, encoder, text_form)
    defined = frozenset(class_id for class_id, text in texts.items() if uses_definition(text, found.text_form))
    return found, defined


def embed_lineages(
    lines: Lineages, encoder: str | SemanticEncoder = DEFAULT_ENCODER, text_form: str = DEFAULT_TEXT_FORM
) -> SemanticEmbedding:
    """Encode classes from their texts and those above them.

    Args:
        lines: class id to the texts of the class, its parent and its grandparent, as far as there are any.
        encoder: an encoder, or the name, folder or recorded id of one.
        text_form: see `kgzsl.semantics.text_form`.

    Raises:
        UnknownVariantError, RecipeError: there is no such text form.
        MissingDependencyError, MissingResourceError: the encoder is not on this machine.
    """
    text_form = read_text_form(text_form)
    parts = []
    for part in parts_of(text_form):
        words = [[write_class(line[0], form, line[1:]) for line in lines.values()] for form in averaged_forms(part)]
        encoder = open_encoder(encoder)
        index = ClassIndex(tuple(lines), f"embeddings of {encoder.id}")
        single = [SemanticEmbedding(index, encoder.encode(form), encoder.id, part) for form in words]
        parts.append(average(single, part))
    return side_by_side(parts, text_form)


def embed_known(lines: Lineages, encoder: SemanticEncoder, text_form: str = DEFAULT_TEXT_FORM) -> SemanticEmbedding:
    """Encode those classes of which an encoder knows a word; the others are absent from the answer, never zero.

    The words of a template do not count: it is a class's own names, and its definition where the form speaks of it.

    Args:
        lines: class id to the texts of the class, its parent and its grandparent, as far as there are any.
        encoder: where it has a method ``knows``, that says whether a text has a known word; else it knows all.
        text_form: see `kgzsl.semantics.text_form`.

    Raises:
        UnknownVariantError, RecipeError: there is no such text form.
        SemanticsError: no class has a known word.
    """
    text_form = read_text_form(text_form)
    knows: Callable[[str], bool] = getattr(encoder, "knows", lambda text: True)
    known = {
        class_id: line
        for class_id, line in lines.items()
        if knows(write_class(line[0], DEFAULT_TEXT_FORM if uses_definition(line[0], text_form) else "lemmas"))
    }
    if not known:
        raise SemanticsError(f"None of {len(lines)} classes has a word in {encoder.id}; is it the right language?")
    return embed_lineages(known, encoder, text_form)


def average(embeddings: Sequence[SemanticEmbedding], text_form: str) -> SemanticEmbedding:
    """Return the mean of unit vectors, made unit again: ``m / |m|`` with ``m = mean_f v_f / |v_f|``.

    Args:
        embeddings: vectors of the same classes in the same order, of one encoder.
        text_form: how the mean is recorded.

    Raises:
        SemanticsError: the encoders differ, or a mean is a vector of zeros.
    """
    if len(embeddings) == 1:
        return replace(embeddings[0], text_form=text_form)
    first = embeddings[0]
    for other in embeddings[1:]:
        first.check_encoder(other.encoder)
    mean = torch.stack([functional.normalize(one.vectors, dim=1) for one in embeddings]).mean(dim=0)  # (C, S)
    lengths = torch.linalg.vector_norm(mean, dim=1, keepdim=True)
    if bool((lengths == 0).any()):
        class_id = first.index[int((lengths[:, 0] == 0).nonzero()[0])]
        raise SemanticsError(f"The texts of class {class_id!r} average to a vector of zeros in {text_form!r}.")
    return replace(first, vectors=mean / lengths, text_form=text_form)


def side_by_side(parts: Sequence[SemanticEmbedding], text_form: str) -> SemanticEmbedding:
    """Return the vectors of several parts in one matrix (C, P S); SemanticsError where the encoders differ."""
    for other in parts[1:]:
        parts[0].check_encoder(other.encoder)
    return replace(parts[0], vectors=torch.cat([part.vectors for part in parts], dim=1), text_form=text_form)


def embed_graph(
    graph: ClassTexts,
    *,
    encoder: str | SemanticEncoder = DEFAULT_ENCODER,
    definitions: Mapping[ClassId, str] | None = None,
    text_form: str = DEFAULT_TEXT_FORM,
) -> SemanticEmbedding:
    """Encode every class of a graph, in row order; errors as `embed_lineages`.

    Args:
        graph: the class graph.
        encoder: an encoder, or the name, folder or recorded id of one.
        definitions: class id to definition, for classes whose own text has none.
        text_form: see `kgzsl.semantics.text_form`.
    """
    text_form = read_text_form(text_form)
    known = definitions or {}
    return embed_lineages(lineages(graph, graph.index.ids, text_form, lambda _: known), encoder, text_form)

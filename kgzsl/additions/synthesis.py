"""From classes that a run lacks to their vectors and classifiers, many at a time.

What a class gets depends on the run, on the class and on own classes above it, never on what else was asked (but for
rounding).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from kgzsl.bank import StoredScorer
from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import UnknownClassError
from kgzsl.graph.class_graph import ClassGraph, NewClass
from kgzsl.graph.extension import ClassExtension
from kgzsl.methods import METHODS, InductiveMethod
from kgzsl.run_folder import RunFolder
from kgzsl.semantics import (
    SemanticEmbedding,
    SemanticEncoder,
    assemble_semantics,
    is_stored,
    recorded_encoder,
    same_encoder,
    shipped_embeddings,
)
from kgzsl.types import ClassId

__all__ = ["SHIPPED", "Synthesis", "inductive_methods"]

SHIPPED = "imagenet21k"


def inductive_methods() -> tuple[str, ...]:
    """Return the names of the methods that can place classes which their graph lacks."""
    return tuple(sorted(name for name, method in METHODS.items() if issubclass(method, InductiveMethod)))


class Synthesis:
    """Embeds new classes and asks the run's method for their classifiers.

    Args:
        run: the run folder.
        encoder: what turns words into vectors; by default the one that the run names.
    """

    def __init__(self, run: RunFolder, encoder: SemanticEncoder | None = None) -> None:
        self.run = run
        self.given_encoder = encoder

    def method_for(self, class_id: ClassId) -> InductiveMethod:
        """Return the run's method.

        Raises:
            UnknownClassError: it cannot place new classes; the message names the class, and the methods that can.
        """
        method = self.run.method
        if method is None:
            name = self.run.manifest.get("method")
            raise UnknownClassError(
                f"Class {class_id!r} is not in the run, and none can be added: its method, {name}, cannot place new "
                f"classes. Ask for classes of graph {self.run.graph.name!r}, or train one of "
                f"{', '.join(inductive_methods())}."
            )
        return method

    def scorer_of(self, extensions: Sequence[ClassExtension], vectors: SemanticEmbedding) -> StoredScorer:
        """Return a scorer of new classes, in the order given.

        Raises:
            UnknownClassError: the method cannot place new classes.
        """
        return self.method_for(extensions[0].class_id).synthesize_new(extensions, vectors)

    def embed(
        self,
        new: Mapping[ClassId, NewClass],
        *,
        in_own_words: frozenset[ClassId] = frozenset(),
        kept: SemanticEmbedding | None = None,
    ) -> tuple[SemanticEmbedding, Mapping[ClassId, str]]:
        """Give new classes a vector.

        Args:
            new: the classes by id.
            in_own_words: those whose own text counts, though a vector of the class may be shipped.
            kept: vectors made before, which are taken as they are.

        Returns:
            Their vectors, and where each came from: ``stored``, ``definition`` or ``names``.

        Raises:
            MissingDependencyError, MissingResourceError, SemanticsError: an encoder is needed and not to be had.
        """
        held = [one for one in new if kept is not None and one in kept.index]
        rest = [one for one in new if kept is None or one not in kept.index]
        spoken = [one for one in rest if one in in_own_words]
        plain = [one for one in rest if one not in in_own_words]
        parts, sources = list[SemanticEmbedding](), dict.fromkeys(held, "stored")
        if held and kept is not None:
            parts.append(kept.select(held))
        for class_ids, stored in ((plain, self._stored if plain else []), (spoken, [])):
            if class_ids:
                embedding, found = self._assemble(class_ids, new, stored)
                parts.append(embedding)
                sources |= found
        whole = parts[0]
        for part in parts[1:]:
            whole = whole.concat(part)
        return whole.select(tuple(new)), sources

    def _assemble(
        self, class_ids: Sequence[ClassId], new: Mapping[ClassId, NewClass], stored: Sequence[SemanticEmbedding]
    ) -> tuple[SemanticEmbedding, Mapping[ClassId, str]]:
        from kgzsl.graph.wordnet import definitions

        words = _NewTexts(ClassIndex(tuple(class_ids), "new classes"), new, self.run.graph)
        encoder, text_form = self.run.semantics.encoder, self.run.semantics.text_form
        is_wordnet = self.run.graph.wordnet_version is not None
        assembled = assemble_semantics(
            words,
            encoder=encoder if is_stored(tuple(class_ids), stored, text_form, encoder) else self.encoder,
            stored=stored,
            define=definitions if is_wordnet else None,
            text_form=text_form,
        )
        return assembled.embedding, assembled.sources

    @cached_property
    def _stored(self) -> list[SemanticEmbedding]:
        """The shipped vectors, where they are of the run's encoder and of a form that it uses."""
        wanted = self.run.semantics
        if self.run.graph.wordnet_version is None:
            return []
        return [
            one for one in shipped_embeddings(SHIPPED, wanted.text_form) if same_encoder(one.encoder, wanted.encoder)
        ]

    @cached_property
    def encoder(self) -> SemanticEncoder:
        """What turns words into vectors.

        Raises:
            SemanticsError: it cannot be found by the id that the run names.
        """
        if self.given_encoder is not None:
            return self.given_encoder
        return recorded_encoder(self.run.semantics.encoder)


@dataclass(frozen=True, slots=True)
class _NewTexts:
    """The words of new classes, and of what is above them, as the assembly of semantics reads them."""

    index: ClassIndex
    new: Mapping[ClassId, NewClass]
    graph: ClassGraph

    def text(self, class_id: ClassId) -> ClassText:
        return self.new[class_id].text if class_id in self.new else self.graph.text(class_id)

    def parents(self, class_id: ClassId) -> tuple[ClassId, ...]:
        return self.new[class_id].parents if class_id in self.new else self.graph.parents(class_id)

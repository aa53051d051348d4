"""Classes that a run lacks, added when they are asked for: placed, embedded, and given a scorer of their own.

Each depends on the run and the class alone, never on what else was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from kgzsl.bank import StoredScorer
from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import UnknownClassError
from kgzsl.graph.class_graph import ClassGraph, NewClass
from kgzsl.graph.extension import ClassExtension, extension_from
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
from kgzsl.types import ClassId, ClassIds

__all__ = ["AddedClass", "AddedClasses"]

SHIPPED = "imagenet21k"


@dataclass(frozen=True, slots=True, eq=False)
class AddedClass:
    """A class that the run lacked: its place, and where its vector came from."""

    extension: ClassExtension
    source: str


class AddedClasses:
    """The classes that were added to a run; empty at first.

    Args:
        run: the run folder.
        find_nouns: returns all nouns of the WordNet version of the run's graph, or None where it is not WordNet's.
        encoder: what turns the words of new classes into vectors; by default the one that the run names.
    """

    def __init__(
        self, run: RunFolder, find_nouns: Callable[[], ClassGraph | None], encoder: SemanticEncoder | None = None
    ) -> None:
        self.run = run
        self.given_encoder = encoder
        self._find_nouns = find_nouns
        self._classes: dict[ClassId, AddedClass] = {}
        self._scorer: StoredScorer | None = None

    def __contains__(self, class_id: object) -> bool:
        return class_id in self._classes

    def __getitem__(self, class_id: ClassId) -> AddedClass:
        return self._classes[class_id]

    @property
    def nouns(self) -> ClassGraph | None:
        """All nouns of the WordNet version of the run's graph, or None where it is not WordNet's."""
        return self._find_nouns()

    def scorer_of(self, class_ids: ClassIds) -> StoredScorer:
        """Return a scorer of classes in the order given; those that neither the run nor this holds are added.

        Raises:
            UnknownClassError: a class is neither in the run's graph nor among the nouns of its WordNet version, or
                the run's method cannot place new classes.
        """
        scorer = self.run.scorer
        new = [class_id for class_id in class_ids if class_id not in scorer.index]
        if to_add := [class_id for class_id in new if class_id not in self._classes]:
            self._add(to_add)
        known = scorer.select([class_id for class_id in class_ids if class_id in scorer.index])
        if not new or self._scorer is None:
            return known
        return known.concat(self._scorer.select(new)).select(class_ids)

    def graph_with(self, class_ids: ClassIds) -> ClassGraph:
        """Return the run's graph with classes appended that it lacks, and the ancestors they bring along.

        Raises:
            UnknownClassError: a class cannot be added; see `scorer_of`.
        """
        self.scorer_of(class_ids)
        graph = self.run.graph
        for class_id in class_ids:
            if class_id in self._classes and class_id not in graph.index:
                extension = self._classes[class_id].extension
                fresh = [new for new in extension.classes if new.class_id not in graph.index]
                graph = graph.extend(fresh, extension.marks)
        return graph

    def text(self, class_id: ClassId) -> ClassText:
        """Return the words of a class of the run, or of any noun."""
        if class_id in self.run.graph.index:
            return self.run.graph.text(class_id)
        nouns = self.nouns
        assert nouns is not None
        return nouns.text(class_id)

    def _add(self, class_ids: Sequence[ClassId]) -> None:
        nouns, method = self.nouns, self.run.method
        if nouns is None or method is None:
            name = self.run.manifest.get("method")
            why = "its graph is not WordNet's" if nouns is None else f"its method, {name}, cannot place new classes"
            raise UnknownClassError(
                f"Class {class_ids[0]!r} is not in the run, and none can be added: {why}. Ask for classes of graph "
                f"{self.run.graph.name!r}, or train a method that can place new classes on a graph that has it."
            )
        extensions = [extension_from(self.run.graph, nouns, class_id) for class_id in class_ids]
        vectors, sources = self._embed(extensions)
        fresh = method.synthesize_new(extensions, vectors)
        self._scorer = fresh if self._scorer is None else self._scorer.concat(fresh)
        for extension in extensions:
            self._classes[extension.class_id] = AddedClass(extension, sources[extension.class_id])

    def _embed(self, extensions: Sequence[ClassExtension]) -> tuple[SemanticEmbedding, Mapping[ClassId, str]]:
        from kgzsl.graph.wordnet import definitions

        new = {new.class_id: new for extension in extensions for new in extension.classes}
        words = _NewTexts(ClassIndex(tuple(new), "new classes"), new, self.run.graph)
        encoder, text_form = self.run.semantics.encoder, self.run.semantics.text_form
        assembled = assemble_semantics(
            words,
            encoder=encoder if is_stored(tuple(new), self._stored, text_form, encoder) else self._encoder,
            stored=self._stored,
            define=definitions,
            text_form=text_form,
        )
        return assembled.embedding, assembled.sources

    @cached_property
    def _stored(self) -> list[SemanticEmbedding]:
        """The shipped vectors, where they are of the run's encoder and of a form that it uses."""
        wanted = self.run.semantics
        return [
            one for one in shipped_embeddings(SHIPPED, wanted.text_form) if same_encoder(one.encoder, wanted.encoder)
        ]

    @cached_property
    def _encoder(self) -> SemanticEncoder:
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

"""A planned batch made real: places found, words embedded, classifiers synthesized; the run itself is not touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kgzsl.additions.added_class import BROUGHT, BY_DESCRIPTION, BY_NAME, BY_WORDNET, AddedClass, NamedClass
from kgzsl.additions.overlay import Overlay
from kgzsl.additions.placement import DescriptionPlacer, Placement
from kgzsl.additions.planning import PRESENT, RESTORED, PlannedClass
from kgzsl.additions.synthesis import Synthesis
from kgzsl.bank import StoredScorer
from kgzsl.graph.class_graph import ADDED, NewClass
from kgzsl.graph.extension import ClassExtension
from kgzsl.semantics import SemanticEmbedding
from kgzsl.semantics.text_form import needs_ancestors
from kgzsl.types import ClassId

__all__ = ["BY_WORDS", "Batch", "place_batch", "synthesize_batch"]

BY_WORDS = (BY_DESCRIPTION, BY_NAME)
"""How classes are placed that have neither a place in WordNet nor parents."""


@dataclass(frozen=True)
class Batch:
    """Classes that were placed.

    Args:
        added: the new ones, those above before those below.
        held: those that are there already, or were removed and come back.
        overlay: all classes that there are, the new ones among them.
        placed: vectors of those that were placed by their words.
    """

    added: tuple[AddedClass, ...]
    held: tuple[AddedClass, ...]
    overlay: Overlay
    placed: SemanticEmbedding | None


@dataclass(frozen=True)
class Synthesized:
    """What a batch got.

    Args:
        added: the classes, with the source of their vectors.
        brought: nouns above them that the run's graph lacks.
        vectors: of the added classes.
        scorer: of the added classes.
        extensions: each with what it brought along.
    """

    added: tuple[AddedClass, ...]
    brought: tuple[AddedClass, ...]
    vectors: SemanticEmbedding
    scorer: StoredScorer
    extensions: tuple[ClassExtension, ...]


def place_batch(
    planned: Sequence[PlannedClass], overlay: Overlay, synthesis: Synthesis, placer: DescriptionPlacer | None
) -> Batch:
    """Give every class of a plan its parents, and the marks that it inherits.

    Args:
        planned: those above before those below.
        overlay: all classes that there are.
        synthesis: embeds the words of those without parents.
        placer: places them; None where there are none.

    Raises:
        MissingDependencyError, MissingResourceError, SemanticsError: an encoder is needed and not to be had.
    """
    bare = {one.class_id: NewClass(one.class_id, (), one.text) for one in planned if one.placed_by in BY_WORDS}
    vectors, places = None, dict[ClassId, Placement]()
    if bare and placer is not None:
        vectors, _ = synthesis.embed(bare, in_own_words=frozenset(bare))
        places = dict(zip(bare, placer.place(vectors), strict=True))
    known, added, held = dict(overlay.known), list[AddedClass](), list[AddedClass]()
    whole = replace(overlay, known=known)
    for one in planned:
        if one.placed_by in (RESTORED, PRESENT):
            held.append(_held(one, overlay))
            continue
        made = _made(one, whole, places.get(one.class_id))
        known[one.class_id] = made
        added.append(made)
    return Batch(tuple(added), tuple(held), whole, vectors)


def _made(one: PlannedClass, overlay: Overlay, place: Placement | None) -> AddedClass:
    parents = (place.parent,) if place is not None else one.parents
    marks = set(one.request.marks).union(*(overlay.marks(parent) for parent in parents))
    if not one.is_own:
        marks |= overlay.marks(one.class_id)
    named = tuple(NamedClass(parent, overlay.text(parent).label) for parent in parents)
    told = " and ".join(parent.name for parent in named)
    given = f"WordNet puts it beneath {told}" if one.placed_by == BY_WORDNET else f"put beneath {told}, as asked"
    return AddedClass(
        one.class_id,
        one.text.name,
        one.text.lemmas,
        one.text.definition,
        named,
        one.placed_by,
        place.nearest if place is not None else (),
        place.why if place is not None else given,
        marks=tuple(sorted(marks)),
        relation=ADDED if one.is_own else overlay.node(one.class_id).relation,
        is_doubtful=place is not None and place.is_doubtful,
    )


def _held(one: PlannedClass, overlay: Overlay) -> AddedClass:
    """Return what is known of a class that is there, or comes back."""
    why = "it was removed and is back as it was" if one.placed_by == RESTORED else "it is in the run already"
    if one.class_id in overlay.known:
        return replace(overlay.known[one.class_id], why=why)
    text = overlay.text(one.class_id)
    named = tuple(NamedClass(parent, overlay.text(parent).label) for parent in overlay.parents(one.class_id))
    marks = tuple(sorted(overlay.marks(one.class_id)))
    return AddedClass(
        one.class_id, text.name, text.lemmas, text.definition, named, BY_WORDNET, (), why, "trained", marks
    )


def synthesize_batch(batch: Batch, synthesis: Synthesis, kept: SemanticEmbedding | None) -> Synthesized:
    """Embed the new classes of a batch and make their classifiers.

    Args:
        batch: classes with their parents.
        synthesis: embeds, and asks the run's method.
        kept: vectors of classes that were added before, which may stand above the new ones.

    Raises:
        UnknownClassError: the run's method cannot place new classes.
        MissingDependencyError, MissingResourceError, SemanticsError: an encoder is needed and not to be had.
    """
    extensions = tuple(batch.overlay.extension(one.class_id) for one in batch.added)
    nodes: Mapping[ClassId, NewClass] = {node.class_id: node for one in extensions for node in one.classes}
    if batch.placed is not None and not needs_ancestors(synthesis.run.semantics.text_form):
        kept = batch.placed if kept is None else kept.concat(batch.placed)
    spoken = frozenset(one.class_id for one in batch.added if one.is_own or one.description is not None)
    vectors, sources = synthesis.embed(nodes, in_own_words=spoken, kept=kept)
    scorer = synthesis.scorer_of(extensions, vectors)
    ids = tuple(one.class_id for one in batch.added)
    named = {BY_DESCRIPTION: "definition", BY_NAME: "names"}
    added = tuple(replace(one, source=named.get(one.placed_by, sources[one.class_id])) for one in batch.added)
    brought = tuple(
        _brought(node, batch.overlay) for node in nodes.values() if node.class_id not in batch.overlay.known
    )
    return Synthesized(added, brought, vectors.select(ids), scorer, extensions)


def _brought(node: NewClass, overlay: Overlay) -> AddedClass:
    named = tuple(NamedClass(parent, overlay.text(parent).label) for parent in node.parents)
    marks = tuple(sorted(overlay.marks(node.class_id)))
    text = node.text
    return AddedClass(
        *(node.class_id, text.name, text.lemmas, text.definition, named, BROUGHT),
        marks=marks,
        relation=node.relation,
        why="it stands above an added class",
    )

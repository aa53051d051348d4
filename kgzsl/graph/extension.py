"""A class that a graph lacks, with the ancestors that it brings along.

A new class is placed by itself: what it brings depends on the graph and the class alone, never on what else was asked
or added, so that its classifier is always the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kgzsl.classes import ClassText
from kgzsl.errors import GraphError
from kgzsl.graph.adjacency import Adjacency, degrees, find_adjacency
from kgzsl.graph.class_graph import ClassGraph, NewClass
from kgzsl.types import Array, ClassId, Int

__all__ = [
    "ClassExtension",
    "extension_from",
    "extension_with_parents",
    "joint_neighbourhood",
    "neighbourhood_adjacency",
]


@dataclass(frozen=True, slots=True, eq=False)
class ClassExtension:
    """A new class and the missing ancestors it needs, parents before children, the class itself last.

    Args:
        classes: the new classes.
        marks: marks that the new classes carry.
    """

    classes: tuple[NewClass, ...]
    marks: Mapping[str, frozenset[ClassId]]

    @property
    def class_id(self) -> ClassId:
        """The class that was asked for."""
        return self.classes[-1].class_id

    def ways_up(self) -> tuple[tuple[ClassId, ...], ...]:
        """Return every way from the class up to its first ancestor that is not new, or to a new root."""
        parents = {new.class_id: new.parents for new in self.classes}
        done: list[tuple[ClassId, ...]] = []
        waiting: list[tuple[ClassId, ...]] = [(self.class_id,)]
        while waiting:
            way = waiting.pop()
            above = parents.get(way[-1], ())
            waiting += [(*way, parent) for parent in above]
            done += [] if above else [way]
        return tuple(sorted(done, key=lambda way: (len(way), way)))

    def steps_up(self, base: ClassGraph) -> dict[ClassId, int]:
        """Return the fewest steps upward from the class to each of its ancestors, new or not, and 0 to itself."""
        parents = {new.class_id: new.parents for new in self.classes}
        steps = {self.class_id: 0}
        level = [self.class_id]
        while level:
            following: list[ClassId] = []
            for one in level:
                for parent in parents[one] if one in parents else base.parents(one):
                    if parent not in steps:
                        steps[parent] = steps[one] + 1
                        following.append(parent)
            level = following
        return steps

    def neighbourhood(self, base: ClassGraph) -> ClassGraph:
        """Return the small graph of the new classes (last) and all their ancestors in the base graph (first)."""
        held = [parent for new in self.classes for parent in new.parents if parent in base.index]
        around = base.ancestors(held) | set(held)
        return base.subgraph(around, name=f"{base.name} around {self.class_id}").extend(self.classes, self.marks)


def extension_from(base: ClassGraph, full: ClassGraph, class_id: ClassId) -> ClassExtension:
    """Take a class out of a fuller graph, with those of its ancestors that the base graph lacks.

    Classes of the base graph get no new parent: what hangs below the class there, if anything, stays where it is.

    Args:
        base: the graph that lacks the class.
        full: a graph of the same ids that holds it, such as all nouns of WordNet.
        class_id: the class.

    Raises:
        UnknownClassError: the fuller graph lacks it too.
        GraphError: the two graphs are of different WordNet versions, or the class is in the base graph.
    """
    if class_id in base.index:
        raise GraphError(f"Class {class_id!r} is in graph {base.name!r} already.")
    if base.wordnet_version != full.wordnet_version:
        raise GraphError(
            f"Graph {base.name!r} is of WordNet {base.wordnet_version}, {full.name!r} of {full.wordnet_version}; "
            "class ids of different versions mean different things."
        )
    missing = {class_id} | {above for above in full.ancestors([class_id]) if above not in base.index}
    new = [
        NewClass(one, full.parents(one), full.text(one), full.relation(one)) for one in _parents_first(full, missing)
    ]
    marks = {mark: ids & missing for mark, ids in full.marks.items() if ids & missing}
    return ClassExtension(tuple(new), marks)


def _parents_first(graph: ClassGraph, class_ids: set[ClassId]) -> list[ClassId]:
    ordered: dict[ClassId, None] = {}
    while waiting := sorted(class_ids - ordered.keys()):
        ready = [one for one in waiting if ordered.keys() >= class_ids.intersection(graph.parents(one))]
        ordered |= dict.fromkeys(ready)
    return list(ordered)


def extension_with_parents(
    base: ClassGraph, class_id: ClassId, parents: tuple[ClassId, ...], text: ClassText
) -> ClassExtension:
    """Place an own class below classes of the graph; it inherits their marks.

    Raises:
        UnknownClassError: a parent is not in the graph.
        GraphError: the class is in the graph already, or no parent is given.
    """
    if class_id in base.index:
        raise GraphError(f"Class {class_id!r} is in graph {base.name!r} already; choose another id.")
    if not parents:
        raise GraphError(
            f"Class {class_id!r} needs at least one parent in graph {base.name!r}; name what it is a kind of."
        )
    base.index.rows(parents)
    marks = {mark: frozenset([class_id]) for mark, ids in base.marks.items() if ids & set(parents)}
    return ClassExtension((NewClass(class_id, parents, text),), marks)


def joint_neighbourhood(base: ClassGraph, extensions: Sequence[ClassExtension]) -> ClassGraph:
    """Return the small graph of several new classes, so that many are propagated at once.

    All their ancestors in the base graph come first, then the new classes, one extension after another, each with
    copies of what it brings along: no new class sees another, as if each were alone. Ids of copies carry the number of
    their extension behind a line break.

    Example:
        >>> from kgzsl.graph.custom import from_pairs
        >>> graph, text = from_pairs([("cat", "animal")]), ClassText("new")
        >>> new = [ClassExtension((NewClass(name, ("cat",), text),), {}) for name in ("lion", "lynx")]
        >>> [class_id.partition("\\n")[0] for class_id in joint_neighbourhood(graph, new).index]
        ['animal', 'cat', 'lion', 'lynx']
    """
    held = {parent for one in extensions for new in one.classes for parent in new.parents if parent in base.index}
    copies: list[NewClass] = []
    for number, extension in enumerate(extensions):
        own = {new.class_id: f"{new.class_id}\n{number}" for new in extension.classes}
        copies += [
            NewClass(own[new.class_id], tuple(own.get(above, above) for above in new.parents), new.text, new.relation)
            for new in extension.classes
        ]
    name = f"{base.name} around {len(extensions)} new classes"
    return base.subgraph(base.ancestors(held) | held, name=name).extend(copies)


def neighbourhood_adjacency(
    name: str, neighbourhood: ClassGraph, num_known: int, known_degrees: Int[Array, "K"]
) -> Adjacency:
    """Return an adjacency of a neighbourhood in which the known classes keep the degrees they were trained with.

    Args:
        name: an adjacency, as `find_adjacency` reads it.
        neighbourhood: known classes first, new ones behind.
        num_known: how many are known.
        known_degrees: their degrees in the graph of the training, (num_known,).
    """
    own = degrees(neighbourhood)
    own[:num_known] = known_degrees
    return find_adjacency(name)(neighbourhood, own)

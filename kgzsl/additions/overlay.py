"""All classes that can be spoken of: those of the run's graph, all nouns, and own classes over both.

The graph and the nouns are never copied: own classes lie over them, and what a class brings along is found by walking
up from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from kgzsl.additions.added_class import AddedClass
from kgzsl.classes import ClassText
from kgzsl.errors import UnknownClassError
from kgzsl.graph.class_graph import ClassGraph, NewClass
from kgzsl.graph.extension import ClassExtension
from kgzsl.types import ClassId

__all__ = ["Overlay"]


@dataclass(frozen=True)
class Overlay:
    """Words, parents and marks of any class.

    Args:
        graph: the graph of the run.
        find_nouns: returns all nouns of its WordNet version, or None where it is not WordNet's; asked when needed.
        known: classes that were added, and those they brought along.
        names: new names of classes that were renamed.
    """

    graph: ClassGraph
    find_nouns: Callable[[], ClassGraph | None]
    known: Mapping[ClassId, AddedClass]
    names: Mapping[ClassId, str]

    def __contains__(self, class_id: object) -> bool:
        return class_id in self.graph.index or class_id in self.known or self._is_noun(class_id)

    def _is_noun(self, class_id: object) -> bool:
        nouns = self.find_nouns()
        return nouns is not None and class_id in nouns.index

    def _nouns_with(self, class_id: ClassId) -> ClassGraph:
        nouns = self.find_nouns()
        if nouns is None or class_id not in nouns.index:
            self.graph.index.row(class_id)  # raises, with suggestions
            raise UnknownClassError(f"Class {class_id!r} is unknown.")
        return nouns

    def text(self, class_id: ClassId) -> ClassText:
        """Return the words of a class, its new name first where it was renamed.

        Raises:
            UnknownClassError: it is in neither graph, and was not added.
        """
        text = self._own_text(class_id)
        if class_id not in self.names:
            return text
        name = self.names[class_id]
        return replace(text, name=name, lemmas=(name.replace(" ", "_"), *text.lemmas[1:]))

    def _own_text(self, class_id: ClassId) -> ClassText:
        if class_id in self.graph.index:
            return self.graph.text(class_id)
        if class_id in self.known:
            return self.known[class_id].text
        return self._nouns_with(class_id).text(class_id)

    def parents(self, class_id: ClassId) -> tuple[ClassId, ...]:
        """Return the direct parents of a class; UnknownClassError as `text`."""
        if class_id in self.graph.index:
            return self.graph.parents(class_id)
        if class_id in self.known:
            return self.known[class_id].parent_ids
        return self._nouns_with(class_id).parents(class_id)

    def marks(self, class_id: ClassId) -> frozenset[str]:
        """Return the marks that a class carries; UnknownClassError as `text`."""
        if class_id in self.known and class_id not in self.graph.index:
            return frozenset(self.known[class_id].marks)
        graph = self.graph if class_id in self.graph.index else self._nouns_with(class_id)
        return frozenset(mark for mark, ids in graph.marks.items() if class_id in ids)

    def node(self, class_id: ClassId) -> NewClass:
        """Return a class that the run's graph lacks, as one to append to it; UnknownClassError as `text`."""
        if class_id in self.known:
            return self.known[class_id].node
        nouns = self._nouns_with(class_id)
        return NewClass(class_id, nouns.parents(class_id), nouns.text(class_id), nouns.relation(class_id))

    def extension(self, class_id: ClassId) -> ClassExtension:
        """Return a class that the run's graph lacks, with those of its ancestors that the graph lacks too.

        Raises:
            UnknownClassError: it is nowhere.
        """
        nodes = {class_id: self.node(class_id)}
        waiting = [class_id]
        while waiting:
            for parent in nodes[waiting.pop()].parents:
                if parent not in nodes and parent not in self.graph.index:
                    nodes[parent] = self.node(parent)
                    waiting.append(parent)
        marks: dict[str, set[ClassId]] = {}
        for one in nodes:
            for mark in self.marks(one):
                marks.setdefault(mark, set()).add(one)
        return ClassExtension(_parents_first(nodes), {mark: frozenset(ids) for mark, ids in marks.items()})


def _parents_first(nodes: Mapping[ClassId, NewClass]) -> tuple[NewClass, ...]:
    """Put classes in an order in which parents come first; of those that could be next, the smallest ids first."""
    ordered: dict[ClassId, NewClass] = {}
    while waiting := sorted(nodes.keys() - ordered.keys()):
        ready = [one for one in waiting if all(above in ordered or above not in nodes for above in nodes[one].parents)]
        ordered |= {one: nodes[one] for one in ready}
    return tuple(ordered.values())

"""Whom a text form speaks of: a class, its parent and its grandparent.

Where a class has several parents the one with the smallest id is taken: the choice depends neither on the order of
edges or rows nor on what else the graph holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol, runtime_checkable

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.semantics.text_form import needs_ancestors, needs_definitions
from kgzsl.types import ClassId, ClassIds

__all__ = ["ClassTexts", "Definer", "Lineages", "lineages"]

STEPS = 2
Definer = Callable[[ClassIds], Mapping[ClassId, str]]
"""Looks up the definitions of classes; those without one are not in the answer."""

Lineages = dict[ClassId, tuple[ClassText, ...]]
"""Class id to the texts of the class, its parent and its grandparent, as far as there are any."""


@runtime_checkable
class ClassTexts(Protocol):
    """What embedding needs of a class graph: its classes in row order, texts, and what is above a class."""

    @property
    def index(self) -> ClassIndex:
        """The classes."""

    def text(self, class_id: ClassId) -> ClassText:
        """Return the texts of a class, or of one above a class."""

    def parents(self, class_id: ClassId) -> tuple[ClassId, ...]:
        """Return the direct parents of a class, or of one above a class."""


def lineages(graph: ClassTexts, class_ids: ClassIds, text_form: str, define: Definer | None = None) -> Lineages:
    """Collect what a text form may say of classes.

    Args:
        graph: the classes and what is above them.
        class_ids: the classes to speak of.
        text_form: what is not needed for it is not looked up.
        define: looks up definitions, for classes that have none of their own; asked once.
    """
    lines = {class_id: _line(graph, class_id, needs_ancestors(text_form)) for class_id in class_ids}
    texts = {one: graph.text(one) for line in lines.values() for one in line}
    if define and needs_definitions(text_form):
        bare = [class_id for class_id, text in texts.items() if not text.definition]
        found = define(bare) if bare else {}
        texts |= {class_id: replace(texts[class_id], definition=found.get(class_id)) for class_id in bare}
    return {class_id: tuple(texts[one] for one in line) for class_id, line in lines.items()}


def _line(graph: ClassTexts, class_id: ClassId, with_ancestors: bool) -> list[ClassId]:
    line = [class_id]
    while with_ancestors and len(line) <= STEPS and (parents := graph.parents(line[-1])):
        line.append(min(parents))
    return line

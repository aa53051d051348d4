"""What a run was changed to: the log, and the vectors and classifiers that its entries made.

A state is never changed, a change makes a new one; undoing the last entry gives the state before it, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from kgzsl.additions.added_class import AddedClass
from kgzsl.additions.change import ADD, REMOVE, RENAME, UPDATE, Change
from kgzsl.bank import ClassifierBank, StoredScorer
from kgzsl.few_images import ClassPictures
from kgzsl.semantics import SemanticEmbedding
from kgzsl.types import ClassId

__all__ = ["AdditionsState"]


@dataclass(frozen=True)
class AdditionsState:
    """The log of a run and what belongs to it.

    Args:
        changes: the log, oldest first.
        vectors: semantic vectors of all classes that were added; None where there are none.
        scorer: the scorer of all classes that were added; None where there are none.
        updates: number of an ``update`` to the rows that it put in the place of others.
        pictures: number of an ``update`` to what is kept of all pictures of the classes that it brought pictures of.
    """

    changes: tuple[Change, ...] = ()
    vectors: SemanticEmbedding | None = None
    scorer: StoredScorer | None = None
    updates: Mapping[int, ClassifierBank] = field(default_factory=dict)
    pictures: Mapping[int, Mapping[ClassId, ClassPictures]] = field(default_factory=dict)

    @cached_property
    def known(self) -> dict[ClassId, AddedClass]:
        """Every class that was added or brought along, removed ones too, by id; parents before children."""
        found: dict[ClassId, AddedClass] = {}
        for change in self.changes:
            found |= {one.class_id: one for one in change.brought if one.class_id not in found}
            found |= {one.class_id: one for one in change.added}
        return found

    @cached_property
    def added(self) -> dict[ClassId, AddedClass]:
        """The classes that were added, those removed since left out, in the order of their adding."""
        ids = dict.fromkeys(one.class_id for change in self.changes for one in change.added)
        return {class_id: self.known[class_id] for class_id in ids if class_id not in self.removed}

    @cached_property
    def removed(self) -> frozenset[ClassId]:
        """The classes that were removed, of the run's graph or added, and not added again."""
        gone: set[ClassId] = set()
        for change in self.changes:
            if change.verb == REMOVE:
                gone |= set(change.class_ids)
            elif change.verb == ADD:
                gone -= set(change.class_ids)
        return frozenset(gone)

    @cached_property
    def names(self) -> dict[ClassId, str]:
        """The new names of classes that were renamed."""
        return {one: name for change in self.changes if change.verb == RENAME for one, name in change.names.items()}

    @cached_property
    def replaced(self) -> dict[ClassId, int]:
        """Classes whose rows were replaced, and the number of the change that did it last."""
        return {one: change.number for change in self.changes if change.verb == UPDATE for one in change.class_ids}

    @cached_property
    def pictured(self) -> dict[ClassId, ClassPictures]:
        """What is kept of the pictures of classes, those of removed classes left out."""
        latest = {one: held for number in sorted(self.pictures) for one, held in self.pictures[number].items()}
        return {class_id: held for class_id, held in latest.items() if class_id not in self.removed}

    def last_about(self, class_id: ClassId, verb: str) -> Change | None:
        """Return the last change of a kind that is about a class."""
        return next(self._about(class_id, verb), None)

    def _about(self, class_id: ClassId, verb: str) -> Iterator[Change]:
        return (one for one in reversed(self.changes) if one.verb == verb and class_id in one.class_ids)

    def with_change(
        self,
        change: Change,
        *,
        vectors: SemanticEmbedding | None = None,
        scorer: StoredScorer | None = None,
        rows: ClassifierBank | None = None,
        pictures: Mapping[ClassId, ClassPictures] | None = None,
    ) -> AdditionsState:
        """Return the state after one more change.

        Args:
            change: the change.
            vectors: those of classes that had none.
            scorer: of classes that had none.
            rows: what an ``update`` puts in the place of the present rows.
            pictures: what it keeps of the pictures that these rows come from.
        """
        if vectors is not None and len(vectors.index):
            vectors = vectors if self.vectors is None else self.vectors.concat(vectors)
        else:
            vectors = self.vectors
        if scorer is not None and len(scorer.index):
            scorer = scorer if self.scorer is None else self.scorer.concat(scorer)
        else:
            scorer = self.scorer
        updates = self.updates if rows is None else {**self.updates, change.number: rows}
        held = {**self.pictures, change.number: pictures} if pictures else self.pictures
        changes = (*self.changes, change)
        return replace(self, changes=changes, vectors=vectors, scorer=scorer, updates=updates, pictures=held)

    def without_last(self) -> AdditionsState:
        """Return the state before the last change."""
        before = AdditionsState(self.changes[:-1])
        rows = dict.fromkeys(one.class_id for change in before.changes for one in change.added)
        numbers = {change.number for change in before.changes}
        return AdditionsState(
            before.changes,
            self.vectors.select(tuple(rows)) if self.vectors is not None and rows else None,
            self.scorer.select(tuple(rows)) if self.scorer is not None and rows else None,
            {number: bank for number, bank in self.updates.items() if number in numbers},
            {number: held for number, held in self.pictures.items() if number in numbers},
        )

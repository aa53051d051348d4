"""The classes of a run as they were changed after its training: one log, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from kgzsl.additions.added_class import AddedClass
from kgzsl.additions.asked_classes import AskedClasses, PlacedClass, extended, joined, updated
from kgzsl.additions.batch import BY_WORDS, Batch, place_batch, synthesize_batch
from kgzsl.additions.change import ADD, REMOVE, RENAME, UPDATE, Change, now, user_name
from kgzsl.additions.overlay import Overlay
from kgzsl.additions.own_names import OwnNames
from kgzsl.additions.placement import DescriptionPlacer
from kgzsl.additions.planning import PRESENT, RESTORED, Planner
from kgzsl.additions.requests import ClassRequest
from kgzsl.additions.state import AdditionsState
from kgzsl.additions.storage import AdditionsFolder, save_whole
from kgzsl.additions.synthesis import Synthesis
from kgzsl.additions.table import read_requests
from kgzsl.additions.taxonomy import open_taxonomy, taxonomy_requests
from kgzsl.bank import ClassifierBank, StoredScorer
from kgzsl.classes import ClassText
from kgzsl.errors import AdditionError, GraphError, InputFileError, UnknownClassError
from kgzsl.few_images import ClassPictures
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.naming import ClassResolver, Sense
from kgzsl.run_folder import RunFolder
from kgzsl.runtime import sha256_file
from kgzsl.semantics import SemanticEncoder
from kgzsl.types import ClassId, ClassIds, PathLike

__all__ = ["Additions"]

TRAINED = "trained"


class Additions:
    """What a run was changed to, and the nouns that were only asked for.

    Nothing is written until `save`. Rows of the run, and of classes that were added before, never change by adding.

    Args:
        run: the run folder.
        find_resolver: returns what finds classes by name; it should ask `senses` for own names.
        encoder: what turns the words of new classes into vectors; by default the one that the run names.
        state: what the run was changed to before.
    """

    def __init__(
        self,
        run: RunFolder,
        find_resolver: Callable[[], ClassResolver],
        encoder: SemanticEncoder | None = None,
        state: AdditionsState | None = None,
    ) -> None:
        self.run = run
        self.synthesis = Synthesis(run, encoder)
        self._find_resolver = find_resolver
        self._asked = AskedClasses(run, lambda: self.nouns, self.synthesis)
        self._state = state or AdditionsState()
        self._revision = 0

    @classmethod
    def load(
        cls, run: RunFolder, find_resolver: Callable[[], ClassResolver], encoder: SemanticEncoder | None = None
    ) -> Additions:
        """Open what a run folder holds.

        Raises:
            CorruptFileError: its additions are damaged, or belong to another run.
        """
        stored = AdditionsFolder(run.path).load()
        opened = cls(run, find_resolver, encoder, stored.state)
        opened._revision = stored.revision
        return opened

    def save(self, folder: PathLike | None = None) -> Path:
        """Write the additions into the run folder, or the whole run with them into another folder.

        Args:
            folder: a folder that is not there yet, or is empty; by default the run's own.

        Returns:
            The folder.

        Raises:
            StorageError: a write failed, or the additions were changed since they were loaded; what stood there is
                untouched.
            InputFileError: the other folder holds something.
        """
        target = self.run.path if folder is None else Path(folder)
        if target.resolve() == self.run.path.resolve():
            self._revision = AdditionsFolder(target).save(self._state, self._revision)
            return target
        save_whole(self.run.path, target, self._state)
        return target

    # what there is

    @property
    def state(self) -> AdditionsState:
        """The log and what belongs to it."""
        return self._state

    @property
    def changes(self) -> tuple[Change, ...]:
        """The log, oldest first."""
        return self._state.changes

    @property
    def nouns(self) -> ClassGraph | None:
        """All nouns of the WordNet version of the run's graph, or None where it is not WordNet's."""
        return self._find_resolver().nouns

    @property
    def overlay(self) -> Overlay:
        """Words, parents and marks of any class."""
        return Overlay(self.run.graph, lambda: self.nouns, self._state.known, self._state.names)

    def senses(self, name: str) -> tuple[Sense, ...]:
        """Return the added and renamed classes that a name means."""
        return self._own_names(name)

    @property
    def _own_names(self) -> OwnNames:
        if self._names_of is None or self._names_of[0] is not self._state:
            self._names_of = (self._state, OwnNames(self.overlay, self._state))
        return self._names_of[1]

    _names_of: tuple[AdditionsState, OwnNames] | None = None

    def __contains__(self, class_id: object) -> bool:
        """Say whether a class is one that the run's graph lacks and that was added or asked for."""
        return class_id in self._asked.classes or class_id in self._state.added

    def __getitem__(self, class_id: ClassId) -> PlacedClass:
        if class_id in self._state.added:
            return PlacedClass(self.overlay.extension(class_id), self._state.added[class_id].source)
        return self._asked.classes[class_id]

    def text(self, class_id: ClassId) -> ClassText:
        """Return the words of a class of the run, of an added one, or of any noun."""
        return self.overlay.text(class_id)

    def marked(self, mark: str) -> frozenset[ClassId]:
        """Return the classes of the run and the added ones that carry a mark."""
        return self.run.graph.marked(mark) | {one for one, held in self._state.added.items() if mark in held.marks}

    def source_of(self, class_id: ClassId) -> str:
        """Say where the vector of a class came from; ``trained`` for those of the run's graph."""
        if class_id in self._state.added:
            return self._state.added[class_id].source
        return self._asked.classes[class_id].source if class_id in self._asked.classes else TRAINED

    def marks(self, class_id: ClassId) -> frozenset[str]:
        """Return the marks of a class, such as ``person``."""
        return self.overlay.marks(class_id)

    @property
    def added_ids(self) -> tuple[ClassId, ...]:
        """The classes that were added and not removed since, in the order of their adding."""
        return tuple(self._state.added)

    def is_removed(self, class_id: ClassId) -> bool:
        """Say whether a class was taken out of the run's candidates."""
        return class_id in self._state.removed

    def check_present(self, class_ids: ClassIds) -> None:
        """Refuse classes that were removed; UnknownClassError says when, and how they come back."""
        for class_id in class_ids:
            if class_id in self._state.removed and (change := self._state.last_about(class_id, REMOVE)):
                raise UnknownClassError(
                    f"{class_id!r} ({self.text(class_id).label}) was removed from the run by {change.by} (change "
                    f"{change.number}, {change.when}); bring it back with kgzsl add {class_id} (add_class)."
                )

    def scorer_of(self, class_ids: ClassIds, *, with_updates: bool = True) -> StoredScorer:
        """Return a scorer of classes in the order given; nouns that are nowhere yet are placed for the while.

        Args:
            class_ids: the classes.
            with_updates: with the rows that updates put in the place of others; else all as they were synthesized.

        Raises:
            UnknownClassError: a class is neither in the run, nor added, nor among the nouns of its WordNet version, or
                the run's method cannot place new classes.
        """
        new = [one for one in class_ids if one not in self.run.graph.index]
        own = self._state.scorer
        self._asked.place([one for one in new if own is None or one not in own.index])
        parts = [part for part in (self.run.scorer, own, self._asked.scorer) if part is not None]
        scorer = joined(parts, class_ids)
        return updated(scorer, self._state) if with_updates else scorer

    def graph_with(self, class_ids: ClassIds) -> ClassGraph:
        """Return the run's graph with classes appended that it lacks, and the ancestors they bring along.

        Raises:
            UnknownClassError: a class is nowhere.
        """
        overlay = self.overlay
        return extended(
            self.run.graph, [overlay.extension(one) for one in class_ids if one not in self.run.graph.index]
        )

    # changes

    def add(
        self,
        requests: Sequence[ClassRequest],
        *,
        by: str | None = None,
        how: Mapping[str, Any] | None = None,
        any_language: bool = False,
        dry_run: bool = False,
    ) -> tuple[AddedClass, ...]:
        """Add classes, all or none, as one change.

        Args:
            requests: the classes; parents may be classes of the same batch, in any order.
            by: who adds them; by default the user of the operating system.
            how: what is noted of the way, such as the table that they stood in; ``source`` begins error messages.
            any_language: take words in any language and script.
            dry_run: say what would be added, and add nothing.

        Returns:
            The classes, in the order of the requests.

        Raises:
            AdditionError, GraphError, UnknownClassError, AmbiguousClassError, InputFileError: something is wrong with a
                request; several problems are told in one AdditionError.
            MissingDependencyError, MissingResourceError, SemanticsError: an encoder is needed and not to be had.
        """
        noted = dict(how or {})
        planner = Planner(
            self.overlay, self._state, self._find_resolver(), self.run.semantics.encoder, any_language=any_language
        )
        planned = planner.plan(requests, str(noted.get("table") or noted.get("taxonomy") or ""))
        if new := [one for one in planned if one.placed_by not in (RESTORED, PRESENT)]:
            self.synthesis.method_for(new[0].class_id)
        placer = self._placer if any(one.placed_by in BY_WORDS for one in planned) else None
        batch = place_batch(planned, self.overlay, self.synthesis, placer)
        found = {one.class_id: one for one in (*batch.added, *batch.held)}
        if not dry_run:
            changed = [one.class_id for one in planned if one.placed_by != PRESENT]
            found |= self._keep(batch, changed, by, noted) if changed else {}
        return tuple(found[one.class_id] for one in sorted(planned, key=lambda one: one.number))

    def add_table(
        self, path: PathLike, *, by: str | None = None, any_language: bool = False, dry_run: bool = False
    ) -> tuple[AddedClass, ...]:
        """Add the classes of a CSV or TSV file, all or none; see `kgzsl.additions.table.read_requests`.

        Raises:
            InputFileError, AdditionError: the file is no table of classes, or a class of it cannot be added; the
                message lists the problems with their lines.
        """
        how = {"table": Path(path).name, "sha256": sha256_file(path)}
        return self.add(read_requests(path), by=by, how=how, any_language=any_language, dry_run=dry_run)

    def add_taxonomy(
        self,
        taxonomy: ClassGraph | PathLike,
        *,
        under: Sequence[str] = (),
        by: str | None = None,
        any_language: bool = False,
        dry_run: bool = False,
    ) -> tuple[AddedClass, ...]:
        """Add all classes of a taxonomy that are not known yet, all or none, with their ids, words and edges.

        Args:
            taxonomy: a graph, or a file or folder that holds one.
            under: what its roots are kinds of; a root without it is placed by its description, or is known already.
            by, any_language, dry_run: as `add`.

        Raises:
            GraphError, InputFileError, CorruptFileError, MissingResourceError: it cannot be read as a taxonomy.
            AdditionError: a class of it cannot be added; the message lists the problems.
        """
        graph = open_taxonomy(taxonomy)
        how = {"taxonomy": graph.name}
        if not isinstance(taxonomy, ClassGraph) and Path(taxonomy).is_file():
            how |= {"sha256": sha256_file(taxonomy)}
        requests = taxonomy_requests(graph, self.overlay, under)
        return self.add(requests, by=by, how=how, any_language=any_language, dry_run=dry_run)

    def _keep(
        self, batch: Batch, class_ids: ClassIds, by: str | None, how: Mapping[str, Any]
    ) -> dict[ClassId, AddedClass]:
        """Synthesize a batch and log it; return the classes that it added."""
        change = self._change(ADD, class_ids, by, how)
        if not batch.added:
            self._state = self._state.with_change(change)
            return {}
        made = synthesize_batch(batch, self.synthesis, self._state.vectors)
        change = replace(change, added=made.added, brought=made.brought)
        self._state = self._state.with_change(change, vectors=made.vectors, scorer=made.scorer)
        return {one.class_id: one for one in made.added}

    @cached_property
    def _placer(self) -> DescriptionPlacer:
        return DescriptionPlacer(self.run.graph, self.run.semantics)

    def _change(self, verb: str, class_ids: ClassIds, by: str | None, how: Mapping[str, Any]) -> Change:
        number = self.changes[-1].number + 1 if self.changes else 1
        return Change(number, verb, tuple(class_ids), by or user_name(), now(), how, self.run.semantics.encoder)

    def remove(self, class_id: ClassId, *, by: str | None = None) -> Change:
        """Take a class out of the run's candidates, one of its graph or an added one; no row is touched.

        Raises:
            UnknownClassError: it is neither in the run's graph nor added, or it was removed before.
        """
        self._check_held(class_id)
        below = [one.class_id for one in self._state.added.values() if class_id in one.parent_ids and one.is_own]
        if below and class_id in self._state.added:
            raise AdditionError(
                f"{class_id!r} ({self.text(class_id).label}) stands above {', '.join(below[:3])}, which was added "
                "beneath it; remove what is below first."
            )
        change = self._change(REMOVE, (class_id,), by, {})
        self._state = self._state.with_change(change)
        return change

    def rename(self, class_id: ClassId, name: str, *, by: str | None = None) -> Change:
        """Give a class another readable name; its id and its classifier stay.

        Raises:
            UnknownClassError: it is neither in the run's graph nor added.
            InputFileError, GraphError: the name is empty, or another class is called so.
        """
        self._check_held(class_id)
        name = " ".join(name.split())
        if not name or "|" in name:
            raise InputFileError("A class needs a name that is not empty and holds no |.")
        if other := next((one for one in self._find_resolver().senses(name) if one.class_id != class_id), None):
            raise GraphError(f"A class is called {name!r} already: {other}; choose another name.")
        change = replace(
            self._change(RENAME, (class_id,), by, {"from": self.text(class_id).name}), names={class_id: name}
        )
        self._state = self._state.with_change(change)
        return change

    def replace_rows(
        self,
        bank: ClassifierBank,
        how: Mapping[str, Any],
        *,
        by: str | None = None,
        pictures: Mapping[ClassId, ClassPictures] | None = None,
    ) -> Change:
        """Put other classifiers in the place of those of classes of the run's graph, or of added ones.

        The bank of the run stays as it is: the new rows lie over it, and can be taken back.

        Args:
            bank: the new rows, of classes that the run holds or that were added.
            how: how they came about, in plain JSON; it is kept in the log.
            by: who does it; by default the user of the operating system.
            pictures: what is kept of all pictures of classes that the rows come from.

        Raises:
            UnknownClassError: a class is neither in the run's graph nor added.
            InputFileError: the run's method makes no linear classifiers.
            BackboneMismatchError: the rows are of another backbone or width.
        """
        for class_id in bank.index:
            self._check_held(class_id)
        self.run.bank.select(()).concat(bank)  # refuses another backbone, and a run without a bank
        change = self._change(UPDATE, bank.index.ids, by, how)
        self._state = self._state.with_change(change, rows=bank, pictures=pictures)
        return change

    def undo(self) -> Change:
        """Take the last change back, a batch as a whole; what was before is there again, to the bit.

        Returns:
            The change that was taken back.

        Raises:
            AdditionError: there is none.
        """
        if not self.changes:
            raise AdditionError(f"There is nothing to undo: no class of {self.run.path} was added or changed.")
        last = self.changes[-1]
        self._state = self._state.without_last()
        return last

    def _check_held(self, class_id: ClassId) -> None:
        self.check_present([class_id])
        if class_id not in self.run.graph.index and class_id not in self._state.added:
            raise UnknownClassError(
                f"{class_id!r} ({self.text(class_id).label}) is neither in the run nor added; add it first (kgzsl add)."
            )

"""The acts that change which classes a run answers for: add, remove, rename, update, undo, save."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from kgzsl.additions.added_class import AddedClass
from kgzsl.additions.additions import Additions
from kgzsl.additions.change import Change
from kgzsl.additions.picture_update import UpdatedClass, update_by_pictures
from kgzsl.additions.requests import ClassRequest, request_of
from kgzsl.errors import InputFileError
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.naming import ClassResolver
from kgzsl.types import ClassId, PathLike

__all__ = ["ClassChanges"]

T = TypeVar("T")


class ClassChanges(ABC):
    """The half of a classifier that changes its classes, over the `Additions` of its run.

    `kgzsl.classifier.ZeroShotClassifier` is the other half: it says what names mean and which features pictures have.
    """

    added: Additions

    @property
    @abstractmethod
    def resolver(self) -> ClassResolver:
        """Finds the class that a written name means."""

    @abstractmethod
    def resolve(self, names: Iterable[str], *, include_person: bool = False) -> tuple[ClassId, ...]:
        """Return the classes that names mean, each once."""

    @abstractmethod
    def _readable(self, images: FeatureSet | Iterable[PathLike]) -> FeatureSet:
        """Return the features of pictures, every one of which must be readable."""

    @abstractmethod
    def _forget(self) -> None:
        """Drop what was worked out before a change."""

    def add_class(
        self,
        name: str,
        *,
        parents: Iterable[str] | str | None = None,
        description: str | None = None,
        class_id: ClassId | None = None,
        lemmas: Iterable[str] = (),
        by: str | None = None,
        any_language: bool = False,
    ) -> AddedClass:
        """Add a class, without any training; see `kgzsl.additions`. It is kept once `save` is called.

        Args:
            name: a noun (``okapi``, ``n01877606``), or the name of an own class.
            parents: what an own class is a kind of: classes of the run, nouns, own classes added before.
            description: its definition; an own class without parents is placed by it, or else by its name.
            class_id, lemmas: its id, by default made of the name, and further words for it.
            by: who adds it, for the log; by default the user of the operating system.
            any_language: take words in any language and script.

        Raises:
            UnknownClassError, AmbiguousClassError: a name means no class, or several; the method places no new ones.
            AdditionError, GraphError, InputFileError: the class is there already, or cannot be added as asked.
        """
        given = {"name": name, "parents": parents, "description": description, "class_id": class_id}
        return self.add_classes([{**given, "lemmas": lemmas}], by=by, any_language=any_language)[0]

    def add_classes(
        self,
        requests: Iterable[str | Mapping[str, Any] | ClassRequest],
        *,
        by: str | None = None,
        any_language: bool = False,
    ) -> tuple[AddedClass, ...]:
        """Add several classes as one change, all or none; each may be a parent of others, in any order.

        They are names, mappings with what `add_class` takes, or `ClassRequest`. Several problems are one AdditionError.
        """
        if isinstance(requests, str):
            raise InputFileError(
                f"add_classes takes a list of classes, found {requests!r}; add_class adds one class, add_table a file."
            )
        return self._changed(self.added.add([request_of(one) for one in requests], by=by, any_language=any_language))

    def add_table(self, path: PathLike, **options: Any) -> tuple[AddedClass, ...]:
        """Add the classes of a CSV or TSV file, all or none; see `Additions.add_table`."""
        return self._changed(self.added.add_table(path, **options))

    def add_taxonomy(self, taxonomy: ClassGraph | PathLike, **options: Any) -> tuple[AddedClass, ...]:
        """Add the classes of a whole taxonomy, all or none; see `Additions.add_taxonomy`."""
        return self._changed(self.added.add_taxonomy(taxonomy, **options))

    def remove_class(self, name: str, *, by: str | None = None) -> Change:
        """Take a class out of the run's candidates; its classifier stays where it is and `undo` brings it back."""
        return self._changed(self.added.remove(self.resolver.resolve(name), by=by))

    def rename_class(self, name: str, new_name: str, *, by: str | None = None) -> Change:
        """Give a class another readable name; id and classifier stay. Errors as `Additions.rename`."""
        return self._changed(self.added.rename(self.resolver.resolve(name), new_name, by=by))

    def update_class(
        self, name: str, images: FeatureSet | Iterable[PathLike], *, by: str | None = None
    ) -> UpdatedClass:
        """Blend pictures of a class into its synthesized classifier; see `update_classes`."""
        return self.update_classes({name: images}, by=by)[0]

    def update_classes(
        self, images: Mapping[str, FeatureSet | Iterable[PathLike]], *, by: str | None = None
    ) -> tuple[UpdatedClass, ...]:
        """Blend pictures of classes into their synthesized classifiers, as one change; more may come later.

        Args:
            images: name of a class to its pictures: features (where labelled, those of the class count) or paths.
            by: who does it; by default the user of the operating system.

        Raises:
            InputFileError: a class is seen, a picture cannot be read, or the run was not calibrated; see also
                `kgzsl.additions.update_by_pictures`.
        """
        ids = [self.resolve([name])[0] for name in images]
        if len(set(ids)) < len(ids):
            raise InputFileError(f"Several of the names {', '.join(images)} mean the same class; name each once.")
        features = {class_id: self._readable(own) for class_id, own in zip(ids, images.values(), strict=True)}
        return self._changed(update_by_pictures(self.added, features, by=by))

    def undo(self) -> Change:
        """Take the last change back, to the bit, and return it; AdditionError where there is none."""
        return self._changed(self.added.undo())

    @property
    def changes(self) -> tuple[Change, ...]:
        """What was added, removed, renamed and updated since the training, by whom, when and how; oldest first."""
        return self.added.changes

    def save(self, folder: PathLike | None = None) -> Path:
        """Write the additions into the run folder, or the whole run with them into another; see `Additions.save`."""
        return self.added.save(folder)

    def _changed(self, answer: T) -> T:
        self._forget()
        return answer

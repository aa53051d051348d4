"""From what people write to class ids: ``okapi``, ``okapi.n.01``, ``n02439398``, or a file of such names.

Ambiguity is an error that lists the senses, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from kgzsl.classes import ClassText
from kgzsl.errors import AmbiguousClassError, GraphError, InputFileError, UnknownClassError
from kgzsl.graph.class_graph import PERSON_MARK, ClassGraph
from kgzsl.graph.links import ATTRIBUTE_MARK
from kgzsl.naming.hints import path_hint
from kgzsl.naming.lemmas import LemmaIndex
from kgzsl.runtime.files import read_text
from kgzsl.types import ClassId, PathLike

__all__ = ["ClassResolver", "Sense", "is_wnid"]

WNID = re.compile(r"n\d{8}")
CLASS_NAME = re.compile(r".+\.[a-z]\.\d+")
SUGGESTIONS = 3
LISTED_ERRORS = 5


@dataclass(frozen=True, slots=True)
class Sense:
    """One class that a name can mean.

    Args:
        class_id: its id.
        text: its texts.
        hint: the labels of a few classes above it, nearest first, joined by ``<``.
        in_graph: whether the graph has the class already.
    """

    class_id: ClassId
    text: ClassText
    hint: str
    in_graph: bool

    def __str__(self) -> str:
        place = f" ({self.text.label} < {self.hint})" if self.hint else ""
        return f"{self.class_id} {self.text.name}{place}"


def is_wnid(name: str) -> bool:
    """Say whether a name has the form of a WordNet class id, ``n`` and eight digits."""
    return WNID.fullmatch(name) is not None


class ClassResolver:
    """Finds the class that a written name means.

    Args:
        graph: the graph whose classes are known.
        nouns: all WordNet nouns, or a function that loads them when they are first needed. Left aside where ``graph``
            is an own taxonomy (it has no WordNet version).
        own_names: returns the classes beyond both that a name means, such as those added to a run; an id among them
            means that class, a name or lemma is ambiguous where a noun is called so too.
    """

    def __init__(
        self,
        graph: ClassGraph,
        nouns: ClassGraph | Callable[[], ClassGraph] | None = None,
        own_names: Callable[[str], Sequence[Sense]] | None = None,
    ) -> None:
        self.graph = graph
        self._own_names = own_names or (lambda name: ())
        self._nouns = nouns if graph.wordnet_version else None
        self._attributes = graph.marked(ATTRIBUTE_MARK)

    @cached_property
    def nouns(self) -> ClassGraph | None:
        """All WordNet nouns, loaded at the first use; None for an own taxonomy.

        Raises:
            GraphError: they are of another WordNet version than the graph.
        """
        nouns = self._nouns() if callable(self._nouns) else self._nouns
        if nouns is not None and nouns.wordnet_version != self.graph.wordnet_version:
            raise GraphError(
                f"Graph {self.graph.name!r} is of WordNet {self.graph.wordnet_version}, but the nouns are of WordNet "
                f"{nouns.wordnet_version}; offsets of different versions mean different synsets. Use one version."
            )
        return nouns

    @cached_property
    def _graph_names(self) -> LemmaIndex:
        return LemmaIndex(self.graph, self._attributes)

    @cached_property
    def _noun_names(self) -> LemmaIndex | None:
        return LemmaIndex(self.nouns) if self.nouns is not None else None

    def resolve(self, name: str) -> ClassId:
        """Return the one class that a name means.

        Tried in this order: an id of the graph, an id of the nouns, a class name (``okapi.n.01``), a lemma (capitals
        do not count, spaces and underscores are the same). A lemma is looked up among all nouns where the graph is
        WordNet's, so that a name does not change its meaning with the graph. It means a class of persons only where no
        other class is called so.

        Args:
            name: what was written.

        Raises:
            UnknownClassError: nothing is called so; near lemmas are suggested.
            AmbiguousClassError: several classes are; each is listed with id, name and what is above it.
        """
        name = name.strip()
        if name in self._attributes:
            raise UnknownClassError(
                f"{name!r} is an attribute of graph {self.graph.name!r}, no class; ask for a class."
            )
        if name in self.graph.index:
            return name
        senses = self.senses(name)
        if not senses:
            raise UnknownClassError(self._unknown(name))
        if len(senses) > 1:
            senses = tuple(sense for sense in senses if not self._is_person(sense)) or senses
        if len(senses) > 1:
            listed = "; ".join(str(sense) for sense in senses)
            raise AmbiguousClassError(
                f"{name!r} could mean {len(senses)} classes: {listed}. Give the id of one of them."
            )
        return senses[0].class_id

    def senses(self, name: str) -> tuple[Sense, ...]:
        """Return every class that a name can mean, those of the graph first; empty where there is none."""
        own = tuple(self._own_names(name.strip()))
        if own and own[0].class_id == name.strip():
            return own[:1]
        held = {sense.class_id for sense in own}
        found = [class_id for class_id in self._candidates(name.strip()) if class_id not in held]
        senses = [self._sense(class_id) for class_id in found]
        return (*own, *sorted(senses, key=lambda sense: not sense.in_graph))

    def _is_person(self, sense: Sense) -> bool:
        graph = self.graph if sense.in_graph else self.nouns
        return graph is not None and sense.class_id in graph.marked(PERSON_MARK)

    def _candidates(self, name: str) -> list[ClassId]:
        if name in self.graph.index:
            return [] if name in self._attributes else [name]
        if is_wnid(name):
            return [name] if self.nouns is not None and name in self.nouns.index else []
        own = self._graph_names
        if found := own.named(name):
            return found
        nouns = self._noun_names
        if nouns is not None and (found := nouns.named(name)):
            return found
        held = nouns.with_lemma(name) if nouns is not None else []
        return [*held, *(class_id for class_id in own.with_lemma(name) if class_id not in held)]

    def _sense(self, class_id: ClassId) -> Sense:
        in_graph = class_id in self.graph.index
        nouns = self.nouns if not in_graph else None
        graph = nouns if nouns is not None else self.graph
        return Sense(class_id, graph.text(class_id), path_hint(graph, class_id), in_graph)

    def can_be_new(self, name: str) -> bool:
        """Say whether a name that means no class can be that of a new one.

        It cannot be where it has the form of a WordNet id (``n02439398``) or class name (``okapi.n.01``), or where a
        noun is called so but for its number, its spelling or one letter: a slip is no new class.
        """
        name = name.strip()
        return not (is_wnid(name) or CLASS_NAME.fullmatch(name.casefold()) or self._names.slips(name, 1))

    @property
    def _names(self) -> LemmaIndex:
        return self._noun_names or self._graph_names

    def _unknown(self, name: str) -> str:
        graph = self.graph
        where = f"graph {graph.name!r} ({graph.num_classes:,} classes"
        where += f", WordNet {graph.wordnet_version})" if graph.wordnet_version else ")"
        if self.nouns is not None:
            where += f" and not among the {self.nouns.num_classes:,} nouns"
        near = " or ".join(self._suggestion(self._names, lemma) for lemma in self._names.near(name, SUGGESTIONS))
        hint = f" Did you mean {near}?" if near else " Give a class id, a class name or one of its lemmas."
        return f"No class is called {name!r}: not in {where}.{hint}"

    @staticmethod
    def _suggestion(names: LemmaIndex, lemma: str) -> str:
        ids = names.with_lemma(lemma)
        meaning = names.graph.text(ids[0]).name if len(ids) == 1 else f"{len(ids)} classes"
        return f"{lemma.replace('_', ' ')!r} ({meaning})"

    def resolve_all(self, names: Iterable[str]) -> tuple[ClassId, ...]:
        """Return the classes of several names in order, each class once; errors as `resolve`."""
        return tuple(dict.fromkeys(self.resolve(name) for name in names))

    def resolve_each(self, names: Iterable[str], source: str) -> dict[str, ClassId]:
        """Return the class of each name by name.

        Args:
            names: what was written.
            source: where; an error begins with it.

        Raises:
            UnknownClassError, AmbiguousClassError: names that do not resolve, all in one.
        """
        wanted = list(dict.fromkeys(names))
        return dict(zip(wanted, self._resolve_placed((("", name) for name in wanted), source), strict=True))

    def resolve_file(self, path: PathLike) -> tuple[ClassId, ...]:
        """Return the classes named in a file, a name a line (blank lines and ``#`` lines left out), each class once.

        Raises:
            InputFileError: the file is missing or names no class.
            UnknownClassError, AmbiguousClassError: names that do not resolve, each with its line number.
        """
        placed = ((f"Line {number}: ", name) for number, name in _numbered_names(path))
        found = tuple(dict.fromkeys(self._resolve_placed(placed, str(path))))
        if not found:
            raise InputFileError(f"{path} names no class; write a class name or id a line.")
        return found

    def _resolve_placed(self, placed: Iterable[tuple[str, str]], source: str) -> list[ClassId]:
        """Resolve names that stand somewhere; all that fail are told in one error, each behind its place."""
        found: list[ClassId] = []
        errors: list[tuple[str, UnknownClassError | AmbiguousClassError]] = []
        for place, name in placed:
            try:
                found.append(self.resolve(name))
            except (UnknownClassError, AmbiguousClassError) as error:
                errors.append((place, error))
        if errors:
            listed = " ".join(f"{place}{error}" for place, error in errors[:LISTED_ERRORS])
            more = f" (and {len(errors) - LISTED_ERRORS} more)" if len(errors) > LISTED_ERRORS else ""
            count = "1 name that is" if len(errors) == 1 else f"{len(errors)} names that are"
            raise type(errors[0][1])(f"{source} has {count} no one class. {listed}{more}")
        return found


def _numbered_names(path: PathLike) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        name = line.strip()
        if name and not name.startswith("#"):
            yield number, name

"""Free text to ranked candidate classes: linked where one class only can be meant, never by a guess.

A label is split at commas, and its names are used jointly: a class must stand for all of them. Of the classes found,
those with the strongest reason (`kgzsl.naming.candidate.REASONS`) are admissible. A misspelling or the end of a longer
phrase makes none admissible; beside a name that fits it confirms. Two or more names that are all the lemmas of one
class settle it, and so does one name where the labels are known to be complete, as ImageNet's are. Words in brackets,
or names that no class has together, can say what is above: ``crane (bird)``; ``orange, fruit``. Persons are listed
last, and not linked unless asked for. An id that a label begins with counts, unless the names behind it mean other
classes. One admissible class is ``linked``, several are ``ambiguous``, none ``unknown``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from kgzsl.errors import UnknownClassError
from kgzsl.graph.class_graph import PERSON_MARK, ClassGraph
from kgzsl.graph.links import ATTRIBUTE_MARK
from kgzsl.naming.candidate import AMBIGUOUS, COMPLETE, FAIR, LINKED, SURE, UNKNOWN, WEAK, Candidate, Link, Match
from kgzsl.naming.hints import path_labels, sibling_labels
from kgzsl.naming.lemmas import LemmaIndex, exact_key, lemmas_of
from kgzsl.naming.matching import Matcher
from kgzsl.naming.resolver import ClassResolver
from kgzsl.naming.sense_order import first_sense
from kgzsl.naming.spelling import plain, split_label
from kgzsl.types import ClassId

__all__ = ["Linker"]

SUGGESTIONS = 5
GIVEN_ID = re.compile(r"(?P<id>n\d{8})[\s_:,;-]+(?P<rest>\S.*)")
"""A label as lists and folders of ImageNet have it: ``n01440764 tench, Tinca tinca``, ``n01440764_tench``."""


Matches = Mapping[ClassId, Match]


@dataclass(frozen=True, slots=True)
class _Found:
    """A class, how strong the reasons for it are together, and what the label says of it."""

    class_id: ClassId
    strength: int
    score: float
    reason: str
    lemma: str
    is_complete: bool
    is_person: bool


class Linker:
    """Links what people write to classes.

    Args:
        graph: the classes that are marked as being in the graph.
        nouns: all WordNet nouns, or a function that loads them; they are candidates too. Without them, and for an own
            taxonomy, the classes of the graph are the only candidates.
        seen: the seen classes, None where none are known.
        within: classes; only these and what is below them are candidates. Default: no restriction.
        include_person: let classes of persons be linked.
        first_sense: of several admissible classes take the first in WordNet's order of senses, where that is known.

    Raises:
        GraphError: the nouns are of another WordNet version than the graph.
        UnknownClassError: a class of ``within`` is not known.

    Example:
        >>> from kgzsl.toy import toy_graph
        >>> linker = Linker(toy_graph())
        >>> linker.link("Zebras").class_id == linker.link("zebra").class_id
        True
    """

    def __init__(
        self,
        graph: ClassGraph,
        nouns: ClassGraph | Callable[[], ClassGraph] | None = None,
        *,
        seen: Collection[ClassId] | None = None,
        within: Iterable[ClassId] = (),
        include_person: bool = False,
        first_sense: bool = False,
    ) -> None:
        self.graph = graph
        self.nouns = ClassResolver(graph, nouns).nouns
        self.include_person, self.first_sense = include_person, first_sense
        self._seen = None if seen is None else frozenset(seen)
        self._around = graph if self.nouns is None else self.nouns
        self._persons = self.graph.marked(PERSON_MARK) | self._around.marked(PERSON_MARK)
        self._within = self._below(tuple(within))

    def _below(self, class_ids: tuple[ClassId, ...]) -> frozenset[ClassId] | None:
        if not class_ids:
            return None
        graphs = (self.graph, self._around)
        for class_id in class_ids:
            if not any(class_id in graph.index for graph in graphs):
                raise UnknownClassError(f"Class {class_id!r} is not known here; name one that is, to look below it.")
        known = [(graph, [one for one in class_ids if one in graph.index]) for graph in graphs]
        return frozenset(class_ids).union(*(graph.descendants(ids) for graph, ids in known))

    @cached_property
    def indexes(self) -> tuple[LemmaIndex, ...]:
        """What the candidates are called: the nouns, and what the graph has beyond them."""
        if self.nouns is None:
            return (LemmaIndex(self.graph, self.graph.marked(ATTRIBUTE_MARK)),)
        left_out = frozenset(self.nouns.index) | self.graph.marked(ATTRIBUTE_MARK)
        return LemmaIndex(self.nouns), LemmaIndex(self.graph, left_out)

    @cached_property
    def _matcher(self) -> Matcher:
        return Matcher(self.indexes)

    def link(self, label: str, *, complete: bool = False, among: Collection[ClassId] | None = None) -> Link:
        """Find the class that a label means.

        Args:
            label: free text; an id, a class name, or one or more names of one class with commas between.
            complete: the label is known to hold *all* lemmas of its class, as ImageNet's labels do; a class with
                exactly its lemmas then comes before those with more.
            among: only these classes can be meant; all by default.
        """
        given = GIVEN_ID.fullmatch(label.strip())
        names, qualifiers = split_label(given["rest"] if given else label)
        found = self._found(names, qualifiers, complete)
        if given:
            found = self._with_id(given["id"], found)
        held = [one for one in found if among is None or one.class_id in among]
        kept = [one for one in held if self._within is None or one.class_id in self._within]
        admissible = self._admissible(kept, complete or len(names) > 1)
        if len(admissible) > 1 and self.first_sense:
            admissible = self._first_sense(admissible)
        return self._answer(label, kept, admissible, bool(found) and not kept)

    def _with_id(self, class_id: ClassId, found: list[_Found]) -> list[_Found]:
        """Take the class whose id a label begins with; names behind it that mean others only contradict it."""
        if not any(class_id in index for index in self.indexes):
            return found
        agrees = not found or any(one.class_id == class_id for one in found) or found[0].strength == WEAK
        own = self._joint(class_id, [Match("id", self._lemmas(class_id)[0])])
        others = [one for one in found if one.class_id != class_id]
        return [own if agrees else replace(own, strength=WEAK), *(replace(one, strength=WEAK) for one in others)]

    def candidate(self, class_id: ClassId, reason: str) -> Candidate:
        """Return a class as a candidate, with its hints.

        Raises:
            UnknownClassError: neither the graph nor the nouns have it.
        """
        lemma = self._lemmas(class_id)[0]
        return self._candidate(_Found(class_id, SURE, 1.0, reason, lemma, False, class_id in self._persons))

    def _found(self, names: Sequence[str], qualifiers: Sequence[str], complete: bool) -> list[_Found]:
        """Return everything that could be meant, best first."""
        strong = [self._matcher.matches(name) for name in names]
        weak = [{} if matches else self._matcher.weak_matches(name) for name, matches in zip(names, strong)]
        matches = [{**faint, **sure} for faint, sure in zip(weak, strong)]
        joint = set.intersection(*(set(one) for one in matches)) if matches else set()
        if joint:
            found = [self._joint(class_id, [one[class_id] for one in matches]) for class_id in joint]
        else:
            found = self._qualified(matches) or self._single(matches)
        if qualifiers:
            found = self._fitting(found, qualifiers)
        return sorted(found, key=lambda one: self._rank(one, complete or len(names) > 1))

    def _rank(self, one: _Found, complete: bool) -> tuple[object, ...]:
        missing = 0 if one.class_id in self.graph.index else 1
        return one.is_person, -one.strength, complete and not one.is_complete, -one.score, missing, one.class_id

    def _joint(self, class_id: ClassId, matches: Sequence[Match]) -> _Found:
        """Put together what the names of a label say of a class that fits all of them."""
        strengths = [match.strength for match in matches]
        confirmed = max(strengths) == SURE and len(matches) > 1
        strength = max(min(strengths), FAIR if confirmed else WEAK)
        best = max(matches, key=lambda match: match.score)
        worst = min(matches, key=lambda match: match.score)
        given = {plain(match.lemma) for match in matches}
        is_complete = given == {plain(lemma) for lemma in self._lemmas(class_id)}
        score = sum(match.score for match in matches) / len(matches)
        score = min(score + COMPLETE, 1.0) if is_complete else score
        reason = worst.reason if len(matches) == 1 else f"all names ({worst.reason})"
        return _Found(class_id, strength, score, reason, best.lemma, is_complete, class_id in self._persons)

    def _qualified(self, matches: Sequence[Matches]) -> list[_Found]:
        """Return the classes of one name that stand below a class of every other name: ``orange, fruit``."""
        found = []
        for place, own in enumerate(matches):
            others = [set(one) for other, one in enumerate(matches) if other != place]
            for class_id, match in own.items():
                if match.strength > WEAK and self._is_below_each(class_id, others):
                    found.append(replace(self._joint(class_id, [match]), reason=f"{match.reason}, below the others"))
        return found

    def _single(self, matches: Sequence[Matches]) -> list[_Found]:
        """Return the classes of single names; none is admissible unless the label has one name only."""
        found: dict[ClassId, _Found] = {}
        for own in matches:
            for class_id, match in own.items():
                one = self._joint(class_id, [match])
                share = sum(class_id in other for other in matches) / len(matches)
                found.setdefault(class_id, replace(one, strength=WEAK, score=one.score * share))
        return list(found.values())

    def _fitting(self, found: list[_Found], qualifiers: Sequence[str]) -> list[_Found]:
        """Put forward the classes that stand below what the brackets name; without one, none is admissible."""
        above = [set(self._matcher.matches(qualifier)) for qualifier in qualifiers]
        fitting = [one for one in found if self._is_below_each(one.class_id, above)]
        if not fitting:
            return [replace(one, strength=WEAK) for one in found]
        return [replace(one, reason=f"{one.reason}, fits the brackets") for one in fitting]

    def _is_below_each(self, class_id: ClassId, groups: Sequence[set[ClassId]]) -> bool:
        graph = self._home(class_id)
        kin = graph.ancestors([class_id]) | {class_id}
        return all(kin & group for group in groups)

    def _home(self, class_id: ClassId) -> ClassGraph:
        return self._around if class_id in self._around.index else self.graph

    def _lemmas(self, class_id: ClassId) -> tuple[str, ...]:
        graph = self._home(class_id)
        return lemmas_of(graph, graph.index.row(class_id))

    def _admissible(self, found: Sequence[_Found], complete: bool) -> list[_Found]:
        """Return those that can be meant: of the strongest reasons, and complete ones before others."""
        most = max((one.strength for one in found), default=WEAK)
        if most == WEAK:
            return []
        strongest = [one for one in found if one.strength == most and (self.include_person or not one.is_person)]
        whole = [one for one in strongest if one.is_complete]
        return whole if complete and whole else strongest

    def _first_sense(self, admissible: list[_Found]) -> list[_Found]:
        wanted = exact_key(admissible[0].lemma)  # what is written so comes before what it may be a plural of
        chosen = {one.class_id: one.lemma for one in admissible if exact_key(one.lemma) == wanted}
        first = first_sense(self.indexes, self._around, chosen)
        taken = [replace(one, reason=f"{one.reason}, first sense") for one in admissible if one.class_id == first]
        return taken or admissible

    def _answer(self, label: str, kept: list[_Found], admissible: list[_Found], outside: bool) -> Link:
        meant = {one.class_id for one in admissible}
        others = [one for one in kept if one.class_id not in meant]
        ranked = [*admissible, *(others if meant else others[:SUGGESTIONS])]
        candidates = tuple(self._candidate(one) for one in ranked)
        status = UNKNOWN if not meant else LINKED if len(meant) == 1 else AMBIGUOUS
        return Link(label, status, candidates, len(meant), self._note(status, candidates, outside))

    def _note(self, status: str, candidates: Sequence[Candidate], outside: bool) -> str:
        if outside:
            return "what it means is not among the classes allowed here"
        if status == UNKNOWN and candidates and all(one.is_person for one in candidates) and not self.include_person:
            return "a class of persons; these are linked only when included (--include-person)"
        if status == AMBIGUOUS and self.first_sense:
            return "which sense is the first cannot be told"
        return ""

    def _candidate(self, one: _Found) -> Candidate:
        graph, class_id = self._home(one.class_id), one.class_id
        return Candidate(
            class_id,
            graph.text(class_id),
            one.score,
            one.reason,
            one.lemma,
            path_labels(graph, class_id),
            sibling_labels(graph, class_id),
            class_id in self.graph.index,
            None if self._seen is None else class_id in self._seen,
            one.is_person,
        )

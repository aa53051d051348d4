"""From requests to classes with ids, words and parents; whatever is wrong with them is found here, all of it.

Nothing is embedded and nothing is changed: a plan is made whole, or an error lists every problem.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kgzsl.additions.added_class import BY_DESCRIPTION, BY_NAME, BY_PARENTS, BY_WORDNET
from kgzsl.additions.overlay import Overlay
from kgzsl.additions.requests import ClassRequest, Problems, in_another_script, reads_english_only, request_problems
from kgzsl.additions.state import AdditionsState
from kgzsl.classes import ClassText
from kgzsl.errors import AdditionError, AmbiguousClassError, GraphError, KgzslError, UnknownClassError
from kgzsl.naming import ClassResolver, Sense, is_wnid
from kgzsl.types import ClassId

__all__ = ["PRESENT", "RESTORED", "PlannedClass", "Planner", "slug"]

RESTORED, PRESENT = "restored", "present"


@dataclass(frozen=True, slots=True)
class PlannedClass:
    """A class that can be added.

    Args:
        request: what was asked.
        class_id: its id.
        text: its words.
        placed_by: ``wordnet``, ``parents``, ``description``, ``name``, ``restored`` (it was removed and comes back as
            it was) or ``present`` (it is there, nothing happens).
        parents: its parents; empty where its words are to decide.
        number: of the request in its batch, counted from 0.
    """

    request: ClassRequest
    class_id: ClassId
    text: ClassText
    placed_by: str
    parents: tuple[ClassId, ...] = ()
    number: int = 0

    @property
    def is_own(self) -> bool:
        """Whether it is no noun of WordNet."""
        return self.placed_by in (BY_PARENTS, BY_DESCRIPTION, BY_NAME)


def slug(name: str) -> str:
    """Make an id of a name.

    Example:
        >>> slug("Café racer (1960s)")
        'cafe-racer-1960s'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "class"


def key(name: str) -> str:
    """Return what two writings of one name share."""
    return " ".join(name.casefold().replace("_", " ").split())


class Planner:
    """Plans one batch.

    Args:
        overlay: all classes that there are.
        state: what was added and removed.
        resolver: finds classes by name, own ones among them.
        encoder: id of the text encoder of the run.
        any_language: take words in any language and script.
    """

    def __init__(
        self, overlay: Overlay, state: AdditionsState, resolver: ClassResolver, encoder: str, any_language: bool = False
    ) -> None:
        self.overlay, self.state, self.resolver = overlay, state, resolver
        self.encoder, self.any_language = encoder, any_language
        self._problems = Problems()
        self._names = {key(overlay.text(one).name): one for one in state.added}
        self._batch_ids: dict[ClassId, ClassRequest] = {}
        self._batch_names: dict[str, ClassId] = {}

    def plan(self, requests: Sequence[ClassRequest], source: str = "") -> list[PlannedClass]:
        """Return the classes, those above before those below.

        Args:
            requests: what is asked for.
            source: the file that it stands in, for messages.

        Raises:
            KgzslError: something is wrong with a request; several problems are told in one AdditionError.
        """
        if not requests:
            raise AdditionError(f"{source or 'The batch'} names no class; name one at least.")
        drafts = [replace(one, number=at) for at, request in enumerate(requests) if (one := self._tried(request))]
        planned = [one for draft in drafts if (one := self._with_parents(draft))]
        ordered = self._parents_first(planned)
        self._problems.raise_any(len(requests), source)
        return ordered

    def _tried(self, request: ClassRequest) -> PlannedClass | None:
        request = replace(
            request,
            name=request.name.strip(),
            class_id=(request.class_id or "").strip() or None,
            description=None if request.description is None else " ".join(request.description.split()),
        )
        wrong = list(request_problems(request, self.encoder, self.any_language))
        for error in wrong:
            self._problems.add(request, error)
        if wrong:
            return None
        try:
            draft = self._draft(request)
            self._check_once(draft)
        except KgzslError as error:
            self._problems.add(request, error)
            return None
        return draft

    def _check_once(self, draft: PlannedClass) -> None:
        first = self._batch_ids.setdefault(draft.class_id, draft.request)
        if first is not draft.request:
            raise GraphError(f"Class {draft.class_id!r} ({draft.request.name}) is asked for twice{_line_of(first)}.")
        if draft.is_own:
            earlier = self._batch_names.setdefault(key(draft.request.name), draft.class_id)
            if earlier != draft.class_id:
                where = _line_of(self._batch_ids[earlier])
                raise GraphError(f"Two new classes are called {draft.request.name!r}{where}; give each its own name.")

    def _draft(self, request: ClassRequest) -> PlannedClass:
        """Decide what a request means: a noun, a class that comes back, or an own class."""
        if request.class_id is not None:
            is_noun = request.class_id in self.overlay and request.class_id not in self.state.known
            return self._noun(request, request.class_id) if is_noun else self._own(request)
        if request.parents:
            return self._own(request)
        if request.description is None and (back := self._removed(request.name)) is not None:
            return PlannedClass(request, back, self.overlay.text(back), RESTORED)
        senses = self.resolver.senses(request.name)
        if len(senses) == 1:
            return self._noun(request, senses[0].class_id)
        if senses:
            self.resolver.resolve(request.name)  # raises, with the senses listed
        return self._own(request)

    def _check_bare_name(self, request: ClassRequest) -> None:
        """Refuse a name that says nothing of a new class: a slip, or nothing that the encoder reads."""
        wanted = "give its parents (--parents), a description (--description), or both"
        if not self.resolver.can_be_new(request.name):
            try:
                self.resolver.resolve(request.name)
            except UnknownClassError as error:
                raise UnknownClassError(f"{error} To add it as a class of your own, {wanted}.") from error
        unread = not self.any_language and reads_english_only(self.encoder) and in_another_script(request.name)
        if unread or not any(sign.isalpha() for sign in request.name):
            raise AdditionError(
                f"Nothing tells where {request.name!r} belongs: no noun is called so, and encoder {self.encoder!r} "
                f"cannot read it; {wanted}."
            )

    def _removed(self, name: str) -> ClassId | None:
        """Return the removed class that a name means, if it means one."""
        for class_id in sorted(self.state.removed):
            text = self.overlay.text(class_id)
            if name == class_id or key(name) in (key(text.name), key(text.label)):
                return class_id
        return None

    def _noun(self, request: ClassRequest, class_id: ClassId) -> PlannedClass:
        text = self.overlay.text(class_id)
        if class_id in self.state.removed:
            return PlannedClass(request, class_id, text, RESTORED)
        if request.parents:
            raise GraphError(f"{class_id!r} ({text.label}) has its place in WordNet already; leave the parents out.")
        if class_id in self.overlay.graph.index or class_id in self.state.added:
            if request.description is None and not request.lemmas:
                return PlannedClass(request, class_id, text, PRESENT)
            raise GraphError(
                f"{request.name!r} is in the run already: {class_id!r} ({text.label}); its classifier does not change "
                "by other words. Give an own class parents, or a name of its own."
            )
        if request.description is not None:
            text = replace(text, definition=request.description)
        return PlannedClass(request, class_id, text, BY_WORDNET, self.overlay.parents(class_id))

    def _own(self, request: ClassRequest) -> PlannedClass:
        self._check_own_name(request)
        if not request.parents and request.description is None:
            self._check_bare_name(request)
        class_id = self._own_id(request)
        lemmas = dict.fromkeys(word.replace(" ", "_") for word in (request.name, *request.lemmas))
        text = ClassText(request.name, tuple(lemmas), request.description)
        placed_by = BY_PARENTS if request.parents else BY_NAME if request.description is None else BY_DESCRIPTION
        return PlannedClass(request, class_id, text, placed_by)

    def _check_own_name(self, request: ClassRequest) -> None:
        if (earlier := self._names.get(key(request.name))) is not None:
            raise GraphError(
                f"A class is called {request.name!r} already: {earlier!r}, added before; choose another name, or "
                "remove that one first."
            )
        for sense in self.resolver.senses(request.name):
            if key(request.name) in (key(sense.text.name), key(sense.class_id)):
                raise GraphError(
                    f"A class is called {request.name!r} already: {sense}; choose another name for the new one."
                )
            if request.class_id is None:
                raise GraphError(
                    f"A noun is called {request.name!r} already: {sense}; choose another name for the new class, or "
                    "give it an id (--class-id) to have two of that name."
                )

    def _own_id(self, request: ClassRequest) -> ClassId:
        if request.class_id is None:
            return self._free_id(slug(request.name))
        class_id = request.class_id
        if class_id in self.state.removed:
            raise GraphError(
                f"Class {class_id!r} was added and removed; add it by its name alone to bring it back as it was, or "
                "choose another id."
            )
        if class_id in self.overlay:
            raise GraphError(f"Class {class_id!r} is there already; choose another id for {request.name!r}.")
        if is_wnid(class_id):
            raise GraphError(f"{class_id!r} has the form of a WordNet id but is no noun; choose another id.")
        return class_id

    def _free_id(self, wanted: str) -> ClassId:
        """Return an id that means nothing else yet, so that a name that is ambiguous stays so."""
        number, class_id = 1, wanted
        while class_id in self.overlay or class_id in self._batch_ids or self.resolver.senses(class_id):
            number += 1
            class_id = f"{wanted}-{number}"
        return class_id

    def _with_parents(self, draft: PlannedClass) -> PlannedClass | None:
        if draft.placed_by != BY_PARENTS:
            return draft
        found: dict[ClassId, str] = {}
        for name in draft.request.parents:
            try:
                parent = self._parent(name.strip())
                if parent in found:
                    raise GraphError(f"Parent {name!r} of {draft.request.name!r} stands twice, as {found[parent]!r}.")
                found[parent] = name
            except KgzslError as error:
                self._problems.add(draft.request, error)
        return replace(draft, parents=tuple(found)) if len(found) == len(draft.request.parents) else None

    def _parent(self, name: str) -> ClassId:
        """Return the class that the name of a parent means, of this batch or known before."""
        if name in self._batch_ids:
            return name
        senses, own = self.resolver.senses(name), self._batch_names.get(key(name))
        if own is not None and senses:
            raise AmbiguousClassError(
                f"Parent {name!r} could mean the new class {own!r}, or {_listed(senses)}; give the id of one of them."
            )
        parent = own or self._known_parent(name)
        if parent in self.state.removed:
            raise UnknownClassError(f"Parent {name!r} ({parent}) was removed from the run; add it again first.")
        return parent

    def _known_parent(self, name: str) -> ClassId:
        try:
            return self.resolver.resolve(name)
        except (UnknownClassError, AmbiguousClassError) as error:
            raise type(error)(f"Parent {name!r}: {error}") from error

    def _parents_first(self, planned: Sequence[PlannedClass]) -> list[PlannedClass]:
        """Put classes behind those above them; where that cannot be, there is a cycle."""
        by_id = {one.class_id: one for one in planned}
        ordered: dict[ClassId, PlannedClass] = {}
        waiting = list(planned)
        while waiting:
            ready = [one for one in waiting if all(above in ordered or above not in by_id for above in one.parents)]
            if not ready:
                self._note_cycle({one.class_id: one for one in waiting})
                break
            ordered |= {one.class_id: one for one in ready}
            waiting = [one for one in waiting if one.class_id not in ordered]
        return list(ordered.values())

    def _note_cycle(self, knot: Mapping[ClassId, PlannedClass]) -> None:
        one = next(iter(knot.values()))
        walk: list[PlannedClass] = []
        while one not in walk:
            walk.append(one)
            one = next(knot[above] for above in one.parents if above in knot)
        circle = walk[walk.index(one) :]
        lines = sorted({step.request.line for step in circle} - {0})
        where = f" (lines {', '.join(map(str, lines))})" if lines else ""
        told = " -> ".join(step.class_id for step in [*circle, one])
        self._problems.add(replace(one.request, line=0), GraphError(f"The parents go in a cycle: {told}{where}."))


def _line_of(request: ClassRequest) -> str:
    return f" (first in line {request.line})" if request.line else ""


def _listed(senses: Sequence[Sense]) -> str:
    return "; ".join(str(sense) for sense in senses)

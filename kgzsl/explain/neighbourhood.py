"""The piece of the class graph that shows an explanation: few enough classes to be read.

It holds the class, its parents, the seen classes that give most, the ways up from the class and from each of these to
where they meet, the way to the nearest seen class, and some siblings. Runs of classes that show nothing, each with one
child and one parent in the piece, become one line that counts the steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.explain.explanation import Explanation
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.types import ClassId

__all__ = ["Link", "Neighbourhood", "Node", "choose_neighbourhood", "neighbourhood_of"]

ASKED, SEEN, UNSEEN, ADDED = "asked", "seen", "unseen", "added"


@dataclass(frozen=True, slots=True)
class Node:
    """A class of the piece.

    Args:
        class_id: the class.
        name: its label.
        kind: ``seen``, ``unseen`` or ``added``.
        is_asked: whether it is the class that is explained.
        share: its share of all contributions, None where it is not listed.
    """

    class_id: ClassId
    name: str
    kind: str
    is_asked: bool = False
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A line from child to parent, ``steps`` steps up."""

    child: ClassId
    parent: ClassId
    steps: int = 1


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Classes and lines, parents before children."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]


def neighbourhood_of(classifier: ZeroShotClassifier, explanation: Explanation, *, most: int = 6) -> Neighbourhood:
    """Choose the piece of the graph that shows an explanation, with the class that it is told against.

    Args:
        classifier: the classifier that was explained.
        explanation: what `explain` answered.
        most: so many contributing classes are shown, at most.
    """
    asked, other = explanation.class_id, explanation.against
    ids = [asked, *([other.class_id] if other is not None else [])]
    graph, shares = classifier.graph_with(ids), explanation.shares()
    piece = choose_neighbourhood(
        graph,
        asked,
        seen=classifier.run.split.seen,
        added=graph.index.ids[classifier.graph.num_classes :],
        shares={one: share for one, share in shares.items() if one in graph.index},
        path=[step.class_id for step in explanation.path],
        beside=ids[1:],
        most=most,
    )
    named = tuple(replace(node, name=classifier.text(node.class_id).label) for node in piece.nodes)
    return replace(piece, nodes=named)


def choose_neighbourhood(
    graph: ClassGraph,
    class_id: ClassId,
    *,
    seen: Iterable[ClassId],
    added: Iterable[ClassId] = (),
    shares: Mapping[ClassId, float] | None = None,
    path: Sequence[ClassId] = (),
    beside: Iterable[ClassId] = (),
    most: int = 6,
    siblings: int = 3,
) -> Neighbourhood:
    """Choose the piece of a graph around a class.

    Args:
        graph: the class graph, with the class in it.
        class_id: the class.
        seen: the seen classes.
        added: classes that were added.
        shares: class to its share of the contributions, the largest first.
        path: the way to the nearest seen class, of which no class is left out.
        beside: further classes that are to be seen with it.
        most: so many contributing classes are shown, at most.
        siblings: so many siblings are shown, at most, seen ones first.

    Raises:
        UnknownClassError: the class is not in the graph.
    """
    seen_ids, added_ids, shares = frozenset(seen), frozenset(added), dict(shares or {})
    giving = [*[one for one in shares if one != class_id][:most], *beside]
    near = _siblings(graph, class_id, seen_ids, siblings)
    links, kept = set[tuple[ClassId, ClassId]](), {class_id, *giving, *near, *path}
    for parent in graph.parents(class_id):
        links.add((class_id, parent))
        kept.add(parent)
    links |= {(child, parent) for child in near for parent in graph.parents(child) if parent in kept}
    for one, other in pairwise(path):
        links.add((one, other) if other in graph.parents(one) else (other, one))
    for one in giving:
        ways = _meeting(graph, class_id, one)
        kept |= {way[-1] for way in ways}
        links |= {step for way in ways for step in pairwise(way)}
    held = {end for link in links for end in link} | kept
    links |= {(child, parent) for child in held for parent in graph.parents(child) if parent in held}
    lines = _shortened(links, kept)
    ids = _parents_first({end for link in lines for end in (link.child, link.parent)} | {class_id}, lines)

    def node(one: ClassId) -> Node:
        kind = ADDED if one in added_ids else (SEEN if one in seen_ids else UNSEEN)
        return Node(one, graph.text(one).label, kind, one == class_id, shares.get(one))

    return Neighbourhood(tuple(node(one) for one in ids), tuple(lines))


def _siblings(graph: ClassGraph, class_id: ClassId, seen: frozenset[ClassId], most: int) -> list[ClassId]:
    """Return other children of the parents, seen ones first, then those with the fewest parents."""
    found = {child for parent in graph.parents(class_id) for child in graph.children(parent)} - {class_id}
    return sorted(found, key=lambda one: (one not in seen, len(graph.parents(one)), one))[:most]


def _ways_up(graph: ClassGraph, class_id: ClassId) -> dict[ClassId, tuple[ClassId, ...]]:
    """Return a shortest way up to each ancestor, both ends included; the class itself has a way of one."""
    ways: dict[ClassId, tuple[ClassId, ...]] = {class_id: (class_id,)}
    level = [class_id]
    while level:
        following = list[ClassId]()
        for one in level:
            for parent in graph.parents(one):
                if parent not in ways:
                    ways[parent] = (*ways[one], parent)
                    following.append(parent)
        level = following
    return ways


def _meeting(graph: ClassGraph, one: ClassId, other: ClassId) -> tuple[tuple[ClassId, ...], ...]:
    """Return the ways up from two classes to where they meet first; none where they never do."""
    first, second = _ways_up(graph, one), _ways_up(graph, other)
    common = first.keys() & second.keys()
    if not common:
        return ()
    place = min(common, key=lambda at: (len(first[at]) + len(second[at]), len(first[at]), at))
    return first[place], second[place]


def _shortened(links: set[tuple[ClassId, ClassId]], kept: set[ClassId]) -> list[Link]:
    """Take out classes that show nothing and stand between one child and one parent; count the steps."""
    steps = dict.fromkeys(sorted(links), 1)
    for one in sorted({end for link in links for end in link} - kept):
        below = [link for link in steps if link[1] == one]
        above = [link for link in steps if link[0] == one]
        if len(below) == len(above) == 1 and (joined := (below[0][0], above[0][1])) not in steps:
            steps[joined] = steps.pop(below[0]) + steps.pop(above[0])
    return [Link(child, parent, count) for (child, parent), count in sorted(steps.items())]


def _parents_first(ids: set[ClassId], links: Sequence[Link]) -> list[ClassId]:
    ordered = dict[ClassId, None]()
    while waiting := sorted(ids - ordered.keys()):
        ready = [one for one in waiting if all(link.parent in ordered for link in links if link.child == one)]
        ordered |= dict.fromkeys(ready)
    return list(ordered)

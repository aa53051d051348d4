"""Nouns that a run lacks and that were only asked for, and the putting together of scorers and graphs.

They are placed for the while: nothing of them is logged or kept in the run folder. Each depends on the run and the
class alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kgzsl.additions.overlay import Overlay
from kgzsl.additions.state import AdditionsState
from kgzsl.additions.synthesis import Synthesis
from kgzsl.bank import ClassifierBank, StoredScorer
from kgzsl.errors import UnknownClassError
from kgzsl.graph.class_graph import ClassGraph, NewClass
from kgzsl.graph.extension import ClassExtension
from kgzsl.run_folder import RunFolder
from kgzsl.types import ClassId, ClassIds

__all__ = ["AskedClasses", "PlacedClass", "extended", "joined", "updated"]


@dataclass(frozen=True, slots=True, eq=False)
class PlacedClass:
    """A class that the run's graph lacks: what it brings along, and where its vector came from."""

    extension: ClassExtension
    source: str


class AskedClasses:
    """The nouns that were asked for; none at first.

    Args:
        run: the run folder.
        find_nouns: returns all nouns of the WordNet version of its graph, or None where it is not WordNet's.
        synthesis: embeds, and asks the run's method.
    """

    def __init__(self, run: RunFolder, find_nouns: Callable[[], ClassGraph | None], synthesis: Synthesis) -> None:
        self.run, self.synthesis = run, synthesis
        self.classes: dict[ClassId, PlacedClass] = {}
        self.scorer: StoredScorer | None = None
        self._find_nouns = find_nouns

    def place(self, class_ids: Sequence[ClassId]) -> None:
        """Place nouns, those left out that were placed before.

        Raises:
            UnknownClassError: a class is no noun, or the run's method cannot place new classes.
        """
        fresh = [one for one in dict.fromkeys(class_ids) if one not in self.classes]
        if not fresh:
            return
        nouns = self._find_nouns()
        if nouns is None:
            raise UnknownClassError(
                f"Class {fresh[0]!r} is not in the run, and none can be looked up: its graph is not WordNet's. Ask "
                f"for classes of graph {self.run.graph.name!r}, or add it with its parents (kgzsl add)."
            )
        self.synthesis.method_for(fresh[0])
        plain = Overlay(self.run.graph, lambda: nouns, {}, {})
        extensions = [plain.extension(class_id) for class_id in fresh]
        vectors, sources = self.synthesis.embed({node.class_id: node for one in extensions for node in one.classes})
        made = self.synthesis.scorer_of(extensions, vectors)
        self.scorer = made if self.scorer is None else self.scorer.concat(made)
        self.classes |= {one.class_id: PlacedClass(one, sources[one.class_id]) for one in extensions}


def joined(parts: Sequence[StoredScorer], class_ids: ClassIds) -> StoredScorer:
    """Return a scorer of classes in the order given, each from the first of several that has it.

    Raises:
        UnknownClassError: none has it.
    """
    rest, chosen = list(class_ids), list[StoredScorer]()
    for part in parts:
        if held := [one for one in rest if one in part.index]:
            chosen.append(part.select(held))
            rest = [one for one in rest if one not in part.index]
    if rest or not chosen:
        return parts[0].select(rest)  # raises where one is left
    whole = chosen[0]
    for part in chosen[1:]:
        whole = whole.concat(part)
    return whole if len(chosen) == 1 else whole.select(class_ids)


def updated(scorer: StoredScorer, state: AdditionsState) -> StoredScorer:
    """Put the rows of updates in the place of others; a scorer without them is returned as it is."""
    numbers = {one: state.replaced[one] for one in scorer.index if one in state.replaced}
    if not numbers or not isinstance(scorer, ClassifierBank):
        return scorer
    weights, biases = scorer.weights.clone(), scorer.biases.clone()
    for class_id, number in numbers.items():
        row, bank = scorer.index.row(class_id), state.updates[number]
        at = bank.index.row(class_id)
        weights[row], biases[row] = bank.weights[at].to(weights), bank.biases[at].to(biases)
    return replace(scorer, weights=weights, biases=biases)


def extended(graph: ClassGraph, extensions: Sequence[ClassExtension]) -> ClassGraph:
    """Return a graph with classes appended, and what they bring along, each once."""
    nodes, marks = dict[ClassId, NewClass](), dict[str, set[ClassId]]()
    for extension in extensions:
        nodes |= {new.class_id: new for new in extension.classes if new.class_id not in nodes}
        for mark, ids in extension.marks.items():
            marks.setdefault(mark, set()).update(ids)
    return graph.extend(list(nodes.values()), marks) if nodes else graph

"""The class graph: class ids, their texts, and acyclic edges from child to parent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import GraphError
from kgzsl.graph.links import Links
from kgzsl.graph.neighbours import Neighbours, downward
from kgzsl.graph.stored_texts import appended_texts
from kgzsl.markup import facts, page, some_of
from kgzsl.types import Array, ClassId, Int

if TYPE_CHECKING:
    import networkx

__all__ = ["ADDED", "HYPERNYM", "INSTANCE", "PERSON_MARK", "RELATIONS", "ClassGraph", "NewClass"]

RELATIONS = ("hypernym", "instance", "added")
HYPERNYM, INSTANCE, ADDED = range(3)

PERSON_MARK = "person"
"""The mark of classes of persons, which are no candidates unless asked for."""


@dataclass(frozen=True, slots=True)
class NewClass:
    """A class to append to a graph: its id, its parents (already there, or earlier in the same call), its texts."""

    class_id: ClassId
    parents: tuple[ClassId, ...]
    text: ClassText
    relation: int = ADDED


@dataclass(frozen=True, slots=True, eq=False)
class ClassGraph:
    """A directed acyclic graph of classes.

    Args:
        name: what the graph is called, for messages.
        index: class ids in row order.
        texts: the texts of the classes, in row order.
        edges: rows of (child, parent), without repetition.
        relations: for each edge its row in `RELATIONS`.
        marks: mark (such as ``person``) to the class ids that carry it.
        provenance: where the graph comes from; ``wordnet`` holds the WordNet version, where it has one.
        links: edges beside the hierarchy, see `kgzsl.graph.links`.

    Raises:
        GraphError: a cycle (named class by class), a repeated edge or link, an edge or link to no class.
    """

    name: str
    index: ClassIndex
    texts: Sequence[ClassText]
    edges: Int[Array, "E 2"]
    relations: Int[Array, "E"]
    marks: Mapping[str, frozenset[ClassId]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    links: Links = field(default_factory=Links.none)
    _parents: Neighbours = field(init=False, repr=False)
    _children: Neighbours = field(init=False, repr=False)
    _upward: Int[Array, "C"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        count = len(self.index)
        if len(self.texts) != count:
            raise GraphError(f"Graph {self.name!r} has {count} classes but {len(self.texts)} texts.")
        if self.edges.size and (self.edges.min() < 0 or self.edges.max() >= count):
            raise GraphError(f"Graph {self.name!r} has an edge to a row that is no class (rows are 0 to {count - 1}).")
        object.__setattr__(self, "_parents", Neighbours.of(count, self.edges[:, 0], self.edges[:, 1]))
        object.__setattr__(self, "_children", Neighbours.of(count, self.edges[:, 1], self.edges[:, 0]))
        upward = np.full(count, ADDED, dtype=np.int64)
        np.minimum.at(upward, self.edges[:, 0], self.relations)
        object.__setattr__(self, "_upward", upward)
        self._check_repeats()
        self._check_acyclic()
        self.links.check(count, self.name)

    def _check_repeats(self) -> None:
        keys = self.edges[:, 0] * max(len(self.index), 1) + self.edges[:, 1]
        unique, first = np.unique(keys, return_index=True)
        if len(unique) != len(keys):
            row = min(set(range(len(keys))) - set(first.tolist()))
            child, parent = (self.index[end] for end in self.edges[row])
            raise GraphError(f"Edge {child} -> {parent} stands twice in graph {self.name!r}; remove one of them.")

    def _check_acyclic(self) -> None:
        unplaced = np.ones(len(self.index), dtype=bool)
        for rows in downward(self._parents, self._children):
            unplaced[rows] = False
        if unplaced.any():
            raise GraphError(
                f"Graph {self.name!r} has a cycle: {self._name_cycle(unplaced.tolist())}. Remove one edge of it."
            )

    def _name_cycle(self, unplaced: list[bool]) -> str:
        row = unplaced.index(True)
        walk: list[int] = []
        while row not in walk:
            walk.append(row)
            row = next(parent for parent in self._parents[row] if unplaced[parent])
        return " -> ".join(self.index[step] for step in [*walk[walk.index(row) :], row])

    def __repr__(self) -> str:
        wordnet = f", WordNet {self.wordnet_version}" if self.wordnet_version else ""
        return f"ClassGraph({self.name!r}, {self.num_classes:,} classes, {len(self.edges):,} edges{wordnet})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: counts, WordNet version, marks, a few roots and classes."""
        roots = self.roots()
        marks = ", ".join(f"{mark} {len(ids):,}" for mark, ids in sorted(self.marks.items()) if ids)
        pairs = [
            ("classes", f"{self.num_classes:,}"),
            ("edges to parents", f"{len(self.edges):,}"),
            ("WordNet", self.wordnet_version or "none (own class ids)"),
            ("marks", marks),
            ("roots", some_of((self.text(root).label for root in roots), len(roots))),
            ("first classes", some_of((text.label for text in self.texts), self.num_classes)),
        ]
        return page(f"class graph {self.name}", facts(pairs))

    @property
    def num_classes(self) -> int:
        """How many classes the graph has."""
        return len(self.index)

    @property
    def wordnet_version(self) -> str | None:
        """The WordNet version its ids belong to, or None for an own taxonomy."""
        return self.provenance.get("wordnet") or None

    def text(self, class_id: ClassId) -> ClassText:
        """Return the texts of a class; UnknownClassError where it is not in the graph."""
        return self.texts[self.index.row(class_id)]

    def parents(self, class_id: ClassId) -> tuple[ClassId, ...]:
        """Return the direct parents of a class, in edge order."""
        return tuple(self.index[row] for row in self._parents[self.index.row(class_id)])

    def children(self, class_id: ClassId) -> tuple[ClassId, ...]:
        """Return the direct children of a class, in edge order."""
        return tuple(self.index[row] for row in self._children[self.index.row(class_id)])

    def relation(self, class_id: ClassId) -> int:
        """Return how a class hangs on its parents, a row of `RELATIONS`; hypernym before instance where both are."""
        return int(self._upward[self.index.row(class_id)])

    def roots(self) -> tuple[ClassId, ...]:
        """Return the classes without a parent."""
        return tuple(self.index[row] for row in range(self.num_classes) if not self._parents[row])

    def ancestors(self, class_ids: Iterable[ClassId]) -> set[ClassId]:
        """Return the classes above the given ones, the given ones themselves left out unless above another."""
        return self._closure(class_ids, self._parents)

    def descendants(self, class_ids: Iterable[ClassId]) -> set[ClassId]:
        """Return the classes below the given ones, the given ones themselves left out unless below another."""
        return self._closure(class_ids, self._children)

    def _closure(self, class_ids: Iterable[ClassId], neighbours: Neighbours) -> set[ClassId]:
        stack = self.index.rows(class_ids).tolist()
        found: set[int] = set()
        while stack:
            for row in neighbours[stack.pop()]:
                if row not in found:
                    found.add(row)
                    stack.append(row)
        return {self.index[row] for row in found}

    def marked(self, mark: str) -> frozenset[ClassId]:
        """Return the class ids that carry a mark; empty where nobody does."""
        return self.marks.get(mark, frozenset())

    def parent_rows(self, row: int) -> Sequence[int]:
        """Return the rows of the direct parents of a row."""
        return self._parents[row]

    def child_rows(self, row: int) -> Sequence[int]:
        """Return the rows of the direct children of a row."""
        return self._children[row]

    def extend(self, classes: Sequence[NewClass], marks: Mapping[str, Iterable[ClassId]] | None = None) -> ClassGraph:
        """Return a graph with classes appended; present rows and edges stay as they are.

        Args:
            classes: the new classes, parents before children.
            marks: further marks, mark to class ids.

        Raises:
            GraphError: an id is there already.
            UnknownClassError: a parent is neither in the graph nor earlier among the new classes.
        """
        for new in classes:
            if new.class_id in self.index:
                raise GraphError(f"Class {new.class_id!r} is in graph {self.name!r} already; choose another id.")
        index = self.index.appended(new.class_id for new in classes)
        edges = [(index.row(new.class_id), index.row(parent)) for new in classes for parent in new.parents]
        relations = [new.relation for new in classes for _ in new.parents]
        merged = {mark: set(ids) for mark, ids in self.marks.items()}
        for mark, ids in (marks or {}).items():
            merged.setdefault(mark, set()).update(ids)
        return replace(
            self,
            index=index,
            texts=appended_texts(self.texts, (new.text for new in classes)),
            edges=np.concatenate([self.edges, np.array(edges, dtype=np.int64).reshape(-1, 2)]),
            relations=np.concatenate([self.relations, np.array(relations, dtype=np.int64)]),
            marks={mark: frozenset(ids) for mark, ids in merged.items()},
        )

    def subgraph(self, class_ids: Iterable[ClassId], name: str | None = None) -> ClassGraph:
        """Return the graph of some classes and the edges among them, in this graph's order."""
        rows = np.unique(self.index.rows(class_ids))
        numbers = np.sort(self._parents.edges_of_all(rows))
        places = np.searchsorted(rows, self.edges[numbers])  # of both ends among the rows
        kept = rows[places[:, 1].clip(max=len(rows) - 1)] == self.edges[numbers, 1] if len(rows) else numbers < 0
        ids = tuple(self.index[row] for row in rows.tolist())
        held = set(ids)
        return replace(
            self,
            name=name or self.name,
            index=ClassIndex(ids, f"graph {name or self.name!r}"),
            texts=tuple(self.texts[row] for row in rows.tolist()),
            edges=places[kept],
            relations=self.relations[numbers[kept]],
            links=self.links.among(rows),
            marks={mark: frozenset(ids & held) for mark, ids in self.marks.items()},
        )

    def to_networkx(self) -> networkx.DiGraph:
        """Return a networkx graph: nodes are class ids with name and lemmas, edges go child to parent."""
        import networkx

        graph = networkx.DiGraph(name=self.name)
        for class_id, text in zip(self.index, self.texts):
            graph.add_node(class_id, name=text.name, lemmas=list(text.lemmas))
        for (child, parent), relation in zip(self.edges.tolist(), self.relations.tolist()):
            graph.add_edge(self.index[child], self.index[parent], relation=RELATIONS[relation])
        return graph

    def to_pyg(self) -> Any:
        """Return a torch_geometric Data: ``edge_index`` (2, E) child to parent, ``edge_type`` (E,), ``class_ids``."""
        import torch
        from torch_geometric.data import Data

        edge_index = torch.from_numpy(np.ascontiguousarray(self.edges.T))  # (2, E)
        data = Data(edge_index=edge_index, edge_type=torch.from_numpy(self.relations), num_nodes=self.num_classes)
        data.class_ids = list(self.index)
        return data

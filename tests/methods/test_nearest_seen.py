"""NearestSeen against a brute-force search over all pairs, and on a tree that can be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import CorruptFileError, NotFittedError, UnknownClassError
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph, NewClass
from kgzsl.graph.extension import ClassExtension, extension_with_parents
from kgzsl.methods import METHODS, Method, NearestSeen, nearest_seen_bank
from kgzsl.methods.nearest_seen import NearestSearch, nearest_seen_rows
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision


def make_graph(count: int, edges: list[tuple[int, int]]) -> ClassGraph:
    index = ClassIndex(tuple(f"c{number}" for number in range(count)), "graph 'g'")
    pairs = np.array(edges, dtype=np.int64).reshape(-1, 2)
    return ClassGraph("g", index, tuple(map(ClassText, index)), pairs, np.zeros(len(pairs), dtype=np.int64))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[ClassGraph, list[int]]:
    """A random acyclic graph, often of several components, and some seen rows."""
    count = draw(st.integers(1, 9))
    pairs = [(child, parent) for child in range(count) for parent in range(child)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    seen = draw(st.lists(st.integers(0, count - 1), min_size=1, unique=True))
    return make_graph(count, edges), seen


def all_distances(graph: ClassGraph) -> np.ndarray:
    """Floyd and Warshall's distances of the undirected graph."""
    distances = np.full((graph.num_classes, graph.num_classes), np.inf)
    np.fill_diagonal(distances, 0)
    for child, parent in graph.edges.tolist():
        distances[child, parent] = distances[parent, child] = 1
    for middle in range(graph.num_classes):
        distances = np.minimum(distances, distances[:, [middle]] + distances[[middle]])
    return distances


@given(graphs())
@settings(deadline=None)
def test_nearest_rows_equal_brute_force(case: tuple[ClassGraph, list[int]]) -> None:
    graph, seen = case
    distances = all_distances(graph)[:, seen]  # (C, number of seen)
    best = distances.min(axis=1)
    expected = [
        tuple(np.flatnonzero(row == least).tolist()) if np.isfinite(least) else ()
        for row, least in zip(distances, best)
    ]
    assert nearest_seen_rows(graph, ClassIndex(tuple(f"c{row}" for row in seen))) == expected


def seen_bank(weights: list[list[float]], ids: tuple[str, ...]) -> ClassifierBank:
    rows = torch.tensor(weights)
    return ClassifierBank(ClassIndex(ids), rows[:, :-1], rows[:, -1], "toy")


# c0 above c1, c2, c3; c4 below c1; c5 alone
FAMILY = [(1, 0), (2, 0), (3, 0), (4, 1)]


def test_the_mean_is_over_jointly_normalised_rows() -> None:
    seen = seen_bank([[3.0, 0.0, 4.0], [0.0, 2.0, 0.0]], ("c1", "c2"))
    bank = nearest_seen_bank(make_graph(6, FAMILY), seen, ["c4", "c3", "c2", "c5"])
    first, second = torch.tensor([0.6, 0.0, 0.8]), torch.tensor([0.0, 1.0, 0.0])
    found = torch.cat([bank.weights, bank.biases[:, None]], dim=1)
    # c4 hangs under c1; c3 is two edges from both; c2 is seen itself; c5 is reached from nowhere
    assert torch.allclose(found, torch.stack([first, (first + second) / 2, second, (first + second) / 2]))
    assert bank.index.ids == ("c4", "c3", "c2", "c5")
    assert (bank.backbone, bank.normalisation) == ("toy", "none")


def test_classes_with_the_same_nearest_ones_are_tied() -> None:
    count = 301
    graph = make_graph(count, [(child, 0) for child in range(1, count)])
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(3, 131, generator=generator).tolist()
    bank = nearest_seen_bank(graph, seen_bank(rows, ("c1", "c2", "c3")), [f"c{row}" for row in range(4, count)])
    images = FeatureSet(torch.randn(17, 130, generator=generator), torch.full((17,), -1), ClassIndex(("c1",)), "toy")
    scores = bank.score(images)
    assert torch.equal(scores, scores[:, :1].expand_as(scores))


def test_it_is_a_method() -> None:
    graph = make_graph(6, FAMILY)
    seen = seen_bank([[1.0, 0.0], [0.0, 1.0]], ("c1", "c2"))
    semantics = SemanticEmbedding(graph.index, torch.zeros(6, 2), "none")
    method = METHODS["nearest_seen"]()
    assert isinstance(method, Method)
    assert method.fit(Supervision(graph, semantics, seen)) is method
    scorer = method.synthesize(["c4", "c2"])
    assert scorer.index.ids == ("c4", "c2")
    with pytest.raises(UnknownClassError, match="'c9' is not in graph 'g'"):
        method.synthesize(["c9"])


@given(graphs(), st.integers(0, 10_000))
@settings(deadline=None)
def test_a_new_class_is_placed_as_inside_the_graph(case: tuple[ClassGraph, list[int]], seed: int) -> None:
    graph, seen = case
    rng = np.random.default_rng(seed)
    known = list(graph.index)

    def drawn(names: list[str], least: int) -> tuple[str, ...]:
        return tuple(rng.choice(names, size=min(len(names), int(rng.integers(least, 3))), replace=False).tolist())

    above = NewClass("above", drawn(known, 0), ClassText("above"))  # may be a root of its own
    new = NewClass("new", ("above", *drawn(known, 0)), ClassText("new"))
    extension = ClassExtension((above, new), {})
    index = ClassIndex(tuple(f"c{row}" for row in seen))
    inside = nearest_seen_rows(graph.extend([above, new]), index)[-1]
    assert NearestSearch.over(graph, index).of_new(extension) == inside


def test_new_classes_and_a_file(tmp_path: Path) -> None:
    graph = make_graph(6, FAMILY)
    seen = seen_bank([[1.0, 0.0], [0.0, 1.0]], ("c1", "c2"))
    semantics = SemanticEmbedding(graph.index, torch.zeros(6, 2), "none")
    method = NearestSeen().fit(Supervision(graph, semantics, seen))
    extensions = [
        extension_with_parents(graph, name, (up,), ClassText(name)) for name, up in (("x", "c4"), ("y", "c5"))
    ]
    method.save(tmp_path)
    again = NearestSeen.load(tmp_path, graph, semantics, method.synthesize(graph.index.ids))
    for one in (method, again):
        bank = one.synthesize_new(extensions, semantics)
        assert bank.index.ids == ("x", "y")
        assert bank.weights.tolist() == [[1.0], [0.5]] and bank.biases.tolist() == [0.0, 0.5]
    with pytest.raises(CorruptFileError, match="holds no whole NearestSeen"):
        NearestSeen.load(tmp_path, make_graph(1, []), semantics, method.synthesize(graph.index.ids))


def test_unfitted_is_refused() -> None:
    with pytest.raises(NotFittedError, match=r"call fit\(supervision\) first"):
        NearestSeen().synthesize(["c1"])

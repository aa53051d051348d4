"""Links beside the hierarchy: what is linked, what does not know them, adjacencies along them, files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kgzsl.errors import CorruptFileError, GraphError, InputFileError
from kgzsl.graph import Links, hop_distances, load_graph, save_graph, tree_distances, with_attributes, with_similar
from kgzsl.graph.adjacency import degrees, from_ancestors, relational, relational_links, undirected
from kgzsl.graph.custom import from_pairs
from kgzsl.graph.links import ATTRIBUTE, SIMILAR
from kgzsl.graph.summary import summarise
from kgzsl.graph.walks import expected_visits

GRAPH = from_pairs([("cat", "animal"), ("dog", "animal"), ("saw", "tool")])  # rows: animal, cat, dog, saw, tool
ANGLES = {"animal": 0, "cat": 20, "dog": 30, "saw": 90, "tool": 100}


def vectors() -> torch.Tensor:
    angles = torch.tensor([ANGLES[class_id] for class_id in GRAPH.index]).deg2rad()
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def linked() -> object:
    strengths = torch.tensor([[1.0, 0.0, 3.0], [0.0, 0.0, 1.0], [0.0, 5.0, 2.0]])
    return with_attributes(GRAPH, ("cat", "dog", "saw"), ("has fur", "is_sharp", "size::big"), strengths, 1)


def pairs(graph, kind: int) -> set[tuple[str, str]]:
    ends = graph.links.ends[graph.links.kinds == kind]
    return {(graph.index[first], graph.index[second]) for first, second in ends.tolist()}


def test_the_nearest_are_linked_each_pair_once() -> None:
    found = with_similar(GRAPH, 3 * vectors(), 1)
    assert pairs(found, SIMILAR) == {("animal", "cat"), ("cat", "dog"), ("saw", "tool")}
    everything = with_similar(GRAPH, vectors(), 99)
    assert len(everything.links) == 10, "each of the pairs of five classes"


def test_classes_are_linked_to_what_marks_them_out() -> None:
    found = linked()
    assert pairs(found, ATTRIBUTE) == {
        ("cat", "attribute:has-fur"),
        ("saw", "attribute:is-sharp"),
    }, "a dog has nothing above the mean, a cat's fur stands out as far as its size, and the first counts"
    assert found.marked("attribute") == {"attribute:has-fur", "attribute:is-sharp", "attribute:size-big"}
    assert found.text("attribute:size-big").name == "size big"


def test_the_hierarchy_does_not_know_links() -> None:
    found = with_similar(linked(), torch.cat([vectors(), torch.zeros(3, 2)]), 2)
    assert pairs(found, SIMILAR) and all("attribute" not in one for pair in pairs(found, SIMILAR) for one in pair)
    assert found.ancestors(["cat"]) == {"animal"} and found.children("attribute:has-fur") == ()
    rows = slice(0, GRAPH.num_classes)
    assert (hop_distances(found, ["cat"])[rows] == hop_distances(GRAPH, ["cat"])).all()
    assert (tree_distances(found, [1])[:, rows] == tree_distances(GRAPH, [1])).all()
    assert (from_ancestors(found).dense()[:, rows, rows] == from_ancestors(GRAPH).dense()).all()
    assert (relational(found).dense()[:, rows, rows] == relational(GRAPH).dense()).all()


def test_networks_gather_along_links() -> None:
    found = with_similar(linked(), torch.cat([vectors(), torch.zeros(3, 2)]), 1)
    size = found.num_classes
    both = np.eye(size)
    for first, second in [*found.edges.tolist(), *found.links.ends.tolist()]:
        both[first, second] = both[second, first] = 1
    np.testing.assert_allclose(undirected(found).dense()[0], both / both.sum(1, keepdims=True), atol=1e-7)
    assert (degrees(found) == both.sum(1)).all()
    walk = (both - np.eye(size)) / np.maximum((both - np.eye(size)).sum(1, keepdims=True), 1)
    np.testing.assert_allclose(expected_visits(found, np.array([1]), 2)[0], (walk + walk @ walk)[1], atol=1e-9)


def test_each_kind_of_link_is_a_relation() -> None:
    found = with_similar(linked(), torch.cat([vectors(), torch.zeros(3, 2)]), 1)
    dense = relational_links(found).dense()
    assert dense.shape[0] == 8
    np.testing.assert_allclose(dense[:5], relational(found).dense())
    row = found.index.row
    assert dense[5, row("cat")].nonzero()[0].tolist() == [row("animal"), row("dog")]
    assert dense[6, row("cat"), row("attribute:has-fur")] == 1 and dense[6].sum() == 2
    assert dense[7, row("attribute:has-fur"), row("cat")] == 1 and dense[7].sum() == 2


def test_parts_of_a_graph_keep_the_links_among_them() -> None:
    found = linked().subgraph(["saw", "cat", "attribute:is-sharp"])
    assert pairs(found, ATTRIBUTE) == {("saw", "attribute:is-sharp")}
    assert len(linked().subgraph([]).links) == 0


def test_files_keep_links(tmp_path: Path) -> None:
    found = with_similar(linked(), torch.cat([vectors(), torch.zeros(3, 2)]), 1)
    save_graph(found, tmp_path / "graph")
    again = load_graph(tmp_path / "graph")
    assert (again.links.ends == found.links.ends).all() and (again.links.kinds == found.links.kinds).all()
    assert summarise(again).links == {"similar": 3, "attribute": 2}
    save_graph(GRAPH, tmp_path / "plain")
    assert not (tmp_path / "plain" / "links.tsv").exists()
    path = tmp_path / "graph" / "links.tsv"
    path.write_text(path.read_text().replace("similar", "alike", 1))
    with pytest.raises(CorruptFileError, match=r"links.tsv line 4 names an unknown class or relation"):
        load_graph(tmp_path / "graph")


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ([[0, 9]], "to a row that is no class"),
        ([[1, 1]], "links a class to itself"),
        ([[0, 1], [0, 1]], "stands twice"),
    ],
)
def test_wrong_links(ends: list[list[int]], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        replace(GRAPH, links=Links(np.array(ends), np.zeros(len(ends), dtype=np.int64)))


def test_wrong_wishes() -> None:
    with pytest.raises(InputFileError, match="is 1 at least, found 0"):
        with_similar(GRAPH, vectors(), 0)
    with pytest.raises(InputFileError, match="5 classes, but 4 vectors came"):
        with_similar(GRAPH, vectors()[:4], 1)
    with pytest.raises(GraphError, match="Two attributes have the id 'attribute:a-b'"):
        with_attributes(GRAPH, ("cat",), ("a b", "a_b"), torch.ones(1, 2))
    with pytest.raises(InputFileError, match="1 classes and 2 attributes need as many strengths"):
        with_attributes(GRAPH, ("cat",), ("a", "b"), torch.ones(2, 2))

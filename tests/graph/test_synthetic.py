"""Synthetic taxonomies are what they say: like WordNet's nouns, at every size, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from kgzsl.errors import GraphError
from kgzsl.graph import ancestor_hops
from kgzsl.graph.synthetic import synthetic_taxonomy


def test_the_shares_are_those_of_the_nouns():
    graph = synthetic_taxonomy(20_000, seed=3)
    children = np.bincount(graph.edges[:, 1], minlength=20_000)
    parents = np.bincount(graph.edges[:, 0], minlength=20_000)
    hops = ancestor_hops(graph)
    depths = np.zeros(20_000)
    np.maximum.at(depths, hops[:, 0], hops[:, 2])
    assert graph.roots() == ("s00000000",)
    assert parents.max() == 2 and abs((parents == 2).mean() - 0.027) < 0.005
    assert abs((children == 0).mean() - 0.79) < 0.03
    assert abs(children[children > 0].mean() - 4.9) < 0.5
    assert abs(depths.mean() - (8.1 + np.log(20_000 / 82_115) / np.log(4.9))) < 0.3


def test_a_seed_gives_one_taxonomy_and_another_seed_another():
    one, same, other = (synthetic_taxonomy(300, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.edges, same.edges)
    assert one.edges.tolist() != other.edges.tolist()


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_few_classes_hang_together(count: int):
    graph = synthetic_taxonomy(count)
    assert graph.num_classes == count and len(graph.roots()) == 1


def test_no_class_is_no_taxonomy():
    with pytest.raises(GraphError, match="at least one class"):
        synthetic_taxonomy(0)

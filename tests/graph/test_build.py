from __future__ import annotations

import tomllib

import numpy as np
import pytest

from kgzsl.errors import UnknownClassError, UnknownVariantError
from kgzsl.graph import (
    HYPERNYM,
    ancestor_hops,
    find_graph,
    hop_distances,
    induce,
    load_graph,
    load_split_list,
    save_graph,
)
from kgzsl.graph.build import IMAGENET, NOUNS, embeddings_fit
from kgzsl.graph.custom import from_pairs
from kgzsl.graph.hops import components
from kgzsl.runtime import sha256_file

PUBLISHED_HOPS = [32324, 32544, 32629, 30750, 26542, 19320, 11815, 6642, 3700, 2030, 1036, 539, 182, 29]


@pytest.fixture(scope="module")
def nouns():
    return load_graph(NOUNS)


@pytest.fixture(scope="module")
def imagenet():
    return load_graph(IMAGENET)


def test_the_noun_graph_is_all_of_wordnet(nouns):
    assert nouns.num_classes == 82_115
    assert np.bincount(nouns.relations).tolist() == [75_850, 8_577]
    assert nouns.roots() == ("n00001740",)
    hypernyms = np.bincount(nouns.edges[nouns.relations == HYPERNYM, 0], minlength=nouns.num_classes)
    assert (hypernyms > 1).sum() == 1_422
    assert (hypernyms == 0).sum() - 1 == 7_725  # hang on an instance edge only; one is the root


def test_imagenet21k_is_closed_and_connected(imagenet, nouns):
    assert imagenet.num_classes == 23_547
    assert np.bincount(imagenet.relations).tolist() == [24_045, 4]
    assert components(imagenet).max() == 0
    assert imagenet.roots() == ("n00001740",)
    wanted = {*load_split_list(IMAGENET, "ilsvrc2012-seen"), *load_split_list(IMAGENET, "all")}
    assert len(wanted) == 21_842
    assert set(imagenet.index) == wanted | nouns.ancestors(wanted)


@pytest.mark.parametrize(
    "name, count",
    [("ilsvrc2012-seen", 1000), ("2-hops", 1549), ("3-hops", 7860), ("all", 20842), ("winter2021-removed", 2675)],
)
def test_published_lists_lie_in_the_graph(imagenet, name, count):
    ids = load_split_list(IMAGENET, name)
    assert len(ids) == len(set(ids)) == count
    assert all(class_id in imagenet.index for class_id in ids)


def test_the_seen_list_is_in_head_order():
    seen = load_split_list(IMAGENET, "ilsvrc2012-seen")
    assert list(seen) == sorted(seen)
    assert seen[0] == "n01440764"


def test_two_hops_is_a_list_of_neighbours(imagenet):
    seen = load_split_list(IMAGENET, "ilsvrc2012-seen")
    distance = hop_distances(imagenet, seen)
    near = distance[imagenet.index.rows(load_split_list(IMAGENET, "2-hops"))]
    assert np.bincount(near)[1] == 1_548  # the last is animal
    assert imagenet.text("n00015388").name == "animal.n.01"


def test_person_classes_are_marked(imagenet):
    people = imagenet.marked("person")
    assert len(people & set(load_split_list(IMAGENET, "all"))) == 2_833


def test_published_is_dgps_graph(nouns):
    graph = induce(nouns, "published")
    assert (graph.num_classes, len(graph.edges)) == (32_324, 32_544)
    assert components(graph).max() + 1 == 298
    hops = ancestor_hops(graph)
    assert len(hops) == 200_082
    assert np.bincount(hops[:, 2]).tolist() == PUBLISHED_HOPS


def test_the_published_graph_leaves_588_classes_where_no_seen_class_is(nouns):
    graph = induce(nouns, "published")
    distance = hop_distances(graph, load_split_list(IMAGENET, "ilsvrc2012-seen"))
    assert (distance[graph.index.rows(load_split_list(IMAGENET, "all"))] < 0).sum() == 588


def test_induced_again_imagenet21k_is_what_is_shipped(nouns, tmp_path):
    save_graph(induce(nouns, "closed", name=IMAGENET), tmp_path)
    for file in ("classes.tsv", "edges.tsv"):
        assert (tmp_path / file).read_bytes() == (find_graph(IMAGENET) / file).read_bytes()


@pytest.mark.parametrize("name", [NOUNS, IMAGENET])
def test_recorded_digests_are_those_of_the_files(name):
    folder = find_graph(name)
    digests = tomllib.loads((folder / "graph.toml").read_text())["sha256"]
    assert digests == {file: sha256_file(folder / file) for file in digests}
    assert set(digests) >= {"classes.tsv", "edges.tsv"}


def test_shipped_embeddings_are_of_the_graphs_classes(imagenet, nouns):
    assert embeddings_fit(imagenet, find_graph(IMAGENET)) is True
    assert embeddings_fit(nouns, find_graph(IMAGENET)) is False
    assert embeddings_fit(nouns, find_graph(NOUNS)) is None


def test_an_induced_graph_records_how_it_was_made():
    graph = induce(from_pairs([("okapi", "animal")], "zoo"), "closed", {"mine": ["okapi"], "more": ["animal", "okapi"]})
    assert graph.provenance["induce"] == "closed"
    assert graph.provenance["source"] == "zoo"
    assert graph.provenance["lists"] == "mine, more"
    assert len(graph.provenance["lists_sha256"]) == 64


def test_an_unknown_induction_lists_the_known_ones():
    with pytest.raises(UnknownVariantError, match="choose one of closed, contracted, full, published"):
        induce(from_pairs([("okapi", "animal")]), "close")


def test_a_listed_class_that_is_not_there_is_an_error():
    with pytest.raises(UnknownClassError, match="'zebra' is not in"):
        induce(from_pairs([("okapi", "animal")]), "closed", {"mine": ["zebra"]})

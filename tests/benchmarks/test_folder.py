"""A benchmark written down reads back as what it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kgzsl.benchmarks import read_proposed, write_benchmark
from kgzsl.errors import InputFileError
from kgzsl.features import FeatureSet
from kgzsl.graph import load_graph, load_split_list, split_names
from kgzsl.graph.custom import from_pairs
from kgzsl.recipe import Recipe
from kgzsl.semantics import SemanticEmbedding


def test_all_of_it_comes_back(make_published, zoo, tmp_path):
    benchmark = read_proposed(make_published({"val_loc": np.array([[4]])}))
    recipe = write_benchmark(benchmark, tmp_path / "out")
    assert recipe == tmp_path / "out" / "recipe.toml"
    graph = load_graph(tmp_path / "out" / "graph")
    assert graph.index.ids == zoo.classes and len(graph.edges) == 0
    assert graph.text("002.Zebra").label == "Zebra" and graph.text("killer+whale").label == "killer whale"
    lists = {
        name: load_split_list(tmp_path / "out" / "graph", name) for name in split_names(tmp_path / "out" / "graph")
    }
    assert lists == {"seen": zoo.seen, "unseen": zoo.unseen, "validation1": ("owl",)}
    attributes = SemanticEmbedding.load(tmp_path / "out" / "attributes.safetensors")
    assert torch.equal(attributes.vectors, benchmark.attributes.vectors)
    for part, file in (("trainval", "trainval"), ("test_seen", "test-seen"), ("test_unseen", "test-unseen")):
        images, given = FeatureSet.load(tmp_path / "out" / f"{file}.safetensors"), getattr(benchmark.images, part)
        assert torch.equal(images.features, given.features) and images.class_ids() == given.class_ids()


def test_the_recipe_learns_from_trainval_alone(make_published, zoo, tmp_path):
    recipe = Recipe.load(write_benchmark(read_proposed(make_published()), tmp_path / "out"))
    supervision, split = recipe.inputs.supervision()
    assert (split.seen, split.unseen) == (zoo.seen, zoo.unseen)
    assert supervision.seen_features is not None
    assert supervision.seen_features.class_ids() == ("saw", "002.Zebra", "owl", "owl")
    assert supervision.seen_bank.index.ids == zoo.seen


def test_a_taxonomy_s_inner_classes_get_the_mean(make_published, zoo, tmp_path):
    graph = from_pairs([(class_id, "thing") for class_id in zoo.classes])
    benchmark = read_proposed(make_published(), graph=graph)
    supervision, _ = Recipe.load(write_benchmark(benchmark, tmp_path / "out")).inputs.supervision()
    inner = supervision.semantics.vectors[graph.index.row("thing")]
    torch.testing.assert_close(inner, benchmark.attributes.vectors.mean(dim=0))


def test_without_images_there_is_no_recipe(make_published, zoo, tmp_path):
    folder = make_published(without_images=("yes",), trainvalclasses=zoo.seen, testclasses=zoo.unseen)
    assert write_benchmark(read_proposed(folder), tmp_path / "out") == tmp_path / "out"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["attributes.safetensors", "graph"]


def test_own_files_are_replaced_and_others_are_not(make_published, tmp_path):
    benchmark = read_proposed(make_published())
    first = write_benchmark(benchmark, tmp_path / "out").read_bytes()
    assert write_benchmark(benchmark, tmp_path / "out").read_bytes() == first
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    with pytest.raises(InputFileError, match=r"holds 'thesis.tex'; a benchmark needs a folder of its own"):
        write_benchmark(benchmark, tmp_path / "out")
    with pytest.raises(InputFileError, match="is a file"):
        write_benchmark(benchmark, tmp_path / "out" / "thesis.tex")

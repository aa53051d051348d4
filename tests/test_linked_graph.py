"""Links in a recipe: attributes as nodes and similar classes, by themselves and together, up to a trained run."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import InputFileError, RecipeError, UnknownClassError
from kgzsl.linked_graph import LinkChoice
from kgzsl.methods import METHODS
from kgzsl.naming import ClassResolver, Linker, NameSearch
from kgzsl.recipe import Recipe
from kgzsl.run_folder import RunFolder
from kgzsl.toy import SEEN, toy_graph, toy_semantics

ATTRIBUTES = "class_id\tstriped\thas tool::edge\nzebra\t1\t0\nhorse\t0\t0\nsaw\t0\t1\nhammer\t0\t0.2\n"
CHOICES = {
    "hierarchy": (),
    "similar": ("graph.similar=2",),
    "attributes": ('graph.attributes="attributes.tsv"', "graph.per_class=1"),
    "both": ("graph.similar=2", 'graph.attributes="attributes.tsv"'),
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "attributes.tsv").write_text(ATTRIBUTES)
    return tmp_path / "attributes.tsv"


def test_an_attribute_means_what_its_classes_have_in_common(table: Path) -> None:
    semantics = toy_semantics().select(toy_graph().index.ids)
    graph, vectors = LinkChoice(attributes=table, per_class=2).apply(toy_graph(), semantics)
    assert graph.index.ids[-2:] == vectors.index.ids[-2:] == ("attribute:striped", "attribute:has-tool-edge")
    zebra = semantics.select(["zebra"]).vectors[0]
    length = semantics.vectors.norm(dim=1).mean()
    torch.testing.assert_close(vectors.vectors[-2], length * zebra / zebra.norm())
    torch.testing.assert_close(vectors.vectors[:-2], semantics.vectors)


@pytest.mark.parametrize("network", ["sgcn", "rgcn", "sage"])
@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_trains_and_answers(
    toy_recipe: Path, table: Path, choice: str, network: str, tmp_path: Path
) -> None:
    options = "{hidden=[4], links=true}" if network == "rgcn" else "{hidden=[4]}"
    settings = (f'method.network="{network}"', f"method.network_options={options}", "method.epochs=3")
    recipe = Recipe.load(toy_recipe, [*settings, "method.held_out=0", *CHOICES[choice]])
    recipe.train(tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    assert (len(run.graph.links) > 0) == (choice != "hierarchy")
    assert not any(one.startswith("attribute:") for one in (*run.split.seen, *run.split.unseen))
    assert set(run.graph.index) == set(run.bank.index) == set(run.semantics.index)
    assert run.split.seen == SEEN


def test_links_decide_what_is_predicted(toy_recipe: Path, table: Path, tmp_path: Path) -> None:
    settings = ('method.network="sgcn"', "method.network_options={hidden=[4]}", "method.epochs=3", "method.held_out=0")
    rows = {}
    for name, choice in CHOICES.items():
        recipe = Recipe.load(toy_recipe, [*settings, *choice])
        recipe.train(tmp_path / name)
        rows[name] = RunFolder(tmp_path / name).bank.select(SEEN).weights
    for first, second in pairwise(rows):
        assert not torch.allclose(rows[first], rows[second])


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"similar": -1}, r"\[graph\] similar is a whole number from 0, found -1"),
        ({"per_class": 0}, r"\[graph\] per_class is a whole number from 1, found 0"),
        ({"similar": True}, r"similar is a whole number"),
    ],
)
def test_numbers_out_of_range(choice: dict, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        LinkChoice(**choice)


def test_a_table_of_other_classes(tmp_path: Path) -> None:
    (tmp_path / "other.tsv").write_text("class_id\tblue\nwhale\t1\nshark\t0\n")
    with pytest.raises(InputFileError, match=r"None of the 2 classes of .* is in graph"):
        LinkChoice(attributes=tmp_path / "other.tsv").apply(toy_graph(), toy_semantics().select(toy_graph().index.ids))


def test_names_of_attributes_mean_no_class(toy_recipe: Path, table: Path, tmp_path: Path) -> None:
    recipe = Recipe.load(
        toy_recipe,
        [
            "method.network=sgcn",
            "method.network_options={hidden=[4]}",
            "method.epochs=1",
            "method.held_out=0",
            *CHOICES["both"],
        ],
    )
    run = recipe.train(tmp_path / "run")
    assert "attribute:striped" in run.graph.index and run.graph.text("attribute:striped").label == "striped"
    resolver, classifier = ClassResolver(run.graph), ZeroShotClassifier(run)
    for resolve in (resolver.resolve, lambda name: classifier.resolve([name])):
        with pytest.raises(UnknownClassError, match="No class is called 'striped'"):
            resolve("striped")
        with pytest.raises(UnknownClassError, match=r"'attribute:striped' is an attribute of graph 'toy\S*', no class"):
            resolve("attribute:striped")
    assert resolver.senses("striped") == resolver.senses("attribute:striped") == ()
    assert resolver.resolve("zebra") == "zebra"
    assert [hit.class_id for hit in NameSearch(run.graph).search("str")] == []
    assert [hit.class_id for hit in NameSearch(run.graph).search("zeb")] == ["zebra"]
    assert Linker(run.graph).link("striped").class_id is None and Linker(run.graph).link("zebra").class_id == "zebra"


@pytest.mark.parametrize(
    ("method", "reads"),
    [
        ({"name": "graph_regression", "network": "dgp"}, False),
        ({"name": "graph_regression", "network": "rgcn"}, False),
        ({"name": "graph_regression", "network": "rgcn", "network_options": {"links": True}}, True),
        ({"name": "graph_regression", "network": "sgcn"}, True),
        ({"name": "maml", "network": "dgp"}, False),
        ({"name": "kernel_regression"}, False),
        ({"name": "nearest_seen"}, False),
        ({"name": "episodic"}, True),
        ({"name": "ensemble", "members": [{"name": "kernel_regression"}]}, False),
        ({"name": "ensemble", "members": [{"name": "graph_regression", "network": "sage"}]}, True),
    ],
)
def test_a_method_says_whether_it_reads_links(method: dict, reads: bool) -> None:
    keywords = {key: value for key, value in method.items() if key != "name"}
    assert getattr(METHODS[method["name"]](**keywords), "reads_links", False) == reads


def test_links_that_are_not_read_are_told(toy_recipe: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for network, hidden, told in (("dgp", 4, True), ("sage", [4], False)):
        quick = (f"method.network_options={{hidden={hidden}}}", "method.epochs=1", "method.held_out=0")
        caplog.clear()
        Recipe.load(toy_recipe, [f"method.network={network}", *quick, *CHOICES["similar"]]).train(tmp_path / network)
        found = [record.getMessage() for record in caplog.records if "knows the hierarchy alone" in record.getMessage()]
        assert bool(found) == told


def test_nearest_seen_and_kernel_are_what_they_were_without_links(
    toy_recipe: Path, table: Path, tmp_path: Path
) -> None:
    """What the warning says: the links change nothing."""
    rows = []
    for number, choice in enumerate(((), CHOICES["both"])):
        tables = {**Recipe.load(toy_recipe, choice).tables, "method": {"name": "nearest_seen"}}
        run = Recipe(tables, toy_recipe.parent).train(tmp_path / str(number))
        rows.append(run.bank.select((*SEEN, "okapi", "owl")).weights)
    torch.testing.assert_close(*rows)

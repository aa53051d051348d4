from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from kgzsl import cli
from kgzsl.graph import load_graph, load_split_list, split_names, wordnet
from kgzsl.semantics import SemanticEmbedding

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments):
    done = CliRunner().invoke(cli.make_app(), ["graph", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def refused(capsys, monkeypatch, *arguments):
    """Run as a user does; return the one line on standard error."""
    monkeypatch.setattr(sys, "argv", ["kgzsl", "graph", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert error.count("\n") == 1
    return error


@pytest.fixture(scope="module")
def mini(tmp_path_factory):
    """A miniature WordNet and the class ids of its synsets."""
    spec = importlib.util.spec_from_file_location("miniature", ROOT / "tests" / "graph" / "miniature.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("mini")
    return folder, module.write_wordnet(folder)


@pytest.fixture(autouse=True)
def _no_other_wordnet(monkeypatch, tmp_path):
    import nltk

    monkeypatch.setattr(nltk.data, "path", [])
    monkeypatch.setattr(wordnet, "DEBIAN_FOLDER", tmp_path / "no-debian")


def written(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_help_shows_examples():
    shown = run("--help")
    assert "kgzsl graph path okapi" in shown
    for command in ("build", "info", "list", "path"):
        assert command in shown


def test_build_from_a_wordnet_folder(mini, tmp_path):
    folder, ids = mini
    shown = run("build", "--wordnet", folder, "--induce", "full", "--out", tmp_path / "all")
    assert "16 classes, 17 edges" in shown
    assert load_graph(tmp_path / "all").text(ids["okapi"]).name == "okapi.n.01"


def test_build_of_a_list_of_names(mini, tmp_path):
    folder, ids = mini
    names = written(tmp_path, "zoo.txt", f"okapi\n# comment\nzebra.n.01\n{ids['dog']}\n")
    arguments = ("build", "--wordnet", folder, "--classes", names, "--out", tmp_path / "zoo")
    report = json.loads(run(*arguments, "--json"))
    graph = load_graph(tmp_path / "zoo")
    assert (report[0]["name"], report[0]["classes"]) == ("zoo", graph.num_classes)
    assert load_split_list(tmp_path / "zoo", "zoo") == (ids["okapi"], ids["zebra"], ids["dog"])
    above = {ids[name] for name in ("giraffe", "domestic_animal", "animal", "organism", "entity")}
    assert set(graph.index) == above | {ids["okapi"], ids["zebra"], ids["dog"]}
    run(*arguments, "--induce", "contracted")
    assert load_graph(tmp_path / "zoo").parents(ids["okapi"]) == (ids["animal"],)


def test_the_published_graph_needs_no_wordnet(tmp_path):
    assert "32,324 classes, 32,544 edges" in run("build", "--induce", "published", "--out", tmp_path / "dgp")
    assert set(split_names(tmp_path / "dgp")) >= {"ilsvrc2012-seen", "all", "imagenet-structure"}
    text = (tmp_path / "dgp" / "graph.toml").read_text()
    assert 'command = "kgzsl graph build --induce published"' in text
    assert str(tmp_path) not in text


def test_build_of_an_own_taxonomy(tmp_path):
    file = written(tmp_path, "parts.tsv", "bolt\tpart\nnut\tpart\nwing nut\tnut\n")
    assert "4 classes, 3 edges" in run("build", "--taxonomy", file, "--out", tmp_path / "parts")
    assert load_graph(tmp_path / "parts").name == "parts"
    wanted = written(tmp_path, "wanted.txt", "wing nut\n")
    run("build", "--taxonomy", file, "--classes", wanted, "--out", tmp_path / "few")
    assert load_graph(tmp_path / "few").index.ids == ("nut", "part", "wing nut")


def test_bad_input_is_one_line_and_exit_code_2(mini, tmp_path, capsys, monkeypatch):
    cycle = written(tmp_path, "cycle.tsv", "a\tb\nb\ta\n")
    assert "cycle a -> b -> a (lines 1, 2)" in refused(
        capsys, monkeypatch, "build", "--taxonomy", cycle, "--out", tmp_path / "x"
    )
    names = written(tmp_path, "names.txt", "okapi\nokapy\ncrane\n")
    shown = refused(capsys, monkeypatch, "build", "--wordnet", mini[0], "--classes", names, "--out", tmp_path / "x")
    assert "Line 2: No class is called 'okapy'" in shown
    assert "Line 3: 'crane' could mean 2 classes" in shown
    assert "Did you mean" in shown
    assert "--out DIR" in refused(capsys, monkeypatch, "build", "--induce", "full")
    assert "apt-get install wordnet-base" in refused(capsys, monkeypatch, "build", "--out", tmp_path / "x")
    assert "No induction is called 'shut'" in refused(
        capsys, monkeypatch, "build", "--wordnet", mini[0], "--induce", "shut", "--out", tmp_path / "x"
    )
    assert "ships no graphs called 'imagnet'" in refused(capsys, monkeypatch, "info", "imagnet")
    assert "No class is called 'xyzzy'" in refused(capsys, monkeypatch, "path", "xyzzy", "--graph", "imagenet21k")
    assert not (tmp_path / "x").exists()


def test_a_taxonomy_induced_without_classes_is_refused(tmp_path, capsys, monkeypatch):
    file = written(tmp_path, "parts.tsv", "bolt\tpart\n")
    arguments = ("build", "--taxonomy", file, "--induce", "closed", "--out", tmp_path / "x")
    assert "needs the wanted classes: --classes FILE" in refused(capsys, monkeypatch, *arguments)


def test_info_of_a_shipped_graph():
    facts = json.loads(run("info", "imagenet21k", "--json"))
    assert facts["num_classes"] == 23_547
    assert facts["edges"] == {"hypernym": 24_045, "instance": 4}
    assert facts["roots"] == [{"class": "n00001740", "name": "entity.n.01"}]
    assert (facts["depth"], facts["num_components"], facts["wordnet"]) == (19, 1, "3.0")
    assert facts["lists"]["all"] == {"classes": 20_842, "in_graph": 20_842}
    assert facts["embeddings"]["fits"] is True
    assert facts["embeddings"]["text_form"] == "lemmas: definition"


def test_info_in_words(mini, tmp_path):
    run("build", "--wordnet", mini[0], "--induce", "full", "--out", tmp_path / "all")
    shown = run("info", tmp_path / "all")
    for fact in (
        "16, 2 with several parents",
        "16 hypernym, 1 instance",
        "entity.n.01",
        "3 person",
        "embeddings  none",
    ):
        assert fact in shown


@pytest.fixture
def zoo(mini, tmp_path):
    """A graph with a list of seen classes; the okapi is not in it."""
    folder, ids = mini
    seen = written(tmp_path, "seen.txt", f"zebra\n{ids['crane_bird']}\n")
    run("build", "--wordnet", folder, "--classes", seen, "--out", tmp_path / "zoo")
    return tmp_path / "zoo"


def test_path_upward_and_to_the_nearest_seen_class(mini, zoo):
    ids = mini[1]
    facts = json.loads(run("path", "bird.n.01", "--graph", zoo, "--json"))
    assert [step["name"] for step in facts["paths"][0]] == ["bird.n.01", "animal.n.01", "organism.n.01", "entity.n.01"]
    assert facts["nearest_seen"]["class"] == ids["crane_bird"]
    assert facts["nearest_seen"]["hops"] == 1
    assert (facts["is_seen"], facts["in_graph"]) == (False, True)


def test_path_in_words(mini, zoo):
    crane = mini[1]["crane_bird"]
    assert run("path", "bird.n.01", "--graph", zoo).splitlines()[1:] == [
        "  up: bird < animal < organism < entity",
        f"  nearest seen class: crane ({crane}), 1 hop: bird - crane",
    ]
    assert run("path", "zebra.n.01", "--graph", zoo).splitlines()[0].endswith("zebra.n.01  (seen)")


def test_path_of_a_class_of_imagenet():
    facts = json.loads(run("path", "n02439398", "--json"))
    assert facts["label"] == "okapi"
    assert [step["label"] for step in facts["paths"][0]][:3] == ["okapi", "giraffe", "ruminant"]
    assert facts["nearest_seen"]["hops"] == 4
    person = json.loads(run("path", "lawyer.n.01", "--json"))
    assert person["marks"] == ["person"]


def test_path_of_a_noun_that_is_not_in_the_graph():
    shown = run("path", "ciconiidae.n.01").splitlines()  # storks
    assert shown[0].endswith("n02001821  ciconiidae.n.01  (unseen, not in graph imagenet21k, shown among all nouns)")
    assert shown[1].startswith("  up: Ciconiidae < bird family < ")
    assert shown[-1].startswith("  nearest seen class: ")


def test_build_with_embeddings_encodes_definitions(mini, tmp_path, monkeypatch):
    asked = {}

    def embed(graph, *, encoder):
        asked.update(zip(graph.index, graph.texts), encoder=encoder)
        return SemanticEmbedding(graph.index, torch.eye(graph.num_classes), "toy@0", "lemmas: definition")

    monkeypatch.setattr("kgzsl.semantics.embed_graph", embed)
    folder, ids = mini
    names = written(tmp_path, "zoo.txt", "okapi\n")
    arguments = ("build", "--wordnet", folder, "--classes", names, "--out", tmp_path / "zoo")
    assert "embedded, 5 of the classes with their definition" in run(*arguments, "--embeddings", "--encoder", "toy")
    assert asked["encoder"] == "toy"
    assert asked[ids["okapi"]].definition == "similar to the giraffe but smaller"
    facts = json.loads(run("info", tmp_path / "zoo", "--json"))
    assert facts["embeddings"] == {"encoder": "toy@0", "text_form": "lemmas: definition", "fits": True}
    assert "embeddings.safetensors kept" in run(*arguments)
    written(tmp_path, "zoo.txt", "okapi\nzebra\n")
    assert "is of other classes: make it anew with --embeddings" in run(*arguments)
    assert "of other classes than the graph's" in run("info", tmp_path / "zoo")


def test_the_script_is_the_command():
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "build_graph.py"), "--help"], capture_output=True, text=True, check=True
    )
    assert "--induce" in done.stdout


def test_list_prints_ids_that_other_commands_read(tmp_path):
    shown = run("list", "2-hops-winter2021 & person", "--names").splitlines()
    assert len(shown) == 1 and shown[0].partition("\t")[0] in load_split_list("imagenet21k", "2-hops")
    assert json.loads(run("list", "2-hops-winter2021 & person", "--json"))[0]["class"] == shown[0].partition("\t")[0]
    assert len(run("list", "2-hops - person").splitlines()) == 1_543
    assert run("list", "ilsvrc2012-seen - ilsvrc2012-seen") == ""


def test_list_refuses_what_it_does_not_know(capsys, monkeypatch):
    error = refused(capsys, monkeypatch, "list", "2-hop - person")
    assert "no class list or mark '2-hop'" in error and "Did you mean '2-hops'" in error


def test_info_counts_the_releases():
    facts = json.loads(run("info", "imagenet21k", "--json"))
    assert facts["releases"]["winter2021"]["all"] == 18_168
    assert "20,842 of them in the graph, 18,168 in winter2021" in run("info", "imagenet21k")

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import nltk
import pytest

from kgzsl.errors import CorruptFileError, GraphError, InputFileError, MissingResourceError, UnknownClassError
from kgzsl.graph import HYPERNYM, INSTANCE, load_graph, save_graph, wordnet
from kgzsl.graph.wordnet import definitions, is_wnid, noun_graph, open_wordnet, with_definitions


def test_noun_graph_holds_every_synset_with_both_kinds_of_edges(mini):
    folder, ids = mini
    graph = noun_graph(folder)
    assert graph.num_classes == len(ids) == 16
    assert graph.index.ids == tuple(sorted(ids.values()))
    assert graph.wordnet_version == "3.0"
    assert (graph.relations == HYPERNYM).sum() == 16
    assert (graph.relations == INSTANCE).sum() == 1
    assert graph.parents(ids["lincoln"]) == (ids["lawyer"],)
    assert set(graph.parents(ids["dog"])) == {ids["animal"], ids["domestic_animal"]}
    assert graph.roots() == (ids["entity"],) == ("n00001740",)


def test_edges_are_ordered_by_child_then_parent(mini):
    graph = noun_graph(mini[0])
    assert graph.edges.tolist() == sorted(graph.edges.tolist())


def test_texts_have_synset_name_lemmas_and_definition_without_its_examples(mini):
    folder, ids = mini
    text = noun_graph(folder).text(ids["okapi"])
    assert (text.name, text.lemmas) == ("okapi.n.01", ("okapi", "Okapia_johnstoni"))
    assert text.definition == "similar to the giraffe but smaller"
    assert open_wordnet(folder).text(ids["organism"]).definition == "a living thing"


def test_senses_of_one_lemma_are_numbered(mini):
    folder, ids = mini
    graph = noun_graph(folder)
    assert {graph.text(ids[name]).name for name in ("crane", "crane_bird")} == {"crane.n.01", "crane.n.02"}


def test_person_and_what_is_below_over_both_relations_is_marked(mini):
    folder, ids = mini
    assert ids["person"] == wordnet.PERSON
    assert noun_graph(folder).marked("person") == {ids["person"], ids["lawyer"], ids["lincoln"]}


def test_definitions_are_not_written(mini, tmp_path):
    save_graph(noun_graph(mini[0]), tmp_path / "graph")
    assert "similar to the giraffe" not in (tmp_path / "graph" / "classes.tsv").read_text()
    assert load_graph(tmp_path / "graph").text(mini[1]["okapi"]).definition is None


def test_the_graph_does_not_depend_on_the_hash_seed(mini, tmp_path):
    code = (
        "import sys; from kgzsl.graph.wordnet import noun_graph; from kgzsl.graph.storage import save_graph; "
        "save_graph(noun_graph(sys.argv[1]), sys.argv[2])"
    )
    seed = "7" if os.environ.get("PYTHONHASHSEED") != "7" else "8"
    command = [sys.executable, "-c", code, str(mini[0]), str(tmp_path / "other")]
    subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": seed}, check=True)
    save_graph(noun_graph(mini[0]), tmp_path / "own")
    for file in ("graph.toml", "classes.tsv", "edges.tsv"):
        assert (tmp_path / "own" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


@pytest.mark.parametrize("below", ["", "dict", "corpora/wordnet"])
def test_an_explicit_folder_may_be_one_above(mini, tmp_path, below):
    shutil.copytree(mini[0], tmp_path / "given" / below)
    assert open_wordnet(tmp_path / "given").text(mini[1]["okapi"]).name == "okapi.n.01"


def test_an_explicit_folder_may_be_a_link(mini, tmp_path):
    (tmp_path / "link").symlink_to(mini[0])
    assert open_wordnet(tmp_path / "link").text(mini[1]["okapi"]).name == "okapi.n.01"


def test_a_folder_without_wordnet_is_refused(tmp_path):
    with pytest.raises(InputFileError, match=r"holds no WordNet: there is no data\.noun"):
        open_wordnet(tmp_path)


def test_nltks_data_path_is_searched_before_debians_folder(mini, tmp_path, monkeypatch, write_wordnet):
    write_wordnet(tmp_path / "debian", version="3.1")
    monkeypatch.setattr(wordnet, "DEBIAN_FOLDER", tmp_path / "debian")
    with pytest.raises(GraphError, match=r"found WordNet 3\.1"):
        open_wordnet()
    shutil.copytree(mini[0], tmp_path / "nltk_data" / "corpora" / "wordnet")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path / "nltk_data")])
    assert open_wordnet().text(mini[1]["okapi"]).name == "okapi.n.01"


def test_nltks_zip_is_read(mini, tmp_path, monkeypatch):
    shutil.copytree(mini[0], tmp_path / "pack" / "wordnet")
    (tmp_path / "nltk_data" / "corpora").mkdir(parents=True)
    shutil.make_archive(str(tmp_path / "nltk_data" / "corpora" / "wordnet"), "zip", tmp_path / "pack", "wordnet")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path / "nltk_data")])
    assert open_wordnet().noun_graph().num_classes == 16


def test_without_wordnet_the_error_names_both_ways_to_get_it():
    with pytest.raises(MissingResourceError, match=r"python -m nltk\.downloader wordnet.*apt-get install wordnet-base"):
        open_wordnet()


def test_download_asks_nltk_and_reads_what_it_got(mini, tmp_path, monkeypatch):
    def fetch(name, quiet):
        shutil.copytree(mini[0], tmp_path / "nltk_data" / "corpora" / name)
        return True

    monkeypatch.setattr(nltk.data, "path", [str(tmp_path / "nltk_data")])
    monkeypatch.setattr(nltk, "download", fetch)
    assert open_wordnet(download=True).text(mini[1]["zebra"]).lemmas == ("zebra",)


def test_a_failed_download_says_so(monkeypatch):
    monkeypatch.setattr(nltk, "download", lambda name, quiet: False)
    with pytest.raises(MissingResourceError, match="nltk could not download WordNet"):
        open_wordnet(download=True)


def test_another_version_is_refused(tmp_path, write_wordnet):
    write_wordnet(tmp_path, version="3.1")
    with pytest.raises(GraphError, match=r"Expected WordNet 3\.0, found WordNet 3\.1: class ids are offsets"):
        open_wordnet(tmp_path)


def test_a_database_without_version_is_refused(tmp_path, write_wordnet):
    write_wordnet(tmp_path)
    data = (tmp_path / "data.noun").read_text().replace("WordNet 3.0", "Wordless 3.0")
    (tmp_path / "data.noun").write_text(data)
    with pytest.raises(GraphError, match="of no stated version"):
        open_wordnet(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "missing index"])
def test_damaged_files_are_reported(tmp_path, write_wordnet, damage):
    write_wordnet(tmp_path)
    if damage == "cut":
        data = (tmp_path / "data.noun").read_text()
        (tmp_path / "data.noun").write_text(data[:-120])
    else:
        (tmp_path / "index.noun").unlink()
    with pytest.raises(CorruptFileError, match="WordNet's files are damaged"):
        noun_graph(tmp_path)


@pytest.mark.parametrize("class_id", ["n00000001", "n99999999", "okapi", "v00001740"])
def test_an_unknown_id_is_an_error_without_a_warning(mini, class_id):
    with pytest.raises(UnknownClassError, match=f"no noun synset '{class_id}'"):
        open_wordnet(mini[0]).text(class_id)


def test_definitions_are_looked_up_for_the_ids_that_wordnet_has(mini):
    folder, ids = mini
    found = definitions([ids["zebra"], "n00000001", "own-class"], folder)
    assert found == {ids["zebra"]: "a striped African horse"}


def test_definitions_without_wordnet_are_none_unless_required():
    assert definitions(["n02439398"]) == {}
    with pytest.raises(MissingResourceError):
        definitions(["n02439398"], required=True)


def test_definitions_fill_the_gaps_of_a_stored_graph(mini, tmp_path):
    folder, ids = mini
    save_graph(noun_graph(folder), tmp_path / "graph")
    stored = load_graph(tmp_path / "graph")
    assert with_definitions(stored, folder).text(ids["bird"]).definition == "a warm-blooded animal with feathers"
    assert with_definitions(stored).text(ids["bird"]).definition is None


def test_is_wnid():
    assert is_wnid("n02439398")
    assert not any(is_wnid(word) for word in ("n0243939", "n024393980", "v02439398", "okapi", ""))


@pytest.mark.parametrize("number, name", [(0, "adj.all"), (3, "noun.Tops"), (28, "noun.time"), (43, "verb.weather")])
def test_lexnames_are_wordnets_45(number, name):
    lines = wordnet._lexnames().splitlines()
    assert len(lines) == 45
    assert lines[number].split("\t")[:2] == [f"{number:02d}", name]

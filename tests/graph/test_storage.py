from __future__ import annotations

import pytest

from kgzsl.errors import CorruptFileError, InputFileError, MissingResourceError
from kgzsl.graph import find_graph, load_graph, load_split_list, save_graph, split_names
from kgzsl.graph.wordnet import noun_graph


@pytest.fixture
def folder(mini, tmp_path):
    ids = mini[1]
    save_graph(noun_graph(mini[0]), tmp_path / "graph", {"seen": [ids["zebra"], ids["dog"]], "unseen": [ids["okapi"]]})
    return tmp_path / "graph"


def replaced(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_what_is_saved_is_loaded(mini, folder):
    graph, again = noun_graph(mini[0]), load_graph(folder)
    assert again.index == graph.index
    assert again.edges.tolist() == graph.edges.tolist()
    assert again.relations.tolist() == graph.relations.tolist()
    assert again.marks == graph.marks
    assert again.provenance == graph.provenance
    assert [text.name for text in again.texts] == [text.name for text in graph.texts]
    assert [text.lemmas for text in again.texts] == [text.lemmas for text in graph.texts]


def test_saving_a_loaded_graph_changes_no_byte(folder, tmp_path):
    lists = {name: load_split_list(folder, name) for name in split_names(folder)}
    save_graph(load_graph(folder), tmp_path / "again", lists)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(files) == 5
    for file in files:
        assert (tmp_path / "again" / file).read_bytes() == (folder / file).read_bytes()


def test_lists_keep_their_order(mini, folder):
    assert split_names(folder) == ("seen", "unseen")
    assert load_split_list(folder, "seen") == (mini[1]["zebra"], mini[1]["dog"])
    with pytest.raises(InputFileError, match="has no list 'senn'; it has seen, unseen"):
        load_split_list(folder, "senn")


def test_a_graph_is_found_by_folder_or_shipped_name(folder, tmp_path):
    assert find_graph(folder) == folder
    assert find_graph("imagenet21k").name == "imagenet21k"
    with pytest.raises(MissingResourceError, match=r"ships no graphs called 'imagenet22k', .*it ships .*imagenet21k"):
        find_graph("imagenet22k")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputFileError, match=r"holds no graph\.toml; build a graph there with: kgzsl graph build"):
        find_graph(tmp_path / "empty")


@pytest.mark.parametrize(
    "file, old, new, message",
    [
        ("graph.toml", "format = 1", "format = 9", r"graph\.toml has format 9, this kgzsl reads format 1"),
        ("graph.toml", "format = 1", "format = ", r"graph\.toml is not TOML"),
        ("graph.toml", "num_classes = 16", "num_classes = 17", "holds 16 classes and 17 edges but promises 17 classes"),
        ("classes.tsv", "class_id", "classid", r"classes\.tsv begins with 'classid.* instead of the columns"),
        ("classes.tsv", "okapi.n.01\t", "okapi.n.01 ", r"classes\.tsv line \d+ has 3 columns instead of 4"),
        ("edges.tsv", "\tn00001740\t", "\tn99999999\t", r"edges\.tsv line \d+ names an unknown class or relation"),
        ("edges.tsv", "\tinstance\n", "\tkind-of\n", r"edges\.tsv line \d+ names an unknown class or relation"),
    ],
)
def test_a_damaged_folder_is_reported_by_file_and_line(folder, file, old, new, message):
    replaced(folder / file, old, new)
    with pytest.raises(CorruptFileError, match=message):
        load_graph(folder)


def test_a_missing_file_is_reported(folder):
    (folder / "edges.tsv").unlink()
    with pytest.raises(InputFileError, match=r"Could not read .*edges\.tsv"):
        load_graph(folder)

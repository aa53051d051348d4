from __future__ import annotations

import pytest

from kgzsl.errors import CorruptFileError, GraphError, InputFileError
from kgzsl.graph import load_graph, read_taxonomy, save_graph


def written(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def edges_of(graph):
    return {(graph.index[child], graph.index[parent]) for child, parent in graph.edges.tolist()}


ZOO = {("okapi", "giraffid"), ("giraffid", "animal"), ("zebra", "animal")}


def test_tsv_of_edges(tmp_path):
    graph = read_taxonomy(written(tmp_path, "zoo.tsv", "# a zoo\nokapi\tgiraffid\ngiraffid\tanimal\n\nzebra\tanimal\n"))
    assert graph.name == "zoo"
    assert graph.index.ids == ("animal", "giraffid", "okapi", "zebra")
    assert edges_of(graph) == ZOO
    assert graph.wordnet_version is None
    assert graph.text("okapi").label == "okapi"


@pytest.mark.parametrize(
    "text", ["child\tparent\nokapi\tanimal\n", "okapi\tanimal\n", "\ufeffanimal\nokapi\tanimal\r\n"]
)
def test_tsv_of_edges_with_header_lonely_root_or_byte_order_mark(tmp_path, text):
    assert edges_of(read_taxonomy(written(tmp_path, "t.tsv", text))) == {("okapi", "animal")}


def test_tsv_with_columns(tmp_path):
    text = (
        "id\tparents\tname\tlemmas\tdescription\tmarks\n"
        "p1\t\tvehicle\t\t\t\n"
        "p2\tp1\tfork lift\tfork lift|lift truck\tlifts  pallets\t\n"
        "p3\tp1|p2\tdriver\t\t\tperson|adult\n"
    )
    graph = read_taxonomy(written(tmp_path, "t.tsv", text), name="site")
    assert edges_of(graph) == {("p2", "p1"), ("p3", "p1"), ("p3", "p2")}
    assert graph.text("p2").lemmas == ("fork_lift", "lift_truck")
    assert graph.text("p2").definition == "lifts pallets"
    assert graph.text("p1").lemmas == ("vehicle",)
    assert graph.marked("person") == graph.marked("adult") == {"p3"}
    assert graph.name == "site"


def test_descriptions_survive_the_folder(tmp_path):
    graph = read_taxonomy(written(tmp_path, "t.tsv", "id\tparent\tdescription\na\t\tthe top\nb\ta\t\n"))
    save_graph(graph, tmp_path / "graph")
    again = load_graph(tmp_path / "graph")
    assert again.texts == graph.texts
    assert again.text("a").definition == "the top"
    assert "t.tsv" in (tmp_path / "graph" / "graph.toml").read_text()
    assert str(tmp_path) not in (tmp_path / "graph" / "graph.toml").read_text()


@pytest.mark.parametrize(
    "text",
    [
        '{"animal": {"giraffid": {"okapi": {}}, "zebra": null}}',
        '{"animal": [{"giraffid": ["okapi"]}, "zebra"]}',
        '{"animal": {"giraffid": "okapi", "zebra": []}}',
        '[{"id": "animal"}, {"id": "giraffid", "parents": ["animal"]}, {"id": "okapi", "parent": "giraffid"},'
        ' {"id": "zebra", "parents": "animal"}]',
    ],
)
def test_json_nested_or_as_a_list(tmp_path, text):
    assert edges_of(read_taxonomy(written(tmp_path, "zoo.json", text))) == ZOO


def test_json_list_with_texts(tmp_path):
    text = (
        '[{"id": "a", "name": "Tier", "lemmas": ["Tier", "wildes Tier"], "description": "lebt", "marks": ["person"]}]'
    )
    graph = read_taxonomy(written(tmp_path, "t.json", text))
    assert graph.text("a").lemmas == ("Tier", "wildes_Tier")
    assert graph.text("a").definition == "lebt"
    assert graph.marked("person") == {"a"}


def test_nested_json_may_name_a_class_below_two_parents(tmp_path):
    graph = read_taxonomy(written(tmp_path, "t.json", '{"pet": {"dog": {}}, "animal": {"dog": {}}}'))
    assert edges_of(graph) == {("dog", "pet"), ("dog", "animal")}


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("t.tsv", "a\tb\nb\tc\nc\ta\n", r"no taxonomy, 1 problem: cycle a -> b -> c -> a \(lines 1, 2, 3\)\."),
        ("t.tsv", "a\ta\n", r"cycle a -> a \(line 1\)"),
        ("t.tsv", "a\tb\na\tb\n", r"edge 'a' -> 'b' \(line 2\) stands twice \(first in line 1\)"),
        ("t.tsv", "a\tb\tc\n", "line 1 has 3 columns instead of child and parent"),
        ("t.tsv", "\tb\n", "line 1 has 2 columns"),
        ("t.tsv", "id\tparents\nhorse\t\nzebra\thorsse\n", r"'horsse' .* \(line 3\) is no class \(did .* 'horse"),
        ("t.tsv", "id\tparents\na\t\na\t\n", r"class 'a' \(line 3\) stands twice \(first in line 2\)"),
        ("t.tsv", "id\tparents\na\t\nb\ta|a\n", r"parent 'a' of 'b' \(line 3\) stands twice"),
        ("t.tsv", "id\tparnets\na\t\n", r"column 'parnets' is none of id, parents.*\(line 1\) \(did .* 'parents'"),
        ("t.tsv", "id\tname\n\tfoo\n", "line 2 has no id"),
        ("t.tsv", "id\tname\na\tb\tc\n", "line 2 has 3 columns, the header 2"),
        ("t.json", '{"a":\n {"b":\n {"a": {}}}}', r"cycle a -> b -> a \(lines 2, 3\)"),
        ("t.json", '{"a":\n {"b": {},\n "b": {}}}', r"edge 'b' -> 'a' \(line 3\) stands twice \(first in line 2\)"),
        ("t.json", '[{"id": "a"},\n {"id": "b", "parents": ["c"]}]', r"parent 'c' of 'b' \(line 2\) is no class"),
        ("t.json", '[{"id": "a"},\n {"id": "a"}]', r"class 'a' \(line 2\) stands twice \(first in line 1\)"),
        ("t.json", '[{"id": "a", "lemmas": [3]}]', r"lemmas of 'a' \(line 1\) is not a list of texts"),
        ("t.json", '[{"id": "a", "lemma": []}]', r"key 'lemma' \(line 1\) is none of .*did you mean 'lemmas'"),
        ("t.json", '[{"id": "a|b"}]', r"'a\|b' \(line 1\) holds a tab, a line break or \|"),
        ("t.json", '[{"name": "a"}]', "has no id"),
        ("t.json", '{"a": {"b": 3}}', r"3 \(line 1\) is no class id"),
        ("t.json", "{}", "holds no class"),
    ],
)  # fmt: skip
def test_problems_are_named_by_class_and_line(tmp_path, name, text, message):
    with pytest.raises(GraphError, match=message):
        read_taxonomy(written(tmp_path, name, text))


def test_all_problems_come_at_once_the_first_ten_shown(tmp_path):
    text = "id\tparents\n" + "".join(f"c{number:02d}\tnowhere{number}\n" for number in range(12))
    with pytest.raises(GraphError, match="12 problems: parent 'nowhere0'") as caught:
        read_taxonomy(written(tmp_path, "t.tsv", text))
    assert "nowhere9" in str(caught.value)
    assert "nowhere10" not in str(caught.value)
    assert str(caught.value).endswith("; and 2 more.")


def test_several_cycles_are_each_named(tmp_path):
    with pytest.raises(GraphError, match=r"2 problems: cycle a -> b -> a .*; cycle c -> d -> c "):
        read_taxonomy(written(tmp_path, "t.tsv", "a\tb\nb\ta\nc\td\nd\tc\n"))


def test_files_that_are_no_text_or_no_json(tmp_path):
    with pytest.raises(InputFileError, match="Could not read"):
        read_taxonomy(tmp_path / "missing.tsv")
    with pytest.raises(InputFileError, match="is empty"):
        read_taxonomy(written(tmp_path, "t.tsv", "\n"))
    with pytest.raises(CorruptFileError, match=r"is not JSON: .* in line 2"):
        read_taxonomy(written(tmp_path, "t.json", '{"a":\n }'))
    (tmp_path / "latin.tsv").write_bytes("Bär\tTier\n".encode("latin-1"))
    with pytest.raises(InputFileError, match="is not UTF-8 text"):
        read_taxonomy(tmp_path / "latin.tsv")


@pytest.mark.parametrize("name", ["zoo.csv", "zoo.tsv"])
def test_commas_in_the_place_of_tabs_are_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(GraphError, match=r"is separated by commas, a taxonomy is separated by tabs: .*--table"):
        read_taxonomy(written(tmp_path, name, "name,parents\na1,b1\nb1,a1\n"))

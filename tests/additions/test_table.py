"""Tables and taxonomies of classes: all or none, every problem with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgzsl.additions import ClassRequest
from kgzsl.additions.table import read_requests
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import AdditionError, GraphError, InputFileError
from kgzsl.graph.custom import from_pairs
from kgzsl.runtime import sha256_file

HAMMER, SAW = "n03481172", "n04140064"


def written(folder: Path, text: str, name: str = "classes.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("comma", [",", "\t"])
def test_a_table_is_read(tmp_path: Path, comma: str) -> None:
    lines = [
        ("# own tools", "", "", "", ""),
        ("Name", "parents", "class_id", "lemmas", "description"),
        ("sonic saw", f"{SAW}| hammer.n.02", "sonic", "singer|screamer", '"cuts, by sound"'),
        ("", "", "", "", ""),
        ("small saw", "sonic saw", "", "", ""),
    ]
    path = written(tmp_path, "\n".join(comma.join(cells) for cells in lines) + "\n")
    first, second = read_requests(path)
    assert first == ClassRequest(
        "sonic saw", (SAW, "hammer.n.02"), "cuts, by sound", "sonic", ("singer", "screamer"), line=3
    )
    assert second == ClassRequest("small saw", ("sonic saw",), line=5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("name,parents\n", "names no class"),
        ("nom,parents\nx,y\n", "line 1: the header has no column 'name'"),
        ("name,parent\nx,y\n", r"line 1: column 'parent' is none of .*[Dd]id you mean 'parents'"),
        ("name,name\nx,y\n", "column 'name' stands twice"),
        ("name,parents\nx,y,z\nok,a\nu,v,w\n", "2 problems, .*line 2 has 3 columns, the header 2; line 4 has 3"),
        ('name,parents\nx,"y\n', "line 2: .*a quoted cell ends with a quote"),
    ],
)
def test_what_is_no_table(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises((InputFileError, AdditionError), match=message):
        read_requests(written(tmp_path, text))


def test_a_table_is_one_change(classifier: ZeroShotClassifier, tmp_path: Path) -> None:
    path = written(tmp_path, f"name,parents\nbelow,above\nabove,{HAMMER}\nokapi,\n")
    found = classifier.add_table(path)
    assert [one.class_id for one in found] == ["below", "above", "n02439398"]
    (change,) = classifier.changes
    assert change.how == {"table": "classes.csv", "sha256": sha256_file(path)}
    classifier.undo()
    assert "above" not in classifier.split_classes("all")


def test_one_bad_line_and_nothing_is_added(classifier: ZeroShotClassifier, tmp_path: Path) -> None:
    path = written(tmp_path, f"name,parents\nfine,{HAMMER}\nbad,nowhere\nhamer,\n")
    with pytest.raises(AdditionError, match=r"classes\.csv: 2 problems, nothing was added: .*line 3: .*line 4: "):
        classifier.add_table(path)
    assert classifier.changes == ()


def test_semicolons_divide_nothing(classifier: ZeroShotClassifier, tmp_path: Path) -> None:
    with pytest.raises(AdditionError, match="divided by semicolons; divide them by commas or tabs"):
        classifier.add_table(written(tmp_path, "name;parents\nmule;horse\n"))


def test_a_taxonomy_hangs_on_what_is_known(classifier: ZeroShotClassifier) -> None:
    graph = from_pairs([("screamer", "sonic"), ("sonic", SAW), ("singer", "sonic"), ("singer", "hammer.n.02")])
    found = {one.class_id: one for one in classifier.add_taxonomy(graph)}
    assert found.keys() == {"screamer", "sonic", "singer"}
    assert [parent.class_id for parent in found["singer"].parents] == [HAMMER, "sonic"]
    assert classifier.changes[0].how == {"taxonomy": "own taxonomy"}
    with pytest.raises(AdditionError, match="are known already"):
        classifier.add_taxonomy(graph)


def test_the_roots_of_a_taxonomy_need_a_place(classifier: ZeroShotClassifier, tmp_path: Path) -> None:
    path = written(tmp_path, "child\tparent\nscreamer\tsonic\n", "tools.tsv")
    with pytest.raises(AdditionError, match=r"where the roots of 'tools' belong: 'sonic'. Say what they are kinds of"):
        classifier.add_taxonomy(path)
    classifier.add_taxonomy(path, under=["saw.n.02"])
    assert classifier.graph_with(["screamer"]).parents("sonic") == (SAW,)
    assert classifier.changes[0].how == {"taxonomy": "tools", "sha256": sha256_file(path)}
    with pytest.raises(GraphError, match="cycle"):
        classifier.add_taxonomy(written(tmp_path, "child\tparent\na\tb\nb\ta\n", "knot.tsv"))

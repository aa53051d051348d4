from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from kgzsl.errors import InputFileError
from kgzsl.graph import ClassGraph, load_split_list
from kgzsl.naming import LINKED, Linker, imagenet_order, link_list, read_labels, write_table
from kgzsl.vision import link_by_table


@pytest.fixture(scope="module")
def order() -> tuple[str, ...]:
    return load_split_list("imagenet21k", "ilsvrc2012-seen")


@pytest.fixture(scope="module")
def labels(imagenet: ClassGraph, order: tuple[str, ...]) -> list[str]:
    return [", ".join(imagenet.text(class_id).lemmas).replace("_", " ") for class_id in order]


def test_imagenets_order_links_every_label(linker: Linker, order: tuple[str, ...], labels: list[str]) -> None:
    assert imagenet_order(linker.graph) == order
    found = link_list(linker, ["background", *labels], order=order)
    assert [link.class_id for link in found.links] == [None, *order]
    assert found.by_order and all(link.is_settled for link in found.links)
    assert found.links[0].status == "left out" and found.links[1].candidates[0].reason == "ImageNet's order"


def test_shuffled_labels_link_by_name_alone_and_none_wrong(
    linker: Linker, order: tuple[str, ...], labels: list[str]
) -> None:
    rows = list(range(1000))
    random.Random(0).shuffle(rows)
    found = link_list(linker, [labels[row] for row in rows], order=order)
    truth = [order[row] for row in rows]
    assert (found.by_order, found.is_complete, found.in_graph) == (False, True, True)
    assert found.count(LINKED) == 943
    assert all(link.class_id in (None, class_id) for link, class_id in zip(found.links, truth))
    assert all(class_id in {one.class_id for one in link.candidates} for link, class_id in zip(found.links, truth))


def test_labels_shown_one_by_one(linker: Linker, order: tuple[str, ...], labels: list[str]) -> None:
    alone = [linker.link(label) for label in labels]
    known = [linker.link(label, complete=True, among=linker.graph.index) for label in labels]
    for links, linked in ((alone, 844), (known, 943)):
        assert sum(link.class_id is not None for link in links) == linked
        assert all(link.class_id in (None, class_id) for link, class_id in zip(links, order))


def test_a_short_list_says_nothing_of_its_labels(linker: Linker) -> None:
    found = link_list(linker, ["torch", "tench, Tinca tinca", "background"])
    assert not found.is_complete and not found.in_graph
    assert [link.status for link in found.links] == ["ambiguous", "linked", "ambiguous"]
    assert link_list(linker, ["torch"], complete=True).links[0].candidates[0].text.name == "torch.n.01"


def test_background_stays_open_in_a_list(linker: Linker, labels: list[str]) -> None:
    found = link_list(linker, [*labels[:30], "background"])
    assert found.is_complete and found.links[-1].status == "unknown"
    assert found.links[-1].note == "in a list it often stands for no class"


def test_labels_are_read_from_lines_and_json(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("# mine\ntench, Tinca tinca\n\nzebra\n", encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"1": "zebra", "0": "okapi"}}), encoding="utf-8")
    (tmp_path / "list.json").write_text('["okapi", "zebra"]', encoding="utf-8")
    assert read_labels(tmp_path / "labels.txt") == ["tench, Tinca tinca", "zebra"]
    assert read_labels(tmp_path / "config.json") == read_labels(tmp_path / "list.json") == ["okapi", "zebra"]
    for name, text, message in (
        ("none.txt", "# nothing\n", "holds no label; write one a line"),
        ("bad.json", '{"labels": 3}', "expected a JSON list of texts, or an object with id2label"),
        ("gap.json", '{"0": "a", "2": "b"}', "holds no labels"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(InputFileError, match=message):
            read_labels(tmp_path / name)


def test_the_table_is_one_that_training_reads(linker: Linker, tmp_path: Path) -> None:
    labels = ["zebra", "crane", "crane", "7", "okapi"]
    links = link_list(linker, labels).links
    write_table(tmp_path / "labels.tsv", links)
    lines = (tmp_path / "labels.tsv").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[:4] for line in lines] == [
        ["label", "class_id", "name", "status"],
        ["zebra", "n02391049", "zebra.n.01", "linked"],
        ["1", "?", "", "ambiguous"],
        ["2", "?", "", "ambiguous"],
        ["3", "n13744916", "seven.n.01", "linked"],
        ["okapi", "n02439398", "okapi.n.01", "linked"],
    ]
    assert (
        lines[2]
        .split("\t")[4]
        .startswith("n02012849 crane.n.05 (crane < wading bird < aquatic bird < bird); n03126707")
    )
    with pytest.raises(InputFileError, match=r"has no class for row 1 \('crane'\) yet; put an id, or -, for \?"):
        link_by_table(labels, tmp_path / "labels.tsv")
    filled = (
        "\n".join(lines).replace("1\t?", "1\tn02012849").replace("2\t?", "2\tn03126707").replace("3\tn13744916", "3\t-")
    )
    (tmp_path / "labels.tsv").write_text(filled, encoding="utf-8")
    linking = link_by_table(labels, tmp_path / "labels.tsv")
    assert linking.class_ids == ("n02391049", "n02012849", "n03126707", None, "n02439398")


@pytest.mark.assets
def test_a_real_backbones_labels(linker: Linker, order: tuple[str, ...], assets: Path) -> None:
    labels = read_labels(assets / "backbones" / "mobilenet_v2_1.0_224" / "config.json")
    found = link_list(linker, labels, order=imagenet_order(linker.graph))
    assert [link.class_id for link in found.links] == [None, *order]
    by_name = link_list(linker, labels)
    assert by_name.count(LINKED) == 943
    assert all(link.class_id in (None, class_id) for link, class_id in zip(by_name.links, (None, *order)))

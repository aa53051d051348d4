from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import AmbiguousClassError, InputFileError, UnknownClassError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.storage import load_graph, load_split_list
from kgzsl.naming import follows_order
from kgzsl.vision import HeadLinking, link_by_names, link_by_table, link_labels

CLASSES = {
    "n1": ClassText("zebra.n.01", ("zebra",)),
    "n2": ClassText("crane.n.05", ("crane",)),
    "n3": ClassText("crane.n.04", ("crane",)),
    "n4": ClassText("tench.n.01", ("tench", "Tinca_tinca")),
}
NONE = np.zeros((0, 2), dtype=np.int64)
GRAPH = ClassGraph("mine", ClassIndex(tuple(CLASSES)), tuple(CLASSES.values()), NONE, NONE[:, 0])


@pytest.fixture(scope="module")
def imagenet() -> ClassGraph:
    return load_graph("imagenet21k")


def imagenet_labels(graph: ClassGraph) -> list[str]:
    order = load_split_list("imagenet21k", "ilsvrc2012-seen")
    return [", ".join(graph.text(class_id).lemmas).replace("_", " ") for class_id in order]


def test_imagenet_order_is_recognised_with_and_without_background(imagenet: ClassGraph) -> None:
    order = load_split_list("imagenet21k", "ilsvrc2012-seen")
    labels = imagenet_labels(imagenet)
    assert labels.count("crane") == 2
    assert link_labels(labels, "auto", imagenet) == HeadLinking(order, "imagenet")
    assert link_labels(["background", *labels], "auto", imagenet) == HeadLinking((None, *order), "imagenet")
    shortened = [label.split(",")[0] if row % 7 else f"reworded {row}" for row, label in enumerate(labels)]
    assert link_labels(shortened, "auto", imagenet) == HeadLinking(order, "imagenet")


def test_another_order_is_never_taken_for_imagenets(imagenet: ClassGraph) -> None:
    labels = imagenet_labels(imagenet)
    labels[0], labels[5] = labels[5], labels[0]
    with pytest.raises(
        AmbiguousClassError, match=r"56 labels could mean several classes .*row 8 'hen': .*n01514859 \(hen.n.02\)"
    ):
        link_labels(labels, "auto", imagenet)
    with pytest.raises(AmbiguousClassError, match=r"row 134 'crane': .*n02012849 \(crane.n.05\).*n03126707"):
        link_labels(["crane" if row == 134 else f"n{row}" for row in range(1000)], "auto", imagenet)


def test_imagenet_on_request_needs_its_number_of_labels(imagenet: ClassGraph) -> None:
    linking = link_labels([f"LABEL_{row}" for row in range(1001)], "imagenet", imagenet)
    assert linking.class_ids[:2] == (None, "n01440764")
    with pytest.raises(InputFileError, match=r"1000 labels, or 1001 .*found 3"):
        link_labels(["a", "b", "c"], "imagenet", imagenet)


def test_follows_order_counts_agreement() -> None:
    texts = [ClassText(f"w{place}.n.01", (f"w{place}",)) for place in range(10)]
    labels = [f"W{place}" for place in range(10)]
    assert follows_order([*labels[:8], "x", "y"], texts)
    assert not follows_order([*labels[:7], "x", "y", "z"], texts)
    assert not follows_order([*labels[:8], labels[9], labels[8]], texts)
    assert not follows_order(labels[:9], texts)


def test_names_link_where_all_terms_fit_one_class() -> None:
    assert link_by_names(["Zebra", "n2", "crane.n.04", "tench, tinca_tinca"], GRAPH).class_ids == (
        "n1",
        "n2",
        "n3",
        "n4",
    )
    with pytest.raises(AmbiguousClassError, match=r"row 0 'crane': n2 \(crane.n.05\), n3 \(crane.n.04\)\. Link them"):
        link_by_names(["crane", "zebra"], GRAPH)
    with pytest.raises(
        UnknownClassError, match=r"2 of 3 labels name no class of graph 'mine': row 1 'zebra, horse', row 2 ''"
    ):
        link_by_names(["zebra", "zebra, horse", ""], GRAPH)


@pytest.mark.parametrize(
    "text", ['label,class_id\n"tench, Tinca tinca",n4\n1,n2\n2,-\n', "tench, Tinca tinca\tn4\n1\tn2\n2\t-\n"]
)
def test_table_links_labels_and_rows(tmp_path: Path, text: str) -> None:
    (tmp_path / "t").write_text(text)
    linking = link_labels(["tench, Tinca tinca", "crane", "crane"], tmp_path / "t", GRAPH)
    assert linking == HeadLinking(("n4", "n2", None), "t")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (
            "crane,n2\n",
            AmbiguousClassError,
            r"'crane' in .* could mean row 1 \('crane'\), row 2 \('crane'\); name each",
        ),
        ("0,n1\n1,n2\n", InputFileError, r"leaves 1 of 3 labels without a class: row 2 'crane'"),
        ("0,n1\nzebra,n2\n", InputFileError, r"names row 0 \('zebra'\) twice"),
        ("0,n9\n", UnknownClassError, "Class 'n9' is not in"),
        ("7,n1\n", InputFileError, r"neither a label nor a row of the head \(0 to 2\)"),
        ("zebra\n", InputFileError, "needs two cells"),
        ("zebra, horse, n1\n", InputFileError, "needs two cells"),
        ("0,n1\n1,n2\n2,n2\n", InputFileError, "Rows 1 and 2 of the head both stand for class 'n2'"),
    ],
)
def test_bad_tables(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(error, match=message):
        link_by_table(["zebra", "crane", "crane"], tmp_path / "t.csv", GRAPH)


def test_bank_holds_the_linked_rows() -> None:
    weights, biases = torch.arange(6.0).reshape(3, 2), torch.tensor([5.0, 6.0, 7.0])
    bank = HeadLinking((None, "b", "a"), "names").bank(weights, biases, "toy")
    assert bank.index.ids == ("b", "a") and bank.backbone == "toy" and bank.normalisation == "none"
    assert bank.weights.tolist() == [[2, 3], [4, 5]] and bank.biases.tolist() == [6, 7]
    with pytest.raises(InputFileError, match="No row of the head stands for a class"):
        HeadLinking((None, None), "names")

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.graph import ClassGraph, save_graph
from kgzsl.semantics import SemanticEmbedding

TEXTS = (ClassText("animal", ("animal",)), ClassText("okapi", ("okapi",)), ClassText("polar_bear", ("polar_bear",)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    index = ClassIndex(("a", "o", "p"))
    graph = ClassGraph("three", index, TEXTS, np.array([[1, 0], [2, 0]]), np.zeros(2, dtype=np.int64))
    save_graph(graph, tmp_path / "graph")
    return tmp_path / "graph"


def test_the_shipped_graph_needs_no_encoder(
    kgzsl: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "all.safetensors"
    assert kgzsl("embed", "--graph", "imagenet21k", "--out", out, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report == {
        "graph": "imagenet21k",
        "num_classes": 23_547,
        "encoder": "sentence-transformers/all-MiniLM-L6-v2@53aa51172d14",
        "text_form": "lemmas: definition",
        "dim": 384,
        "sources": {"stored": 23_547, "definition": 0, "names": 0},
        "from_names_alone": [],
        "out": str(out),
    }
    assert SemanticEmbedding.load(out).dim == 384


def test_vectors_beside_a_graph_are_used_and_the_rest_is_encoded_from_names(
    kgzsl: Callable[..., int], folder: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from kgzsl.semantics import SentenceEncoder

    encoder = SentenceEncoder(str(tiny_encoder)).id
    stored = SemanticEmbedding(ClassIndex(("p",)), torch.tensor([[0.0, 1, 0]]), encoder, "lemmas: definition")
    stored.save(folder / "embeddings.safetensors")
    out = folder.parent / "out.safetensors"
    assert kgzsl("embed", "--graph", folder, "--out", out, "--encoder", tiny_encoder) == 0
    text = capsys.readouterr().out
    assert "3 classes of graph 'three', 3 numbers each" in text
    assert "1  stored beside a graph" in text
    assert "2  encoded now, from their names alone (no definition was found)" in text
    assert SemanticEmbedding.load(out).vectors.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]


def test_word_vectors_with_a_gap(kgzsl: Callable[..., int], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("gensim", reason='needs pip install "kgzsl[word-vectors]"')
    vectors, out = folder.parent / "glove.txt", folder.parent / "out.safetensors"
    vectors.write_text("animal 1 0\npolar 0 1\nbear 0 1\n", encoding="utf-8")
    assert kgzsl("embed", "--graph", folder, "--out", out, "--word-vectors", vectors) == 2
    assert "1 of 3 classes have no semantic vector (o, ...)" in capsys.readouterr().err
    assert not out.exists()
    assert (
        kgzsl("embed", "--graph", folder, "--out", out, "--word-vectors", vectors, "--missing", "mean", "--json") == 0
    )
    assert json.loads(capsys.readouterr().out)["sources"] == {"stored": 0, "definition": 0, "names": 2, "filled": 1}
    half = 0.5
    torch.testing.assert_close(SemanticEmbedding.load(out).select(["o"]).vectors, torch.tensor([[half, half]]))


def test_attributes_with_a_missing_value(kgzsl: Callable[..., int], folder: Path) -> None:
    table, out = folder.parent / "attributes.csv", folder.parent / "out.safetensors"
    table.write_text("id,legs,fur\na,4,1\no,-1,1\np,4,0\n", encoding="utf-8")
    words = ("--graph", folder, "--out", out, "--attributes", table, "--missing-value", "-1", "--missing", "mean")
    assert kgzsl("embed", *words) == 0
    assert SemanticEmbedding.load(out).vectors.tolist() == [[4, 1], [4, 1], [4, 0]]


@pytest.mark.parametrize("words", [("--semantics", "sentences:"), ("--encoder", ""), ("--encoder", "sentences:")])
def test_forms_of_several_parts_and_of_parents(
    kgzsl: Callable[..., int], folder: Path, tiny_encoder: Path, words: tuple[str, str]
) -> None:
    texts = (TEXTS[0], TEXTS[1], ClassText("zebra", ("zebra",)))
    graph = ClassGraph(
        "three", ClassIndex(("a", "o", "z")), texts, np.array([[1, 0], [2, 0]]), np.zeros(2, dtype=np.int64)
    )
    save_graph(graph, folder)
    out = folder.parent / "out.safetensors"
    source = (words[0], f"{words[1]}{tiny_encoder}")
    assert kgzsl("embed", "--graph", folder, "--out", out, *source, "--text-form", "lemmas | {parent} & {name}") == 0
    found = SemanticEmbedding.load(out)
    assert found.text_form == "lemmas | {parent} & name"
    half = 0.5**0.5
    expected = {
        "lemmas": [[0, 0, 1], [1, 0, 0], [0, 1, 0]],
        "{parent} & name": [[0, 0, 1], [half, 0, half], [0, half, half]],
    }
    for form, vectors in found.parts().items():
        torch.testing.assert_close(vectors, torch.tensor(expected[form], dtype=torch.float32))


def test_gaps_are_filled_from_below(kgzsl: Callable[..., int], folder: Path) -> None:
    table, out = folder.parent / "attributes.csv", folder.parent / "out.safetensors"
    table.write_text("id,legs,fur\no,4,1\np,2,0\n", encoding="utf-8")
    words = ("--graph", folder, "--out", out, "--semantics", f"attributes:{table}", "--missing", "below")
    assert kgzsl("embed", *words) == 0
    assert SemanticEmbedding.load(out).vectors.tolist() == [[3, 0.5], [4, 1], [2, 0]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--graph", "nope"), "kgzsl ships no graphs called 'nope'"),
        (
            ("--graph", "FOLDER", "--encoder", "x/y", "--attributes", "t"),
            "--encoder and --attributes stand side by side",
        ),
        (
            ("--graph", "FOLDER", "--missing", "zero"),
            "No rule for missing vectors is called 'zero'; choose one of below, mean, raise",
        ),
        (("--graph", "FOLDER", "--text-form", "lemma"), "No text form is called 'lemma'"),
        (("--graph", "FOLDER", "--missing-value", "0"), "--missing-value speaks of --attributes"),
        (("--graph", "FOLDER", "--attributes", "no-such.tsv"), "'attributes:no-such.tsv': there is no 'no-such.tsv'"),
        (("--graph", "FOLDER", "--semantics", "clipp:x"), "'clipp:x' names no semantics; expected shipped, a file of"),
        (("--graph", "FOLDER", "--semantics", "no.safetensors"), "no such file"),
        (("--graph", "FOLDER", "--text-form", "{nam}"), "has no field {nam}; its fields are {name}, {lemmas}"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    kgzsl: Callable[..., int],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    message: str,
) -> None:
    given = [str(folder) if word == "FOLDER" else word for word in words]
    assert kgzsl("embed", *given, "--out", folder.parent / "out.safetensors") == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1

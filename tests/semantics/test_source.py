from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError, KgzslError, RecipeError, SemanticsError, UnknownVariantError
from kgzsl.semantics import SemanticEmbedding, SemanticSource, fill_gaps, read_attributes
from kgzsl.toy import toy_graph, toy_semantics

GRAPH = toy_graph()


@pytest.mark.parametrize(
    ("line", "kind", "place", "form"),
    [
        ("shipped", "shipped", "", "lemmas: definition"),
        ("lemmas", "shipped", "", "lemmas"),
        ("lemmas: definition | lemmas & photo", "shipped", "", "lemmas: definition | lemmas & photo"),
        ("shipped as photo", "shipped", "", "photo"),
        ("a {name} seen as a {parent}", "shipped", "", "a {name} seen as a {parent}"),
        ("clip:openai/clip-vit-base-patch32", "clip", "openai/clip-vit-base-patch32", "lemmas: definition"),
        ("siglip:a/b as photo + parent", "siglip", "a/b", "photo + parent"),
        ("clip:a/b as a {name} seen as a {parent}", "clip", "a/b", "a {name} seen as a {parent}"),
        ("sentences:all-MiniLM-L6-v2 as name", "sentences", "all-MiniLM-L6-v2", "name"),
        ("word-vectors:FILE", "word-vectors", "FILE", "lemmas"),
        ("word-vectors:FILE as lemmas: definition", "word-vectors", "FILE", "lemmas: definition"),
        ("attributes:FILE", "attributes", "FILE", ""),
        ("FILE", "file", "FILE", ""),
        ("file:FILE", "file", "FILE", ""),
    ],
)
def test_one_line_names_a_source(tmp_path: Path, line: str, kind: str, place: str, form: str) -> None:
    (file := tmp_path / "vectors").write_text("", encoding="utf-8")
    source = SemanticSource.read(line.replace("FILE", str(file)))
    assert source == SemanticSource(kind, place.replace("FILE", str(file)), form)
    assert SemanticSource.read(source.line()) == source


def test_places_are_found_and_written_anew(tmp_path: Path) -> None:
    (tmp_path / "cub.tsv").write_text("", encoding="utf-8")
    source = SemanticSource.read("attributes:cub.tsv", locate=lambda place: tmp_path / place)
    assert source.place == str(tmp_path / "cub.tsv")
    assert source.line("../cub.tsv") == "attributes:../cub.tsv"
    assert SemanticSource("word-vectors", "a.txt").line("b.txt") == "word-vectors:b.txt as lemmas"


@pytest.mark.parametrize(
    ("line", "form", "error", "message"),
    [
        (
            "clipp:x",
            None,
            UnknownVariantError,
            r"'clipp:x' names no semantics; expected shipped.*clip:\.\.\..*text form",
        ),
        ("no/such.safetensors", None, InputFileError, r"no/such\.safetensors': no such file"),
        ("file:nope", None, InputFileError, "'file:nope': no such file"),
        ("attributes:nope.tsv", None, InputFileError, r"there is no 'nope\.tsv'"),
        ("word-vectors:nope.txt", None, InputFileError, r"there is no 'nope\.txt'"),
        ("lemmas", "photo", RecipeError, "'lemmas' and text form 'photo' both say how"),
        ("shipped as photo", "name", RecipeError, "both say how"),
        ("shipped", "rhymes", UnknownVariantError, "No text form is called 'rhymes'"),
        ("{nam}", None, RecipeError, r"has no field \{nam\}"),
        ("attributes:FILE as photo", None, RecipeError, "Text form 'photo' does not go with attributes:"),
    ],
)
def test_what_names_no_source_is_refused(
    tmp_path: Path, line: str, form: str | None, error: type[Exception], message: str
) -> None:
    (file := tmp_path / "vectors").write_text("", encoding="utf-8")
    with pytest.raises(error, match=message):
        SemanticSource.read(line.replace("FILE", str(file)), form)


def test_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "toy.safetensors"
    toy_semantics().select(GRAPH.index.ids[::-1]).save(file)
    found = SemanticSource.read(str(file)).embed(GRAPH)
    assert found.embedding.index == GRAPH.index
    assert torch.equal(found.embedding.vectors, toy_semantics().vectors)
    assert set(found.sources.values()) == {"given"}


def test_word_vectors_leave_gaps_that_a_rule_fills(tmp_path: Path) -> None:
    pytest.importorskip("gensim", reason='needs pip install "kgzsl[word-vectors]"')
    words = [name for name in GRAPH.index if name not in ("entity", "hoofed")]
    rows = {word: torch.eye(len(words))[row] for row, word in enumerate(words)}
    (tmp_path / "v.txt").write_text(
        "".join(f"{word} {' '.join(map(str, row.tolist()))}\n" for word, row in rows.items()), encoding="utf-8"
    )
    source = SemanticSource.read(f"word-vectors:{tmp_path / 'v.txt'}")
    with pytest.raises(SemanticsError, match=r"2 of 12 classes have no semantic vector \(entity, hoofed, \.\.\.\)"):
        source.embed(GRAPH)
    found = source.embed(GRAPH, missing="below")
    below = torch.stack([rows["horse"], rows["zebra"], rows["okapi"]]).mean(dim=0)
    torch.testing.assert_close(found.embedding.select(["hoofed"]).vectors, below[None])
    assert found.sources["entity"] == found.sources["hoofed"] == "filled"
    assert found.counts == {"stored": 0, "definition": 0, "names": 10, "filled": 2}
    filled = source.embed(GRAPH, missing="mean").embedding.select(["entity", "hoofed"]).vectors
    torch.testing.assert_close(filled, torch.stack(list(rows.values())).mean(dim=0).expand(2, -1))


def test_a_class_is_filled_from_each_class_below_it_once() -> None:
    """The owl is below the entity by two ways and counts once."""
    held = ("owl", "saw", "horse")
    given = SemanticEmbedding(ClassIndex(held), torch.eye(3), "toy", "attributes")
    graph = GRAPH.subgraph(["entity", "animal", "tool", "bird", "hoofed", *held])
    found = fill_gaps(given, graph, "below")
    expected = {
        "entity": [1 / 3, 1 / 3, 1 / 3],
        "animal": [0.5, 0, 0.5],
        "tool": [0.5, 0.5, 0],
        "bird": [1, 0, 0],
        "hoofed": [0, 0, 1],
    }
    torch.testing.assert_close(found.select(tuple(expected)).vectors, torch.tensor([*expected.values()]))
    assert torch.equal(found.select(held).vectors, torch.eye(3))
    assert found.index == graph.index
    with pytest.raises(SemanticsError, match=r"4 classes have no vector and none below them has \('zebra' first\)"):
        fill_gaps(given, GRAPH, "below")


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(UnknownVariantError, match="No rule for missing vectors is called 'zero'"):
        SemanticSource().embed(GRAPH, missing="zero")


def test_attributes_that_are_not_known_are_filled_with_the_class(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text(
        "class,legs\n" + "".join(f"{name},{4 if name != 'owl' else -1}\n" for name in GRAPH.index), encoding="utf-8"
    )
    source = SemanticSource.read(f"attributes:{table}")
    assert source.embed(GRAPH).embedding.select(["owl"]).vectors.item() == -1
    with pytest.raises(SemanticsError, match="1 of 12 attribute values"):
        source.embed(GRAPH, missing_value=-1)
    assert source.embed(GRAPH, missing_value=-1, missing="below").embedding.select(["owl"]).vectors.item() == 4


@pytest.mark.assets
def test_the_attributes_of_birds_and_animals(assets: Path) -> None:
    cub = read_attributes(assets / "attributes" / "cub.tsv")
    assert cub.vectors.shape == (200, 312)
    with pytest.raises(KgzslError, match="4 of 4250 attribute values"):
        read_attributes(assets / "attributes" / "awa2")
    animals = read_attributes(assets / "attributes" / "awa2", missing="mean")
    binary = read_attributes(assets / "attributes" / "awa2" / "predicate-matrix-binary.txt")
    assert animals.vectors.shape == binary.vectors.shape == (50, 85)
    assert animals.index == binary.index
    assert set(binary.vectors.unique().tolist()) == {0.0, 1.0}
    assert animals.select(["antelope"]).vectors[0, 4].item() == pytest.approx(12.34)

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import MissingResourceError, SemanticsError, UnknownVariantError
from kgzsl.graph import ClassGraph, load_graph
from kgzsl.semantics import (
    ENCODERS,
    SemanticEmbedding,
    assemble_semantics,
    average,
    embed_classes,
    embed_graph,
    has_shipped,
    is_stored,
    load_shipped,
    recorded_encoder,
    shipped_embeddings,
)
from kgzsl.semantics.shipped import shipped_forms

OKAPI = ClassText("okapi.n.01", ("okapi",), "striped giraffid")
ZEBRA = ClassText("zebra.n.01", ("zebra",))
ANIMAL = ClassText("animal.n.01", ("animal", "beast"))
GRAPH = ClassGraph(
    "three",
    ClassIndex(("o", "z", "a"), "graph 'three'"),
    (OKAPI, ZEBRA, ANIMAL),
    np.array([[0, 2], [1, 2]]),
    np.zeros(2, dtype=np.int64),
)


def lengths(*texts: str) -> list[list[float]]:
    return [[len(text), 1] for text in texts]


def test_classes_are_encoded_from_lemmas_and_definition(stand_ins: ModuleType) -> None:
    found, defined = embed_classes({"o": OKAPI, "z": ZEBRA}, stand_ins.lengths())
    assert found.vectors.tolist() == lengths("okapi: striped giraffid", "zebra")
    assert (found.index.ids, found.encoder, found.text_form) == (
        ("o", "z"),
        "length@111111111111",
        "lemmas: definition",
    )
    assert defined == {"o"}
    assert embed_classes({"o": OKAPI}, stand_ins.lengths(), "lemmas")[1] == set()


def test_an_unknown_text_form_is_refused_before_the_encoder_is_opened() -> None:
    with pytest.raises(UnknownVariantError, match="No text form is called 'sentence'"):
        embed_classes({"o": OKAPI}, "no/such-encoder", "sentence")


def test_a_graph_is_encoded_in_row_order_and_own_definitions_win(stand_ins: ModuleType) -> None:
    found = embed_graph(GRAPH, encoder=stand_ins.lengths(), definitions={"o": "other", "z": "striped horse"})
    assert found.index == GRAPH.index
    assert found.vectors.tolist() == lengths("okapi: striped giraffid", "zebra: striped horse", "animal, beast")


def test_stored_vectors_come_first_and_the_rest_is_encoded(stand_ins: ModuleType) -> None:
    encoder = stand_ins.lengths()
    stored = SemanticEmbedding(
        ClassIndex(("z", "x")), torch.tensor([[7.0, 7], [8, 8]]), encoder.id, "lemmas: definition"
    )
    asked: list[list[str]] = []

    def define(class_ids: Sequence[str]) -> dict[str, str]:
        asked.append(list(class_ids))
        return {}

    found = assemble_semantics(GRAPH, encoder=encoder, stored=[stored], define=define)
    assert found.embedding.vectors.tolist() == [*lengths("okapi: striped giraffid"), [7, 7], *lengths("animal, beast")]
    assert found.embedding.index == GRAPH.index
    assert found.sources == {"o": "definition", "z": "stored", "a": "names"}
    assert found.counts == {"stored": 1, "definition": 1, "names": 1}
    assert asked == [["a"]]
    assert encoder.asked == ["okapi: striped giraffid", "animal, beast"]


@pytest.mark.parametrize(
    ("encoder", "form"), [("other@222222222222", "lemmas: definition"), ("length@111111111111", "lemmas")]
)
def test_stored_vectors_that_do_not_fit_are_passed_over(stand_ins: ModuleType, encoder: str, form: str) -> None:
    stored = SemanticEmbedding(GRAPH.index, torch.ones(3, 2), encoder, form)
    assert assemble_semantics(GRAPH, encoder=stand_ins.lengths(), stored=[stored]).counts["stored"] == 0


def test_where_all_is_stored_no_encoder_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = SemanticEmbedding(GRAPH.index, torch.ones(3, 2), "someone/model@111111111111", "lemmas: definition")
    for name in ("someone/model", "someone/model@111111111111"):
        assert assemble_semantics(GRAPH, encoder=name, stored=[stored]).counts == {
            "stored": 3,
            "definition": 0,
            "names": 0,
        }


def test_other_weights_of_the_same_name_are_refused(tiny_encoder: Path) -> None:
    stored = SemanticEmbedding(ClassIndex(("o",)), torch.ones(1, 3), "local@111111111111", "lemmas: definition")
    fresh, _ = embed_classes({"z": ZEBRA}, str(tiny_encoder))
    with pytest.raises(SemanticsError, match="cannot join those of 'local@111111111111'"):
        stored.concat(fresh)


def test_the_encoder_table_builds_encoders(tiny_encoder: Path) -> None:
    assert set(ENCODERS) == {"sentences", "clip", "siglip", "word-vectors"}
    assert ENCODERS["sentences"](str(tiny_encoder)).dim == 3


def test_the_shipped_vectors_cover_their_graph() -> None:
    shipped = load_shipped("imagenet21k")
    assert shipped.vectors.shape == (23_547, 384)
    torch.testing.assert_close(shipped.vectors.norm(dim=1), torch.ones(23_547), atol=2e-3, rtol=0)
    assert shipped.encoder == "sentence-transformers/all-MiniLM-L6-v2@53aa51172d14"


def test_a_graph_without_vectors_says_how_to_make_them(tmp_path: Path) -> None:
    assert not has_shipped(tmp_path)
    with pytest.raises(
        MissingResourceError, match=r"has no embeddings\.safetensors; make it with: kgzsl embed --graph"
    ):
        load_shipped(tmp_path)
    with pytest.raises(MissingResourceError, match="kgzsl ships no graphs called 'nope'"):
        load_shipped("nope")


def letters(*texts: str) -> torch.Tensor:
    rows = torch.tensor([[text.count("o"), text.count("a"), 1.0] for text in texts])
    return rows / rows.norm(dim=1, keepdim=True)


def mean(*vectors: torch.Tensor) -> torch.Tensor:
    total = torch.stack(vectors).sum(dim=0)
    return total / total.norm(dim=1, keepdim=True)


NAMES = ("okapi", "zebra", "animal, beast")
PHOTOS = ("a photo of an okapi", "a photo of a zebra", "a photo of an animal")


def test_parts_stand_side_by_side_and_prompts_are_averaged(stand_ins: ModuleType) -> None:
    found = embed_graph(GRAPH, encoder=stand_ins.letters(), text_form="lemmas | photo & lemmas")
    assert found.text_form == "lemmas | photo & lemmas"
    parts = found.parts()
    assert list(parts) == ["lemmas", "photo & lemmas"]
    torch.testing.assert_close(parts["lemmas"], letters(*NAMES))
    torch.testing.assert_close(parts["photo & lemmas"], mean(letters(*PHOTOS), letters(*NAMES)))
    torch.testing.assert_close(found.vectors, torch.cat(list(parts.values()), dim=1))


def test_a_graph_gives_the_parents(stand_ins: ModuleType) -> None:
    found = embed_graph(GRAPH, encoder=stand_ins.letters(), text_form="{name} of {parent}")
    torch.testing.assert_close(found.vectors, letters("okapi of animal", "zebra of animal", "animal"))


def test_stored_parts_serve_parts_and_averages(stand_ins: ModuleType) -> None:
    encoder = stand_ins.letters()
    own = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    stored = [
        SemanticEmbedding(ClassIndex(("z", "a")), torch.cat([own, own.flip(0)], dim=1), encoder.id, "photo | lemmas"),
        SemanticEmbedding(ClassIndex(("o",)), torch.tensor([[0.0, 0, 1]]), encoder.id, "lemmas & photo"),
    ]
    found = assemble_semantics(GRAPH, encoder=encoder, stored=stored, text_form="lemmas & photo | lemmas")
    averaged, names = found.embedding.parts().values()
    half = 0.5**0.5
    torch.testing.assert_close(averaged, torch.tensor([[0, 0, 1], [half, half, 0], [half, half, 0]]))
    torch.testing.assert_close(names, torch.cat([letters("okapi"), own.flip(0)]))
    assert found.sources == {"o": "names", "z": "stored", "a": "stored"}
    assert encoder.asked == ["okapi"]


def test_what_is_stored_in_all_parts_needs_no_encoder() -> None:
    index = ClassIndex(("o", "z"))
    stored = [
        SemanticEmbedding(index, torch.ones(2, 3), "someone/model@111111111111", form) for form in ("lemmas", "photo")
    ]

    def held(ids: tuple[str, ...], form: str, encoder: str = "someone/model@111111111111") -> bool:
        return is_stored(ids, stored, form, encoder)

    assert held(("z", "o"), "lemmas & photo | photo")
    assert not held(("z", "a"), "lemmas")
    assert not held(("z",), "lemmas | name")
    assert not held(("z",), "lemmas", "someone/model@222222222222")
    whole = assemble_semantics(
        GRAPH.subgraph(["o", "z"]), encoder="someone/model", stored=stored, text_form="photo | lemmas"
    )
    assert whole.embedding.vectors.tolist() == [[1.0] * 6] * 2


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_mean_without_direction_is_refused() -> None:
    one = SemanticEmbedding(ClassIndex(("o",)), torch.tensor([[1.0, 0]]), "e", "lemmas")
    other = SemanticEmbedding(ClassIndex(("o",)), torch.tensor([[-1.0, 0]]), "e", "photo")
    with pytest.raises(SemanticsError, match="texts of class 'o' average to a vector of zeros in 'lemmas & photo'"):
        average([one, other], "lemmas & photo")
    with pytest.raises(SemanticsError, match="cannot join"):
        average([one, SemanticEmbedding(one.index, one.vectors, "f", "photo")], "lemmas & photo")


def test_the_shipped_names_are_those_of_their_graph() -> None:
    shipped = shipped_forms("imagenet21k")
    assert next(iter(shipped.items())) == ("embeddings.safetensors", "lemmas: definition")
    assert shipped["embeddings-lemmas.safetensors"] == "lemmas"
    assert len(set(shipped.values())) == len(shipped)
    (names,) = shipped_embeddings("imagenet21k", "lemmas")
    both = shipped_embeddings("imagenet21k", "lemmas: definition | lemmas")
    assert names.index == load_shipped("imagenet21k").index == both[0].index
    assert names.encoder == both[0].encoder == "sentence-transformers/all-MiniLM-L6-v2@53aa51172d14"
    assert shipped_embeddings("imagenet21k", "{name} there") == []
    torch.testing.assert_close(names.vectors.norm(dim=1), torch.ones(23_547), atol=2e-3, rtol=0)
    whole = assemble_semantics(load_graph("imagenet21k"), stored=both, text_form="lemmas: definition | lemmas")
    assert whole.counts == {"stored": 23_547, "definition": 0, "names": 0}
    assert torch.equal(whole.embedding.parts()["lemmas"], names.vectors)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("local@111111111111", "'local@111111111111', which cannot be found by its name.*--encoder FOLDER"),
        ("toy", "--encoder FOLDER"),
        ("word-vectors/glove@111111111111", "--encoder word-vectors:FILE"),
        ("clip/local@111111111111", "--encoder clip:FOLDER"),
        ("attributes/cub@111111111111", "a table of attributes, and no text tells those of a new class"),
    ],
)
def test_recorded_ids_that_lead_nowhere_say_what_to_do(name: str, message: str) -> None:
    with pytest.raises(SemanticsError, match=message):
        recorded_encoder(name)

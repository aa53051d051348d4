"""Semantics from the recipe through the run folder to classes that are added later."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
import torch

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import RecipeError, SemanticsError
from kgzsl.graph import load_graph, wordnet
from kgzsl.graph.extension import ClassExtension
from kgzsl.recipe import Recipe
from kgzsl.runtime import read_toml
from kgzsl.semantics import SemanticEmbedding, shipped_embeddings

OKAPI, UNICORN, ZEBRA = "n02439398", "n10737964", "n02391049"
MINILM = "sentence-transformers/all-MiniLM-L6-v2@53aa51172d14"
BOTH = "lemmas: definition | lemmas"


@pytest.fixture(scope="module")
def two_parts(small_world: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose classes have two vectors each, of definitions and of names."""
    folder = tmp_path_factory.mktemp("two")
    return (
        Recipe.load(small_world.write_small(folder), [f"semantics.source={json.dumps(BOTH)}"])
        .train(folder / "run")
        .path
    )


def with_semantics(run: Path, encoder: str, text_form: str, parts: int = 1) -> ZeroShotClassifier:
    """Return a classifier whose run is said to have other semantics, of two numbers a part."""
    classifier = ZeroShotClassifier.load(run)
    vectors = torch.eye(2).repeat(1, parts)[[0]].expand(classifier.run.graph.num_classes, -1)
    semantics = SemanticEmbedding(classifier.run.graph.index, vectors, encoder, text_form)
    classifier.run.__dict__["semantics"] = semantics
    return classifier


def test_a_run_holds_the_shipped_vectors_of_both_parts(two_parts: Path) -> None:
    run = ZeroShotClassifier.load(two_parts).run
    assert (run.manifest["text_form"], run.manifest["encoder"]) == (BOTH, MINILM)
    definitions, names = shipped_embeddings("imagenet21k", BOTH)
    parts = run.semantics.parts()
    assert torch.equal(parts["lemmas: definition"], definitions.select(run.graph.index.ids).vectors)
    assert torch.equal(parts["lemmas"], names.select(run.graph.index.ids).vectors)


def embedded(classifier: ZeroShotClassifier, extension: ClassExtension) -> tuple[SemanticEmbedding, Mapping[str, str]]:
    """The vectors of what an extension brings along."""
    return classifier.added.synthesis.embed({new.class_id: new for new in extension.classes})


def test_a_new_class_that_is_shipped_needs_no_encoder(two_parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgzsl.additions.synthesis.recorded_encoder", None)
    classifier = ZeroShotClassifier.load(two_parts)
    classifier.bank_of([OKAPI])
    assert classifier.added[OKAPI].source == "stored"
    vectors, _ = embedded(classifier, classifier.added[OKAPI].extension)
    shipped = torch.cat([one.select([OKAPI]).vectors for one in shipped_embeddings("imagenet21k", BOTH)], dim=1)
    assert torch.equal(vectors.select([OKAPI]).vectors, shipped)


def test_a_new_class_is_put_into_words_with_its_parents(
    stand_ins: ModuleType, two_parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent of the unicorn is new as well; what is above that is the run's."""
    known = {UNICORN: "a white horse with a horn"}
    monkeypatch.setattr(wordnet, "definitions", lambda ids: {i: text for i, text in known.items() if i in ids})
    form = "photo + ancestors | {name} & {name} of {grandparent}"
    classifier = with_semantics(two_parts, "mine@111111111111", form, 2)
    encoder = stand_ins.seeded("mine@111111111111", 2)
    classifier.added.synthesis.given_encoder = encoder
    nouns = load_graph("wordnet-nouns")
    parent = nouns.parents(UNICORN)[0]
    extension = wordnet_extension(classifier, UNICORN)
    vectors, sources = embedded(classifier, extension)
    above = (nouns.text(parent).label, nouns.text(nouns.parents(parent)[0]).label)
    text = f"a photo of a unicorn, a kind of {above[0]}, {above[1]}. a white horse with a horn"
    assert {text, "unicorn", f"unicorn of {above[1]}"} <= set(encoder.asked)
    assert sources[UNICORN] == "definition"
    row = vectors.select([UNICORN])
    one, other = stand_ins.seeded(dim=2).encode(["unicorn", f"unicorn of {above[1]}"])
    mean = (one + other) / (one + other).norm()
    torch.testing.assert_close(row.vectors[0], torch.cat([stand_ins.seeded(dim=2).encode([text])[0], mean]))


def wordnet_extension(classifier: ZeroShotClassifier, class_id: str) -> object:
    from kgzsl.graph.extension import extension_from

    return extension_from(classifier.run.graph, load_graph("wordnet-nouns"), class_id)


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        ("attributes/cub@111111111111", "a table of attributes, and no text tells those of a new class"),
        ("clip/local@111111111111", "name it with --encoder clip:FOLDER"),
        ("word-vectors/glove@111111111111", "name it with --encoder word-vectors:FILE"),
    ],
)
def test_a_new_class_that_cannot_be_encoded_is_refused(two_parts: Path, encoder: str, message: str) -> None:
    classifier = with_semantics(two_parts, encoder, "attributes" if "attributes" in encoder else "lemmas")
    with pytest.raises(SemanticsError, match=message):
        classifier.bank_of([OKAPI])


def test_another_encoder_at_query_time_is_refused(stand_ins: ModuleType, two_parts: Path) -> None:
    with pytest.raises(SemanticsError, match="'clip/a/b@000000000000' cannot join"):
        ZeroShotClassifier.load(two_parts, encoder=stand_ins.seeded("clip/a/b@000000000000"))


def test_a_source_takes_the_place_of_a_text_form(toy_recipe: Path) -> None:
    with pytest.raises(RecipeError, match=r"Text form 'name' does not go with .*semantics\.safetensors"):
        Recipe.load(toy_recipe, ["semantics.text_form=name"])
    changed = Recipe.load(toy_recipe, ["semantics.source=shipped", "semantics.text_form=name"])
    assert changed.inputs.semantic_source().text_form == "name"
    again = Recipe.load(toy_recipe, ["semantics.source=shipped", "semantics.text_form=name", "semantics.source=lemmas"])
    assert again.tables["semantics"] == {"source": "lemmas"}


@pytest.mark.parametrize("keyed", [False, True])
def test_a_run_records_sources_that_lead_back(toy_recipe: Path, tmp_path: Path, keyed: bool) -> None:
    pytest.importorskip("gensim", reason='needs pip install "kgzsl[word-vectors]"')
    words = ("entity", "animal", "tool", "hoofed", "bird", "horse", "zebra", "okapi", "eagle", "owl", "hammer", "saw")
    lines = [f"{word} {row}.5 {row % 3} 1\n" for row, word in enumerate((*words, "a", "of"))]
    toy_recipe.with_name("words.txt").write_text("".join(lines), encoding="utf-8")
    source = ["word-vectors:words.txt", "lemmas | {name} of {parent}"]
    chosen = [f"semantics.source={json.dumps(source[0])}", f"semantics.text_form={json.dumps(source[1])}"]
    if not keyed:
        chosen = [f"semantics.source={json.dumps(' as '.join(source))}"]
    run = Recipe.load(toy_recipe, [*chosen, "method.epochs=20"]).train(tmp_path / "run")
    assert run.manifest["text_form"] == source[1]
    assert run.semantics.encoder.startswith("word-vectors/words@")
    table = read_toml(run.path / "recipe.toml")["semantics"]
    assert ("text_form" in table) is keyed
    place = table["source"].removeprefix("word-vectors:").partition(" as ")[0]
    assert (run.path / place).resolve() == toy_recipe.with_name("words.txt").resolve()
    assert Recipe.load(run.path / "recipe.toml").inputs.semantic_source().text_form == source[1]


def test_words_without_definitions_are_told(
    stand_ins: ModuleType,
    small_world: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(wordnet, "definitions", lambda ids: {})
    monkeypatch.setattr("kgzsl.semantics.embed.open_encoder", lambda encoder: stand_ins.seeded(dim=2))
    monkeypatch.setattr("kgzsl.semantics.assembly.open_encoder", lambda encoder: stand_ins.seeded(dim=2))
    recipe = Recipe.load(small_world.write_small(tmp_path), ['semantics.source="photo + parent"'])
    graph, _, place = recipe.inputs.graph()
    with caplog.at_level(logging.WARNING):
        recipe.inputs.semantics(graph, place)
    count = graph.num_classes
    assert f"{count} of {count} classes are put into words without a definition" in caplog.text

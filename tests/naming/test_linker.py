from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import UnknownClassError
from kgzsl.graph import ClassGraph
from kgzsl.naming import AMBIGUOUS, LINKED, UNKNOWN, Linker
from kgzsl.naming.sense_order import places_of


def graph_of(rows: list[tuple[str, str, str | None]], persons: frozenset[str] = frozenset()) -> ClassGraph:
    """A graph of (class id and name, lemmas, parent)."""
    index = ClassIndex(tuple(row[0] for row in rows), "graph 'small'")
    texts = tuple(ClassText(row[0], tuple(row[1].split("|"))) for row in rows)
    edges = np.array([(index.row(row[0]), index.row(row[2])) for row in rows if row[2]], dtype=np.int64).reshape(-1, 2)
    return ClassGraph("small", index, texts, edges, np.zeros(len(edges), dtype=np.int64), {"person": persons})


@pytest.mark.parametrize(
    ("label", "name", "reason"),
    [
        ("n02439398", "okapi.n.01", "id"),
        ("Okapi.N.01", "okapi.n.01", "name"),
        ("n02012849 crane", "crane.n.05", "id"),
        ("n01440764_tench", "tench.n.01", "id"),
        ("n02439398: some animal or other", "okapi.n.01", "id"),
        ("okapi", "okapi.n.01", "lemma"),
        ("GREAT WHITE SHARK", "great_white_shark.n.01", "lemma"),
        ("great-white-shark", "great_white_shark.n.01", "typography"),
        ("maneater, great white shark", "great_white_shark.n.01", "all names (joined)"),
        ("okapis", "okapi.n.01", "plural"),
        ("great white sharks", "great_white_shark.n.01", "plural"),
        ("dormice", "dormouse.n.01", "plural"),
        ("jewellery shop", None, None),
        ("cash dispensor", None, None),
        ("golfball", "golf_ball.n.01", "joined"),
        ("mould board plough", "moldboard_plow.n.01", "spelling"),
        ("an okapi", "okapi.n.01", "typography"),
        ("Okapia johnstoni, okapi", "okapi.n.01", "all names (lemma)"),
        ("okapi, Okapia johnstony", "okapi.n.01", "all names (misspelling)"),
        ("crane (bird)", "crane.n.05", "lemma, fits the brackets"),
        ("cranes [devices]", "crane.n.04", "plural, fits the brackets"),
        ("orange, fruit", "orange.n.01", "lemma, below the others"),
        ("fruit, orange", "orange.n.01", "lemma, below the others"),
    ],
)
def test_a_label_in_any_form(linker: Linker, label: str, name: str | None, reason: str | None) -> None:
    link = linker.link(label)
    if name is None:
        assert link.status == UNKNOWN and link.class_id is None
    elif reason is None:
        assert link.status == UNKNOWN and link.candidates[0].text.name == name
    else:
        assert (link.status, link.candidates[0].text.name, link.candidates[0].reason) == (LINKED, name, reason)


def test_ambiguity_lists_what_can_be_meant_with_hints_and_persons_last(linker: Linker) -> None:
    link = linker.link("crane")
    assert (link.status, link.class_id, link.num_possible) == (AMBIGUOUS, None, 3)
    assert [one.text.name for one in link.candidates] == [
        "crane.n.05",
        "crane.n.04",
        "grus.n.01",
        "crane.n.02",
        "crane.n.01",
    ]
    assert [one.is_person for one in link.candidates] == [False, False, False, True, True]
    assert [one.in_graph for one in link.candidates[:3]] == [True, True, False]
    machine = link.candidates[1]
    assert machine.path == ("lifting device", "device", "instrumentality") and len(machine.siblings) == 3
    assert str(machine) == "n03126707 crane.n.04 (crane < lifting device < device < instrumentality)"
    assert all(0 < one.score <= 1 for one in link.candidates)


def test_a_plural_is_as_plausible_as_a_lemma_that_looks_like_one(linker: Linker) -> None:
    link = linker.link("tigers")  # a Tamil army is called so
    assert link.status == AMBIGUOUS
    assert {"tiger.n.02", "liberation_tigers_of_tamil_eelam.n.01"} <= {one.text.name for one in link.possible}
    assert linker.link("gas").candidates[0].lemma == "gas" and linker.link("taxi").status == LINKED


def test_nothing_is_linked_by_a_misspelling_or_a_head_noun(linker: Linker) -> None:
    for label, reason, name in (
        ("okappi", "misspelling", "okapi.n.01"),
        ("striped zebra", "head noun", "zebra.n.01"),
        ("very old zebras", "head noun", "zebra.n.01"),
    ):
        link = linker.link(label)
        assert (link.status, link.num_possible, link.candidates[0].reason) == (UNKNOWN, 0, reason)
        assert link.candidates[0].text.name == name
    for label in ("", " , ", "()", "!!", "xq"):
        assert linker.link(label).status == UNKNOWN and linker.link(label).candidates == ()


def test_names_that_contradict_each_other_link_nothing(linker: Linker) -> None:
    link = linker.link("zebra, screwdriver")
    assert link.status == UNKNOWN and link.candidates
    assert linker.link("crane (xyzzy)").status == UNKNOWN
    assert linker.link("n02012849 zebra").status == UNKNOWN  # an id of another WordNet version, perhaps
    assert [one.text.name for one in linker.link("n02012849 zebra").candidates] == ["crane.n.05", "zebra.n.01"]
    assert linker.link("jaguar, mk2 cars").status == UNKNOWN


@pytest.fixture(scope="module")
def few(nouns: ClassGraph) -> ClassGraph:
    """The nouns of a few words, and all above them."""
    words = {*("crane", "screwdriver", "zebra", "okapi", "unicorn", "toaster", "scuba_diver", "broom", "gondola")}
    words |= {"glasses", "glass", "trifle"}
    ids = [i for i, text in zip(nouns.index, nouns.texts) if words & {lemma.casefold() for lemma in text.lemmas}]
    return nouns.subgraph({*ids, *nouns.ancestors(ids)}, name="wordnet-nouns")


def test_persons_are_linked_only_when_included(few: ClassGraph, linker: Linker) -> None:
    groom = linker.link("bridegroom")
    assert groom.status == UNKNOWN and "--include-person" in groom.note and groom.candidates[0].is_person
    assert linker.link("n10148035").status == UNKNOWN
    toaster = linker.link("toaster")
    assert (toaster.status, toaster.candidates[0].text.name, toaster.candidates[-1].is_person) == (
        LINKED,
        "toaster.n.02",
        True,
    )
    included = Linker(few, include_person=True)
    assert included.link("toaster").status == AMBIGUOUS
    assert included.link("scuba diver").class_id == linker.link("scuba diver").candidates[0].class_id


def test_a_sure_person_sense_is_not_passed_over_for_a_vague_other_one() -> None:
    graph = graph_of([("p", "ice_man", None), ("q", "iceman", None)], frozenset("p"))
    assert Linker(graph).link("ice man").status == UNKNOWN
    assert Linker(graph).link("iceman").class_id == "q"


def test_within_settles_ambiguity(few: ClassGraph) -> None:
    animals = Linker(few, within=["n00015388"])
    assert animals.link("crane").candidates[0].text.name == "crane.n.05"
    assert animals.link("crane").status == LINKED
    outside = animals.link("screwdriver")
    assert (outside.status, outside.candidates) == (UNKNOWN, ())
    assert outside.note == "what it means is not among the classes allowed here"
    with pytest.raises(UnknownClassError, match="Class 'n99999999' is not known here"):
        Linker(few, within=["n99999999"])


def test_seen_classes_and_the_graph_are_hints_only(imagenet: ClassGraph, few: ClassGraph) -> None:
    linker = Linker(imagenet.subgraph(["n02391049", "n02439398"]), few, seen=["n02391049"])
    assert linker.link("zebra").candidates[0].is_seen is True
    assert linker.link("okapi").candidates[0].is_seen is False
    unicorn = linker.link("unicorn").candidates[0]
    assert unicorn.in_graph is False
    assert Linker(imagenet.subgraph(["n02391049"])).link("unicorn").status == UNKNOWN


def test_first_sense_only_when_asked_and_only_where_known(few: ClassGraph) -> None:
    first = Linker(few, first_sense=True)
    assert first.link("broom").candidates[0].text.name == "broom.n.01"
    assert first.link("broom").candidates[0].reason == "lemma, first sense"
    assert first.link("crane").status == LINKED
    assert first.link("glasses").candidates[0].text.name == "spectacles.n.01"
    places = places_of(few, [one.class_id for one in first.link("gondola").candidates], "gondola")
    assert sorted(places.values()) == [(1, 3), (1, 3), (2,)]
    assert first.link("gondola").status == AMBIGUOUS
    assert first.link("gondola").note == "which sense is the first cannot be told"


def test_sense_places_follow_from_names() -> None:
    graph = graph_of([("cock.n.05", "cock", None), ("tap.n.01", "tap|cock", None), ("cock.n.01", "cock", None)])
    ids = ["cock.n.05", "tap.n.01", "cock.n.01"]
    assert places_of(graph, ids, "cock") == {"cock.n.05": (5,), "tap.n.01": (2, 3), "cock.n.01": (1,)}


def test_complete_labels_prefer_the_class_of_exactly_these_lemmas() -> None:
    graph = graph_of([("flashlight.n.01", "flashlight|torch", None), ("torch.n.01", "torch", None)])
    linker = Linker(graph)
    assert linker.link("torch").status == AMBIGUOUS
    assert linker.link("torch", complete=True).class_id == "torch.n.01"
    assert linker.link("torch, flashlight").class_id == "flashlight.n.01"
    assert linker.link("torch", among=["flashlight.n.01"]).class_id == "flashlight.n.01"


def test_json_is_plain(linker: Linker) -> None:
    found = linker.link("okapi").to_json()
    assert (found["label"], found["status"], found["class"], found["possible"]) == ("okapi", "linked", "n02439398", 1)
    assert found["candidates"][0] == {
        "class": "n02439398",
        "name": "okapi.n.01",
        "label": "okapi",
        "score": 0.95,
        "reason": "lemma",
        "lemma": "okapi",
        "path": ["giraffe", "ruminant", "even-toed ungulate"],
        "siblings": [],
        "in_graph": True,
        "is_seen": None,
        "is_person": False,
    }
    chosen = linker.link("crane").chosen(linker.link("crane").candidates[1])
    assert (chosen.class_id, chosen.status, chosen.candidates[0].reason) == ("n03126707", LINKED, "chosen")
    assert len(chosen.candidates) == 5


def test_the_lemmas_of_a_synset_never_link_to_another(linker: Linker, nouns: ClassGraph) -> None:
    persons = nouns.marked("person")

    @settings(max_examples=300)
    @given(st.integers(0, nouns.num_classes - 1), st.sampled_from(["as it is", "upper", "title", "spaces"]))
    def check(row: int, form: str) -> None:
        class_id, lemmas = nouns.index[row], nouns.texts[row].lemmas
        write = {"as it is": str, "upper": str.upper, "title": str.title, "spaces": lambda text: text.replace("_", " ")}
        link = linker.link(write[form](", ".join(lemmas)))
        assert link.class_id in (None, class_id) or class_id in persons
        assert class_id in {one.class_id for one in link.candidates}

    check()


LEMMAS = st.sampled_from(["crane", "cranes", "hoist", "torch", "tree frog", "tree-frog", "treefrog", "grey", "gray"])


@given(st.lists(st.lists(LEMMAS, min_size=1, max_size=3, unique=True), min_size=1, max_size=6))
def test_two_classes_of_the_same_lemmas_are_never_told_apart(lemmas: list[list[str]]) -> None:
    graph = graph_of([(f"c{number}", "|".join(names).replace(" ", "_"), None) for number, names in enumerate(lemmas)])
    linker = Linker(graph)
    for number, names in enumerate(lemmas):
        link = linker.link(", ".join(names))
        same = {f"c{other}" for other, others in enumerate(lemmas) if set(others) == set(names)}
        if len(same) > 1:
            assert link.status == AMBIGUOUS and same <= {one.class_id for one in link.possible}
        else:
            assert link.class_id in (None, f"c{number}") or len(names) == 1

"""Class lists: what an expression holds, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.errors import InputFileError
from kgzsl.graph import load_graph, load_split_list, read_class_list, release_notes, releases, save_graph
from kgzsl.graph.class_lists import is_expression
from kgzsl.recipe import Recipe
from kgzsl.toy import toy_graph

LISTS = {"near": ("okapi", "owl", "hammer"), "far": ("saw", "owl"), "2021-removed": ("owl", "saw")}
IMAGENET = "imagenet21k"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lists") / "graph"
    graph = toy_graph().extend([], {"nocturnal": ["owl", "okapi"]})
    save_graph(graph, folder, LISTS)
    return folder


@pytest.mark.parametrize(
    "expression, expected",
    [
        ("near", ("okapi", "owl", "hammer")),
        ("near - far", ("okapi", "hammer")),
        ("near & far", ("owl",)),
        ("near + far", ("okapi", "owl", "hammer", "saw")),
        ("near + far - near", ("saw",)),
        ("nocturnal", ("okapi", "owl")),
        ("far - nocturnal", ("saw",)),
        ("near-2021", ("okapi", "hammer")),
        ("far-2021", ()),
        ("near-2021 & nocturnal", ("okapi",)),
        ("mine & far", ("owl",)),
        ("mine-2021", ("zebra",)),
    ],
)
def test_an_expression_is_read_from_left_to_right(place, expression, expected):
    graph = load_graph(place)
    assert read_class_list(expression, graph, place, {"mine": ("zebra", "owl")}) == expected


def test_given_lists_come_before_those_beside_the_graph(place):
    assert read_class_list("near", load_graph(place), place, {"near": ("zebra",)}) == ("zebra",)


@pytest.mark.parametrize("expression", ["nea", "near - fat", "", "near-2022", "near - - far", "- near"])
def test_what_is_not_known_is_refused_with_what_is(place, expression):
    with pytest.raises(
        InputFileError, match=r"no class list or mark .*it has 2021-removed, far, near, nocturnal, each"
    ):
        read_class_list(expression, load_graph(place), place)


def test_a_near_miss_is_named(place):
    with pytest.raises(InputFileError, match="Did you mean 'near'"):
        read_class_list("nera - far", load_graph(place), place)


def test_an_operator_stands_between_spaces():
    assert is_expression("a - b") and is_expression("a & b") and is_expression("a + b")
    assert not is_expression("2-hops") and not is_expression("a&b")


@given(st.lists(st.sampled_from(["near", "far", "nocturnal"]), min_size=1, max_size=5), st.data())
def test_expressions_are_set_algebra(place, names, data):
    graph = load_graph(place)
    members = {name: set(read_class_list(name, graph, place)) for name in ("near", "far", "nocturnal")}
    expression, expected = names[0], members[names[0]]
    for name in names[1:]:
        operator = data.draw(st.sampled_from("-&+"))
        expression += f" {operator} {name}"
        expected = {
            "-": expected - members[name],
            "&": expected & members[name],
            "+": expected | members[name],
        }[operator]
    found = read_class_list(expression, graph, place)
    assert set(found) == expected and len(found) == len(expected)


def test_both_releases_of_imagenet():
    graph = load_graph(IMAGENET)
    gone = releases(IMAGENET)["winter2021"]
    seen, unseen = load_split_list(IMAGENET, "ilsvrc2012-seen"), load_split_list(IMAGENET, "all")
    assert len({*seen, *unseen}) == 21_842
    assert len({*seen, *unseen} - gone) == 19_167  # the published size of the winter release
    sizes = {name: len(read_class_list(f"{name}-winter2021", graph, IMAGENET)) for name in ("2-hops", "3-hops", "all")}
    assert sizes == {"2-hops": 1_544, "3-hops": 7_830, "all": 18_168}
    assert set(read_class_list("ilsvrc2012-seen - ilsvrc2012-seen-winter2021", graph, IMAGENET)) == {"n04399382"}


def test_person_classes_stand_apart():
    graph = load_graph(IMAGENET)
    sizes = {name: len(read_class_list(f"{name} & person", graph, IMAGENET)) for name in ("all", "all-winter2021")}
    assert sizes == {"all": 2_833, "all-winter2021": 159}
    assert len(read_class_list("all - person", graph, IMAGENET)) == 20_842 - 2_833


def test_release_notes_count_what_was_dropped(place):
    assert release_notes(("owl", "saw", "okapi"), place) == ("Of the 3 candidates 2 are not in release 2021.",)
    assert release_notes(("owl", "okapi"), place) == ("Of the 2 candidates 1 is not in release 2021.",)
    assert release_notes(("okapi",), place) == ("Of the 1 candidates none is missing in release 2021.",)


def test_a_recipe_names_a_release(tmp_path):
    text = """[graph]
name = "imagenet21k"
seen = "ilsvrc2012-seen"
unseen = "2-hops-winter2021 - person"

[seen_bank]
bank = "bank.safetensors"

[method]
name = "nearest_seen"
"""
    (tmp_path / "recipe.toml").write_text(text, encoding="utf-8")
    (tmp_path / "bank.safetensors").write_bytes(b"")
    recipe = Recipe.load(tmp_path / "recipe.toml")
    graph, split, _ = recipe.inputs.graph()
    assert len(split.seen) == 1000 and len(split.unseen) == 1_543
    assert split.unseen == read_class_list("2-hops - winter2021-removed - person", graph, IMAGENET)
    wrong = Recipe.load(tmp_path / "recipe.toml", ["graph.unseen=2-hops-winter2022"])
    with pytest.raises(InputFileError, match="no class list or mark '2-hops-winter2022'"):
        wrong.inputs.graph()

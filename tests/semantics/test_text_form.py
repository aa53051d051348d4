from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.classes import ClassText
from kgzsl.errors import RecipeError, UnknownVariantError
from kgzsl.semantics import TEXT_FORMS, parts_of, read_text_form, write_class
from kgzsl.semantics.text_form import needs_ancestors, needs_definitions, single_forms, uses_definition

OKAPI = ClassText("okapi.n.01", ("okapi", "Okapia_johnstoni"), "similar to the giraffe")
GIRAFFID = ClassText("giraffid.n.01", ("giraffid", "long-necked_one"), "an even-toed one")
UNGULATE = ClassText("even-toed_ungulate.n.01", ("even-toed_ungulate",))
BARE = ClassText("polar_bear.n.01", ("polar_bear",))
KIND = "a photo of a {name}, a kind of {parent}: {definition}"


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        (OKAPI, "lemmas: definition", "okapi, Okapia johnstoni: similar to the giraffe"),
        (OKAPI, "lemmas", "okapi, Okapia johnstoni"),
        (OKAPI, "name", "okapi"),
        (OKAPI, "definition", "similar to the giraffe"),
        (BARE, "lemmas: definition", "polar bear"),
        (BARE, "definition", "polar bear"),
        (ClassText("own_class"), "lemmas", "own class"),
        (ClassText("own_class"), "photo", "a photo of an own class"),
    ],
)
def test_a_class_without_parents(text: ClassText, form: str, expected: str) -> None:
    assert write_class(text, form) == expected


@pytest.mark.parametrize(
    ("text", "ancestors", "form", "expected"),
    [
        (OKAPI, [GIRAFFID], "photo + parent", "a photo of an okapi, a kind of giraffid: similar to the giraffe"),
        (OKAPI, [GIRAFFID], KIND, "a photo of an okapi, a kind of giraffid: similar to the giraffe"),
        (OKAPI, [], KIND, "a photo of an okapi: similar to the giraffe"),
        (BARE, [GIRAFFID], KIND, "a photo of a polar bear, a kind of giraffid"),
        (BARE, [], KIND, "a photo of a polar bear"),
        (
            OKAPI,
            [GIRAFFID, UNGULATE],
            "photo + ancestors",
            "a photo of an okapi, a kind of giraffid, even-toed ungulate. similar to the giraffe",
        ),
        (OKAPI, [GIRAFFID], "photo + ancestors", "a photo of an okapi, a kind of giraffid. similar to the giraffe"),
        (
            OKAPI,
            [GIRAFFID],
            "lemmas: definition + parent",
            "okapi, Okapia johnstoni: similar to the giraffe; giraffid: an even-toed one",
        ),
        (
            OKAPI,
            [UNGULATE],
            "lemmas: definition + parent",
            "okapi, Okapia johnstoni: similar to the giraffe; even-toed ungulate",
        ),
        (BARE, [], "{definition}, {name}", "polar bear"),
        (OKAPI, [UNGULATE], "An {parent}. A {name} in the wild", "An even-toed ungulate. An okapi in the wild"),
        (BARE, [], "{name} of {parent} in the wild", "polar bear"),
        (OKAPI, [], "banana {name}", "banana okapi"),
        (OKAPI, [], "{{{name}}}", "{okapi}"),
    ],
)
def test_what_a_class_lacks_is_left_out_with_the_words_before_it(
    text: ClassText, ancestors: list[ClassText], form: str, expected: str
) -> None:
    assert write_class(text, form, ancestors) == expected


@given(st.text("aiobcdfg", min_size=1), st.sampled_from(["a", "an"]))
def test_the_article_follows_the_letter(name: str, article: str) -> None:
    expected = "an" if name[0] in "aio" else "a"
    assert write_class(ClassText(name, (name,)), f"{article} {{name}}") == f"{expected} {name}"


def test_the_article_follows_the_sound() -> None:
    with_a = ["unicorn", "unicycle", "user", "utensil", "ukulele", "uranium", "eucalyptus", "ewe", "one-way_street"]
    with_a += ["zebra", "yacht", "house"]
    with_an = ["umbrella", "urchin", "uncle", "unimportant", "usher", "utter", "egg", "owl", "onion", "hour", "heir"]
    with_an += ["honour", "ant"]
    found = [write_class(ClassText(name), "a {name}") for name in (*with_a, *with_an)]
    assert found == [f"a {name.replace('_', ' ')}" for name in with_a] + [f"an {name}" for name in with_an]


def test_only_a_written_definition_counts() -> None:
    counted = {form for form in TEXT_FORMS if uses_definition(OKAPI, form)}
    assert counted == set(TEXT_FORMS) - {"lemmas", "name", "photo"}
    assert uses_definition(OKAPI, "lemmas | photo & definition")
    assert not any(uses_definition(BARE, form) for form in TEXT_FORMS)


def test_what_a_form_speaks_of() -> None:
    assert {form for form in TEXT_FORMS if needs_ancestors(form)} == {
        "lemmas: definition + parent",
        "photo + parent",
        "photo + ancestors",
    }
    assert needs_ancestors("lemmas & {grandparent} | name")
    assert needs_definitions("lemmas | {parent_definition}")
    assert not needs_definitions("lemmas | {parent} & name")


def test_a_form_is_recorded_by_its_names() -> None:
    assert read_text_form("  {lemmas}  |name".replace("|", " | ")) == "lemmas | name"
    assert (
        read_text_form("{lemmas}: {definition} & photo | {name} there") == "lemmas: definition & photo | {name} there"
    )
    assert all(read_text_form(form) == form == read_text_form(template) for form, template in TEXT_FORMS.items())
    assert parts_of("lemmas & photo | name") == ("lemmas & photo", "name")
    assert single_forms("lemmas & photo | name & lemmas") == ("lemmas", "photo", "name")


@pytest.mark.parametrize(
    ("form", "error", "message"),
    [
        ("lemma", UnknownVariantError, r"No text form is called 'lemma'; choose one of definition, lemmas, .*or write"),
        ("lemmas | ", UnknownVariantError, "No text form is called ''"),
        ("{nam}", RecipeError, r"has no field \{nam\}; its fields are \{name\}, .* Did you mean 'name'"),
        ("{name!r}", RecipeError, r"has no field \{name!r\}"),
        ("{name:>9}", RecipeError, r"has no field \{name:>9\}"),
        ("{}", RecipeError, r"has no field \{\}"),
        ("{name", RecipeError, r"is damaged \(expected '}' before end of string\)"),
        ("photo}", RecipeError, "is damaged"),
        ("{{name}}", RecipeError, "names no field, so that all classes would read alike"),
        ("lemmas | {lemmas}", RecipeError, "holds 'lemmas' twice"),
        ("photo & photo | name", RecipeError, "holds 'photo' twice"),
    ],
)
def test_damaged_forms_are_refused(form: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_text_form(form)
    with pytest.raises(error, match=message):
        read_text_form(f"definition & {form}" if " | " not in form and " & " not in form else form)

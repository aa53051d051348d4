from __future__ import annotations

import pytest

from kgzsl.classes import ClassText
from kgzsl.errors import UnknownVariantError
from kgzsl.semantics import TEXT_FORMS, write_class
from kgzsl.semantics.text_form import uses_definition

OKAPI = ClassText("okapi.n.01", ("okapi", "Okapia_johnstoni"), "similar to the giraffe")
BARE = ClassText("polar_bear.n.01", ("polar_bear",))


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        (OKAPI, "lemmas: definition", "okapi, Okapia johnstoni: similar to the giraffe"),
        (OKAPI, "lemmas", "okapi, Okapia johnstoni"),
        (BARE, "lemmas: definition", "polar bear"),
        (ClassText("own_class"), "lemmas", "own class"),
    ],
)
def test_write_class(text: ClassText, form: str, expected: str) -> None:
    assert write_class(text, form) == expected


def test_only_a_written_definition_counts() -> None:
    counted = {form for form in TEXT_FORMS if uses_definition(OKAPI, form)}
    assert counted == set(TEXT_FORMS) - {"lemmas", "name", "photo"}
    assert uses_definition(OKAPI, "lemmas | photo & definition")
    assert not any(uses_definition(BARE, form) for form in TEXT_FORMS)


def test_an_unknown_form_lists_the_known() -> None:
    with pytest.raises(
        UnknownVariantError, match=r"No text form is called 'lemma'; choose one of definition, lemmas, .*or"
    ):
        write_class(OKAPI, "lemma")

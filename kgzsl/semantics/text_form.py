"""Text forms: how a class is put into words for a text encoder."""

from __future__ import annotations

from collections.abc import Callable

from kgzsl.classes import ClassText
from kgzsl.registry import choose

__all__ = ["DEFAULT_TEXT_FORM", "TEXT_FORMS", "uses_definition", "write_class"]

DEFAULT_TEXT_FORM = "lemmas: definition"


def _lemmas(text: ClassText) -> str:
    return ", ".join(lemma.replace("_", " ") for lemma in text.lemmas or (text.name,))


def _lemmas_and_definition(text: ClassText) -> str:
    return f"{_lemmas(text)}: {text.definition}" if text.definition else _lemmas(text)


TEXT_FORMS: dict[str, Callable[[ClassText], str]] = {
    DEFAULT_TEXT_FORM: _lemmas_and_definition,
    "lemmas": _lemmas,
}
"""Text form to the function that writes it; names alone where a class has no definition."""


def write_class(text: ClassText, text_form: str = DEFAULT_TEXT_FORM) -> str:
    """Put a class into words.

    Args:
        text: its lemmas (its name where it has none) and definition.
        text_form: a key of `TEXT_FORMS`.

    Raises:
        UnknownVariantError: there is no such text form.

    Example:
        >>> write_class(ClassText("okapi.n.01", ("okapi", "Okapia_johnstoni"), "similar to the giraffe"))
        'okapi, Okapia johnstoni: similar to the giraffe'
        >>> write_class(ClassText("okapi.n.01", ("okapi", "Okapia_johnstoni")))
        'okapi, Okapia johnstoni'
    """
    return choose(TEXT_FORMS, text_form, "text form")(text)


def uses_definition(text: ClassText, text_form: str = DEFAULT_TEXT_FORM) -> bool:
    """Say whether a class's definition is part of what `write_class` writes."""
    return bool(text.definition) and text_form == DEFAULT_TEXT_FORM

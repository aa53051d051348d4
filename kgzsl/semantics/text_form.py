"""Text forms: how a class is put into words for a text encoder.

A form is a template over `FIELDS`, by its name in `TEXT_FORMS` or written out: ``a photo of a {name}, a kind of
{parent}``. What a class lacks is left out with the words before it: without a definition ``{lemmas}: {definition}`` is
the lemmas alone, and where nothing of a template can be said its lemmas stand for it. "a" and "an" before a field
follow the word that is put in.

Several texts a class: ``first & second`` is the mean of two texts' unit vectors, made unit again; ``first | second``
puts vectors side by side, each of the encoder's width; ``&`` binds more tightly than ``|``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from string import Formatter

from kgzsl.classes import ClassText
from kgzsl.errors import RecipeError, UnknownVariantError
from kgzsl.registry import closest

__all__ = [
    "DEFAULT_TEXT_FORM",
    "FIELDS",
    "TEXT_FORMS",
    "averaged_forms",
    "needs_ancestors",
    "needs_definitions",
    "parts_of",
    "read_text_form",
    "single_forms",
    "uses_definition",
    "write_class",
]

DEFAULT_TEXT_FORM = "lemmas: definition"

TEXT_FORMS: dict[str, str] = {
    DEFAULT_TEXT_FORM: "{lemmas}: {definition}",
    "lemmas": "{lemmas}",
    "name": "{name}",
    "definition": "{definition}",
    "lemmas: definition + parent": "{lemmas}: {definition}; {parent}: {parent_definition}",
    "photo": "a photo of a {name}",
    "photo + parent": "a photo of a {name}, a kind of {parent}: {definition}",
    "photo + ancestors": "a photo of a {name}, a kind of {parent}, {grandparent}. {definition}",
}
"""Text form to the template that writes it."""

BESIDE, AVERAGED = " | ", " & "
SOUNDS_AS_VOWEL = re.compile(
    r"hour|honest|honou?r|heir|(?!uni(?![mn])|us[aeiu]|ut[ei]|ubi|uk|ur[aeio]|eu|ewe|one\b|once\b)[aeiou]",
    re.IGNORECASE,
)
"""Words that take "an": by their first letter, but for those that sound otherwise, as unicorn and hour do."""

Lineage = Sequence[ClassText]
"""The texts of a class, its parent and its grandparent, as far as there are any."""


def _lemmas(text: ClassText) -> str:
    return ", ".join(lemma.replace("_", " ") for lemma in text.lemmas or (text.name,))


def _name(text: ClassText) -> str:
    return text.label.replace("_", " ")


def _definition(text: ClassText) -> str:
    return text.definition or ""


FIELDS: dict[str, tuple[int, Callable[[ClassText], str]]] = {
    "name": (0, _name),
    "lemmas": (0, _lemmas),
    "definition": (0, _definition),
    "parent": (1, _name),
    "parent_definition": (1, _definition),
    "grandparent": (2, _name),
}
"""What a template may name: how many steps up the class is that it speaks of, and what it says of it."""


def parts_of(text_form: str) -> tuple[str, ...]:
    """Return the forms whose vectors stand side by side.

    Example:
        >>> parts_of("lemmas: definition | lemmas & photo")
        ('lemmas: definition', 'lemmas & photo')
    """
    return tuple(part.strip() for part in text_form.split(BESIDE))


def averaged_forms(part: str) -> tuple[str, ...]:
    """Return the forms of one part, whose vectors are averaged where there are several."""
    return tuple(form.strip() for form in part.split(AVERAGED))


def single_forms(text_form: str) -> tuple[str, ...]:
    """Return every single form of a text form once, in order."""
    return tuple(dict.fromkeys(form for part in parts_of(text_form) for form in averaged_forms(part)))


def read_text_form(text_form: str) -> str:
    """Check a text form and return it as it is recorded: forms by their names, one blank around ``|`` and ``&``.

    Raises:
        UnknownVariantError: a form is neither a key of `TEXT_FORMS` nor a template.
        RecipeError: a template is damaged or names no field or an unknown one, or a form stands twice.

    Example:
        >>> read_text_form("{lemmas}: {definition} | lemmas")
        'lemmas: definition | lemmas'
    """
    parts = [[_recorded(form) for form in averaged_forms(part)] for part in parts_of(text_form)]
    joined = [AVERAGED.join(part) for part in parts]
    for forms in (joined, *parts):
        if twice := [form for form in forms if forms.count(form) > 1]:
            raise RecipeError(f"Text form {text_form!r} holds {twice[0]!r} twice; leave one of them out.")
    return BESIDE.join(joined)


def _recorded(form: str) -> str:
    _pieces(form)
    return next((name for name, template in TEXT_FORMS.items() if template == form), form)


@lru_cache(maxsize=256)
def _pieces(form: str) -> tuple[tuple[str, str], ...]:
    """Return the fields of a form, each with the words before it; what follows the last has an empty field."""
    if form not in TEXT_FORMS and "{" not in form and "}" not in form:
        raise UnknownVariantError(
            f"No text form is called {form!r}; choose one of {', '.join(sorted(TEXT_FORMS))}, or write a template over "
            f"{_field_list()}.{closest(form, TEXT_FORMS)}"
        )
    template = TEXT_FORMS.get(form, form)
    try:
        found = list(Formatter().parse(template))
    except ValueError as error:
        raise RecipeError(
            f"Text form {form!r} is damaged ({error}); fields stand in braces, as in {{name}}."
        ) from error
    for _, field, spec, conversion in found:
        if field is not None and (field not in FIELDS or spec or conversion):
            hint = closest(field, FIELDS)
            written = field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            raise RecipeError(f"Text form {form!r} has no field {{{written}}}; its fields are {_field_list()}.{hint}")
    if not any(field for _, field, _, _ in found):
        raise RecipeError(f"Text form {form!r} names no field, so that all classes would read alike; add {{name}}.")
    pieces, words = list[tuple[str, str]](), ""
    for literal, field, _, _ in found:  # a doubled brace is a piece of its own, without a field
        words += literal
        if field is not None:
            pieces.append((words, field))
            words = ""
    return (*pieces, (words, ""))


def _field_list() -> str:
    return ", ".join(f"{{{field}}}" for field in FIELDS)


def write_class(text: ClassText, text_form: str = DEFAULT_TEXT_FORM, ancestors: Lineage = ()) -> str:
    """Put a class into words.

    Args:
        text: its lemmas (its name where it has none) and definition.
        text_form: one form: a key of `TEXT_FORMS` or a template.
        ancestors: the texts of its parent and grandparent, as far as there are any.

    Raises:
        UnknownVariantError, RecipeError: see `read_text_form`.

    Example:
        >>> okapi = ClassText("okapi.n.01", ("okapi", "Okapia_johnstoni"), "similar to the giraffe")
        >>> write_class(okapi)
        'okapi, Okapia johnstoni: similar to the giraffe'
        >>> write_class(okapi, "a photo of a {name}, a kind of {parent}", [ClassText("giraffid")])
        'a photo of an okapi, a kind of giraffid'
        >>> write_class(ClassText("okapi.n.01", ("okapi", "Okapia_johnstoni")))
        'okapi, Okapia johnstoni'
    """
    line, written, is_said = (text, *ancestors), "", False
    for words, field in _pieces(text_form):
        if field:
            value = _value(line, field)
            is_said = bool(value)
            written += _agreeing(words, value) + value if is_said else ""
        elif is_said:
            written += words
    return written.lstrip(" ,;:.") or _lemmas(text)


def _value(line: Lineage, field: str) -> str:
    steps, say = FIELDS[field]
    return say(line[steps]) if steps < len(line) else ""


def _agreeing(words: str, value: str) -> str:
    """Return the words before a field with "a" or "an" as the word behind it wants."""
    found = re.search(r"(?:^|(?<=\W))([Aa])n?(\s+)$", words)
    if not found:
        return words
    article = found.group(1) + ("n" if SOUNDS_AS_VOWEL.match(value) else "")
    return f"{words[: found.start()]}{article}{found.group(2)}"


def uses_definition(text: ClassText, text_form: str = DEFAULT_TEXT_FORM) -> bool:
    """Say whether a class's own definition is part of what a text form writes."""
    return bool(text.definition) and any(_names(form, "definition") for form in single_forms(text_form))


def needs_definitions(text_form: str) -> bool:
    """Say whether a text form speaks of definitions, be they of the class or of its parent."""
    return bool(text_form) and any(_names(form, "definition", "parent_definition") for form in single_forms(text_form))


def needs_ancestors(text_form: str) -> bool:
    """Say whether a text form speaks of what is above a class."""
    return any(
        steps for form in single_forms(text_form) for _, field in _pieces(form) if field for steps in FIELDS[field][:1]
    )


def _names(form: str, *fields: str) -> bool:
    return any(field in fields for _, field in _pieces(form))

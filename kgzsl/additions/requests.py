"""What somebody asks to add, and what is wrong with it before anything is looked up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from kgzsl.errors import AdditionError, InputFileError, KgzslError
from kgzsl.registry import closest

__all__ = [
    "ClassRequest",
    "Problems",
    "foreign_words",
    "in_another_script",
    "reads_english_only",
    "request_of",
    "request_problems",
]

SHOWN = 10
ENGLISH_ENCODERS, MANY_LANGUAGES = ("minilm",), "multilingual"
LEAST_ASCII = 0.5
ENGLISH_WORDS = frozenset(re.findall(r"\w+", "the of that which with for and by from is used made to"))
FOREIGN_WORDS = frozenset(
    re.findall(
        r"\w+",
        "das dem der ein eine einem einen einer und mit auf ist zum aus oder wird les une des est dans avec qui sur ou "
        "pour el los las una con por que un il di che della uma um dos het een op voor met wordt",
    )
)


@dataclass(frozen=True, slots=True)
class ClassRequest:
    """One class to add.

    Args:
        name: a noun (``okapi``, ``okapi.n.01``, ``n02439398``), or the name of an own class.
        parents: what it is a kind of: classes of the run, nouns, own classes, or others of the same batch.
        description: its definition; without parents it decides the place, too.
        class_id: the id of an own class; by default made of its name.
        lemmas: further words for it.
        marks: marks that it carries beside those that it inherits.
        line: where it stands in a file, 0 where in none.
    """

    name: str
    parents: tuple[str, ...] = ()
    description: str | None = None
    class_id: str | None = None
    lemmas: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    line: int = 0

    @property
    def place(self) -> str:
        """Where it stands, to begin a message with; empty where in no file."""
        return f"line {self.line}: " if self.line else ""


class Problems:
    """What is wrong with a batch, all of it, told in one error."""

    def __init__(self) -> None:
        self._found: list[tuple[ClassRequest, KgzslError]] = []

    def add(self, request: ClassRequest, error: KgzslError) -> None:
        """Note one more."""
        self._found.append((request, error))

    def raise_any(self, count: int, source: str = "") -> None:
        """Raise what was noted: an error by itself as it is, several in one that lists the first ten.

        Args:
            count: how many classes were asked for.
            source: the file that they stand in.

        Raises:
            KgzslError: there is a problem.
        """
        if not self._found:
            return
        if len(self._found) == 1 and count == 1 and not source:
            raise self._found[0][1]
        found = sorted(self._found, key=lambda problem: problem[0].line)
        listed = "; ".join(f"{request.place}{str(error).rstrip('.')}" for request, error in found[:SHOWN])
        more = f"; and {len(self._found) - SHOWN} more" if len(self._found) > SHOWN else ""
        told = "1 problem" if len(self._found) == 1 else f"{len(self._found)} problems"
        where = source or ("The class" if count == 1 else f"Of {count} classes")
        raise AdditionError(f"{where}: {told}, nothing was added: {listed}{more}.")


def reads_english_only(encoder: str) -> bool:
    """Say whether an encoder is known to understand English alone.

    Example:
        >>> reads_english_only("sentence-transformers/all-MiniLM-L6-v2@53aa51172d14")
        True
    """
    name = encoder.casefold()
    return MANY_LANGUAGES not in name and any(one in name for one in ENGLISH_ENCODERS)


def request_problems(request: ClassRequest, encoder: str, any_language: bool) -> Iterator[KgzslError]:
    """Yield what is wrong with a request by itself.

    Args:
        request: the request.
        encoder: id of the text encoder of the run.
        any_language: take words in any language and script.
    """
    if not request.name.strip():
        yield InputFileError("A class needs a name that is not empty.")
    texts = [request.name, request.class_id or "", *request.lemmas, *request.parents]
    if any(sign in text for text in texts for sign in "\t\n\r|"):
        yield InputFileError(f"{request.name!r}: names and ids hold no tab, no line break and no |.")
    if any(not parent.strip() for parent in request.parents):
        yield InputFileError(f"{request.name!r} has an empty parent; name a class or leave it out.")
    yield from _description_problems(request, encoder, any_language)


def _description_problems(request: ClassRequest, encoder: str, any_language: bool) -> Iterator[KgzslError]:
    text = request.description
    if text is None:
        return
    if not any(sign.isalpha() for sign in text):
        found = "is empty" if not text.strip() else f"{_short(text)} holds no word"
        yield InputFileError(f"The description of {request.name!r} {found}; write what the class is, or leave it out.")
        return
    if any_language or not reads_english_only(encoder):
        return
    if in_another_script(text):
        yield InputFileError(
            f"The description of {request.name!r} ({_short(text)}) is in another script than encoder {encoder!r} "
            "reads, which was made for English; translate it, or insist with --any-language (any_language=True)."
        )
    elif foreign := foreign_words(text):
        yield InputFileError(
            f"The description of {request.name!r} ({_short(text)}) does not look English ({', '.join(foreign)}), and "
            f"encoder {encoder!r} was made for English; translate it, or use --any-language (any_language=True)."
        )


def in_another_script(text: str) -> bool:
    """Say whether most letters of a text are not those that English is written in.

    Example:
        >>> in_another_script("птица"), in_another_script("Känguru")
        (True, False)
    """
    letters = [sign.isascii() for sign in text if sign.isalpha()]
    return sum(letters) < LEAST_ASCII * len(letters)


def foreign_words(text: str) -> tuple[str, ...]:
    """Find the little words that show a text to be German, French, Spanish, Italian, Portuguese or Dutch.

    Nothing is found where there is only one of them, or an English one beside: a name or a quotation is no language.

    Example:
        >>> foreign_words("ein kleines Brett, das über dem Boden schwebt")
        ('das', 'dem', 'ein')
        >>> foreign_words("a dish of rice, arroz con una salsa")
        ()
    """
    words = set(re.findall(r"[^\W\d_]+", text.casefold()))
    found = words & FOREIGN_WORDS
    return tuple(sorted(found)) if len(found) >= 2 and not words & ENGLISH_WORDS else ()


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def request_of(wanted: str | Mapping[str, Any] | ClassRequest) -> ClassRequest:
    """Make a request of a name, or of a mapping with the fields of `ClassRequest`.

    Raises:
        InputFileError: a field is unknown or of the wrong kind.

    Example:
        >>> request_of({"name": "tricorder", "parents": "instrument.n.01"}).parents
        ('instrument.n.01',)
    """
    if isinstance(wanted, ClassRequest):
        return wanted
    if isinstance(wanted, str):
        return ClassRequest(wanted)
    given, names = dict(wanted), [one.name for one in fields(ClassRequest) if one.name != "line"]
    for name in given:
        if name not in names:
            raise InputFileError(f"A class has no {name!r}; give {', '.join(names)}.{closest(name, names)}")
    for name in ("parents", "lemmas", "marks"):
        value = given.pop(name, None) or ()
        given[name] = (value,) if isinstance(value, str) else tuple(value)
    texts = [given.get("name"), *given["parents"], *given["lemmas"], *given["marks"]]
    texts += [value for name in ("description", "class_id") if (value := given.get(name)) is not None]
    if not all(isinstance(text, str) for text in texts):
        raise InputFileError(f"The fields of a class are texts or lists of texts, found {dict(wanted)!r}.")
    return ClassRequest(**given)

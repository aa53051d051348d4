"""Singular and plural of English nouns: what the other number of a name could be.

Endings are put off and on as WordNet's own Morphy does (Miller: WordNet, a lexical database for English, CACM 1995),
with the irregular nouns that name things one can photograph. Every form is a guess that the lemmas of a graph decide
on, so it does not matter that most are no words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["other_numbers", "plain_singulars"]

_IRREGULAR = {
    "brethren": "brother",
    "children": "child",
    "dice": "die",
    "feet": "foot",
    "geese": "goose",
    "kine": "cow",
    "lice": "louse",
    "men": "man",
    "mice": "mouse",
    "oxen": "ox",
    "pence": "penny",
    "people": "person",
    "teeth": "tooth",
}
"""Ends of plurals, so that ``dormice`` and ``pincer teeth`` are among them."""

_ENDINGS = (
    *(("ies", "y"), ("ves", "f"), ("ves", "fe"), ("ses", "sis"), ("xes", "xis"), ("zzes", "z"), ("sses", "s")),
    *(("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"), ("oes", "o")),
    *(("ices", "ex"), ("ices", "ix"), ("i", "us"), ("i", "o"), ("ae", "a"), ("a", "um"), ("a", "on")),
    *(("eaux", "eau"), ("inges", "inx"), ("anges", "anx"), ("odes", "us"), ("im", ""), ("s", "")),
)
"""End of a plural and end of its singular; several may fit."""

_SHORTEST, _SHORTEST_PLAIN = 1, 3
_HEAD = re.compile(r" (?:of|in|on|de|du|la|for|at|to|with|and|the|o|a) ")


def other_numbers(name: str) -> Iterator[str]:
    """Yield what the singulars, then the plurals, of a name could be; the name as `plain` gives it.

    In a phrase the last word changes, and also the one before the first preposition: ``mothers in law``.

    Example:
        >>> [form for form in other_numbers("wolves") if form.startswith("wolf")]
        ['wolf', 'wolfe']
        >>> "coat of mail" in other_numbers("coats of mail")
        True
    """
    head = _HEAD.search(name)
    places = [len(name), *([head.start()] if head else [])]
    for forms in (_singulars, _plurals):
        for end in places:
            start = name.rfind(" ", 0, end) + 1
            for form in forms(name[start:end]):
                yield name[:start] + form + name[end:]


def plain_singulars(name: str) -> Iterator[str]:
    """Yield the singulars that everybody would think of: of a regular plural, or an irregular English one.

    Example:
        >>> list(plain_singulars("tigers")), list(plain_singulars("oxen")), list(plain_singulars("cactus"))
        (['tiger'], ['ox'], [])
    """
    if name.endswith(tuple(_IRREGULAR)):
        yield next(name.removesuffix(end) + singular for end, singular in _IRREGULAR.items() if name.endswith(end))
    if name.endswith("s") and not name.endswith(("ss", "us", "is")):
        singulars = dict.fromkeys([name[:-1], *([name[:-2]] if name.endswith("es") else [])])
        yield from (form for form in singulars if len(form) >= _SHORTEST_PLAIN)
        if name.endswith("ies"):
            yield name[:-3] + "y"


def _singulars(word: str) -> Iterator[str]:
    for plural, singular in _IRREGULAR.items():
        if word.endswith(plural):
            yield word.removesuffix(plural) + singular
    for plural, singular in _ENDINGS:
        if word.endswith(plural) and len(word) - len(plural) >= _SHORTEST and not word.endswith("ss"):
            yield word.removesuffix(plural) + singular


def _plurals(word: str) -> Iterator[str]:
    if len(word) < _SHORTEST_PLAIN or (word.endswith("s") and not word.endswith("ss")):
        return
    yield word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")
    if word.endswith("y"):
        yield word[:-1] + "ies"

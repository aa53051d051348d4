"""Forms under which one name is written: case, accents, hyphens, spaces, and British for American spelling.

`plain` takes away what is typography only. `folded` goes further, to one form for all spellings of a word, good for
comparing and not for reading: ``folded("jewellery") == folded("jewelry")``. What is folded together wrongly (``timbre``
and ``timber``) does no harm, for what a name stands for as it is written comes before.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["american", "folded", "plain", "plain_each", "split_label", "without_article"]

_TYPOGRAPHY = {
    **dict.fromkeys("_-/\u2010\u2011\u2012\u2013\u2014\u00a0", " "),
    **dict.fromkeys("'.`\u2018\u2019\u02bc\u00b4\"", ""),
    **{"\u00e6": "ae", "\u0153": "oe", "\u00f8": "o", "\u0142": "l", "\u0111": "d"},
}
_TABLE = str.maketrans(_TYPOGRAPHY)

_WORDS = {
    "aeroplane": "airplane",
    "aluminium": "aluminum",
    "artefact": "artifact",
    "axe": "ax",
    "carburettor": "carburetor",
    "cheque": "check",
    "chilli": "chili",
    "cosy": "cozy",
    "disk": "disc",
    "doughnut": "donut",
    "draught": "draft",
    "gaol": "jail",
    "gramme": "gram",
    "grey": "gray",
    "greyish": "grayish",
    "jewellery": "jewelry",
    "kerb": "curb",
    "kilogramme": "kilogram",
    "liquorice": "licorice",
    "manoeuvre": "maneuver",
    "mould": "mold",
    "moult": "molt",
    "moustache": "mustache",
    "omelette": "omelet",
    "plough": "plow",
    "ploughshare": "plowshare",
    "practise": "practice",
    "programme": "program",
    "pyjama": "pajama",
    "pyjamas": "pajamas",
    "sceptic": "skeptic",
    "snowplough": "snowplow",
    "speciality": "specialty",
    "storey": "story",
    "tsar": "czar",
    "tyre": "tire",
    "whisky": "whiskey",
    "woollen": "woolen",
    "yoghourt": "yogurt",
    "yoghurt": "yogurt",
}
"""British words, and the American ones that no rule makes of them."""

_RULES = (
    (r"(?<=[a-z]{3})our|(?<=\bod)our", "or"),  # colour, odour; not four, hour, tour
    (r"(?<=[a-z]{2}[tb])re\b|(?<=och)re\b", "er"),  # centre, fibre, ochre; not acre
    (r"(?<=[a-z]{3}i)s(?=(?:e|ed|er|ers|es|ing|ation|ations)\b)", "z"),  # organiser
    (r"(?<=[a-z]{2}y)s(?=(?:e|er|ers|ed|ing)\b)", "z"),  # analyser
    (r"[ao]e(?=[a-z]{2})", "e"),  # anaemia, foetus; not shoe
    (r"(?<=og)ue\b", ""),  # catalogue
    (r"(?<=[a-z]en)c(?=e\b)", "s"),  # defence, licence
    (r"sulph", "sulf"),
    (r"l+(?=(?:ment|ful)\b)|(?<=[aeiou])ll(?=(?:ed|er|ers|ing|or|ors)\b)", "l"),  # instalment, skilful, traveller
)
_AMERICAN = re.compile("|".join(f"(?P<rule{number}>{pattern})" for number, (pattern, _) in enumerate(_RULES)))
_PUT = {f"rule{number}": put for number, (_, put) in enumerate(_RULES)}
_ARTICLE = re.compile(r"^(?:an?|the) (?=\S)")
_SEPARATOR = re.compile(r"[,;|]")
_BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")


def plain(text: str) -> str:
    """Take typography away: case, accents, apostrophes and dots; hyphens and underscores become spaces.

    Example:
        >>> plain(" Jack-o'-Lantern "), plain("Bébé_chair")
        ('jack o lantern', 'bebe chair')
    """
    text = text.casefold()
    if not text.isascii():
        text = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)).casefold()
    return " ".join(text.translate(_TABLE).split())


def plain_each(texts: Sequence[str]) -> list[str]:
    """Return what `plain` gives for each of many texts; in one go where all are ASCII.

    Example:
        >>> plain_each(["Okapia_johnstoni", "jack-o'-lantern"])
        ['okapia johnstoni', 'jack o lantern']
    """
    joined = "\n".join(texts)
    if not joined.isascii() or joined.count("\n") != len(texts) - 1:
        return [plain(text) for text in texts]
    lines = joined.casefold().translate(_TABLE).split("\n")
    return [" ".join(line.split()) for line in lines]


def american(text: str) -> str:
    """Spell what `plain` gave in the American way, by word and by rule.

    Example:
        >>> american("grey harbour theatre")
        'gray harbor theater'
    """
    words = " ".join(_WORDS.get(word, word) for word in text.split())
    return _AMERICAN.sub(lambda match: _PUT[str(match.lastgroup)], words)


def folded(text: str) -> str:
    """Return one form for all ways to write a name that `plain` gave: American, without spaces."""
    return american(text).replace(" ", "")


def without_article(text: str) -> str:
    """Leave out the article that what `plain` gave begins with."""
    return _ARTICLE.sub("", text)


def split_label(label: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split a label into its names and the words in brackets that say which sense is meant.

    Example:
        >>> split_label("tench, Tinca tinca"), split_label("crane (bird)")
        ((('tench', 'Tinca tinca'), ()), (('crane',), ('bird',)))
    """
    qualifiers = [round_ or square for round_, square in _BRACKETS.findall(label)]
    bare = _BRACKETS.sub(" ", label)
    return _parts(bare), tuple(part for text in qualifiers for part in _parts(text))


def _parts(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in _SEPARATOR.split(text) if plain(part)))

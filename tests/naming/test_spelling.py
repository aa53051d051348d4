from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.naming.misspelling import NearWords, allowed_distance, distance
from kgzsl.naming.number import other_numbers, plain_singulars
from kgzsl.naming.spelling import american, folded, plain, plain_each, split_label, without_article

WORDS = st.text("abct -", max_size=7)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Jack-o'-lantern", "jack o lantern"),
        ("great_white  shark", "great white shark"),
        ("Bébé", "bebe"),
        ("Œuf à la coque", "oeuf a la coque"),
        ("U.S. Army", "us army"),
        ("’tween", "tween"),
        ("Straße", "strasse"),
        ("квагга", "квагга"),
        ("!?", "!?"),
        ("", ""),
    ],
)
def test_plain_takes_typography_away(written: str, expected: str) -> None:
    assert plain(written) == expected


@given(st.text(max_size=20))
def test_plain_twice_is_plain_once(text: str) -> None:
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize(
    ("british", "us"),
    [
        ("colour", "color"),
        ("odour", "odor"),
        ("theatre", "theater"),
        ("fibre", "fiber"),
        ("ochre", "ocher"),
        ("grey", "gray"),
        ("jewellery", "jewelry"),
        ("organiser", "organizer"),
        ("analyser", "analyzer"),
        ("encyclopaedia", "encyclopedia"),
        ("foetus", "fetus"),
        ("catalogue", "catalog"),
        ("licence", "license"),
        ("sulphur", "sulfur"),
        ("traveller", "traveler"),
        ("aeroplane", "airplane"),
        ("plough", "plow"),
        ("instalment", "installment"),
    ],
)
def test_british_and_american_spelling_fold_to_one_form(british: str, us: str) -> None:
    assert folded(british) == folded(us)
    assert folded(f"{british} shop") == folded(f"{us} shop")


@pytest.mark.parametrize(
    "word", ["four", "hour", "flour", "tour", "acre", "ogre", "shoe", "toe", "ball", "bell", "rise"]
)
def test_words_that_only_look_british_stay(word: str) -> None:
    assert american(word) == word


def test_articles_and_labels() -> None:
    assert [without_article(text) for text in ("a zebra", "the hague", "an", "anaconda")] == [
        "zebra",
        "hague",
        "an",
        "anaconda",
    ]
    assert split_label("tench, Tinca tinca") == (("tench", "Tinca tinca"), ())
    assert split_label("crane (bird)") == (("crane",), ("bird",))
    assert split_label(" mouse [animal, rodent] ; , ") == (("mouse",), ("animal", "rodent"))
    assert split_label("zebra, zebra") == (("zebra",), ())


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        *(("zebras", "zebra"), ("foxes", "fox"), ("berries", "berry"), ("wolves", "wolf"), ("knives", "knife")),
        *(("buses", "bus"), ("torches", "torch"), ("brushes", "brush"), ("potatoes", "potato"), ("glasses", "glass")),
        *(("axes", "axis"), ("oases", "oasis"), ("cacti", "cactus"), ("larvae", "larva"), ("bacteria", "bacterium")),
        *(("phenomena", "phenomenon"), ("vertices", "vertex"), ("plateaux", "plateau"), ("octopodes", "octopus")),
        *(("dormice", "dormouse"), ("snowmen", "snowman"), ("eye teeth", "eye tooth"), ("children", "child")),
        *(("mothers in law", "mother in law"), ("coats of mail", "coat of mail"), ("men of war", "man of war")),
    ],
)
def test_a_plural_leads_to_its_singular(plural: str, singular: str) -> None:
    assert singular in list(other_numbers(plural))


def test_a_singular_leads_to_its_plural() -> None:
    assert list(other_numbers("binocular"))[-1] == "binoculars"
    assert {"boxes", "berries"} <= {*other_numbers("box"), *other_numbers("berry")}
    assert "trousers" in list(other_numbers("trouser")) and "zebrass" not in list(other_numbers("zebras"))


def test_plain_singulars_leave_latin_and_short_words() -> None:
    assert [list(plain_singulars(word)) for word in ("tigers", "boxes", "berries", "oxen")] == [
        ["tiger"],
        ["boxe", "box"],
        ["berrie", "berri", "berry"],
        ["ox"],
    ]
    assert [list(plain_singulars(word)) for word in ("cactus", "glass", "iris", "gas", "taxi")] == [[]] * 5


def edits(first: str, second: str) -> int:
    """The same distance from its definition, with all tables in full."""
    table = [[max(i, j) if not min(i, j) else 0 for j in range(len(second) + 1)] for i in range(len(first) + 1)]
    for i in range(1, len(first) + 1):
        for j in range(1, len(second) + 1):
            change = table[i - 1][j - 1] + (first[i - 1] != second[j - 1])
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, change)
            if i > 1 and j > 1 and first[i - 1] == second[j - 2] and first[i - 2] == second[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


@given(WORDS, WORDS, st.integers(0, 4))
def test_distance_equals_its_definition_up_to_the_limit(first: str, second: str, limit: int) -> None:
    assert distance(first, second, limit) == min(edits(first, second), limit + 1)


@given(st.lists(WORDS, max_size=12, unique=True), WORDS)
def test_near_words_are_those_of_the_smallest_distance(words: list[str], word: str) -> None:
    apart = {other: edits(word, other) for other in words if 0 < edits(word, other) <= allowed_distance(word)}
    least = min(apart.values(), default=0)
    expected = {(other, least) for other, edited in apart.items() if edited == least}
    assert set(NearWords(words).near(word, limit=99)) == expected


def test_equally_near_words_that_begin_alike_come_first() -> None:
    assert NearWords(("zorse", "horse", "horst", "morse")).near("horsa", 2) == [("horse", 1), ("horst", 1)]
    assert NearWords(("worse", "horse")).near("horze", 5) == [("horse", 1)]
    assert [allowed_distance("x" * length) for length in (3, 4, 5, 6, 30)] == [0, 1, 1, 2, 2]


@given(st.lists(st.text("aB_-' .\té\n", max_size=5), max_size=5))
def test_plain_each_is_plain_of_each(texts: list[str]) -> None:
    assert plain_each(texts) == [plain(text) for text in texts]

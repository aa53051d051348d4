"""Several values behind one option."""

from __future__ import annotations

import pytest

from kgzsl.cli.several_values import spread, word_too_many


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("RUN --features a b --json", "RUN --features a --features b --json"),
        ("--features a --features b RUN", "--features a --features b --features RUN"),
        ("RUN --top 3 x", "RUN --top 3 x"),
        ("RUN --features", "RUN --features"),
        ("--features=a RUN", "--features=a RUN"),
        ("RUN --features a - b", "RUN --features a --features - --features b"),
    ],
)
def test_spread(words: str, expected: str) -> None:
    assert spread(words.split(), {"--features"}) == expected.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("RUN --candidates a b", ("--candidates", "a", "b")),
        ("--candidates a RUN --top 3", ("--candidates", "a", "RUN")),
        ("RUN --candidates a --json", None),
        ("RUN x y", None),
    ],
)
def test_word_too_many(words: str, expected: tuple[str, str, str] | None) -> None:
    assert word_too_many(words.split(), {"--candidates"}) == expected


def test_two_words_behind_an_option_of_one_value_are_told(kgzsl, capsys: pytest.CaptureFixture[str]) -> None:
    assert kgzsl("evaluate", "run", "--features", "x", "y", "--candidates", "okapi", "zebra") == 2
    assert capsys.readouterr().err == (
        "kgzsl: --candidates takes one value, found 'okapi' and then 'zebra'. Put what belongs together in quotes, or, "
        "where a file will do, each into a line of one.\n"
    )
    assert kgzsl("evaluate", "run", "other", "--features", "x") == 2
    assert "unexpected extra argument" in capsys.readouterr().err

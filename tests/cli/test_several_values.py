"""Several values behind one option."""

from __future__ import annotations

import pytest

from kgzsl.cli.several_values import spread


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

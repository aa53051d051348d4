from __future__ import annotations

import datetime
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from kgzsl.runtime import toml_text

TABLES = {
    "method": {
        "name": "graph_regression",
        "network_options": {"hidden": [16, 8], "deep": {"a b": True, "empty": {}}},
        "learning_rate": 1e-05,
        "limit": float("inf"),
        "epochs": 600,
    },
    "seen.bank": {"path": 'C:\\a "quoted" folder\n\t\x7f é', "day": datetime.date(2024, 5, 1), "": "no key"},
    "expected": {"values": [], "mixed": [1, "one", [2.5]]},
}


def test_it_reads_back() -> None:
    assert tomllib.loads(toml_text(TABLES)) == TABLES


def test_none_is_left_out() -> None:
    assert toml_text({"a": {"b": None, "c": {"d": None, "e": 1}}}) == "[a]\nc = { e = 1 }\n"


scalars = st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(st.dictionaries(st.text(), st.dictionaries(st.text(), values, max_size=4), max_size=3))
def test_any_tables_read_back(tables: dict) -> None:
    assert tomllib.loads(toml_text(tables)) == tables

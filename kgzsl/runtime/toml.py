"""TOML written: the counterpart of `read_toml`, for the tables of a recipe."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["toml_text"]

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Return tables as TOML that reads back to equal tables; values of None are left out, inner tables are inline.

    Example:
        >>> print(toml_text({"method": {"name": "dgp", "network_options": {"hidden": 16}}}), end="")
        [method]
        name = "dgp"
        network_options = { hidden = 16 }
    """
    return "\n".join(_table(name, content) for name, content in tables.items())


def _table(name: str, content: Mapping[str, Any]) -> str:
    lines = [f"{_key(key)} = {_value(value)}" for key, value in content.items() if value is not None]
    return "\n".join([f"[{_key(name)}]", *lines]) + "\n"


def _key(key: str) -> str:
    return key if BARE_KEY.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    """Quote a text: JSON's escapes are TOML's, but for the delete character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (datetime.date, datetime.time)):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items() if one is not None)
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return _text(str(value))

"""Look up a named variant in a plain table and build it from keywords, with errors that list what is valid."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from kgzsl.errors import KgzslError, RecipeError, UnknownVariantError

__all__ = ["build", "choose", "closest"]

T = TypeVar("T")


def closest(name: str, known: Iterable[str], limit: int = 3) -> str:
    """Name the known words nearest to a misspelt one, as `` Did you mean 'a' or 'b'?`` or an empty text."""
    near = difflib.get_close_matches(name, list(known), n=limit)
    return f" Did you mean {' or '.join(repr(word) for word in near)}?" if near else ""


def choose(table: Mapping[str, T], name: str, kind: str) -> T:
    """Return ``table[name]``.

    Args:
        table: the variants by name.
        name: the wanted one.
        kind: what the variants are, for the message ("method", "network").

    Raises:
        UnknownVariantError: the name is not in the table.

    Example:
        >>> choose({"dgp": 1}, "dgp", "network")
        1
    """
    if name in table:
        return table[name]
    valid = ", ".join(sorted(table))
    raise UnknownVariantError(f"No {kind} is called {name!r}; choose one of {valid}.{closest(name, table)}")


def build(table: Mapping[str, Callable[..., T]], name: str, kind: str, keywords: Mapping[str, Any]) -> T:
    """Build a variant from its table with keywords checked against its constructor.

    Raises:
        UnknownVariantError: the name is not in the table.
        RecipeError: a keyword is not one of the constructor's, or its value is refused.
    """
    variant = choose(table, name, kind)
    valid = [key for key in inspect.signature(variant).parameters if key != "self"]
    for key in keywords:
        if key not in valid:
            hint = closest(key, valid)
            raise RecipeError(f"{kind} {name!r} has no option {key!r}; its options are {', '.join(valid)}.{hint}")
    try:
        return variant(**keywords)
    except KgzslError:
        raise
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{kind} {name!r} cannot be built from {dict(keywords)!r}: {error}.") from error

"""``kgzsl list-options``: what recipes and options can name."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

import typer

from kgzsl.cli.completion import KINDS_OF_OPTIONS

__all__ = ["register"]

FROM_DATA = ("self", "in_dim", "feature_dim")
"""Arguments that a recipe does not give: the data does."""

HELP = """List what recipes and options can name: methods, graph networks, text forms, recipes and more.

With a KIND, every variant of it stands with its first words and its options, as a recipe gives them.

Examples:

kgzsl list-options

kgzsl list-options methods
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("list-options", help=HELP)(list_options_command)


def list_options_command(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND", help="One of the kinds that stand in the list.", autocompletion=KINDS_OF_OPTIONS
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print variants and options as JSON.")] = False,
) -> None:
    """List the variants."""
    from kgzsl.registry import choose

    tables = _tables()
    chosen = tables if kind is None else {kind: choose(tables, kind, "kind of options")}
    if as_json:
        described = {name: {one: _options(variant) for one, variant in table.items()} for name, table in chosen.items()}
        typer.echo(json.dumps(described, indent=2, ensure_ascii=False, default=str))
    elif kind is None:
        for name, table in tables.items():
            typer.echo(f"{name}: {', '.join(table)}")
    else:
        for name, variant in chosen[kind].items():
            typer.echo(f"{name}: {_first_words(variant)}")
            for option, default in _options(variant).items():
                typer.echo(f"    {option} = {_written(default)}")


def _tables() -> dict[str, Mapping[str, Any]]:
    from kgzsl.domain_shift import REMEDIES
    from kgzsl.graph import INDUCTIONS
    from kgzsl.methods import METHODS
    from kgzsl.propagation import PROPAGATORS
    from kgzsl.runtime import shipped_path
    from kgzsl.seen_bank import SEEN_BANKS
    from kgzsl.semantics import ENCODERS, TEXT_FORMS
    from kgzsl.training import FEATURE_OBJECTIVES, OBJECTIVES
    from kgzsl.transduction import TRANSDUCERS

    return {
        "methods": METHODS,
        "networks": PROPAGATORS,
        "objectives": {**OBJECTIVES, **FEATURE_OBJECTIVES},
        "seen-banks": SEEN_BANKS,
        "text-forms": TEXT_FORMS,
        "encoders": ENCODERS,
        "inductions": INDUCTIONS,
        "transducers": TRANSDUCERS,
        "remedies": REMEDIES,
        "recipes": {path.stem: _first_comment(path) for path in sorted(shipped_path("recipes", "").glob("*.toml"))},
    }


def _first_comment(recipe: Path) -> str:
    """Return the sentence that a recipe opens with, up to the first blank line of its comment."""
    lines = recipe.read_text(encoding="utf-8").splitlines()
    opening = takewhile(lambda line: line.strip("# "), lines)
    return " ".join(line.strip("# ") for line in opening).rstrip(".")


def _first_words(variant: Any) -> str:
    """Return the first line of a docstring, or a variant that is a text itself."""
    if isinstance(variant, str):
        return variant
    return (inspect.getdoc(variant) or "").partition("\n")[0].rstrip(".")


def _options(variant: str | Callable[..., Any]) -> dict[str, Any]:
    """Return the keywords of a variant with their defaults; arguments that data fills are left out."""
    if isinstance(variant, str):
        return {}
    parameters = inspect.signature(variant).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not one.empty and one.name not in FROM_DATA}


def _written(value: Any) -> str:
    """Write a default as TOML does, where it can."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, str) else "(none)" if value is None else str(value)

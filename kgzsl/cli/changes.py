"""``kgzsl changes``, ``remove``, ``rename`` and ``undo``: what became of the classes of a run after its training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgzsl.cli.add import open_run

if TYPE_CHECKING:
    from kgzsl.additions import Change

__all__ = ["register"]

CHANGES_HELP = """List what was added, removed, renamed and updated since the training: by whom, when and how.

Examples:

kgzsl changes

kgzsl changes --run runs/dgp --json
"""
REMOVE_HELP = """Take a class out of the candidates of a run, of its graph or added. No classifier is touched.

Examples:

kgzsl remove zebra
"""
RENAME_HELP = """Give a class of a run another readable name. Its id and its classifier stay.

Examples:

kgzsl rename zebra.n.01 "plains zebra"
"""
UNDO_HELP = """Take the last change of the classes of a run back, a batch as a whole. What was before is there again.

Examples:

kgzsl undo
"""
SHOWN = 5

Run = Annotated[Path | None, typer.Option(metavar="RUN", help="A run folder; by default the one trained last.")]
Who = Annotated[str | None, typer.Option(metavar="WHO", help="For the log; by default your user name.")]
Json = Annotated[bool, typer.Option("--json", help="Print the change as one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("changes", help=CHANGES_HELP)(changes_command)
    app.command("remove", help=REMOVE_HELP)(remove_command)
    app.command("rename", help=RENAME_HELP)(rename_command)
    app.command("undo", help=UNDO_HELP)(undo_command)


def changes_command(
    run: Run = None, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False
) -> None:
    """List the changes of a run."""
    changes = open_run(run).changes
    if as_json:
        typer.echo(json.dumps([one.to_json() for one in changes], indent=2, ensure_ascii=False))
        return
    for one in changes:
        typer.echo(_line(one))
    if not changes:
        typer.echo("no class was changed since the training", err=True)


def remove_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The class.")],
    run: Run = None,
    by: Who = None,
    as_json: Json = False,
) -> None:
    """Remove a class."""
    classifier = open_run(run)
    change = classifier.remove_class(name, by=by)
    classifier.save()
    _print(change, as_json)


def rename_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The class.")],
    new_name: Annotated[str, typer.Argument(metavar="NEW_NAME", help="What it is called from now on.")],
    run: Run = None,
    by: Who = None,
    as_json: Json = False,
) -> None:
    """Rename a class."""
    classifier = open_run(run)
    change = classifier.rename_class(name, new_name, by=by)
    classifier.save()
    _print(change, as_json)


def undo_command(run: Run = None, as_json: Json = False) -> None:
    """Undo the last change."""
    classifier = open_run(run)
    change = classifier.undo()
    classifier.save()
    if not as_json:
        typer.echo("taken back: ", nl=False)
    _print(change, as_json)


def _print(change: Change, as_json: bool) -> None:
    typer.echo(json.dumps(change.to_json(), indent=2, ensure_ascii=False) if as_json else _line(change))


def _line(change: Change) -> str:
    """Say a change in one line."""
    if change.names:
        what = ", ".join(f"{one} ({change.how.get('from')}) to {name}" for one, name in change.names.items())
    else:
        what = ", ".join(change.class_ids[:SHOWN])
        what += f" and {len(change.class_ids) - SHOWN} more" if len(change.class_ids) > SHOWN else ""
    place = "".join(f" from {kind} {change.how[kind]}" for kind in ("table", "taxonomy") if change.how.get(kind))
    return f"{change.number} {change.verb} {what}{place}, by {change.by}, {change.when}"

"""``kgzsl add``: new classes for a trained run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgzsl.cli.last_run import last_run
from kgzsl.cli.several_values import ListOptionCommand

if TYPE_CHECKING:
    from kgzsl.additions import AddedClass
    from kgzsl.classifier import ZeroShotClassifier

__all__ = ["open_run", "register"]

HELP = """Add classes to a trained run, without training and without pictures. Nothing that was there changes.

A name is a noun of WordNet (okapi, okapi.n.01, n02439398), or that of a class of your own: it is put beneath --parents,
or, where none are given, where its words lead, among the classes nearest to its --description or, without one, to its
bare name; a place that is likely to be wrong is called doubtful. Parents may be classes of the run, nouns, own classes
added before, or others of the same table.

A table is a CSV or TSV file with a header: name, parents (joined by |), description, class_id, lemmas. A taxonomy is a
file or folder as kgzsl graph reads it; --under says what its roots are. All classes are added, or none.

The classes are kept in the run folder and compete from now on; kgzsl changes lists them, kgzsl undo takes them back.

Examples:

kgzsl add okapi

kgzsl add tricorder --parents instrument.n.01 --description "a handheld device that scans, analyses and records"

kgzsl add --table classes.csv --run runs/dgp --json
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("add", cls=ListOptionCommand, help=HELP)(add_command)


def open_run(run: Path | None, encoder: str | None = None) -> ZeroShotClassifier:
    """Open a run by its folder, or the one trained last."""
    from kgzsl.classifier import ZeroShotClassifier
    from kgzsl.semantics import open_encoder

    if run is None:
        run = last_run()
        typer.echo(f"run: {run}", err=True)
    return ZeroShotClassifier.load(run, encoder=None if encoder is None else open_encoder(encoder))


def add_command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="Nouns, or names of own classes.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option(metavar="RUN", help="A run folder; by default the one trained last.")
    ] = None,
    parents: Annotated[
        list[str] | None, typer.Option(metavar="CLASS...", help="What the named classes are kinds of.")
    ] = None,
    description: Annotated[str | None, typer.Option(metavar="TEXT", help="What the named class is.")] = None,
    class_id: Annotated[str | None, typer.Option(metavar="ID", help="Its id; by default made of its name.")] = None,
    lemmas: Annotated[list[str] | None, typer.Option(metavar="WORD...", help="Further words for it.")] = None,
    table: Annotated[Path | None, typer.Option(metavar="FILE", help="A CSV or TSV file of classes.")] = None,
    taxonomy: Annotated[str | None, typer.Option(metavar="FILE_OR_FOLDER", help="A whole taxonomy.")] = None,
    under: Annotated[
        list[str] | None, typer.Option(metavar="CLASS...", help="What the roots of the taxonomy are kinds of.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="WHO", help="For the log; by default your user name.")] = None,
    encoder: Annotated[
        str | None, typer.Option(metavar="NAME_OR_PATH", help="The text encoder; by default the one the run names.")
    ] = None,
    any_language: Annotated[
        bool, typer.Option("--any-language", help="Take words in a language or script the encoder was not made for.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be added, and add nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array, an object a class.")] = False,
) -> None:
    """Add classes."""
    from kgzsl.additions import ClassRequest
    from kgzsl.errors import InputFileError

    if sum((bool(names), table is not None, taxonomy is not None)) != 1:
        raise InputFileError("Name classes, or give a --table or a --taxonomy: one of the three.")
    if not names and (parents or lemmas or description is not None or class_id is not None):
        raise InputFileError("--parents, --description, --class-id and --lemmas go with named classes.")
    if names and len(names) > 1 and (lemmas or description is not None or class_id is not None):
        raise InputFileError(
            f"--description, --class-id and --lemmas say something of one class, found {len(names)} names; add them "
            "one by one, or with a --table."
        )
    if under and taxonomy is None:
        raise InputFileError("--under goes with --taxonomy; what named classes are kinds of is said by --parents.")
    classifier = open_run(run, encoder)
    held = len(classifier.changes)
    if table is not None:
        found = classifier.added.add_table(table, by=by, any_language=any_language, dry_run=dry_run)
    elif taxonomy is not None:
        found = classifier.added.add_taxonomy(
            taxonomy, under=under or (), by=by, any_language=any_language, dry_run=dry_run
        )
    else:
        words, above = tuple(lemmas or ()), tuple(parents or ())
        requests = [ClassRequest(name, above, description, class_id, words) for name in names or ()]
        found = classifier.added.add(requests, by=by, any_language=any_language, dry_run=dry_run)
    if len(classifier.changes) > held:
        classifier.save()
    _print(found, classifier, held, dry_run, as_json)


def _advice(one: AddedClass) -> str:
    """Say what makes a found place surer."""
    more = "give --parents" if one.description else "give a --description or --parents"
    return f"{more} (kgzsl undo takes it back)"


def _print(
    found: Sequence[AddedClass], classifier: ZeroShotClassifier, held: int, dry_run: bool, as_json: bool
) -> None:
    if as_json:
        typer.echo(json.dumps([one.to_json() for one in found], indent=2, ensure_ascii=False))
        return
    for one in found:
        typer.echo(f"{one.class_id}  {one.label}")
        typer.echo(f"  beneath {' and '.join(parent.name for parent in one.parents) or 'nothing'}: {one.why}")
        if one.nearest:
            near = ", ".join(f"{near.name} {near.likeness:.2f}" for near in one.nearest)
            typer.echo(f"  nearest by its {one.placed_by}: {near}")
        if one.is_doubtful:
            typer.echo(f"  a doubtful place: {_advice(one)}")
        if "person" in one.marks:
            typer.echo("  a class of persons: left out of the candidates unless asked for with --include-person")
    doubtful = sum(one.is_doubtful for one in found)
    if doubtful and len(found) > 1:
        typer.echo(f"{doubtful} of {len(found)} places are doubtful", err=True)
    number = classifier.changes[-1].number if len(classifier.changes) > held else None
    if number is not None:
        typer.echo(f"change {number} of {classifier.run.path}; kgzsl undo takes it back", err=True)
    else:
        typer.echo("nothing was added" + (" (--dry-run)" if dry_run else ""), err=True)

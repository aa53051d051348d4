"""``kgzsl expect``: how well classes will be told, and what they will be taken for, before any image of them exists."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgzsl.cli.last_run import last_run
from kgzsl.cli.several_values import ListOptionCommand

if TYPE_CHECKING:
    from kgzsl.classifier import ZeroShotClassifier
    from kgzsl.expectation import Expectation

__all__ = ["register"]

HELP = """Forecast how well classes will be told apart, without an image of any of them.

For each class: the expected Hit@1 in percent; the range in which the accuracy of four of five such classes lies; what
lowers it most; and what the class will likely be taken for, with the share of its pictures.

Names may be words, synset names, class ids, or files with one of those a line. The classes compete with each other,
and with those of --among. Classes that the run lacks are placed on the fly, own added ones count as any other.

The forecast was learned on seen classes that were hidden: run kgzsl calibrate once before.

Examples:

kgzsl expect okapi.n.01 quince.n.02 harp_seal.n.01

kgzsl expect okapi.n.01 --among seen --run runs/kernel --json
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("expect", cls=ListOptionCommand, help=HELP)(expect_command)


def expect_command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="Classes: names, ids, or files of them.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option(metavar="RUN", help="A calibrated run; by default the one trained last.")
    ] = None,
    classes: Annotated[list[str] | None, typer.Option(metavar="FILE...", help="Further classes, as NAME.")] = None,
    split: Annotated[str | None, typer.Option(help="Forecast all unseen classes of the run: unseen.")] = None,
    among: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME...", help="Further candidates: as NAME, or seen, unseen, all (of the run)."),
    ] = None,
    include_person: Annotated[bool, typer.Option("--include-person", help="Let classes of persons take part.")] = False,
    encoder: Annotated[
        str | None,
        typer.Option(metavar="NAME_OR_PATH", help="The text encoder for new classes; by default the run's."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array, an object a class.")] = False,
) -> None:
    """Forecast classes."""
    from kgzsl.classifier import ZeroShotClassifier
    from kgzsl.errors import InputFileError
    from kgzsl.expectation import expect
    from kgzsl.semantics import open_encoder

    wanted = [*(names or ()), *(classes or ())]
    if bool(wanted) == (split is not None):
        raise InputFileError("Name classes, or take all unseen ones with --split unseen: one of the two.")
    if split not in (None, "unseen"):
        raise InputFileError(f"Forecasts are for classes without images: --split takes unseen, found {split!r}.")
    if run is None:
        run = last_run()
        typer.echo(f"run: {run}", err=True)
    classifier = ZeroShotClassifier.load(run, encoder=open_encoder(encoder) if encoder else None)
    asked = _ids(classifier, wanted or ["unseen"], include_person, with_splits=split is not None)
    further = _ids(classifier, among or (), include_person, with_splits=True)
    found = expect(classifier, asked, further, include_person=include_person)
    if as_json:
        typer.echo(json.dumps([one.to_json() for one in found], indent=2, ensure_ascii=False))
    else:
        _show(found)


def _ids(
    classifier: ZeroShotClassifier, names: Sequence[str], include_person: bool, *, with_splits: bool
) -> tuple[str, ...]:
    """Return the classes that are meant: by lists of the run, where those may be named, by files, or by name."""
    from kgzsl.classifier import SPLITS

    meant: list[str] = []
    for name in names:
        if with_splits and name in SPLITS:
            meant += classifier.split_classes(name, include_person=include_person)
        else:
            meant += classifier.resolver.resolve_file(name) if Path(name).is_file() else [name]
    return classifier.resolve(meant, include_person=include_person)


def _show(found: Sequence[Expectation]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("class", "name", "Hit@1", "from", "to", "taken for", "why low"):
        table.add_column(name, justify="right" if name in ("Hit@1", "from", "to") else "left")
    for one in found:
        confusions = ", ".join(f"{other.name} {other.share:.0f}" for other in one.confusions[:3])
        figures = (f"{one.hit1:.0f}", f"{one.low:.0f}", f"{one.high:.0f}")
        table.add_row(*map(Text, (one.class_id, one.name, *figures, confusions, "; ".join(one.why))))
    Console().print(table)

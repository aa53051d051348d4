"""``kgzsl compare``: semantics by methods, trained where they are not yet, in one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from kgzsl.cli.completion import DEVICES, KINDS_OF_CANDIDATES, RECIPES, TEXT_FORMS
from kgzsl.cli.several_values import ListOptionCommand

__all__ = ["register"]

HELP = """Train recipes with several semantics and print one table: semantics down, methods across.

--semantics takes what semantics.source of a recipe takes: a text form ('lemmas', 'lemmas: definition | photo', a
template), a file of kgzsl embed, clip:NAME, siglip:NAME, sentences:NAME, word-vectors:FILE, attributes:FILE; a text
form may stand behind an encoder ('clip:NAME as photo'). Without it each recipe keeps its own.

Figures are micro Hit@k, means over files and seeds, with 95 % intervals over classes. Every run is kept in a folder of
its own below --out and found again: stopped at any time, the same command goes on.

Examples:

kgzsl compare kernel --semantics lemmas 'lemmas: definition' 'lemmas: definition | lemmas' --features birds.safetensors

kgzsl compare kernel dgp --features a.safetensors b.safetensors --candidates unrelated unseen --seeds 0 1 2
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("compare", cls=ListOptionCommand, help=HELP)(compare_command)


def compare_command(
    recipes: Annotated[
        list[str],
        typer.Argument(metavar="RECIPE...", help="Recipe files, or names of shipped ones.", autocompletion=RECIPES),
    ],
    features: Annotated[list[Path], typer.Option(metavar="FILE...", help="Feature files, made by kgzsl extract.")],
    semantics: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE...", help="Semantics to compare; see above.", autocompletion=TEXT_FORMS),
    ] = None,
    candidates: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND...",
            help="Which classes compete: own, unrelated (the default), generalised, unseen, all.",
            autocompletion=KINDS_OF_CANDIDATES,
        ),
    ] = None,
    seeds: Annotated[
        list[int] | None, typer.Option(min=0, metavar="NUMBER...", help="Seeds of methods that take one.")
    ] = None,
    hits: Annotated[
        list[int] | None, typer.Option("--k", metavar="NUMBER...", help="The k of Hit@k: 1 2 5 10 20.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where run folders and reports are kept.")] = Path(
        "runs/compare"
    ),
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE...", help="Change every recipe, such as method.epochs=600."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.", autocompletion=DEVICES)] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with means and all reports.")] = False,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a Markdown table with every file apart as well.")
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Bootstrap draws of the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
) -> None:
    """Compare semantics and methods."""
    from kgzsl.comparison import cells, compare
    from kgzsl.errors import InputFileError
    from kgzsl.evaluation import HITS, Bootstrap
    from kgzsl.runtime import write_text

    shown = hits or [1, 5]
    if wrong := [k for k in shown if k not in HITS]:
        raise InputFileError(f"--k takes {', '.join(map(str, HITS))}, found {wrong[0]}.")
    found = compare(
        cells(recipes, semantics or (), seeds or (), settings or ()),
        features,
        out,
        candidates=candidates or ("unrelated",),
        device=device,
        bootstrap=Bootstrap(draws, seed),
    )
    if markdown is not None:
        write_text(markdown, found.to_markdown(shown))
    typer.echo(
        json.dumps(found.to_json(shown), indent=2, ensure_ascii=False) if as_json else found.to_text(shown).rstrip()
    )

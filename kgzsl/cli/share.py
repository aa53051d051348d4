"""``kgzsl push`` and ``kgzsl pull``: a trained run to the Hugging Face hub, and from there into a run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from kgzsl.cli.last_run import last_run

__all__ = ["register"]

PUSH = """Share a trained run on the Hugging Face hub, with a model card written from what the run holds.

What a run folder holds is sent and nothing else, without the paths of this machine; classes that were added are part of
it. With --out it is written into a new folder instead, to be looked at first. Log in once with: hf auth login.

Figures get into the card from the run's report.json: kgzsl evaluate RUN --features FILE --json > RUN/report.json

Examples:

kgzsl push runs/dgp --out shared --license mit

kgzsl push runs/dgp --repo me/animals --private
"""
PULL = """Fetch a classifier from the Hugging Face hub into a run folder.

Only files with the names of a run folder are fetched, and nothing in them is run.

Example:

kgzsl pull me/animals --out runs/animals
"""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("push", help=PUSH)(push_command)
    app.command("pull", help=PULL)(pull_command)


def push_command(
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="A run folder; by default the one trained last.")
    ] = None,
    repo: Annotated[str | None, typer.Option(metavar="OWNER/NAME", help="The repository.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write a new folder, and send nothing.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Hide a repository that is made anew.")] = False,
    license: Annotated[str | None, typer.Option(metavar="NAME", help="The licence that you give it, as mit.")] = None,
    task: Annotated[
        str | None, typer.Option(metavar="TAG", help="The hub's word for the task; by default found by the backbone.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print where it went as JSON.")] = False,
) -> None:
    """Share a run."""
    from kgzsl.classifier import ZeroShotClassifier
    from kgzsl.errors import InputFileError

    if (repo is None) == (out is None):
        raise InputFileError("Name a repository with --repo, or a new folder with --out: one of the two.")
    if run is None:
        run = last_run()
        typer.echo(f"run: {run}", err=True)
    classifier = ZeroShotClassifier.load(run)
    if out is not None:
        place = str(classifier.save_pretrained(out, license=license, pipeline_tag=task))
    else:
        place = classifier.push_to_hub(str(repo), private=private or None, license=license, pipeline_tag=task)
    typer.echo(json.dumps({"run": str(run), "shared": place}) if as_json else f"shared: {place}")


def pull_command(
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The repository.")],
    out: Annotated[Path, typer.Option(metavar="RUN", help="The run folder to make.")],
    revision: Annotated[str | None, typer.Option(help="A branch, tag or commit; by default the newest.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was fetched as JSON.")] = False,
) -> None:
    """Fetch a run."""
    from kgzsl.hub import fetch_run

    run = fetch_run(repo, out, revision=revision)
    facts = {"run": str(out), "classes": run.graph.num_classes, "backbone": run.scorer.backbone}
    told = f"{out}: classifiers of {run.graph.num_classes:,} classes for features of {run.scorer.backbone}"
    typer.echo(json.dumps(facts) if as_json else told)

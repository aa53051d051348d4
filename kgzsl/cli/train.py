"""``kgzsl train``: from a recipe to a run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgzsl.cli.completion import DEVICES, RECIPES
from kgzsl.cli.several_values import ListOptionCommand

if TYPE_CHECKING:
    from kgzsl.run_folder import RunFolder

__all__ = ["register"]

HELP = """Train a recipe and write a run folder; stopped at any time, the same command goes on.

RECIPE is a TOML file, or the name of one that kgzsl ships (best, kernel, dgp, exem, ...; kgzsl list-options recipes
lists them).

A folder that holds the finished run of the same recipe and inputs is left as it is.

Several processes share what a graph network fits: --processes starts them on this machine, torchrun on several
(torchrun ... -m kgzsl train RECIPE --out RUN).

Examples:

kgzsl train dgp --out runs/dgp

kgzsl train dgp --out runs/mine --set seen_bank.backbone=my-model --set method.seed=1

kgzsl train dgp --out runs/two --processes 2
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("train", cls=ListOptionCommand, help=HELP)(train_command)


def train_command(
    recipe: Annotated[
        str,
        typer.Argument(metavar="RECIPE", help="A recipe file, or the name of a shipped one.", autocompletion=RECIPES),
    ],
    out: Annotated[Path, typer.Option(metavar="RUN", help="The run folder to write.")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.", autocompletion=DEVICES)] = "auto",
    semantics: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Where the semantics come from: shipped, a text form, a file of kgzsl embed, clip:NAME, siglip:NAME, "
            "sentences:NAME, word-vectors:FILE or attributes:FILE; 'clip:NAME as photo' names a text form too.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE...", help="Change the recipe, such as method.epochs=600."),
    ] = None,
    processes: Annotated[
        int,
        typer.Option(
            min=1,
            help="Processes that share the classes of a graph network's loss, or its images where it looks at any.",
        ),
    ] = 1,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace another run in the folder, and what was added to it, once the new one is whole.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the run's manifest as JSON.")] = False,
) -> None:
    """Train a recipe."""
    from kgzsl.cli.last_run import remember_run
    from kgzsl.processes import Processes, started_from_outside
    from kgzsl.recipe import Recipe
    from kgzsl.shared_training import train_together

    chosen = [] if semantics is None else [f"semantics.source={json.dumps(semantics)}"]
    told = [*(f"--set {setting}" for setting in settings or []), *(f"--semantics '{semantics}'" for _ in chosen)]
    told += [f"--processes {processes}"] if processes > 1 else []
    words = " ".join(["kgzsl train", Path(recipe).name, *told])
    before = _manifest_stamp(out)
    loaded = Recipe.load(recipe, [*chosen, *(settings or [])])
    held = _additions_of(out)
    run: RunFolder | None
    if processes > 1 or started_from_outside():
        changed, engine = [*chosen, *(settings or [])], Processes(processes, device)
        run = train_together(recipe, changed, out, engine, command=words, overwrite=overwrite)
    else:
        run = loaded.train(out, device=device, command=words, overwrite=overwrite)
    if run is None:
        return  # the first process speaks for all
    if before == _manifest_stamp(out):
        typer.echo(f"{out} holds this run already; nothing was trained.", err=True)
    elif held:
        typer.echo(f"note: what was added to the run that stood in {out} is gone ({held} changes).", err=True)
    remember_run(out)
    if as_json:
        typer.echo(json.dumps(run.manifest, indent=2, ensure_ascii=False))
        return
    facts = run.manifest
    epochs = f" for {facts['epochs']} epochs ({facts['seconds']:.0f} s)" if "epochs" in facts else ""
    classes, seen = len(run.scorer.index), len(run.split.seen)
    typer.echo(f"{out}: {facts['method']} trained{epochs}; classifiers of {classes:,} classes, {seen:,} of them seen.")
    asked = "PHOTO.jpg" if "backbone" in loaded.tables["seen_bank"] else "--features FILE"
    typer.echo(f"Next: kgzsl predict {asked} --run {out} --classes NAME NAME ...", err=True)


def _additions_of(out: Path) -> int:
    """Return how many changes of classes a folder's run holds, which a new training drops."""
    from kgzsl.run_folder import ADDITIONS

    log = out / ADDITIONS / "additions.json"
    try:
        return len(json.loads(log.read_text(encoding="utf-8"))["changes"]) if log.is_file() else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 1  # damaged, and replaced


def _manifest_stamp(out: Path) -> int | None:
    manifest = out / "manifest.json"
    return manifest.stat().st_mtime_ns if manifest.is_file() else None

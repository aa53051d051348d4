"""``kgzsl fine-tune``: train a run's backbone to its synthesized classifiers."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from kgzsl.cli.completion import DEVICES, names_of
from kgzsl.cli.given_images import by_class_id

__all__ = ["register"]

HELP = """Train the backbone of a run so that its synthesized classifiers of the seen classes serve the features.

The classifiers stay as they are; pictures of seen classes teach the backbone (SGCN-f, DGP-f). OUT gets backbone/, which
is a backbone as any other, and run/, which reads its features. Stopped at any time, the same command goes on.

A table 'fine_tuning' of the run's recipe holds options of its own (epochs = 3, adapters = "lora", precision, rows,
...), which are taken where the command does not give them.

Several processes share every batch: --processes starts them on this machine, torchrun on several.

Examples:

kgzsl fine-tune runs/dgp photos/ --out tuned

kgzsl fine-tune runs/dgp photos/ --out tuned --adapters lora --batch 16 --precision bf16-mixed

kgzsl extract more-photos/ --backbone tuned/backbone --out more.safetensors

kgzsl evaluate tuned/run --features more.safetensors
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("fine-tune", help=HELP)(fine_tune_command)


def fine_tune_command(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")],
    images: Annotated[
        Path,
        typer.Argument(
            metavar="IMAGES",
            help="A folder of pictures (sub-folders are classes, by id or name), or a list (path, tab, class).",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The folder to write.")],
    backbone: Annotated[
        str | None, typer.Option(help="Folder or hub id of the run's backbone; by default the one the run names.")
    ] = None,
    backbone_id: Annotated[str | None, typer.Option(help="Id of the backbone, instead of its folder's.")] = None,
    rows: Annotated[
        str,
        typer.Option(
            help="Classifiers in the head: predicted, or hidden (each predicted without its class, after calibrate).",
            autocompletion=names_of("predicted", "hidden"),
        ),
    ] = "predicted",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the pictures.")] = 20,
    batch: Annotated[int, typer.Option(min=1, help="Pictures a step, of all processes together.")] = 64,
    learning_rate: Annotated[float, typer.Option(help="Of SGD.")] = 1e-4,
    momentum: Annotated[float, typer.Option(help="Of SGD.")] = 0.9,
    weight_decay: Annotated[float, typer.Option(help="Of SGD.")] = 0.0,
    adapters: Annotated[
        str,
        typer.Option(help="none trains all parameters, lora low-rank ones.", autocompletion=names_of("none", "lora")),
    ] = "none",
    rank: Annotated[int, typer.Option(min=1, help="Inner dimension of the adapters.")] = 8,
    batch_norm: Annotated[
        str,
        typer.Option(
            help="frozen keeps batch norm's statistics, update lets them follow.",
            autocompletion=names_of("frozen", "update"),
        ),
    ] = "frozen",
    held_out: Annotated[float, typer.Option(help="Share of each class's pictures to measure on.")] = 0.2,
    scale: Annotated[
        float | None, typer.Option(help="Factor of the classifiers; by default their length becomes the old head's.")
    ] = None,
    crop: Annotated[float, typer.Option(help="Least share of a picture that a random crop keeps.")] = 0.08,
    precision: Annotated[
        str,
        typer.Option(
            help="fp32, bf16-mixed, 16-mixed (GPU).", autocompletion=names_of("fp32", "bf16-mixed", "16-mixed")
        ),
    ] = "fp32",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.", autocompletion=DEVICES)] = "auto",
    processes: Annotated[int, typer.Option(min=1, help="Processes on this machine, one a device.")] = 1,
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of order, crops, flips, held-out pictures.")] = 0,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew where a training was stopped.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another result in the folder.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")] = False,
) -> None:
    """Fine-tune a backbone."""
    from kgzsl.fine_tuning import TuningSettings, fine_tune
    from kgzsl.processes import Processes, is_first_process
    from kgzsl.vision import list_images

    chosen = {**context.params, **_recipe_options(context, run)}
    settings = TuningSettings(**{one.name: chosen[one.name] for one in fields(TuningSettings)})
    engine = Processes(processes, device, chosen["precision"])
    listed = by_class_id(list_images(images), images, str(run / "graph"))
    found = fine_tune(
        run,
        listed,
        out,
        backbone=backbone,
        backbone_id=backbone_id,
        rows=chosen["rows"],
        settings=settings,
        processes=engine,
        restart=restart,
        overwrite=overwrite,
    )
    if is_first_process():
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else _as_text(found, len(listed), out))


def _recipe_options(context: typer.Context, run: Path) -> dict[str, Any]:
    """Return what the run's recipe says of fine-tuning, but for what the command gives itself."""
    from kgzsl.recipe_steps import RecipeSteps

    table = RecipeSteps.of_run(run).fine_tuning
    given = {name for name in table if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"}
    return {name: value for name, value in table.items() if name not in given}


def _as_text(found: dict[str, Any], num_listed: int, out: Path) -> str:
    counts, history = found["pictures"], found["history"]
    used = counts["trained"] + counts["held_out"]
    lines = [
        f"{out}: {found['backbone']}, {found['trained_parameters']:,} parameters trained for "
        f"{found['settings']['epochs']} epochs on {counts['trained']} pictures ({found['seconds']:.0f} s)",
        f"loss {history[1]['loss']:.4f} in the first epoch, {history[-1]['loss']:.4f} in the last",
    ]
    if counts["held_out"]:
        before, after = (history[place]["held_out_accuracy"] for place in (0, -1))
        losses = ", ".join(f"{history[place]['held_out_loss']:.4f}" for place in (0, -1))
        lines.append(
            f"{counts['held_out']} held-out pictures: {before:.1f} % right before, {after:.1f} % after (loss {losses})"
        )
        if after < before:
            lines.append("note: fewer are right than before; try fewer epochs, a smaller learning rate or adapters")
    elif share := found["settings"]["held_out"]:
        lines.append(
            f"note: no picture was held out, so nothing tells whether it helped: a share of {share:g} of each class's "
            "pictures is less than one"
        )
    if left := num_listed - used:
        lines.append(f"note: {left} pictures of no seen class were left out")
    if found["unread"]:
        lines.append(f"note: {found['unread']} times a picture could not be read")
    lines.append(
        f"Next: kgzsl extract PICTURES --backbone {out}/backbone --out FILE; kgzsl evaluate {out}/run --features FILE"
    )
    return "\n".join(lines)

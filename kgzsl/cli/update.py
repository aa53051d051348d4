"""``kgzsl update``: blend a few pictures of a class into the classifier that was predicted for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgzsl.cli.given_images import read_images
from kgzsl.cli.last_run import last_run

if TYPE_CHECKING:
    from kgzsl.additions import UpdatedClass

__all__ = ["register"]

HELP = """Blend a few pictures of a class into the classifier that was predicted for it.

The class may be one of the run's graph, one that was added, or any noun, which is added then. Of a feature file with
labels the images of the class count, of one without labels all. Pictures may come a few at a time: 2 and then 3 are the
same as 5 at once. Only their number, mean and spread are kept, in the run folder; kgzsl undo takes the last update
back.

What a prediction is worth in pictures was learned on seen classes: run kgzsl calibrate once before.

Examples:

kgzsl update okapi photo-1.jpg photo-2.jpg

kgzsl update eggplant.n.01 --features features.safetensors --rows 0:400 --run runs/kernel --json
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("update", help=HELP)(update_command)


def update_command(
    name: Annotated[str, typer.Argument(metavar="CLASS", help="Name or id of the class.")],
    pictures: Annotated[
        list[Path] | None, typer.Argument(metavar="PICTURE...", help="Pictures of it, or folders of them.")
    ] = None,
    features: Annotated[Path | None, typer.Option(metavar="FILE", help="A feature file instead of pictures.")] = None,
    rows: Annotated[str | None, typer.Option(metavar="FROM:TO", help="Only these rows of the feature file.")] = None,
    run: Annotated[
        Path | None, typer.Option(metavar="RUN", help="A calibrated run; by default the one trained last.")
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(metavar="ID_OR_FOLDER", help="The backbone; by default the one the run names.")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(metavar="NAME_OR_PATH", help="The text encoder for new classes; by default the run's."),
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who does it; by default the user.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Update a class."""
    from kgzsl.classifier import ZeroShotClassifier
    from kgzsl.errors import InputFileError
    from kgzsl.semantics import open_encoder
    from kgzsl.vision import load_backbone

    if run is None:
        run = last_run()
        typer.echo(f"run: {run}", err=True)
    classifier = ZeroShotClassifier.load(run, encoder=open_encoder(encoder) if encoder else None)
    if backbone is not None:
        classifier.use_backbone(load_backbone(backbone))
    images, skipped = read_images(classifier, pictures, features, rows)
    if skipped:
        raise InputFileError(f"{len(skipped)} of the pictures could not be read; the first: {skipped[0][1]}")
    updated = classifier.update_class(name, images, by=by)
    classifier.save()
    typer.echo(json.dumps(updated.to_json(), indent=2, ensure_ascii=False) if as_json else _line(updated))


def _line(updated: UpdatedClass) -> str:
    count = f"{updated.pictures} picture{'' if updated.pictures == 1 else 's'}"
    new = f" ({updated.new_pictures} new)" if updated.new_pictures < updated.pictures else ""
    return (
        f"{updated.class_id} ({updated.name}): {count}{new}; the prediction is {updated.prior_share:.0f} % of the "
        f"classifier now, its cosine with the predicted one {updated.cosine:.2f}"
    )

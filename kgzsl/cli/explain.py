"""``kgzsl explain``: why a class has the classifier, or the score of a picture, that it has."""

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
    from kgzsl.features import FeatureSet

__all__ = ["register"]

HELP = """Say why a class has the classifier, or the score of a picture, that it has.

Told are the seen classes that add most, the way through the graph to a seen class, the classes whose classifiers are
nearest, and what tells the class from another one: with a picture its strongest rival, or any class with --against.
With a picture and no --class the class that it is taken for is explained.

For kernel regression, nearest seen, EXEM, SYNC, ESZSL, ConSE and ensembles of these the parts are exact and sum to the
score. Graph networks are attributed to the meanings of classes by integrated gradients; the gap says how well.

--picture draws the classes around in the graph: .png or .svg (which needs matplotlib), .dot for Graphviz.

Examples:

kgzsl explain --class okapi --picture okapi.png

kgzsl explain photo.jpg --class okapi --against zebra --classes okapi zebra giraffe

kgzsl explain --features features.safetensors --row 3 --run runs/dgp --json
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("explain", cls=ListOptionCommand, help=HELP)(explain_command)


def explain_command(
    picture: Annotated[Path | None, typer.Argument(metavar="PICTURE", help="A picture.")] = None,
    run: Annotated[
        Path | None, typer.Option(metavar="RUN", help="A run folder; by default the one trained last.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--class", metavar="NAME", help="The class; by default what the picture is taken for.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="NAME", help="Another class: why not that one; by default the best other.")
    ] = None,
    features: Annotated[Path | None, typer.Option(metavar="FILE", help="A feature file instead of a picture.")] = None,
    row: Annotated[int | None, typer.Option(metavar="N", help="The row of the feature file, counted from 0.")] = None,
    classes: Annotated[
        list[str] | None, typer.Option(metavar="NAME...", help="Candidates: names, ids, or files of them.")
    ] = None,
    top: Annotated[int, typer.Option("--top-seen", min=1, help="How many contributions to list.")] = 10,
    drawing: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="Draw the neighbourhood: .png, .svg or .dot.")
    ] = None,
    include_person: Annotated[bool, typer.Option("--include-person", help="Let classes of persons be named.")] = False,
    backbone: Annotated[
        str | None, typer.Option(metavar="ID_OR_FOLDER", help="The backbone; by default the one the run names.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(metavar="NAME_OR_PATH", help="The text encoder for classes the run lacks.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Explain a class or a prediction."""
    from kgzsl.classifier import ZeroShotClassifier
    from kgzsl.explain import check_picture_file, draw, explain, neighbourhood_of, to_text
    from kgzsl.semantics import open_encoder

    _check(picture, features, row, name)
    if drawing is not None:
        check_picture_file(drawing)
    if run is None:
        run = last_run()
        typer.echo(f"run: {run}", err=True)
    classifier = ZeroShotClassifier.load(run, encoder=None if encoder is None else open_encoder(encoder))
    if backbone is not None:
        from kgzsl.vision import load_backbone

        classifier.use_backbone(load_backbone(backbone))
    candidates = _candidates(classifier, classes, include_person)
    for wanted in (name, against):
        if wanted is not None:
            classifier.resolve([wanted], include_person=True)
    image = _image(classifier, picture, features, row)
    found = explain(
        classifier,
        name,
        image=image,
        classes=candidates,
        against=against,
        top=top,
        include_person=include_person,
    )
    if drawing is not None:
        what = "its score" if image is not None else "its classifier"
        shares = f": what adds to {what}" if found.contributions else ""
        draw(drawing, neighbourhood_of(classifier, found), title=f"{found.name}{shares}")
        typer.echo(f"drawn: {drawing}", err=True)
    typer.echo(json.dumps(found.to_json(), indent=2, ensure_ascii=False) if as_json else to_text(found))


def _check(picture: Path | None, features: Path | None, row: int | None, name: str | None) -> None:
    """Refuse combinations that mean nothing, before anything is read."""
    from kgzsl.errors import InputFileError

    if picture is not None and features is not None:
        raise InputFileError("Name a picture, or a feature file with --features: one of the two.")
    if (features is None) != (row is None):
        raise InputFileError("--features and --row go together: a feature file, and which of its rows is explained.")
    if picture is None and features is None and name is None:
        raise InputFileError("There is nothing to explain; name a class with --class, a picture, or both.")


def _candidates(
    classifier: ZeroShotClassifier, classes: Sequence[str] | None, include_person: bool
) -> tuple[str, ...] | None:
    """Put the names in a file in its place, and look all of them up before a picture is read."""
    if not classes:
        return None
    resolver = classifier.resolver
    names = [one for name in classes for one in (resolver.resolve_file(name) if Path(name).is_file() else [name])]
    return classifier.resolve(names, include_person=include_person)


def _image(
    classifier: ZeroShotClassifier, picture: Path | None, features: Path | None, row: int | None
) -> FeatureSet | None:
    import torch

    from kgzsl.errors import InputFileError
    from kgzsl.features import FeatureSet

    if picture is not None:
        return classifier.features([picture])[0]
    if features is None or row is None:
        return None
    images = FeatureSet.load(features)
    if not 0 <= row < len(images):
        raise InputFileError(f"{features} has rows 0 to {len(images) - 1}, found --row {row}.")
    return images.rows(torch.tensor([row]))

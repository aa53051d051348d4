"""``kgzsl predict``: ranked classes of pictures or features."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgzsl.cli.completion import SPLITS
from kgzsl.cli.given_classes import check_one_of_two, read_candidates
from kgzsl.cli.given_images import read_images
from kgzsl.cli.last_run import last_run
from kgzsl.cli.several_values import ListOptionCommand
from kgzsl.cli.start_up import keeping_all, leave_all

if TYPE_CHECKING:
    from rich.table import Table

    from kgzsl.classifier import ZeroShotClassifier
    from kgzsl.prediction import ImagePrediction, Prediction
    from kgzsl.semantics import SemanticEncoder

__all__ = ["register"]

MANY = 20
"""Of more rows than these it is said that they are all, and how fewer are asked for."""

HELP = """Rank classes for pictures, or for the rows of a feature file.

Class names may be words (okapi), synset names (okapi.n.01), class ids (n02439398) or files with one of those a line.
A synset that was in no training graph is added on the fly. Without --classes all classes of the run compete, those of
persons left out. A folder stands for the pictures in it.

The answer says why a class is where it is: the way to the nearest seen class, > leads up and < leads down. Scores are
comparable among the classes of one picture, not between runs. Pictures that cannot be read are skipped and listed.

A run that was calibrated (kgzsl calibrate) gives probabilities. It can also refuse pictures of none of the candidates
(--refuse 0.05: of pictures of candidates 5 % are refused by mistake), and back off to the most specific class whose
confidence reaches a level (--back-off 0.8: "some kind of even-toed ungulate").

Examples:

kgzsl predict photo.jpg --classes okapi zebra giraffe

kgzsl predict --features features.safetensors --run runs/dgp --split unseen --top 3 --json

kgzsl predict photo.jpg --classes okapi zebra giraffe --refuse 0.05 --back-off 0.8
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("predict", cls=ListOptionCommand, help=HELP)(predict_command)


def predict_command(
    pictures: Annotated[list[Path] | None, typer.Argument(metavar="PICTURE...", help="Pictures to classify.")] = None,
    run: Annotated[
        Path | None, typer.Option(metavar="RUN", help="A run folder; by default the one trained last.")
    ] = None,
    features: Annotated[Path | None, typer.Option(metavar="FILE", help="A feature file instead of pictures.")] = None,
    rows: Annotated[str | None, typer.Option(metavar="FROM:TO", help="Only these rows of the feature file.")] = None,
    classes: Annotated[
        list[str] | None, typer.Option(metavar="NAME...", help="Candidate classes: names, ids, or files of them.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Candidates: all seen, unseen or all classes of the run.", autocompletion=SPLITS)
    ] = None,
    top: Annotated[int, typer.Option("--top", "-k", min=1, help="How many classes to show for each picture.")] = 5,
    include_person: Annotated[bool, typer.Option("--include-person", help="Let classes of persons compete.")] = False,
    refuse: Annotated[
        float | None,
        typer.Option(
            metavar="RATE", help="Refuse pictures of no candidate; of those of candidates this share is lost."
        ),
    ] = None,
    back_off: Annotated[
        float | None,
        typer.Option(metavar="LEVEL", help="Name the most specific class whose confidence reaches this level."),
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(metavar="ID_OR_FOLDER", help="The backbone; by default the one the run names.")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME_OR_PATH",
            help="The text encoder for new classes (NAME, FOLDER, clip:NAME, word-vectors:FILE); by default the one "
            "the run names.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array, an object a picture.")] = False,
) -> None:
    """Rank classes for pictures."""
    from kgzsl.errors import InputFileError

    if bool(pictures) == (features is not None):
        raise InputFileError("Name pictures, or a feature file with --features: one of the two.")
    check_one_of_two(classes, split)
    if run is None:
        run = last_run()
        typer.echo(f"run: {run}", err=True)
    leave_all()
    with keeping_all():
        from kgzsl.classifier import ZeroShotClassifier

        classifier = ZeroShotClassifier.load(run, encoder=_encoder(encoder))
        candidates = read_candidates(classifier, classes, split, include_person)
    _check_calibrated(classifier, refuse, back_off)
    if backbone is not None:
        _use_backbone(classifier, backbone)
    images, skipped = read_images(classifier, pictures, features, rows)
    if features is not None and rows is None and not as_json and len(images) > MANY:
        typer.echo(f"note: all {len(images):,} rows of {features}; --rows 0:10 shows the first ten", err=True)
    asked = {"reject": refuse, "back_off": back_off}
    found = classifier.predict(images, candidates, top=top, include_person=include_person, **asked)
    if as_json:
        typer.echo(json.dumps([one.to_json() for one in found], indent=2, ensure_ascii=False))
    else:
        _show(found)
    for _, reason in skipped:
        typer.echo(f"skipped: {reason}", err=True)


def _encoder(name: str | None) -> SemanticEncoder | None:
    if name is None:
        return None
    from kgzsl.semantics import open_encoder

    return open_encoder(name)


def _check_calibrated(classifier: ZeroShotClassifier, refuse: float | None, back_off: float | None) -> None:
    """Refuse what the run cannot answer before pictures are read."""
    from kgzsl.scoring.caution import check_asked

    check_asked(classifier.run.scoring, refuse, back_off, str(classifier.run.path))


def _use_backbone(classifier: ZeroShotClassifier, name: str) -> None:
    from kgzsl.vision import load_backbone

    classifier.use_backbone(load_backbone(name))


MARKS = {"names": ", new, from its names alone", "definition": ", new", "stored": ", new"}


def _show(found: Sequence[ImagePrediction]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for one in found:
        true = f" (true class {one.true_class})" if one.true_class else ""
        console.print(Text(f"{one.image}{true}", style="bold"), soft_wrap=True)
        for line in _careful_lines(one):
            console.print(Text(line), soft_wrap=True)
        console.print(_table(one))
        console.print()


def _careful_lines(one: ImagePrediction) -> list[str]:
    """Return what is said beside the ranking: ``unknown``, ``some kind of ungulate (83 %)``."""
    lines = ["unknown: it seems to be none of the candidates"] if one.is_unknown else []
    if (best := one.back_off) is not None:
        sure = best.probability or 0.0
        told = f"{best.name if _is_one_class(one, best) else f'some kind of {best.name}'} ({100 * sure:.0f} %)"
        if not best.information:
            told = f"nothing more certain than {best.name}, which every candidate is"
        lines.append(f"if it is one of them: {told}" if one.is_unknown else told)
    return lines


def _is_one_class(one: ImagePrediction, answer: Prediction) -> bool:
    """Say whether an answer is a candidate alone; one that stands above others is as sure as all of them together."""
    own = [best.probability for best in one.predictions if best.class_id == answer.class_id]
    return bool(own) and math.isclose(own[0] or 0.0, answer.probability or 0.0, rel_tol=1e-6)


def _table(one: ImagePrediction) -> Table:
    from rich.table import Table
    from rich.text import Text

    has_probabilities = any(best.probability is not None for best in one.predictions)
    table = Table(box=None, pad_edge=False)
    for name in ("rank", "score", *(("%",) if has_probabilities else ()), "class", "name", "", "why"):
        table.add_column(name, justify="right" if name in ("rank", "score", "%") else "left")
    for best in one.predictions:
        mark = ("seen" if best.is_seen else "unseen") + MARKS.get(best.semantics, "")
        sure = (f"{100 * (best.probability or 0):.1f}",) if has_probabilities else ()
        cells = (str(best.rank), f"{best.score:.3f}", *sure, best.class_id, best.name, mark, best.path_text)
        table.add_row(*map(Text, cells))  # as they are: names may hold what rich takes for markup
    return table

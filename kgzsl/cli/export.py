"""``kgzsl export``: the head with new classes as a folder of transformers, a state_dict, ONNX or a list of labels."""

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
    from kgzsl.export import Export

__all__ = ["register"]

HELP = """Write the classifier's head with rows of new classes, for programs that know nothing of kgzsl.

The rows of the head stay as they are, to the bit, and new ones stand behind them. These are scaled and shifted so that
they neither dominate nor vanish: after kgzsl calibrate so that at most a wanted percentage of the images of seen
classes is lost to them (--max-lost), before it without any image. What is written is read again and compared.

\b
transformers  a folder that pipeline("image-classification", FOLDER) loads
state-dict    all weights of the model as safetensors, for load_state_dict
onnx          backbone and head as one graph, and its preprocessing as JSON
onnx-head     the head alone: features to logits
safetensors   the head alone, for torch.nn.Linear
labels        names and class ids of the rows

The first three need the run's backbone. labels.tsv stands beside every format.

Examples:

kgzsl export runs/dgp --classes okapi tapir --out my-model

kgzsl export --split unseen --format onnx-head --out head --match norm --json
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("export", cls=ListOptionCommand, help=HELP)(export_command)


def export_command(
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="A run folder; by default the one trained last.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="A new or empty folder.")] = None,
    classes: Annotated[
        list[str] | None, typer.Option(metavar="NAME...", help="New classes: names, ids, or files of them.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="New classes: all unseen classes of the run (unseen).")] = None,
    added: Annotated[bool, typer.Option("--added", help="New classes: all that were added to the run.")] = False,
    format: Annotated[str, typer.Option(metavar="FORMAT", help="See above.")] = "transformers",
    match: Annotated[
        str | None,
        typer.Option(
            metavar="HOW", help="none, norm, logits or calibrated; by default calibrated where the run is, else logits."
        ),
    ] = None,
    max_lost: Annotated[
        str, typer.Option(metavar="PERCENT", help="Of seen images, to new classes: 1, 2, 5, 10, or balanced.")
    ] = "5",
    backbone: Annotated[
        str | None, typer.Option(metavar="ID_OR_FOLDER", help="The backbone; by default the one the run names.")
    ] = None,
    backbone_id: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The id that the run knows the backbone by, where its folder has none."),
    ] = None,
    include_person: Annotated[bool, typer.Option("--include-person", help="Let classes of persons in.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an export that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was exported as JSON.")] = False,
) -> None:
    """Export the enlarged head."""
    from kgzsl.classifier import ZeroShotClassifier
    from kgzsl.errors import InputFileError
    from kgzsl.export import export_classifier
    from kgzsl.vision import load_backbone

    if out is None:
        raise InputFileError("Name the folder to write with --out.")
    if run is None:
        run = last_run()
        typer.echo(f"run: {run}", err=True)
    classifier = ZeroShotClassifier.load(run)
    names = _names(classifier, classes, split, added, include_person)
    if backbone is not None:
        classifier.use_backbone(load_backbone(backbone, backbone_id=backbone_id))
    done = export_classifier(
        classifier,
        names,
        out,
        format,
        match=match,
        max_lost=max_lost,
        include_person=include_person,
        overwrite=overwrite,
    )
    if as_json:
        typer.echo(json.dumps(done.to_json(), indent=2, ensure_ascii=False))
    else:
        _show(done)


def _names(
    classifier: ZeroShotClassifier, classes: Sequence[str] | None, split: str | None, added: bool, include_person: bool
) -> list[str]:
    from kgzsl.errors import InputFileError

    if bool(classes) + (split is not None) + added != 1:
        raise InputFileError("Name new classes with --classes, --split unseen or --added: one of the three.")
    if split is not None:
        if split != "unseen":
            raise InputFileError(f"--split takes unseen, found {split!r}; seen classes are in the head already.")
        return list(classifier.split_classes("unseen", include_person=include_person))
    if added:
        return _added(classifier)
    return [one for name in classes or () for one in _of_file(classifier, name)]


def _of_file(classifier: ZeroShotClassifier, name: str) -> Sequence[str]:
    return classifier.resolver.resolve_file(name) if Path(name).is_file() else [name]


def _added(classifier: ZeroShotClassifier) -> list[str]:
    from kgzsl.errors import InputFileError

    found = classifier.added.added_ids
    if not found:
        raise InputFileError("No class was added to the run yet; add some with kgzsl add, or name them with --classes.")
    return list(found)


def _show(done: Export) -> None:
    from kgzsl.export.card import matching_line

    head = done.head
    new = len(head.new_rows)
    whence = f"of {head.backbone}" if done.old_rows == "model" else "of the run's seen classes"
    typer.echo(f"{done.folder}: {done.format}, {len(head.rows):,} rows = {head.num_old:,} {whence} + {new:,} new")
    typer.echo(f"  new rows: {matching_line(head.matching.to_json())}")
    if done.already:
        typer.echo(f"  in the head already: {', '.join(done.already[:5])}{' ...' if len(done.already) > 5 else ''}")
    for number, row in list(enumerate(head.new_rows, start=head.num_old))[:10]:
        typer.echo(f"  row {number}: {row.label} ({row.class_id})")
    if new > 10:
        typer.echo(f"  and {new - 10:,} more; labels.tsv lists them")

"""``kgzsl bulk``: answers or features for many pictures, on one machine or on many."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgzsl.cli.completion import DEVICES, SPLITS
from kgzsl.cli.given_classes import check_one_of_two, read_candidates
from kgzsl.cli.several_values import ListOptionCommand

if TYPE_CHECKING:
    from kgzsl.bulk import BulkReport

__all__ = ["extract", "predict", "register"]

HELP = """Rank classes for many pictures, or extract their features: in one process, or on many machines with Ray.

SOURCE is a folder or list of pictures, a Parquet file or folder (vectors, or pictures as bytes, beside a column of
ids), or a feature file; folders and Parquet may lie in an object store (s3://bucket/folder, gs://...).

The results are Parquet files, each whole or not there. Give the same command again after it was stopped: it goes on,
and no row is lost or stands there twice. Rows that cannot be read get an error instead of an answer.
"""
PREDICT = """Rank classes for every row of a source.

The columns of the result: id, classes, names, scores, probabilities (where the run was calibrated), is_unknown (with
--refuse), error. Without --classes all classes of the run compete, those of persons left out.

Examples:

kgzsl bulk predict runs/dgp photos/ --out answers --classes okapi zebra giraffe

kgzsl bulk predict runs/dgp s3://bucket/features/ --out s3://bucket/answers --split unseen --workers 64 --address auto
"""
EXTRACT = """Extract the features of every picture of a source.

The columns of the result: id, features, error. kgzsl bulk predict reads it.

Examples:

kgzsl bulk extract photos/ --backbone google/mobilenet_v2_1.0_224 --out features

kgzsl bulk extract photos/ --backbone my-model --out features --workers 2
"""

SourceName = Annotated[
    str, typer.Argument(metavar="SOURCE", help="Pictures, Parquet or a feature file: kgzsl bulk --help.")
]
Out = Annotated[str, typer.Option(metavar="FOLDER", help="Where results go: a path, or an address of a store.")]
Column = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of Parquet: the column of vectors or pictures, where several are.")
]
Id = Annotated[str, typer.Option("--id", metavar="NAME", help="Of Parquet: the column that names rows.")]
Block = Annotated[
    int | None,
    typer.Option(min=1, help="Rows a file of results; by default 1,024 pictures or 65,536 features."),
]
Batch = Annotated[int | None, typer.Option(min=1, help="Rows at a time; by default 32 pictures or 4,096 features.")]
Count = Annotated[int, typer.Option("--workers", min=0, help="Workers on Ray; 0 works in this process.")]
Address = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="A Ray cluster (auto: the one of this machine); by default one is started."),
]
Cpus = Annotated[int, typer.Option(min=1, help="Cores of a worker.")]
Gpus = Annotated[float, typer.Option(min=0, help="Graphics cards of a worker; 0.5 shares one between two.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.", autocompletion=DEVICES)]
Json = Annotated[bool, typer.Option("--json", help="Print a report for programs.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(help=HELP, no_args_is_help=True)
    group.command("predict", cls=ListOptionCommand, help=PREDICT)(predict)
    group.command("extract", help=EXTRACT)(extract)
    app.add_typer(group, name="bulk")


def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, under this path on every machine.")],
    source: SourceName,
    out: Out,
    classes: Annotated[
        list[str] | None, typer.Option(metavar="NAME...", help="Candidate classes: names, ids, or files of them.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Candidates: all seen, unseen or all classes of the run.", autocompletion=SPLITS)
    ] = None,
    top: Annotated[int, typer.Option("--top", "-k", min=1, help="How many classes a row.")] = 5,
    include_person: Annotated[bool, typer.Option("--include-person", help="Let classes of persons compete.")] = False,
    refuse: Annotated[
        float | None,
        typer.Option(metavar="RATE", help="Refuse rows of no candidate; of those of candidates this share is lost."),
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(metavar="ID_OR_FOLDER", help="The backbone; by default the one the run names.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(metavar="NAME_OR_PATH", help="The text encoder for classes that the run lacks.")
    ] = None,
    column: Column = None,
    id_column: Id = "id",
    block: Block = None,
    batch_size: Batch = None,
    workers: Count = 0,
    address: Address = None,
    worker_cpus: Cpus = 1,
    worker_gpus: Gpus = 0.0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Rank classes for every row."""
    from kgzsl.bulk import Workers, open_source, predict_in_bulk
    from kgzsl.classifier import ZeroShotClassifier

    check_one_of_two(classes, split)
    who = Workers(workers, address, worker_cpus, worker_gpus, device, batch_size)
    rows = open_source(source, column, id_column)
    candidates = read_candidates(ZeroShotClassifier.load(run), classes, split, include_person)
    report = predict_in_bulk(
        run,
        rows,
        out,
        candidates,
        top=top,
        refuse=refuse,
        backbone=backbone,
        encoder=encoder,
        workers=who,
        block_rows=block,
    )
    _show(report, as_json)


def extract(
    source: SourceName,
    backbone: Annotated[
        str, typer.Option(metavar="ID_OR_FOLDER", help="An image classifier, under this name on every machine.")
    ],
    out: Out,
    backbone_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Id that the features carry, instead of the one recorded.")
    ] = None,
    dtype: Annotated[str, typer.Option(help="How features are stored: float16 or float32.")] = "float16",
    column: Column = None,
    id_column: Id = "id",
    block: Block = None,
    batch_size: Batch = None,
    workers: Count = 0,
    address: Address = None,
    worker_cpus: Cpus = 1,
    worker_gpus: Gpus = 0.0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Extract the features of every picture."""
    from kgzsl.bulk import Workers, extract_in_bulk, open_source

    who = Workers(workers, address, worker_cpus, worker_gpus, device, batch_size)
    rows = open_source(source, column, id_column)
    report = extract_in_bulk(backbone, rows, out, backbone_id=backbone_id, dtype=dtype, workers=who, block_rows=block)
    _show(report, as_json)


def _show(report: BulkReport, as_json: bool) -> None:
    """Print what was done; the exit code is 1 where not one row could be read."""
    if as_json:
        typer.echo(json.dumps(report.to_json()))
    else:
        typer.echo(f"{report.out}: {report.rows:,} rows in {report.blocks:,} files, {report.seconds:.1f} s")
        if report.errors:
            typer.echo(f"{report.errors:,} rows could not be read; their column error says why")
        if report.resumed:
            typer.echo(f"{report.resumed:,} files were finished by an earlier run")
    if report.rows and report.errors == report.rows:
        raise typer.Exit(1)

"""``kgzsl import-gbu``: the published proposed splits as a folder with a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kgzsl.benchmarks import Benchmark

__all__ = ["register"]

HELP = """Write a benchmark of the 'proposed splits' (AwA1, AwA2, CUB, SUN, aPY) in kgzsl's formats, with a recipe.

FOLDER holds att_splits.mat and res101.mat as published, and the lists of classes where there are any. What comes out
trains as it is: graph, attributes, features of the three sets of images, lists of seen, unseen and validation classes.

Examples:

kgzsl import-gbu xlsa17/data/CUB --out cub

kgzsl train cub/recipe.toml --out runs/cub
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("import-gbu", help=HELP)(import_gbu_command)


def import_gbu_command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of the published files.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write.")],
    name: Annotated[str | None, typer.Option(help="Name of the benchmark; the folder's where not given.")] = None,
    attributes: Annotated[
        str,
        typer.Option(
            metavar="att|original_att|standardised",
            help="Attributes of length one a class, as collected, or each in standard deviations over the classes.",
        ),
    ] = "att",
    splits_file: Annotated[str, typer.Option(metavar="FILE", help="The file of attributes and splits.")] = (
        "att_splits.mat"
    ),
    features_file: Annotated[str, typer.Option(metavar="FILE", help="The file of features.")] = "res101.mat",
    taxonomy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An own taxonomy that holds the classes; without it they have no edges."),
    ] = None,
) -> None:
    """Import a benchmark."""
    from kgzsl.benchmarks import read_proposed, write_benchmark
    from kgzsl.graph import read_taxonomy

    graph = None if taxonomy is None else read_taxonomy(taxonomy)
    benchmark = read_proposed(
        folder, name=name, splits_file=splits_file, features_file=features_file, attributes=attributes, graph=graph
    )
    written = write_benchmark(benchmark, out)
    typer.echo(_summary(benchmark, out))
    if benchmark.images is None:
        typer.echo(f"note: {folder} holds no {features_file}, so there are no features and no recipe", err=True)
    else:
        typer.echo(f"Next: kgzsl train {written} --out RUN", err=True)


def _summary(benchmark: Benchmark, out: Path) -> str:
    split, images = benchmark.split, benchmark.images
    counts = ""
    if images is not None:
        sizes = (len(images.trainval), len(images.test_seen), len(images.test_unseen))
        counts = "; images: {:,} of seen classes, {:,} to test them, {:,} of unseen classes".format(*sizes)
    edges = len(benchmark.graph.edges)
    return (
        f"{out}: {len(split.seen)} seen and {len(split.unseen)} unseen classes, {benchmark.attributes.dim} attributes, "
        f"{len(benchmark.validation)} validation sets, {edges} edges{counts}"
    )

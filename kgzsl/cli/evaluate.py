"""``kgzsl evaluate``: how well a run ranks the images of feature files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgzsl.cli.list_options import ListOptionCommand

if TYPE_CHECKING:
    from kgzsl.bank import ClassifierBank
    from kgzsl.graph.class_graph import ClassGraph
    from kgzsl.splits import Split

__all__ = ["register"]

SEEN_ROWS = ("predicted", "head")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("evaluate", cls=ListOptionCommand)(evaluate_command)


def evaluate_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, made by kgzsl train.")],
    features: Annotated[list[str], typer.Option(metavar="FILE...", help="Feature files, made by kgzsl extract.")],
    candidates: Annotated[
        str,
        typer.Option(
            metavar="own|unrelated|unseen|all|FILE",
            help="Which classes compete. own: the file's classes that are not seen. unrelated: those of them that are "
            "neither ancestor nor descendant of a seen class. unseen: all unseen classes of the run. "
            "all: seen and unseen ones. FILE: the class ids in a file.",
        ),
    ] = "unrelated",
    seen_rows: Annotated[
        str,
        typer.Option(metavar="predicted|head", help="Classifiers of the seen classes: the run's, or the head's."),
    ] = "predicted",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array, an object a file.")] = False,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a Markdown table as well.")] = None,
    draws: Annotated[int, typer.Option(min=1, help="Bootstrap draws of the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
) -> None:
    """Rank the images of feature files among candidate classes and print Hit@k, with chance and a baseline beside.

    Images whose class is among the candidates are scored. Ties count against the class; intervals are over classes.
    The candidates follow the published lists, which contain person classes.
    """
    from kgzsl.evaluation import Bootstrap, evaluate, read_candidates, to_markdown, to_text
    from kgzsl.features import FeatureSet
    from kgzsl.methods import nearest_seen_bank
    from kgzsl.runtime import write_text

    bank, seen_bank, graph, split = _read_run(run, seen_rows)
    kind = read_candidates(candidates)
    files = [(name, FeatureSet.load(name)) for name in features]
    for _, images in files:
        bank.check_backbone(images)
    baseline = nearest_seen_bank(graph, seen_bank, graph.index.ids)
    reports = [
        evaluate(
            bank,
            images,
            graph=graph,
            split=split,
            candidates=kind,
            baseline=baseline,
            name=name,
            list_name=candidates,
            bootstrap=Bootstrap(draws, seed),
        )
        for name, images in files
    ]
    if markdown is not None:
        write_text(markdown, to_markdown(reports))
    typer.echo(json.dumps([report.to_json() for report in reports], indent=2) if as_json else to_text(reports).rstrip())
    for note in dict.fromkeys(note for report in reports for note in report.notes):
        typer.echo(f"note: {note}", err=True)


def _read_run(run: Path, seen_rows: str) -> tuple[ClassifierBank, ClassifierBank, ClassGraph, Split]:
    from kgzsl.errors import InputFileError
    from kgzsl.run_folder import RunFolder

    if seen_rows not in SEEN_ROWS:
        raise InputFileError(f"--seen-rows is one of {', '.join(SEEN_ROWS)}, found {seen_rows!r}.")
    opened = RunFolder(run)
    bank = _with_head(opened.bank, opened.seen_bank) if seen_rows == "head" else opened.bank
    return bank, opened.seen_bank, opened.graph, opened.split


def _with_head(bank: ClassifierBank, seen_bank: ClassifierBank) -> ClassifierBank:
    """Return the bank with the head's rows for the seen classes, scaled as the bank's own are."""
    others = [class_id for class_id in bank.index if class_id not in seen_bank.index]
    return bank.select(others).concat(seen_bank.normalised(bank.normalisation)).select(bank.index.ids)

"""``kgzsl evaluate``: how well a run ranks the images of feature files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgzsl.cli.list_options import ListOptionCommand

if TYPE_CHECKING:
    from kgzsl.bank import ClassifierBank, StoredScorer
    from kgzsl.graph.class_graph import ClassGraph
    from kgzsl.run_folder import RunFolder

__all__ = ["register"]

SEEN_ROWS = ("predicted", "head")
LISTS = ("unseen", "all")
"""Candidates that the run lists; the others may hold classes that its graph lacks."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("evaluate", cls=ListOptionCommand)(evaluate_command)


def evaluate_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, made by kgzsl train.")],
    features: Annotated[list[str], typer.Option(metavar="FILE...", help="Feature files, made by kgzsl extract.")],
    candidates: Annotated[
        str,
        typer.Option(
            metavar="own|unrelated|unseen|all|LIST|FILE",
            help="Which classes compete. own: the file's classes that are not seen. unrelated: those of them that are "
            "neither ancestor nor descendant of a seen class. unseen: all unseen classes of the run. "
            "all: seen and unseen ones. LIST: as kgzsl graph list takes it, such as 2-hops-winter2021 or "
            "'unseen - person'. FILE: the classes in a file, a name or id a line.",
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
    from kgzsl.evaluation import Bootstrap, evaluate, to_markdown, to_text
    from kgzsl.features import FeatureSet
    from kgzsl.methods import nearest_seen_bank
    from kgzsl.runtime import write_text

    opened = _open_run(run, seen_rows)
    split, seen_bank = opened.split, opened.seen_bank
    kind = _read_candidates(candidates, opened)
    files = [(name, FeatureSet.load(name)) for name in features]
    for _, images in files:
        opened.scorer.check_backbone(images)
    wanted = dict.fromkeys(i for _, images in files for i in images.index) if isinstance(kind, str) else kind
    new = [class_id for class_id in wanted if class_id not in opened.graph.index] if kind not in LISTS else []
    scorer, graph = _with_new(opened, new)
    if seen_rows == "head":
        scorer = _with_head(scorer, seen_bank)
    baseline = nearest_seen_bank(graph, seen_bank, graph.index.ids)
    reports = [
        evaluate(
            scorer,
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
    if new:
        typer.echo(
            f"note: {len(new)} classes were in no training graph and were added: {', '.join(new[:10])}", err=True
        )
    for note in dict.fromkeys(note for report in reports for note in report.notes):
        typer.echo(f"note: {note}", err=True)


def _open_run(run: Path, seen_rows: str) -> RunFolder:
    from kgzsl.errors import InputFileError
    from kgzsl.run_folder import RunFolder

    if seen_rows not in SEEN_ROWS:
        raise InputFileError(f"--seen-rows is one of {', '.join(SEEN_ROWS)}, found {seen_rows!r}.")
    return RunFolder(run)


def _read_candidates(text: str, run: RunFolder) -> str | tuple[str, ...]:
    """Return a kind of candidates as it is, else the classes of a file, by id or by name, or of a class list."""
    from kgzsl.errors import InputFileError
    from kgzsl.evaluation import KINDS
    from kgzsl.graph import load_graph, read_class_list
    from kgzsl.naming import ClassResolver

    if text in KINDS:
        return text
    if Path(text).is_file():
        return ClassResolver(run.graph, lambda: load_graph("wordnet-nouns")).resolve_file(text)
    own = {"seen": run.split.seen, "unseen": run.split.unseen, "all": run.split.seen + run.split.unseen}
    try:
        chosen = read_class_list(text, run.graph, _published_lists(run), own)
    except InputFileError as error:
        kinds = ", ".join(KINDS)
        raise InputFileError(
            f"Candidates {text!r} are neither one of {kinds} nor a file nor a class list. {error}"
        ) from error
    if not chosen:
        raise InputFileError(f"Candidates {text!r} hold no class; choose others.")
    return chosen


def _published_lists(run: RunFolder) -> str | Path:
    """Return the shipped graph that a run's is a copy of, beside which the published lists stand, else the run's."""
    from kgzsl.errors import MissingResourceError
    from kgzsl.graph import find_graph

    name = run.graph.name
    try:
        return name if run.graph.wordnet_version and name.isidentifier() and find_graph(name) else run.path / "graph"
    except MissingResourceError:
        return run.path / "graph"


def _with_new(run: RunFolder, new: Sequence[str]) -> tuple[StoredScorer, ClassGraph]:
    """Return scorer and graph of a run with classes added that were in no training graph."""
    if not new:
        return run.scorer, run.graph
    from kgzsl.classifier import ZeroShotClassifier

    classifier = ZeroShotClassifier(run)
    added, graph = classifier.scorer_of(new), classifier.graph_with(new)
    return run.scorer.concat(added), graph


def _with_head(scorer: StoredScorer, seen_bank: ClassifierBank) -> ClassifierBank:
    """Return a bank with the head's rows for the seen classes, scaled as its own are."""
    from kgzsl.bank import ClassifierBank
    from kgzsl.errors import InputFileError

    if not isinstance(scorer, ClassifierBank):
        raise InputFileError("--seen-rows head needs a run whose method makes linear classifiers; leave it out.")
    others = [class_id for class_id in scorer.index if class_id not in seen_bank.index]
    return scorer.select(others).concat(seen_bank.normalised(scorer.normalisation)).select(scorer.index.ids)

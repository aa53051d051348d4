"""``kgzsl evaluate``: how well a run ranks the images of feature files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgzsl.cli.completion import KINDS_OF_CANDIDATES
from kgzsl.cli.several_values import ListOptionCommand

if TYPE_CHECKING:
    from kgzsl.bank import ClassifierBank, Scorer, StoredScorer
    from kgzsl.evaluation import GammaChoice, Report
    from kgzsl.features import FeatureSet
    from kgzsl.graph.class_graph import ClassGraph
    from kgzsl.run_folder import RunFolder

__all__ = ["register"]

SEEN_ROWS = ("predicted", "head")
LISTS = ("unseen", "all")
"""Candidates that the run lists; the others may hold classes that its graph lacks."""

WITHOUT_SEEN = ("own", "unrelated", "unseen")
CALIBRATIONS = ("cv", "oracle")

REFITS = 10
"""Folds of --calibrate cv where each takes a fit of its own."""

HELP = """Rank the images of feature files among candidate classes and print Hit@k, with chance and a baseline beside.

Images are the rows of the files, whatever they were made from; those whose class is among the candidates are scored.
Ties count against the class; intervals are over classes.
The candidates follow the published lists, which contain person classes.

Where seen and unseen classes compete, their accuracies (S, U), H and the area under their curve (AUSUC) are printed as
well. --calibrate cv chooses what seen classes give up on images of seen classes alone; the method is fitted anew five
times for that, each time without a fifth of the seen classes, or ten times a file where its scores have an own scale.

Examples:

kgzsl evaluate runs/kernel --features caltech.safetensors birds.safetensors --by hops

kgzsl evaluate runs/kernel --features birds.safetensors --candidates generalised --seen-images imagenet.safetensors
--calibrate cv --plot curve.png
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("evaluate", cls=ListOptionCommand, help=HELP)(evaluate_command)


def evaluate_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, made by kgzsl train.")],
    features: Annotated[list[str], typer.Option(metavar="FILE...", help="Feature files, made by kgzsl extract.")],
    candidates: Annotated[
        str,
        typer.Option(
            metavar="own|unrelated|generalised|unseen|all|LIST|FILE",
            help="Which classes compete. own: the file's classes that are not seen. unrelated: those of them that are "
            "neither ancestor nor descendant of a seen class. generalised: the unrelated ones and all seen classes. "
            "unseen: all unseen classes of the run. all: seen and unseen ones. LIST: as kgzsl graph list takes it, "
            "such as 2-hops-winter2021 or 'unseen - person'. FILE: the classes in a file, a name or id a line.",
            autocompletion=KINDS_OF_CANDIDATES,
        ),
    ] = "unrelated",
    seen_rows: Annotated[
        str | None,
        typer.Option(
            metavar="head|predicted",
            help="Classifiers of the seen classes: the head's own (scaled as the run's), or the run's. By default the "
            "head's where the run's classifiers have length one, else, on a scale of its own, the run's.",
        ),
    ] = None,
    seen_images: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A feature file whose images stand for the seen classes, not the file's own."
        ),
    ] = None,
    calibrate: Annotated[
        str | None,
        typer.Option(
            metavar="cv|oracle|NUMBER",
            help="What the scores of seen classes give up. cv: chosen on --seen-images, with seen classes that play "
            "unseen. oracle: the best on the evaluated images themselves, which is no result.",
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="hops branch kinship",
            help="Break figures down: distance to seen classes, branch, whether above or below a seen class.",
        ),
    ] = None,
    details: Annotated[bool, typer.Option("--details", help="Print all intervals, and hubness.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array, an object a file.")] = False,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a Markdown table as well.")] = None,
    curve: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the seen-unseen curve as .json or .tsv.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the seen-unseen curve: .png, .pdf or .svg.")
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Bootstrap draws of the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws, and of the folds of --calibrate cv.")] = 0,
) -> None:
    """Rank the images of feature files among candidate classes."""
    from kgzsl.evaluation import Bootstrap, evaluate, plot_curves, to_markdown, to_text, write_curves
    from kgzsl.features import FeatureSet
    from kgzsl.methods import nearest_seen_bank
    from kgzsl.run_folder import RunFolder
    from kgzsl.runtime import write_text

    _check_options(seen_rows, calibrate, seen_images, curve, plot)
    opened = RunFolder(run)
    kind = _read_candidates(candidates, opened)
    files = [(name, FeatureSet.load(name)) for name in features]
    shown = None if seen_images is None else FeatureSet.load(seen_images)
    for images in (*(images for _, images in files), *([] if shown is None else [shown])):
        opened.scorer.check_backbone(images)
    wanted = dict.fromkeys(i for _, images in files for i in images.index) if isinstance(kind, str) else kind
    new = [class_id for class_id in wanted if class_id not in opened.graph.index] if kind not in LISTS else []
    scorer, graph = _with_new(opened, new)
    if kind not in WITHOUT_SEEN:
        scorer = _with_seen_rows(scorer, opened.seen_bank, seen_rows)
    gamma = _gamma(calibrate, scorer, opened, shown, graph=graph, seed=seed)
    baseline = nearest_seen_bank(graph, opened.seen_bank, graph.index.ids)
    reports = [
        evaluate(
            scorer,
            images,
            graph=graph,
            split=opened.split,
            candidates=kind,
            seen_images=shown,
            calibrate=gamma,
            baseline=baseline,
            by=by or (),
            name=name,
            list_name=candidates,
            bootstrap=Bootstrap(draws, seed),
        )
        for name, images in files
    ]
    released = _release_notes(kind, opened)
    reports = [
        replace(report, notes=(*report.notes, *released, *_missing_seen_images(report, kind, opened)))
        for report in reports
    ]
    if markdown is not None:
        write_text(markdown, to_markdown(reports))
    if curve is not None:
        write_curves(curve, reports)
    if plot is not None:
        plot_curves(plot, reports)
    text = to_text(reports, details).rstrip()
    typer.echo(json.dumps([report.to_json() for report in reports], indent=2) if as_json else text)
    _say_notes(reports, new)


def _check_options(
    seen_rows: str | None, calibrate: str | None, seen_images: Path | None, curve: Path | None, plot: Path | None
) -> None:
    """Refuse what cannot be done before anything is read."""
    from kgzsl.errors import InputFileError
    from kgzsl.evaluation import check_curve_file, check_plotting

    if seen_rows not in (None, *SEEN_ROWS):
        raise InputFileError(f"--seen-rows is one of {', '.join(SEEN_ROWS)}, found {seen_rows!r}.")
    if calibrate not in (None, *CALIBRATIONS):
        _number(calibrate)
    if calibrate == "cv" and seen_images is None:
        raise InputFileError("--calibrate cv needs images of seen classes; name a feature file with --seen-images.")
    if curve is not None:
        check_curve_file(curve)
    if plot is not None:
        check_plotting(plot)


def _number(text: str | None) -> float:
    from math import isfinite

    from kgzsl.errors import InputFileError

    try:
        number = float(text or "")
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        raise InputFileError(f"--calibrate is one of {', '.join(CALIBRATIONS)}, or a number, found {text!r}.")
    return number


def _gamma(
    calibrate: str | None,
    scorer: Scorer,
    run: RunFolder,
    images: FeatureSet | None,
    *,
    graph: ClassGraph,
    seed: int,
) -> float | str | GammaChoice | None:
    """Return what `kgzsl.evaluation.evaluate` takes as ``calibrate``."""
    if calibrate is None or calibrate == "oracle":
        return calibrate
    if calibrate != "cv":
        return _number(calibrate)
    from kgzsl.bank import ClassifierBank
    from kgzsl.evaluation import Calibration, CrossValidatedGamma, beside_hidden, hidden_scorer
    from kgzsl.refit import refit_of

    assert images is not None
    refit, seen = refit_of(run), run.split.seen
    if not isinstance(scorer, ClassifierBank) or scorer.normalisation == "none":  # on a scale of its own
        return CrossValidatedGamma(refit, images, graph, seen, Calibration(folds=REFITS, seed=seed))
    settings = Calibration(seed=seed)
    fold_scorer = beside_hidden(scorer.select(seen), hidden_scorer(refit, seen, settings))
    return CrossValidatedGamma(fold_scorer, images, graph, seen, settings)


def _say_notes(reports: Sequence[Report], new: Sequence[str]) -> None:
    if new:
        typer.echo(
            f"note: {len(new)} classes were in no training graph and were added: {', '.join(new[:10])}", err=True
        )
    for note in dict.fromkeys(note for report in reports for note in report.notes):
        typer.echo(f"note: {note}", err=True)


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


def _release_notes(kind: str | tuple[str, ...], run: RunFolder) -> tuple[str, ...]:
    """Say how lists of candidates stand to the releases of their graph; the classes of a file are few and plain."""
    from kgzsl.graph import release_notes

    own = {"unseen": run.split.unseen, "all": run.split.seen + run.split.unseen}
    chosen = own.get(kind, ()) if isinstance(kind, str) else kind
    return release_notes(chosen, _published_lists(run)) if chosen else ()


def _missing_seen_images(report: Report, kind: str | tuple[str, ...], run: RunFolder) -> tuple[str, ...]:
    """Say that seen classes compete, but that no image of one was there to be scored."""
    competing = kind not in WITHOUT_SEEN if isinstance(kind, str) else bool(set(kind) & set(run.split.seen))
    if report.seen is not None or not competing:
        return ()
    return (
        "Seen classes compete, but no image is of one: the figures are over unseen images alone. Name images of seen "
        "classes with --seen-images.",
    )


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


def _with_seen_rows(scorer: StoredScorer, seen_bank: ClassifierBank, seen_rows: str | None) -> StoredScorer:
    """Return the scorer with the classifiers of seen classes that are asked for."""
    from kgzsl.bank import ClassifierBank
    from kgzsl.errors import InputFileError

    if isinstance(scorer, ClassifierBank):
        own_scale = scorer.normalisation == "none"  # the head's rows cannot be brought to it
        wanted = seen_rows or ("predicted" if own_scale else "head")
        return scorer if wanted == "predicted" else _with_head(scorer, seen_bank)
    if seen_rows == "head":
        raise InputFileError("--seen-rows head needs a run whose method makes linear classifiers; leave it out.")
    return scorer


def _with_head(bank: ClassifierBank, seen_bank: ClassifierBank) -> ClassifierBank:
    """Return the bank with the head's rows for the seen classes, scaled as its own are."""
    others = [class_id for class_id in bank.index if class_id not in seen_bank.index]
    return bank.select(others).concat(seen_bank.normalised(bank.normalisation)).select(bank.index.ids)

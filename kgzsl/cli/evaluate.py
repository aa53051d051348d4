"""``kgzsl evaluate``: how well a run ranks the images of feature files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgzsl.cli.completion import KINDS_OF_CANDIDATES, TRANSDUCED_BY
from kgzsl.cli.measured_run import (
    CALIBRATIONS,
    FROM_RECIPE,
    LISTS,
    WITHOUT_SEEN,
    check_number,
    gamma_of,
    published_lists,
    read_candidates,
    transducer_of,
    update_notes,
    with_new,
)
from kgzsl.cli.several_values import ListOptionCommand

if TYPE_CHECKING:
    from kgzsl.bank import Scorer
    from kgzsl.evaluation import GammaChoice, Report
    from kgzsl.features import FeatureSet
    from kgzsl.graph.class_graph import ClassGraph
    from kgzsl.run_folder import RunFolder
    from kgzsl.transduction import Transducer

__all__ = ["register"]

HELP = """Rank the images of feature files among candidate classes and print Hit@k, with chance and a baseline beside.

Images are the rows of the files, whatever they were made from; those whose class is among the candidates are scored.
Ties count against the class; intervals are over classes.
The candidates follow the published lists, which contain person classes.

Classifiers that kgzsl update changed are scored as they are now.

Where seen and unseen classes compete, their accuracies (S, U), H and the area under their curve (AUSUC) are printed as
well. --calibrate cv chooses what seen classes give up on images of seen classes alone; the method is fitted anew five
times for that, each time without a fifth of the seen classes, or ten times a file where its scores have an own scale.

Examples:

kgzsl evaluate runs/kernel --features caltech.safetensors birds.safetensors --by hops

kgzsl evaluate runs/kernel --features birds.safetensors --candidates generalised --seen-images imagenet.safetensors
--calibrate cv --plot curve.png

kgzsl evaluate runs/kernel --features birds.safetensors --transduce agreement
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
    transduce: Annotated[
        str | None,
        typer.Option(
            metavar="recipe|NAME",
            help="Adapt the scorer to the images of each file first, without their classes (transductive setting). "
            "recipe: as the run's recipe says in its table 'transduction'. NAME: one of kgzsl list-options transducers "
            "or remedies. Seen classes that compete stay as they are.",
            autocompletion=TRANSDUCED_BY,
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
    from kgzsl.seen_rows import with_seen_rows

    _check_options(seen_rows, calibrate, seen_images, curve, plot, transduce)
    opened = RunFolder(run)
    kind = read_candidates(candidates, opened)
    files = [(name, FeatureSet.load(name)) for name in features]
    shown = None if seen_images is None else FeatureSet.load(seen_images)
    for images in (*(images for _, images in files), *([] if shown is None else [shown])):
        opened.scorer.check_backbone(images)
    wanted = dict.fromkeys(i for _, images in files for i in images.index) if isinstance(kind, str) else kind
    new = [class_id for class_id in wanted if class_id not in opened.graph.index] if kind not in LISTS else []
    scorer, graph = with_new(opened, new)
    if kind not in WITHOUT_SEEN:
        scorer = with_seen_rows(scorer, opened.seen_bank, seen_rows)
    gamma = gamma_of(calibrate, scorer, opened, shown, graph=graph, seed=seed)
    baseline = nearest_seen_bank(graph, opened.seen_bank, graph.index.ids)
    transducer = None if transduce is None else transducer_of(transduce, opened, shown)
    told = [_transduced(transducer, scorer, one, shown, kind, graph, opened, gamma) for _, one in files]
    reports = [
        evaluate(
            adapted,
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
        for (name, images), (adapted, _) in zip(files, told)
    ]
    released = (*_release_notes(kind, opened), *update_notes(opened))
    reports = [
        replace(report, notes=(*report.notes, *notes, *released, *_missing_seen_images(report, kind, opened)))
        for report, (_, notes) in zip(reports, told)
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
    seen_rows: str | None,
    calibrate: str | None,
    seen_images: Path | None,
    curve: Path | None,
    plot: Path | None,
    transduce: str | None,
) -> None:
    """Refuse what cannot be done before anything is read."""
    from kgzsl.domain_shift import REMEDIES
    from kgzsl.errors import InputFileError
    from kgzsl.evaluation import check_curve_file, check_plotting
    from kgzsl.registry import choose
    from kgzsl.seen_rows import check_seen_rows
    from kgzsl.transduction import TRANSDUCERS

    if transduce not in (None, FROM_RECIPE):
        choose({**TRANSDUCERS, **REMEDIES}, str(transduce), "transducer")
    check_seen_rows(seen_rows)
    if calibrate not in (None, *CALIBRATIONS):
        check_number(calibrate)
    if calibrate == "cv" and seen_images is None:
        raise InputFileError("--calibrate cv needs images of seen classes; name a feature file with --seen-images.")
    if curve is not None:
        check_curve_file(curve)
    if plot is not None:
        check_plotting(plot)


def _transduced(
    named: tuple[str, Transducer] | None,
    scorer: Scorer,
    images: FeatureSet,
    shown: FeatureSet | None,
    kind: str | tuple[str, ...],
    graph: ClassGraph,
    run: RunFolder,
    gamma: float | str | GammaChoice | None,
) -> tuple[Scorer, tuple[str, ...]]:
    """Return the scorer adapted to the images that are scored, and what is to be said of that; else it as it is."""
    if named is None:
        return scorer, ()
    from kgzsl.evaluation import candidates
    from kgzsl.evaluation.protocols import scored_images, with_seen_images
    from kgzsl.transduction import GeneralisedTransduction

    (name, transducer), seen = named, frozenset(run.split.seen)
    chosen = candidates(kind, images, graph, run.split)
    offered = images if shown is None else with_seen_images(images, shown, run.split)
    unlabelled = scored_images(offered, chosen, run.split, "the file")
    note = f"Transductive ({name}): the {len(unlabelled):,} images that are scored were seen before, without classes"
    if seen & set(chosen):
        unseen = [class_id for class_id in chosen if class_id not in seen]
        given_up = 0.0 if gamma is None or isinstance(gamma, str) else gamma(unseen) if callable(gamma) else gamma
        transducer = GeneralisedTransduction(transducer, seen, given_up)
    adapted = transducer.adapt(scorer.select(chosen), unlabelled)
    usage = getattr(adapted, "report", None)
    return adapted, (f"{note}; {usage}." if usage else f"{note}.",)


def _say_notes(reports: Sequence[Report], new: Sequence[str]) -> None:
    if new:
        typer.echo(
            f"note: {len(new)} classes were in no training graph and were added: {', '.join(new[:10])}", err=True
        )
    for note in dict.fromkeys(note for report in reports for note in report.notes):
        typer.echo(f"note: {note}", err=True)


def _release_notes(kind: str | tuple[str, ...], run: RunFolder) -> tuple[str, ...]:
    """Say how lists of candidates stand to the releases of their graph; the classes of a file are few and plain."""
    from kgzsl.graph import release_notes

    own = {"unseen": run.split.unseen, "all": run.split.seen + run.split.unseen}
    chosen = own.get(kind, ()) if isinstance(kind, str) else kind
    return release_notes(chosen, published_lists(run)) if chosen else ()


def _missing_seen_images(report: Report, kind: str | tuple[str, ...], run: RunFolder) -> tuple[str, ...]:
    """Say that seen classes compete, but that no image of one was there to be scored."""
    competing = kind not in WITHOUT_SEEN if isinstance(kind, str) else bool(set(kind) & set(run.split.seen))
    if report.seen is not None or not competing:
        return ()
    return (
        "Seen classes compete, but no image is of one: the figures are over unseen images alone. Name images of seen "
        "classes with --seen-images.",
    )

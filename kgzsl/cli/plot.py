"""``kgzsl plot``: pictures of a run, as PNG, SVG or a page that answers to the pointer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgzsl.cli.completion import KINDS_OF_CANDIDATES, names_of
from kgzsl.cli.last_run import last_run
from kgzsl.cli.measured_run import LISTS, WITHOUT_SEEN, gamma_of, read_candidates, with_new
from kgzsl.cli.several_values import ListOptionCommand

if TYPE_CHECKING:
    from kgzsl.evaluation import Report
    from kgzsl.features import FeatureSet
    from kgzsl.plots import Picture
    from kgzsl.run_folder import RunFolder

__all__ = ["register"]

KINDS = ("map", "hops", "curve", "confusion", "neighbourhood", "training")
MEASURED = ("hops", "curve", "confusion")
"""Kinds that show images of feature files."""
OF_CLASSES = ("map", "neighbourhood")
Drawn = tuple["Picture", Any]

HELP = """Draw a picture of a run: .png, .svg, or .html, which is one file that zooms and says what is pointed at.

map: classifiers side by side by likeness, coloured by branch: true ones, the same as predicted while they were hidden
(where kgzsl calibrate ran), and predicted unseen ones. --classes are shown and named.

hops: Hit@1 by distance from the seen classes. confusion: how far predictions are from the class of the image.
curve: accuracy of seen and of unseen images, with the gamma that is chosen on images of seen classes. These three need
--features, and draw several files side by side.

neighbourhood: the piece of the class graph around --classes NAME. training: what was measured while training.

Examples:

kgzsl plot map runs/kernel --classes okapi tapir --out map.html

kgzsl plot hops runs/kernel --features caltech.safetensors --candidates own --out hops.png

kgzsl plot curve runs/kernel --features caltech.safetensors --seen-images imagenet.safetensors --out curve.svg

kgzsl plot training runs/dgp --out training.png
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("plot", cls=ListOptionCommand, help=HELP)(plot_command)


def plot_command(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=", ".join(KINDS) + ".", autocompletion=names_of(*KINDS))],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The picture: .png, .svg or .html.")],
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="A run folder; by default the one trained last.")
    ] = None,
    features: Annotated[
        list[str] | None, typer.Option(metavar="FILE...", help="Feature files of labelled images.")
    ] = None,
    candidates: Annotated[
        str | None,
        typer.Option(
            metavar="own|unrelated|generalised|unseen|all|LIST|FILE",
            help="Which classes compete, as kgzsl evaluate takes them; by default generalised for curve, else own.",
            autocompletion=KINDS_OF_CANDIDATES,
        ),
    ] = None,
    classes: Annotated[
        list[str] | None, typer.Option(metavar="NAME...", help="Classes of the map that are named, or the one to draw.")
    ] = None,
    seen_images: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Images of seen classes for curve; by default those that kgzsl ships."),
    ] = None,
    calibrate: Annotated[
        str, typer.Option(metavar="cv|oracle|NUMBER", help="Where the gamma of curve comes from.")
    ] = "cv",
    most: Annotated[
        int, typer.Option("--most", min=4, help="So many classes on the map, two seen to one unseen.")
    ] = 600,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the map, of intervals and of folds.")] = 0,
    include_person: Annotated[bool, typer.Option("--include-person", help="Let classes of persons be named.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what is drawn as JSON as well.")] = False,
) -> None:
    """Draw a picture of a run."""
    from kgzsl.plots import check_out

    _check(kind, features, classes)
    check_out(out)
    folder = last_run() if run is None else run
    if kind == "training":
        picture, data = _training(folder)
    elif kind in OF_CLASSES:
        draw = _map if kind == "map" else _neighbourhood
        picture, data = draw(folder, classes or [], most, seed, include_person)
    else:
        chosen = candidates or ("generalised" if kind == "curve" else "own")
        picture, data = _measured(kind, folder, features or [], chosen, seen_images, calibrate, seed)
    picture.save(out)
    typer.echo(f"drawn: {out}", err=True)
    if as_json:
        typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def _check(kind: str, features: list[str] | None, classes: list[str] | None) -> None:
    """Refuse what cannot be drawn before anything is read."""
    from kgzsl.errors import InputFileError, UnknownVariantError

    if kind not in KINDS:
        raise UnknownVariantError(f"No picture is called {kind!r}; choose one of {', '.join(KINDS)}.")
    if kind in MEASURED and not features:
        raise InputFileError(f"A picture of {kind} needs labelled images; name a feature file with --features.")
    if kind not in MEASURED and features:
        raise InputFileError(f"A picture of {kind} shows no images; leave --features out.")
    if kind == "neighbourhood" and len(classes or ()) != 1:
        raise InputFileError(f"A neighbourhood is of one class, found {len(classes or ())}; name it with --classes.")


def _training(folder: Path) -> Drawn:
    from kgzsl.plots import draw_training, training_data

    data = training_data(folder)
    return draw_training(data, folder.resolve().name), data.to_json()


def _neighbourhood(folder: Path, classes: list[str], most: int, seed: int, include_person: bool) -> Drawn:
    from kgzsl.classifier import ZeroShotClassifier
    from kgzsl.plots import draw_neighbourhood, neighbourhood_data

    data = neighbourhood_data(ZeroShotClassifier.load(folder), classes[0], include_person=include_person)
    return draw_neighbourhood(data), data.to_json()


def _map(folder: Path, classes: list[str], most: int, seed: int, include_person: bool) -> Drawn:
    from kgzsl.classifier import ZeroShotClassifier
    from kgzsl.plots import chosen_classes, draw_map, map_data

    classifier = ZeroShotClassifier.load(folder)
    asked = classifier.resolve(classes, include_person=include_person)
    seen, unseen = chosen_classes(classifier.run, most, seed, asked)
    graph, bank = classifier.graph_with(unseen), classifier.bank_of(unseen)
    data = map_data(classifier.run, seen, bank, graph, seed=seed, asked=asked)
    if data.found is None:
        typer.echo(f"note: run kgzsl calibrate {folder} to see the seen classes as predicted while hidden.", err=True)
    return draw_map(data), data.to_json()


def _measured(
    kind: str, folder: Path, features: list[str], candidates: str, seen_images: Path | None, calibrate: str, seed: int
) -> Drawn:
    """Measure the files and draw them."""
    from kgzsl.features import FeatureSet
    from kgzsl.plots import confusion_data, curve_data, draw_confusion, draw_curves, draw_hops, hops_data
    from kgzsl.run_folder import RunFolder

    run = RunFolder(folder)
    files = [(name, FeatureSet.load(name)) for name in features]
    if kind == "hops":
        hops = [hops_data(one) for one in _reports(run, files, candidates, None, None, seed)]
        return draw_hops(hops), [one.to_json() for one in hops]
    if kind == "curve":
        shown = _seen_images(run, seen_images)
        reports = _reports(run, files, candidates, shown, calibrate, seed)
        return draw_curves(reports), [curve_data(report) for report in reports]
    confusions = [
        confusion_data(scorer, images, graph=graph, split=run.split, candidates=chosen, name=name)
        for name, images in files
        for scorer, graph, chosen in (_scored(run, [images], candidates),)
    ]
    return draw_confusion(confusions), [one.to_json() for one in confusions]


def _seen_images(run: RunFolder, path: Path | None) -> FeatureSet:
    from kgzsl.features import FeatureSet
    from kgzsl.hidden_classes import sample_of_seen_classes

    return sample_of_seen_classes(run) if path is None else FeatureSet.load(path)


def _scored(run: RunFolder, images: list[FeatureSet], candidates: str) -> tuple[Any, Any, Any]:
    """Return scorer and graph with all that competes in the images' files, and the candidates."""
    from kgzsl.seen_rows import with_seen_rows

    for one in images:
        run.scorer.check_backbone(one)
    kind = read_candidates(candidates, run)
    wanted = dict.fromkeys(i for one in images for i in one.index) if isinstance(kind, str) else kind
    new = [class_id for class_id in wanted if class_id not in run.graph.index] if kind not in LISTS else []
    scorer, graph = with_new(run, new)
    return (scorer if kind in WITHOUT_SEEN else with_seen_rows(scorer, run.seen_bank)), graph, kind


def _reports(
    run: RunFolder,
    files: list[tuple[str, FeatureSet]],
    candidates: str,
    shown: FeatureSet | None,
    calibrate: str | None,
    seed: int,
) -> list[Report]:
    from kgzsl.evaluation import Bootstrap, evaluate
    from kgzsl.methods import nearest_seen_bank

    given = [images for _, images in files] + ([] if shown is None else [shown])
    scorer, graph, kind = _scored(run, given, candidates)
    gamma = gamma_of(calibrate, scorer, run, shown, graph=graph, seed=seed)
    baseline = nearest_seen_bank(graph, run.seen_bank, graph.index.ids)
    return [
        evaluate(
            scorer,
            images,
            graph=graph,
            split=run.split,
            candidates=kind,
            seen_images=shown,
            calibrate=gamma,
            baseline=baseline,
            by=["hops"],
            name=name,
            list_name=candidates,
            bootstrap=Bootstrap(seed=seed),
        )
        for name, images in files
    ]

"""``kgzsl shift``: what parts unseen classes from seen ones, and which remedy helps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from kgzsl.cli.measured_run import (
    CALIBRATIONS,
    WITHOUT_SEEN,
    check_number,
    gamma_of,
    read_candidates,
    with_new,
)
from kgzsl.cli.several_values import ListOptionCommand

__all__ = ["register"]

HELP = """Measure domain shift and bias of a run on images of unseen classes, and what remedies do about them.

Told are: how many images of unseen classes are taken for seen ones where all compete; seen and unseen accuracy and
their harmonic mean as they score, and after calibrated stacking with --calibrate; how the features differ from those of
seen classes, beside how two halves of the seen classes differ; accuracy by branch; hubs, classes that swallow many
images; and Hit@1 after each remedy, which looks at the images without their classes.

Images of seen classes come from --seen-images; by default the shipped sample, where the run's backbone is its own.

Examples:

kgzsl shift runs/kernel --features caltech.safetensors

kgzsl shift runs/kernel --features birds.safetensors --seen-images imagenet.safetensors --calibrate cv --json
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("shift", cls=ListOptionCommand, help=HELP)(shift_command)


def shift_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, made by kgzsl train.")],
    features: Annotated[list[Path], typer.Option(metavar="FILE...", help="Feature files, made by kgzsl extract.")],
    seen_images: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Images of seen classes; by default the shipped sample.")
    ] = None,
    candidates: Annotated[
        str,
        typer.Option(
            metavar="own|unrelated|unseen|LIST|FILE", help="Which unseen classes compete; see kgzsl evaluate --help."
        ),
    ] = "unrelated",
    calibrate: Annotated[
        str | None,
        typer.Option(
            metavar="cv|NUMBER",
            help="What seen classes give up; cv: chosen on images of seen classes that play unseen.",
        ),
    ] = None,
    remedies: Annotated[
        list[str] | None, typer.Option(metavar="NAME...", help="Remedies that are tried; by default all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array, an object a file.")] = False,
    draws: Annotated[int, typer.Option(min=1, help="Bootstrap draws of the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws, and of the folds of --calibrate cv.")] = 0,
) -> None:
    """Measure shift and bias."""
    from kgzsl.domain_shift import REMEDIES, build_transducer, measure_shift
    from kgzsl.errors import InputFileError
    from kgzsl.evaluation import KINDS, Bootstrap
    from kgzsl.features import FeatureSet
    from kgzsl.hidden_classes import sample_of_seen_classes
    from kgzsl.run_folder import RunFolder
    from kgzsl.seen_rows import with_seen_rows

    if candidates in KINDS and candidates not in WITHOUT_SEEN:
        raise InputFileError(
            f"Candidates {candidates!r} hold seen classes, which compete in any case; choose one of "
            f"{', '.join(WITHOUT_SEEN)}, a list or a file."
        )
    if calibrate not in (None, "cv"):
        check_number(calibrate if calibrate not in CALIBRATIONS else None)
    opened = RunFolder(run)
    kind = read_candidates(candidates, opened)
    files = [(path.name, FeatureSet.load(path)) for path in features]
    shown = sample_of_seen_classes(opened) if seen_images is None else FeatureSet.load(seen_images)
    made = {name: build_transducer(name, {}, lambda: shown, "remedy") for name in remedies or REMEDIES}
    for images in (*(images for _, images in files), shown):
        opened.scorer.check_backbone(images)
    wanted = dict.fromkeys(one for _, images in files for one in images.index) if isinstance(kind, str) else kind
    scorer, graph = with_new(opened, [one for one in wanted if one not in opened.graph.index])
    scorer = with_seen_rows(scorer, opened.seen_bank)
    gamma = gamma_of(calibrate, scorer, opened, shown, graph=graph, seed=seed)
    assert not isinstance(gamma, str)
    reports = [
        measure_shift(
            scorer,
            images,
            shown,
            graph=graph,
            split=opened.split,
            candidates=kind,
            calibrate=gamma,
            remedies=made,
            name=name,
            bootstrap=Bootstrap(draws, seed),
        )
        for name, images in files
    ]
    told = "\n\n".join(map(str, reports))
    typer.echo(json.dumps([report.to_json() for report in reports], indent=2) if as_json else told)

"""``kgzsl calibrate``: probabilities, thresholds and forecasts of a run, fitted on its seen classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kgzsl.cli.completion import DEVICES
from kgzsl.cli.last_run import last_run
from kgzsl.cli.several_values import ListOptionCommand

__all__ = ["register"]

HELP = """Fit on seen classes what a run needs to give probabilities, to refuse, to forecast and to take in pictures.

The method is fitted five times anew, each time without a fifth of the seen classes: their classifiers are then as good
as those of unseen ones, and their images tell how good that is. No image of an unseen class is looked at. The hidden
classifiers are kept in the run folder, so that a second calibration is quick.

Without --features the shipped features of one picture a seen class are used, where they are of the run's backbone.

Examples:

kgzsl calibrate

kgzsl calibrate runs/dgp --features seen.safetensors
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("calibrate", cls=ListOptionCommand, help=HELP)(calibrate_command)


def calibrate_command(
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="A run folder; by default the one trained last.")
    ] = None,
    features: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Labelled features of images of seen classes.")
    ] = None,
    sections: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME...", help="Fit these sections only.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.", autocompletion=DEVICES)] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print what was fitted as JSON.")] = False,
) -> None:
    """Fit what is calibrated on seen classes."""
    from kgzsl.calibrations import CALIBRATIONS, calibrate
    from kgzsl.features import FeatureSet
    from kgzsl.hidden_classes import CalibrationData
    from kgzsl.methods import FitContext
    from kgzsl.registry import choose
    from kgzsl.run_folder import SCORING, RunFolder
    from kgzsl.runtime import choose_device

    for name in sections or ():
        choose(CALIBRATIONS, name, "calibration")
    if run is None:
        run = last_run()
        typer.echo(f"run: {run}", err=True)
    images = None if features is None else FeatureSet.load(features)
    data = CalibrationData.of(RunFolder(run), images, FitContext(device=choose_device(device)))
    content = calibrate(data, sections or ())
    if as_json:
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    facts = content["fitted_on"]
    typer.echo(f"{run / SCORING}: fitted on {facts['images']:,} images of {facts['classes']:,} seen classes")
    for name in CALIBRATIONS:
        if name in content:
            typer.echo(f"  {name}: {_summary(content[name])}")


def _summary(section: dict[str, Any]) -> str:
    """Return the single values of a section in one line; one of curves alone says what they are of."""
    if not section:
        return "nothing, the method makes no such classifiers"
    plain = {key: value for key, value in section.items() if isinstance(value, int | float | str)}
    told = {key: f"{value:.4g}" if isinstance(value, float) else str(value) for key, value in plain.items()}
    return ", ".join(f"{key} {value}" for key, value in told.items()) or f"curves of {', '.join(section)}"

"""What a trained run is asked to do: one module an act, each with ``measure(run, assets)`` and ``block(found)``.

``measure`` gets the folder of a trained and calibrated run, which it may copy and must not change, and the folder of
the assets; it returns plain JSON that depends on nothing else but its own seed. ``block`` makes Markdown of that: a
heading of third level, a table, a sentence on what was measured.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ACTS = (
    *("adding", "linking", "refusing", "explaining", "expecting", "few_images", "exporting"),
    "modalities",
    "ways",
    "transduction",
    "meta_learning",
    "fine_tuning",
    "domain_shift",
    "several_graphs",
)
"""Modules in the order of the page."""

LAST = ("ways",)
"""Measured after the others, some of whose figures they tell."""

RECIPE, FOLDER = "kernel", "acts"


def module_of(act: str) -> Any:
    """Return the module of an act."""
    return importlib.import_module(f"reproduction.acts.{act}")


def measure_acts(chosen: Sequence[str], runs: Path, assets: Path) -> dict[str, str]:
    """Measure acts on the run of `RECIPE`, trained and calibrated when it is not there; return why some failed."""
    from kgzsl.runtime import sha256_file, write_json

    run = prepared_run(runs)
    digest = sha256_file(run / "scoring.json")
    failed = dict[str, str]()
    for act in sorted(chosen, key=LAST.__contains__):
        start = time.perf_counter()
        try:
            found = module_of(act).measure(run, assets)
        except Exception as error:  # the others are still measured, and the page says what is missing
            failed[act] = f"{type(error).__name__}: {error}"
            print(f"{act}: {failed[act]}", file=sys.stderr, flush=True)
            continue
        write_json(kept_path(act, runs), {"run": digest, "found": found})
        print(f"{act}: {time.perf_counter() - start:.0f} s", flush=True)
    return failed


def kept_path(act: str, runs: Path) -> Path:
    """Return the file that holds what was measured of an act."""
    return runs / FOLDER / f"{act}.json"


def prepared_run(runs: Path) -> Path:
    """Return a run that the acts are measured on."""
    from kgzsl.calibrations import CALIBRATIONS, calibrate
    from kgzsl.hidden_classes import CalibrationData
    from kgzsl.recipe import Recipe
    from kgzsl.run_folder import RunFolder, holds_run

    run = runs / FOLDER / "run"
    if not holds_run(run):
        Recipe.load(RECIPE).train(run, command=f"kgzsl train {RECIPE}")
    if not CALIBRATIONS.keys() <= RunFolder(run).scoring.keys():
        calibrate(CalibrationData.of(RunFolder(run)))
    return run


def blocks(runs: Path) -> list[str]:
    """Return what the page says of the acts that were measured."""
    from kgzsl.runtime import read_json

    kept = {act: kept_path(act, runs) for act in ACTS}
    return [module_of(act).block(read_json(path)["found"]) for act, path in kept.items() if path.is_file()]


def draw(runs: Path) -> None:
    """Draw anew the pictures of the page."""
    from kgzsl.runtime import read_json

    for act in ACTS:
        if kept_path(act, runs).is_file() and hasattr(module := module_of(act), "draw"):
            module.draw(read_json(kept_path(act, runs))["found"])

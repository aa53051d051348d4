"""Train the recipes, evaluate them on the dev sets and write docs/results.md; stopped at any time, it goes on.

Usage: KGZSL_ASSETS=DIR python scripts/results.py [--runs runs/results] [--only dgp-0 ...] [--write-only]

Each job trains one recipe with one seed (a killed training resumes from its checkpoint) and evaluates it on the feature
files of the assets among three sets of candidates; its reports are kept beside the run and not computed again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SETS = ("caltech101-dev", "grocery-dev", "cub100-dev")
CANDIDATES = ("unrelated", "unseen", "all")


@dataclass(frozen=True)
class Job:
    """One recipe with one seed and the settings that differ from the recipe."""

    recipe: str
    seed: int
    settings: tuple[str, ...] = field(default_factory=tuple)

    @property
    def name(self) -> str:
        """What its run folder is called."""
        return f"{self.recipe}-{self.seed}"


JOBS = (
    Job("kernel", 0),
    Job("dgp", 0),
    Job("sgcn", 0),
    Job("gcnz", 0, ("method.precision=bfloat16",)),
    Job("dgp", 1),
    Job("sgcn", 1),
    Job("dgp", 2),
    Job("sgcn", 2),
)


def train(job: Job, runs: Path) -> Path:
    """Train a job unless its run is there."""
    from kgzsl.recipe import Recipe

    run = runs / job.name
    if not (run / "manifest.json").is_file():
        settings = [f"method.seed={job.seed}", *job.settings]
        words = " ".join(["kgzsl train", job.recipe, *(f"--set {setting}" for setting in settings)])
        Recipe.load(job.recipe, settings).train(run, command=words)
    return run


def evaluate_run(run: Path, features: Path) -> list[dict[str, Any]]:
    """Return the reports of a run over all sets and candidates, from its folder where they are there."""
    from kgzsl.evaluation import evaluate
    from kgzsl.features import FeatureSet
    from kgzsl.methods import nearest_seen_bank
    from kgzsl.run_folder import RunFolder
    from kgzsl.runtime import read_json, write_json

    kept = run / "reports.json"
    if kept.is_file():
        return read_json(kept)
    opened = RunFolder(run)
    baseline = nearest_seen_bank(opened.graph, opened.seen_bank, opened.graph.index.ids)
    reports = []
    for name in SETS:
        images = FeatureSet.load(features / f"{name}.safetensors")
        for kind in CANDIDATES:
            report = evaluate(
                opened.bank,
                images,
                graph=opened.graph,
                split=opened.split,
                candidates=kind,
                baseline=baseline,
                name=name,
            )
            reports.append(report.to_json())
    write_json(kept, reports)
    return reports


def part_of(report: dict[str, Any]) -> dict[str, Any]:
    """Return the figures over images of unseen classes."""
    return report["unseen"] if report["candidates"] == "all" else report


def collect(runs: Path) -> dict[str, list[tuple[dict[str, Any], list[dict[str, Any]]]]]:
    """Return manifest and reports of every finished job, by recipe."""
    found: dict[str, list[Any]] = {}
    for job in JOBS:
        run = runs / job.name
        if (run / "reports.json").is_file():
            pair = (json.loads((run / "manifest.json").read_text()), json.loads((run / "reports.json").read_text()))
            found.setdefault(job.recipe, []).append(pair)
    return found


def spread(values: list[float]) -> str:
    """Write a mean with the range over seeds."""
    mean = statistics.mean(values)
    return f"{mean:.1f}" if len(values) == 1 else f"{mean:.1f} ({min(values):.1f} to {max(values):.1f})"


def table(found: dict[str, Any], name: str, kind: str) -> list[str]:
    """Return the Markdown table of one feature file and one set of candidates."""
    lines = [
        "| method | Hit@1 | 95 % interval | @2 | @5 | @10 | @20 | macro @1 | tolerant @1 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    reports: list[dict[str, Any]] = []
    for recipe, runs in found.items():
        reports = [part_of(r) for _, all_of in runs for r in all_of if (r["features"], r["candidates"]) == (name, kind)]
        hits = [spread([r["hits_micro"][k] for r in reports]) for k in ("1", "2", "5", "10", "20")]
        low, high = reports[0]["interval_micro"]["1"]
        macro, tolerant = spread([r["hits_macro"]["1"] for r in reports]), spread([r["tolerant"] for r in reports])
        lines.append(
            f"| {recipe} | {hits[0]} | {low:.1f} to {high:.1f} | {' | '.join(hits[1:])} | {macro} | {tolerant} |"
        )
    base = reports[0]
    nearest, chance = base["nearest_seen"]["hits_micro"], base["chance"]
    for label, values, macro in (
        ("nearest seen", nearest, base["nearest_seen"]["hits_macro"]["1"]),
        ("chance", chance, chance["1"]),
    ):
        cells = [f"{values[k]:.1f}" if values[k] >= 0.05 else f"{values[k]:.3f}" for k in ("1", "2", "5", "10", "20")]
        lines.append(f"| {label} | {cells[0]} | | {' | '.join(cells[1:])} | {macro:.1f} | |")
    return lines


def write_page(runs: Path, out: Path) -> None:
    """Write docs/results.md from the reports that are there."""
    found = collect(runs)
    if not found:
        sys.exit("No finished job yet; run the script without --write-only.")
    lines = [
        *INTRODUCTION.splitlines(),
        "",
        "## Trainings",
        "",
        "| recipe | command | epochs chosen | seconds |",
        "|---|---|---|---|",
    ]
    for recipe, done in found.items():
        for manifest, _ in done:
            cost = f"{manifest['epochs']} | {manifest['seconds']:.0f}" if "epochs" in manifest else "closed form | "
            lines.append(f"| {recipe} | `{manifest['command']}` | {cost} |")
    lines += ["", f"Machine: {machine()}."]
    for name in SETS:
        for kind in CANDIDATES:
            reports = [
                r
                for done in found.values()
                for _, rs in done
                for r in rs
                if (r["features"], r["candidates"]) == (name, kind)
            ]
            first = part_of(reports[0])
            candidates, images = f"{reports[0]['num_candidates']:,} candidates", f"{first['num_images']:,} images"
            what = f"{candidates}, {images} of {first['num_classes']} classes"
            lines += ["", f"## {name}, candidates `{kind}`", "", what + ".", "", *table(found, name, kind)]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def machine() -> str:
    """Describe the machine in a few words."""
    import torch

    return f"{os.cpu_count()} cores ({platform.machine()}), torch {torch.__version__}"


INTRODUCTION = """# Results

Written by `python scripts/results.py`. Backbone: MobileNetV2 (ImageNet-1k, 1280-d, `google/mobilenet_v2_1.0_224`), its
head as the seen classifiers. Graph: `imagenet21k` (23,547 classes). Semantics: MiniLM embeddings of "lemmas:
definition", as shipped. Figures are percent.

- `kernel` is `kernel_regression`. Its search starts from values that an experiment on these same sets had found, and
  one of its rules was made with figures on them in view (the recipe says how): its figures are no clean test.
- Epochs are chosen on 200 held-out *seen* classes by their classifiers alone (no image), then all 1000 are fitted for
  as many. No image or classifier of an unseen class takes part in anything.
- `unrelated`: the file's classes that are neither seen nor above or below a seen class compete. `unseen`: all 20,842
  unseen classes compete. `all`: seen and unseen together (21,842), the seen rows as predicted; the figures are those of
  images of unseen classes.
- The candidates `unseen` and `all` follow the published lists, which contain person classes.
- Over several seeds: mean (lowest to highest). The 95 % interval is a bootstrap over classes of the first seed, 1000
  draws. Ties count against the class.
- The sets are small and noisy across classes; differences within the intervals mean little.
- GCNZ is trained with bfloat16 matrix products here, the others in float32.
- Seconds are those of all epochs, selection and fit, with one thread on a machine that did other work meanwhile.
- No figure here chose anything for the graph networks: published numbers and held-out seen classes did."""


def main() -> None:
    """Parse the command line and do what is left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "results")
    parser.add_argument("--only", nargs="*", help="names of jobs, such as dgp-0")
    parser.add_argument("--write-only", action="store_true", help="write the page from finished jobs")
    options = parser.parse_args()
    page = ROOT / "docs" / "results.md"
    if not options.write_only:
        assets = os.environ.get("KGZSL_ASSETS")
        if not assets:
            sys.exit("Set KGZSL_ASSETS to the folder that holds backbones/ and features/.")
        for job in JOBS:
            if not options.only or job.name in options.only:
                print(f"{job.name} ...", flush=True)
                evaluate_run(train(job, options.runs), Path(assets) / "features")
                write_page(options.runs, page)
    else:
        write_page(options.runs, page)
    print(f"wrote {page.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

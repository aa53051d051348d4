"""Domain shift and bias on the development sets, and what each remedy does about them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kgzsl.domain_shift import REMEDIES, build_transducer, measure_shift
from kgzsl.evaluation import Calibration, CrossValidatedGamma, beside_hidden
from kgzsl.features import FeatureSet
from kgzsl.hidden_classes import hidden_scorer_of, sample_of_seen_classes
from kgzsl.run_folder import RunFolder
from kgzsl.seen_rows import with_seen_rows

SETS = ("caltech101-dev", "grocery-dev", "cub100-dev")


def measure(run: Path, assets: Path) -> dict[str, Any]:
    """Measure a run; its folder is not written to."""
    folder = RunFolder(run)
    seen = folder.split.seen
    shown = sample_of_seen_classes(folder)
    head = folder.seen_bank.normalised(folder.bank.normalisation)
    scorer = with_seen_rows(folder.scorer, folder.seen_bank)
    kept = beside_hidden(head, hidden_scorer_of(folder))
    gamma = CrossValidatedGamma(kept, shown, folder.graph, seen, Calibration())
    made = {name: build_transducer(name, {}, lambda: shown) for name in REMEDIES}
    asked = {"graph": folder.graph, "split": folder.split, "calibrate": gamma, "remedies": made}
    files = {name: FeatureSet.load(assets / "features" / f"{name}.safetensors") for name in SETS}
    return {name: measure_shift(scorer, images, shown, name=name, **asked).to_json() for name, images in files.items()}  # type: ignore[arg-type]


def block(found: Mapping[str, Any]) -> str:
    """Return the section."""
    lines = [
        "### Domain shift and bias",
        "",
        "`kgzsl shift` on images of unseen classes, beside the shipped pictures of the seen ones. Taken for seen: "
        "images of unseen classes, where all 1,000 seen classes compete. Mean image first: classes whose mean image is "
        "ranked first.",
        "",
        "| set | taken for seen % | S / U / H | calibrated | mean shift | separability | mean image first % | gap |",
        "|---|---|---|---|---|---|---|---|",
        *(_shift_row(name, one) for name, one in found.items()),
        "",
        _natural(next(iter(found.values()))),
        "",
        "Gap: points of Hit@1 between the best and the worst branch. Below: Hit@1 among the unrelated candidates, with "
        "its 95 % interval over classes, skewness of N_1 in brackets. Remedies look at the images without their "
        "classes; their defaults were chosen on hidden seen classes (scripts/choose_remedies.py).",
        "",
        "| set | as it scores | " + " | ".join(REMEDIES) + " |",
        "|---|" + "---|" * (len(REMEDIES) + 1),
        *(_remedy_row(name, one) for name, one in found.items()),
        "",
        *_losses(found),
    ]
    return "\n".join(lines) + "\n"


def _shift_row(name: str, one: Mapping[str, Any]) -> str:
    points = [
        " / ".join(f"{point[key]:.1f}" for key in ("seen", "unseen", "harmonic_mean")) for point in one["generalised"]
    ]
    shift, means = one["feature_shift"], one["mean_hits"]
    cells = [f"{one['seen_bias']['unseen_as_seen']:.1f}", *points, f"{shift['mean_shift']:.2f}"]
    cells += [
        f"{shift['separability']:.2f}",
        f"{means['unseen']:.0f} (seen {means['seen']:.0f})",
        f"{one['branch_gap']:.0f}",
    ]
    return f"| {name} | " + " | ".join(cells) + " |"


def _natural(one: Mapping[str, Any]) -> str:
    natural = one["between_halves_of_seen"]
    return (
        f"Between two halves of the seen classes the mean shift is {natural['mean_shift']:.2f} and the separability "
        f"{natural['separability']:.2f}: what different classes bring of themselves."
    )


def _cell(one: Mapping[str, Any]) -> str:
    low, high = one["interval"]
    return f"{one['hit']:.1f} [{low:.1f}, {high:.1f}] ({one['skewness']:.2f})"


def _remedy_row(name: str, one: Mapping[str, Any]) -> str:
    return f"| {name} | " + " | ".join(_cell(cell) for cell in (one["before"], *one["remedies"].values())) + " |"


def _losses(found: Mapping[str, Any]) -> list[str]:
    """Say where a remedy does harm."""
    lines = []
    for name, one in found.items():
        before = one["before"]["hit"]
        lines += [
            f"- worse than without: {remedy} on {name}, {after['hit'] - before:+.1f}"
            for remedy, after in one["remedies"].items()
            if after["hit"] < before
        ]
    return lines or ["No remedy does harm on any set."]

"""Links beside the hierarchy on 100 classes of birds: similar classes, attributes as nodes, both, by two networks."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from attributes import Option, World, per_class

from kgzsl.linked_graph import LinkChoice
from kgzsl.methods import METHODS
from kgzsl.splits import draw_folds

SEEDS, FOLDS, EPOCHS, HIDDEN = (0, 1, 2), 3, 300, 256
OPTION = Option("standardised", "taxonomy", "logistic")
NETWORKS: dict[str, dict[str, Any]] = {"sgcn": {}, "rgcn": {"links": True}}
SIMILAR, PER_CLASS = 5, 20


def choices(assets: Path) -> dict[str, LinkChoice]:
    """Return what is compared."""
    table = assets / "attributes" / "cub.tsv"
    return {
        "hierarchy": LinkChoice(),
        "and similar classes": LinkChoice(SIMILAR),
        "and attributes": LinkChoice(0, table, PER_CLASS),
        "and both": LinkChoice(SIMILAR, table, PER_CLASS),
    }


def measure(run: Path, assets: Path) -> dict[str, Any]:
    """Measure every choice with every network; the run is not looked at."""
    world = World(assets)
    return {
        network: {name: _choice(world, network, choice) for name, choice in choices(assets).items()}
        for network in NETWORKS
    }


def _choice(world: World, network: str, choice: LinkChoice) -> dict[str, Any]:
    begin = time.process_time()
    folds = draw_folds(world.seen, FOLDS)
    validation = [_accuracy(world, network, choice, "fit", "trainval", fold, fold, SEEDS[0]) for fold in folds]
    unseen = [_accuracy(world, network, choice, "trainval", "test_unseen", world.unseen, (), seed) for seed in SEEDS]
    seconds = (time.process_time() - begin) / (FOLDS + len(SEEDS))
    return {"validation": statistics.mean(validation), "unseen": unseen, "seconds": seconds}


def _accuracy(
    world: World,
    network: str,
    choice: LinkChoice,
    fitted_on: str,
    tested_on: str,
    candidates: Sequence[str],
    held_out: Sequence[str],
    seed: int,
) -> float:
    shown = world.supervision(OPTION, world.parts[fitted_on], held_out)
    graph, semantics = choice.apply(shown.graph, shown.semantics)
    options = {"hidden": [HIDDEN], **NETWORKS[network]}
    method = METHODS["graph_regression"](network, network_options=options, epochs=EPOCHS, seed=seed)  # type: ignore[call-arg]
    fitted = method.fit(replace(shown, graph=graph, semantics=semantics))
    scorer = fitted.synthesize(tuple(candidates))
    return per_class(scorer, world.parts[tested_on].of_classes(candidates), candidates)


def block(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the section."""
    lines = [
        "### Links beside the hierarchy",
        "",
        "100 classes of CUB below their WordNet synsets, attributes as semantics, seen classes fitted by logistic "
        f"regression (as DGP in [attributes](attributes.md)); {EPOCHS} epochs, {HIDDEN} hidden units. Similar: links "
        f"to the {SIMILAR} nearest classes. Attributes: the {PER_CLASS} that mark a class out, as nodes. Percent, "
        "means over classes: validation over hidden seen classes, then the 27 unseen ones, the mean of three seeds "
        "(lowest to highest).",
        "",
        "| network | graph | validation | unseen | seconds a fit |",
        "|---|---|---|---|---|",
    ]
    for network, choices_of in found.items():
        for name, one in choices_of.items():
            low, high = min(one["unseen"]), max(one["unseen"])
            mean = statistics.mean(one["unseen"])
            cells = f"{one['validation']:.1f} | {mean:.1f} ({low:.1f} to {high:.1f}) | {one['seconds']:.0f}"
            lines.append(f"| {network} | {name} | {cells} |")
    return "\n".join([*lines, "", *_chosen(found)]) + "\n"


def _chosen(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say what the hidden seen classes would choose, and what that brings on unseen ones."""
    lines = []
    for network, choices_of in found.items():
        best = max(choices_of, key=lambda name: choices_of[name]["validation"])
        plain, chosen = (statistics.mean(choices_of[name]["unseen"]) for name in ("hierarchy", best))
        lines.append(f"- {network}: validation chooses {best!r}, {chosen - plain:+.1f} on unseen classes.")
    return lines

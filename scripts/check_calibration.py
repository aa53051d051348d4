"""Hold the gamma of class-wise cross-validation against the oracle's, for several ways to draw the hidden classes.

Usage: KGZSL_ASSETS=DIR python scripts/check_calibration.py [--nested 12] [--seeds 3]

Two tables of H at the chosen gamma, as a share of H at the best gamma on the test images themselves (1 is perfect):

- *dev*: the three dev files, candidates ``generalised``, images of imagenet_sample for the seen classes.
- *nested*: no dev file at all. A set of seen classes is taken for the test (half of the classes below one node of the
  graph, or any), everything is done without them, and gamma is chosen among those that are left.

Kernel regression with the values that the recipe `kernel` chooses. About five minutes on one core.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from kgzsl.bank import ClassifierBank, Scorer
from kgzsl.evaluation import (
    Calibration,
    CrossValidatedGamma,
    beside_hidden,
    candidates,
    hidden_scorer,
    seen_against_unseen,
)
from kgzsl.evaluation.generalised import generalised
from kgzsl.evaluation.protocols import with_seen_images
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.induce import closed
from kgzsl.methods import KernelRegression
from kgzsl.recipe import Recipe
from kgzsl.splits import Split
from kgzsl.supervision import Supervision

SETS = ("caltech101-dev", "grocery-dev", "cub100-dev")
REACHES = (0.5, 1.0, 2.0, math.inf)
CHOSEN = {"widths": (0.3,), "decays": (0.7,), "shares": (0.65,), "ridges": (0.15,)}


def fitted(supervision: Supervision, class_ids: tuple[str, ...]) -> ClassifierBank:
    """Return the rows that kernel regression predicts."""
    return KernelRegression(**CHOSEN).fit(supervision).synthesize(class_ids)


def ratios(
    supervision: Supervision, graph: ClassGraph, images: FeatureSet, tests: dict[str, FeatureSet], seed: int
) -> Iterator[tuple[str, float, float, float]]:
    """Yield for each test set and reach the chosen gamma, the oracle's, and H as a share of the oracle's."""
    head = supervision.seen_bank.normalised("joint")
    seen = head.index.ids
    split = Split(seen, ())

    def refit(held_out: tuple[str, ...]) -> Scorer:
        return fitted(supervision.without(held_out), held_out)

    fold_scorer = beside_hidden(head, hidden_scorer(refit, seen, Calibration(seed=seed)))
    for name, unseen_images in tests.items():
        new = candidates("unrelated", unseen_images, graph, split) if name in SETS else unseen_images.index.ids
        joined = head.concat(fitted(supervision, new))
        shown = with_seen_images(unseen_images, images, split).of_classes((*seen, *new))
        found = seen_against_unseen(joined, shown, (*seen, *new), split)
        oracle = generalised(found, 0.0, "oracle").point
        if not oracle.harmonic_mean:
            continue
        for reach in REACHES:
            choose = CrossValidatedGamma(fold_scorer, images, graph, seen, Calibration(reach=reach, seed=seed))
            gamma = choose(new)
            point = generalised(found, gamma, "cv").point
            yield name, reach, gamma - oracle.gamma, point.harmonic_mean / oracle.harmonic_mean


def nested(
    supervision: Supervision, images: FeatureSet, count: int
) -> Iterator[tuple[Supervision, dict[str, FeatureSet]]]:
    """Yield what is left of the seen classes, and the images of those taken away, for several sets of them."""
    seen, graph, generator = supervision.seen_bank.index.ids, supervision.graph, np.random.default_rng(1)
    groups = []
    for node in sorted(graph.ancestors(seen)):
        below = sorted(set(seen) & graph.descendants([node]))
        if 16 <= len(below) <= 260:
            groups.append((graph.text(node).label, below))
    chosen = [groups[place] for place in generator.permutation(len(groups))[: count - count // 4]]
    chosen += [("drawn from all", [*generator.permutation(seen)[:60].tolist()]) for _ in range(count // 4)]
    for label, below in chosen:
        taken = tuple(sorted(generator.permutation(below)[: min(52, len(below) // 2)].tolist()))
        shown = images.of_classes(taken)
        index = type(shown.index)(taken)
        labels = shown.labels.new_tensor([index.row(class_id or "") for class_id in shown.class_ids()])
        yield (
            supervision.without(taken),
            {label: FeatureSet(shown.features, labels, index, shown.backbone)},
        )


def show(title: str, rows: list[tuple[str, float, float, float]], by_name: bool) -> None:
    """Print the mean, the least, and the share of at least 0.9 for each reach."""
    print(f"\n{title}\n{'':<24}{'reach':>6}{'gamma - oracle':>16}{'H / oracle':>12}{'least':>8}{'>= 0.9':>8}")
    names = list(dict.fromkeys(name for name, *_ in rows)) if by_name else [""]
    for name in names:
        for reach in REACHES:
            mine = [row for row in rows if row[1] == reach and name in ("", row[0])]
            found = np.array([row[3] for row in mine])
            off = np.mean([row[2] for row in mine])
            figures = f"{off:>16.2f}{found.mean():>12.3f}{found.min():>8.3f}{(found >= 0.9).mean():>8.2f}"
            print(f"{name or f'{len(mine)} sets':<24}{reach:>6}{figures}", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nested", type=int, default=12, help="sets of seen classes that play the test")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of the folds, on the dev files")
    options = parser.parse_args()
    folder = Path(os.environ["KGZSL_ASSETS"]) / "features"
    load: Callable[[str], FeatureSet] = lambda name: FeatureSet.load(folder / f"{name}.safetensors")  # noqa: E731
    images, tests = load("imagenet_sample"), {name: load(name) for name in SETS}
    whole, _ = Recipe.load("kernel").inputs.supervision()
    wanted = {i for one in tests.values() for i in one.index} | set(whole.seen_bank.index)
    small = closed(whole.graph, wanted)  # kernel regression looks at nothing else
    supervision = Supervision(small, whole.semantics.select(small.index.ids), whole.seen_bank)
    found = [row for seed in range(options.seeds) for row in ratios(supervision, whole.graph, images, tests, seed)]
    show("dev files", found, by_name=True)
    inner = [
        row
        for left, taken in nested(supervision, images, options.nested)
        for row in ratios(left, whole.graph, images, taken, seed=0)
    ]
    show("nested, seen classes only", inner, by_name=False)


if __name__ == "__main__":
    main()

"""Attribute zero-shot learning on 100 classes of birds: every method in one table; stopped at any time, it goes on.

Usage: KGZSL_ASSETS=DIR python scripts/attributes.py [--runs runs/attributes] [--only eszsl ...] [--write-only]

Classes, attributes and the split are those of the proposed split of CUB; features are of the assets. Each row of the
table has options (form of the attributes, graph, fit of the seen classifiers), of which the best on hidden seen classes
is taken, and gamma is chosen on them too. What was measured is kept in one file and not computed again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
FORMS, FITS, GRAPHS = ("att", "standardised"), ("class-means", "ridge", "logistic"), ("flat", "taxonomy")
FOLDS, SHARE, SEEDS = 3, 0.2, 3


@dataclass(frozen=True)
class Option:
    """One way to run a method: what it looks at, and its keywords."""

    form: str = "att"
    graph: str = "flat"
    fit: str = "ridge"
    keywords: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """The option in words, for the file and the page."""
        keywords = ", ".join(f"{key} {value}" for key, value in self.keywords if not isinstance(value, tuple))
        return ", ".join(filter(None, (self.form, self.graph, self.fit, keywords)))


@dataclass(frozen=True)
class Row:
    """A row of the table: a method of `kgzsl.methods.METHODS`, its options, and on how many seeds it is run."""

    method: str
    label: str
    options: tuple[Option, ...]
    seeds: int = 1
    looks_at: str = "head"


def options(
    forms: Sequence[str] = FORMS,
    graphs: Sequence[str] = ("flat",),
    fits: Sequence[str] = FITS,
    keywords: Sequence[dict[str, Any]] = ({},),
) -> tuple[Option, ...]:
    """Return every combination."""
    return tuple(
        Option(form, graph, fit, tuple(keys.items()))
        for form, graph, fit, keys in product(forms, graphs, fits, keywords)
    )


WIDE = {"widths": (0.6, 0.3, 1.0, 1.5, 2.0, 3.0)}
"""Widths for the kernel of attributes; the usual ones are for sentence embeddings."""

IMAGES = ("ridge",)
"""Methods that learn from images do not look at the head, so that one fit of it is enough."""

ROWS = (
    Row("nearest_seen", "NearestSeen", options(("att",), ("taxonomy",)), looks_at="head, tree"),
    Row("conse", "ConSE", options(keywords=[{"temperature": value} for value in (1.0, 0.3, 3.0, 10.0)])),
    Row("devise", "DeViSE", options(fits=IMAGES), SEEDS, "images"),
    Row("eszsl", "ESZSL", options(fits=IMAGES), looks_at="images"),
    Row("sync", "SYNC", options(fits=IMAGES), looks_at="images"),
    Row("exem", "EXEM", options(fits=IMAGES), looks_at="images"),
    Row("icis", "ICIS", options(), SEEDS),
    Row("graph_regression", "DGP", options(("standardised",), ("taxonomy",), ("logistic",)), SEEDS, "head, tree"),
    Row(
        "kernel_regression", "kernel regression (ours)", options(graphs=GRAPHS, keywords=[WIDE]), looks_at="head, tree"
    ),
)


@dataclass(frozen=True)
class World:
    """The classes and images, and the fits made of them; images of seen classes are to fit, to validate or to test."""

    assets: Path
    made: dict[tuple[Any, ...], Any] = field(default_factory=dict, compare=False)

    @cached_property
    def seen(self) -> tuple[str, ...]:
        """The seen classes of the proposed split that there are images of."""
        return tuple(class_id for class_id in self.benchmarks["att"].split.seen if class_id in self.images.index)

    @cached_property
    def unseen(self) -> tuple[str, ...]:
        """The unseen classes of the proposed split that there are images of."""
        return tuple(class_id for class_id in self.benchmarks["att"].split.unseen if class_id in self.images.index)

    @cached_property
    def benchmarks(self) -> dict[str, Any]:
        """The published benchmark with each form of the attributes."""
        from kgzsl.benchmarks import read_proposed

        folder = self.assets / "attributes" / "gbu" / "CUB"
        return {form: read_proposed(folder, attributes=form) for form in FORMS}

    @cached_property
    def images(self) -> Any:
        """All images, in single precision."""
        from kgzsl.features import FeatureSet

        found = FeatureSet.load(self.assets / "features" / "cub100-attributes.safetensors")
        return replace(found, features=found.features.float())

    @cached_property
    def parts(self) -> dict[str, Any]:
        """The images to fit and to validate, both together, and those to test seen and unseen classes."""
        seen = self.images.of_classes(self.seen)
        drawn, share = np.random.default_rng(0), torch.zeros(len(seen))
        for number in seen.labels.unique().tolist():
            rows = (seen.labels == number).nonzero()[:, 0]
            share[rows[torch.from_numpy(drawn.permutation(len(rows)))]] = torch.arange(len(rows)) / len(rows)
        limits = (SHARE, SHARE + SHARE * (1 - SHARE))
        return {
            "test_seen": seen.rows(share < limits[0]),
            "validate": seen.rows((share >= limits[0]) & (share < limits[1])),
            "fit": seen.rows(share >= limits[1]),
            "trainval": seen.rows(share >= limits[0]),
            "test_unseen": self.images.of_classes(self.unseen),
        }

    @cached_property
    def graphs(self) -> dict[str, Any]:
        """The classes side by side, and below their synsets with everything above those."""
        from kgzsl.benchmarks.benchmark import flat_graph
        from kgzsl.graph import NewClass, load_graph
        from kgzsl.graph.induce import closed

        classes = (*self.seen, *self.unseen)
        flat = flat_graph("cub100", classes)
        lines = (self.assets / "attributes" / "cub-wnids.tsv").read_text(encoding="utf-8").splitlines()[1:]
        synset = {line.split("\t")[0]: line.split("\t")[1] for line in lines}
        above = closed(load_graph("wordnet-nouns"), {synset[class_id] for class_id in classes}, "cub100-taxonomy")
        added = [NewClass(class_id, (synset[class_id],), flat.text(class_id)) for class_id in classes]
        return {"flat": flat, "taxonomy": above.extend(added)}

    def supervision(self, option: Option, images: Any, held_out: Sequence[str] = ()) -> Any:
        """Return what a method may look at when some seen classes are hidden."""
        from kgzsl.seen_bank import SEEN_BANKS
        from kgzsl.semantics import fill_gaps
        from kgzsl.supervision import Supervision

        graph, attributes = self.graphs[option.graph], self.benchmarks[option.form].attributes
        kept = tuple(class_id for class_id in self.seen if class_id not in set(held_out))
        shown = images.of_classes(kept)
        vectors = fill_gaps(attributes.select((*self.seen, *self.unseen)), graph, "below")
        return Supervision(graph, vectors, SEEN_BANKS[option.fit](shown).select(kept), shown)

    def fit(self, row: Row, option: Option, images: Any, held_out: Sequence[str] = (), seed: int = 0) -> Any:
        """Return the scorer of all classes that a method makes; the same one is not made twice."""
        from kgzsl.methods import METHODS

        key = (row.method, option, tuple(held_out), len(images), seed)
        if key in self.made:
            return self.made[key]
        keywords = dict(option.keywords) | ({"seed": seed} if row.seeds > 1 else {})
        method = METHODS[row.method](**keywords).fit(self.supervision(option, images, held_out))
        self.made[key] = method.synthesize((*self.seen, *self.unseen))
        return self.made[key]


def hits(scorer: Any, images: Any, candidates: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which images are right among candidates, ties pessimistic, and the number of the class of each."""
    from kgzsl.evaluation import ranks, score_in_chunks

    narrow = scorer.select(tuple(candidates))
    own = torch.from_numpy(narrow.index.rows(images.class_ids()))
    found = torch.cat([ranks(scores, own[rows]) for rows, scores in score_in_chunks(narrow, images)])
    return found == 1, own


def per_class(scorer: Any, images: Any, candidates: Sequence[str]) -> float:
    """Return the accuracy in percent, the mean over classes."""
    from kgzsl.evaluation import per_class_accuracy

    return float(per_class_accuracy(*hits(scorer, images, candidates)).mean())


def validate(world: World, row: Row, option: Option) -> float:
    """Return the accuracy on hidden seen classes, the mean over folds."""
    from kgzsl.splits import draw_folds

    accuracies = []
    for fold in draw_folds(world.seen, FOLDS):
        scorer = world.fit(row, option, world.parts["fit"], fold)
        accuracies.append(per_class(scorer, world.parts["trainval"].of_classes(fold), fold))
    return float(np.mean(accuracies))


def choose_gamma(world: World, row: Row, option: Option) -> float:
    """Return gamma in units of `spread_of_scores`, on images that no fit saw, with a fold of classes hidden at a time.

    A method may choose other hyper-parameters for each fold, and its scores another scale with them.
    """
    from kgzsl.evaluation.seen_unseen import best_gamma
    from kgzsl.splits import draw_folds

    curves = []
    for fold in draw_folds(world.seen, FOLDS):
        shown = tuple(class_id for class_id in world.seen if class_id not in fold)
        scorer = world.fit(row, option, world.parts["fit"], fold)
        kept = against(scorer, [world.parts["validate"]], shown, fold)
        curves.append(replace(kept, gaps=kept.gaps / spread_of_scores(world, scorer)).curve())
    return best_gamma(curves)[0]


def spread_of_scores(world: World, scorer: Any) -> float:
    """Return how far the scores of an image lie apart: their deviation over seen classes, the mean over images."""
    scores = scorer.select(world.seen).score(world.parts["validate"]).double()
    return float(scores.std(dim=1).mean())


def against(scorer: Any, images: Sequence[Any], seen: Sequence[str], unseen: Sequence[str]) -> Any:
    """Return what is kept of images that are scored among seen and unseen classes."""
    from kgzsl.evaluation.seen_unseen import SeenUnseen, gaps_of_scores

    narrow = scorer.select((*seen, *unseen))
    of_seen = torch.arange(len(narrow.index)) < len(seen)
    owns = [torch.from_numpy(narrow.index.rows(part.class_ids())) for part in images]
    kept = [gaps_of_scores(narrow.score(part), own, of_seen) for part, own in zip(images, owns)]
    own = torch.cat(owns)
    return SeenUnseen(torch.cat([gaps for gaps, _ in kept]), torch.cat([right for _, right in kept]), own, of_seen[own])


def measure(world: World, row: Row, option: Option, gamma: float, seed: int) -> dict[str, Any]:
    """Fit all seen classes and measure the test images, unseen ones alone and both against both."""
    from kgzsl.evaluation.bootstrap import ClassDraws
    from kgzsl.evaluation.generalised import generalised

    started = time.perf_counter()
    scorer = world.fit(row, option, world.parts["trainval"], seed=seed)
    seconds = time.perf_counter() - started
    right, labels = hits(scorer, world.parts["test_unseen"], world.unseen)
    both = against(scorer, [world.parts["test_seen"], world.parts["test_unseen"]], world.seen, world.unseen)
    found = generalised(both, gamma * spread_of_scores(world, scorer), "cv").to_json()
    accuracy = per_class(scorer, world.parts["test_unseen"], world.unseen)
    interval = [100 * end for end in ClassDraws(labels).macro(right)]
    return {"accuracy": accuracy, "interval": interval, "generalised": found, "seconds": seconds}


def once(results: dict[str, Any], path: Path, key: str, compute: Callable[[], Any]) -> Any:
    """Return what is kept under a key, or compute and keep it."""
    from kgzsl.runtime import write_json

    if key not in results:
        results[key] = compute()
        write_json(path, results)
        print(f"{key}: {results[key] if isinstance(results[key], float) else results[key].get('accuracy')}", flush=True)
    return results[key]


def run(world: World, rows: Sequence[Row], path: Path) -> None:
    """Compute what is not there."""
    results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for row in rows:
        for option in row.options:
            key = f"{row.method} | validation | {option.name}"
            once(results, path, key, partial(validate, world, row, option))
        best = best_option(results, row)
        gamma = once(results, path, f"{row.method} | gamma", partial(choose_gamma, world, row, best))
        for seed in range(row.seeds):
            key = f"{row.method} | test | {seed}"
            once(results, path, key, partial(measure, world, row, best, gamma, seed))


def best_option(results: dict[str, Any], row: Row) -> Option:
    """Return the option that was best on hidden seen classes; of equal ones the first."""
    return max(row.options, key=lambda option: round(results[f"{row.method} | validation | {option.name}"], 6))


def table(results: dict[str, Any]) -> list[str]:
    """Return the lines of the table, the rows in the order of `ROWS`."""
    head = ["method", "looks at", "chosen on seen classes", "validation", "unseen [95 %]", "U", "S", "H"]
    head += ["H, oracle gamma", "AUSUC", "seconds"]
    lines = ["| " + " | ".join(head) + " |", "|---|---|---|" + "---:|" * (len(head) - 3)]
    for row in ROWS:
        done = [results.get(f"{row.method} | test | {seed}") for seed in range(row.seeds)]
        if None in done:
            continue
        best = best_option(results, row)
        chosen = best.name if row.looks_at != "images" else f"{best.form}"
        cells = [row.label, row.looks_at, chosen, f"{results[f'{row.method} | validation | {best.name}']:.1f}"]
        low, high = np.mean([one["interval"] for one in done], axis=0)
        cells.append(f"{spread([one['accuracy'] for one in done])} [{low:.1f}, {high:.1f}]")
        for key in ("unseen", "seen", "harmonic_mean"):
            cells.append(f"{np.mean([one['generalised'][key] for one in done]):.1f}")
        cells.append(f"{np.mean([one['generalised']['oracle']['harmonic_mean'] for one in done]):.1f}")
        cells.append(f"{np.mean([one['generalised']['ausuc_per_class'] for one in done]):.1f}")
        cells.append(f"{np.mean([one['seconds'] for one in done]):.1f}")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def spread(values: Sequence[float]) -> str:
    """Write a mean, with the range where there are several seeds."""
    mean = f"{np.mean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.1f} to {max(values):.1f})"


INTRODUCTION = """# Attribute zero-shot learning

Written by `python scripts/attributes.py`. 100 of the 200 classes of CUB, {seen} of them seen and {unseen} unseen in
the proposed split ({source}), 312 attributes a class. Features: MobileNetV2 (ImageNet-1k, 1280-d), {images:,}
images: {fit:,} to fit, {validate:,} to validate, {test_seen:,} to test seen and {test_unseen:,} to test unseen classes.
Figures are percent, means over classes; guessing among the unseen classes reaches {chance:.1f}.

- **validation**: {folds} folds of the seen classes, each hidden in turn; images of hidden classes among the classes of
  their fold (about {size}). The best option by this figure is taken. Methods choose their own hyper-parameters beside,
  on seen classes inside the fit. No image of an unseen class takes part in any choice.
- **options**: attributes as published (`att`, length one a class) or `standardised` (each less its mean over the 200
  classes, in standard deviations); for methods that look at the head, how the head is fitted to the seen images
  (`class-means`, `ridge`, `logistic`); for kernel regression, whether classes stand side by side (`flat`) or below
  their WordNet synsets (`taxonomy`). Attributes of inner classes are means of those below.
- **unseen**: images of unseen classes among these. In brackets a 95 % bootstrap interval over classes, with several
  seeds the mean of their intervals; in parentheses the lowest and highest seed.
- **U, S, H**: all {both} classes compete, seen ones less gamma (calibrated stacking). Gamma has the best mean H over
  the same folds, on validation images that no fit saw, in units of the spread of an image's scores. Seen classes score
  by rows of the method as unseen ones do, not by the head (see `kgzsl evaluate`). **Oracle** takes the best gamma on
  the test images themselves: no result, but what the choice is held against. **AUSUC**: area under the curve of U, S.
- **seconds**: one fit on one thread of a machine that did other work meanwhile.
- The backbone was trained on ImageNet, of whose 1000 classes three are species among the seen classes here and none is
  among the unseen ones (one of which is a hummingbird, as one class of ImageNet is called). These figures are not
  comparable with those published for CUB (200 classes, ResNet-101).
- With {unseen} unseen classes intervals are wide: differences within them mean little.
"""


def write_page(world: World, results: dict[str, Any], page: Path) -> None:
    """Write docs/attributes.md from what is there."""
    from kgzsl.runtime import write_text

    parts = world.parts
    facts = {name: len(images) for name, images in parts.items() if name != "trainval"}
    introduction = INTRODUCTION.format(
        seen=len(world.seen),
        unseen=len(world.unseen),
        both=len(world.seen) + len(world.unseen),
        images=len(world.images),
        source="Xian et al., TPAMI 2019",
        chance=100 / len(world.unseen),
        folds=FOLDS,
        size=len(world.seen) // FOLDS,
        **facts,
    )
    missing = [row.label for row in ROWS if f"{row.method} | test | {row.seeds - 1}" not in results]
    note = ["", f"Not measured yet: {', '.join(missing)}."] if missing else []
    write_text(page, "\n".join([introduction, *table(results), *note, ""]))


def main() -> None:
    """Parse the command line and do what is left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "attributes")
    parser.add_argument("--only", nargs="*", help="names of methods, such as eszsl")
    parser.add_argument("--write-only", action="store_true", help="write the page from what was measured")
    chosen = parser.parse_args()
    if not (assets := os.environ.get("KGZSL_ASSETS")):
        sys.exit("Set KGZSL_ASSETS to the folder that holds attributes/ and features/.")
    world, path = World(Path(assets)), chosen.runs / "results.json"
    if not chosen.write_only:
        run(world, [row for row in ROWS if not chosen.only or row.method in chosen.only], path)
    if not path.is_file():
        sys.exit("Nothing was measured yet; run the script without --write-only.")
    write_page(world, json.loads(path.read_text(encoding="utf-8")), ROOT / "docs" / "attributes.md")


if __name__ == "__main__":
    main()

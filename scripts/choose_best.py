"""Measure settings of the recipe `best` on hidden seen classes, the only ground on which they are chosen.

Usage: KGZSL_ASSETS=DIR python scripts/choose_best.py [--repeats 4] [--parts exponents texts kernel]

Related seen classes are hidden together (at most ten below one ancestor): most unseen classes have no seen sibling.
Kernel regression is fitted to the others, its rows are combined as an ensemble combines them, and one picture of each
hidden class is ranked: among 30 of the hidden classes (the exact mean over all draws of them; Hit@1), and among the
hidden and 5,000 of the unseen classes (Hit@5). Best is the greatest product of both. No unseen picture is read.

The network members are left out, since each would be trained anew for every fold; they are as in their own recipes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from kgzsl.evaluation import ranks
from kgzsl.features import FeatureSet
from kgzsl.methods.class_folds import related_groups
from kgzsl.methods.combination import Combination, bank_rows
from kgzsl.methods.kernel_regression import KernelRegression
from kgzsl.recipe import Recipe
from kgzsl.supervision import Supervision

FEW, DISTRACTORS, MOST_RELATED = 30, 5000, 10
TEXTS = {
    "definitions": ["lemmas: definition"],
    "definitions, names": ["lemmas: definition", "lemmas"],
    "definitions, names, photo": ["lemmas: definition", "lemmas", "photo + ancestors"],
}
WIDTHS, SHARES, RIDGES = (0.2, 0.25, 0.35), (0.7, 0.8), (0.05, 0.1, 0.2)
EXPONENTS = ((0.0, 0.0), (0.25, 0.0), (0.5, 0.0), (0.75, 0.0), (0.0, 0.1), (0.5, 0.1), (0.5, 0.25))
"""Values of equalise and spread."""
PARTS = ("exponents", "texts", "kernel")
START = {"width": 0.25, "share": 0.8, "ridge": 0.1}


def folds(given: Supervision, count: int, repeats: int) -> Iterator[tuple[str, ...]]:
    """Yield the classes that are hidden together."""
    seen = tuple(sorted(given.seen_bank.index))
    groups = related_groups(given.graph, seen, MOST_RELATED)
    for repeat in range(repeats):
        order = np.random.default_rng(repeat).permutation(len(groups))
        for part in np.array_split(order, count):
            yield tuple(seen[position] for group in part for position in groups[group])


def hit_among_few(places: torch.Tensor, hidden: int) -> float:
    """Return the mean chance that a class beats ``FEW - 1`` others drawn from the hidden ones, by its rank from 1."""
    better = (places - 1).double()
    others = hidden - 1 - better
    draws = torch.tensor(float(hidden - 1))
    chosen = float(FEW - 1)
    log = (
        torch.lgamma(others + 1)
        - torch.lgamma((others - chosen + 1).clamp(min=1))
        - torch.lgamma(draws + 1)
        + torch.lgamma(draws - chosen + 1)
    )
    return float(torch.where(others >= chosen, log.exp(), torch.zeros_like(log)).mean())


def measure(given: Supervision, images: FeatureSet, rows: torch.Tensor, hidden: tuple[str, ...]) -> tuple[float, float]:
    """Return Hit@1 among few hidden classes and Hit@5 among all rows, those of the hidden classes first, in percent."""
    pictures = images.of_classes(hidden)
    own = torch.tensor([hidden.index(pictures.index[label]) for label in pictures.labels.tolist()])
    scores = pictures.features.float() @ rows[:, :-1].T + rows[:, -1]
    among_hidden = ranks(scores[:, : len(hidden)], own)
    return 100 * hit_among_few(among_hidden, len(hidden)), 100 * float((ranks(scores, own) <= 5).double().mean())


def settings(parts: list[str]) -> list[tuple[dict[str, Any], tuple[tuple[float, float], ...]]]:
    """Return what is tried: a kernel with its texts, and the exponents tried with it."""
    whole = {**START, "texts": list(TEXTS)[-1]}
    tried: list[tuple[dict[str, Any], tuple[tuple[float, float], ...]]] = []
    if "exponents" in parts:
        tried.append((whole, EXPONENTS))
    if "texts" in parts:
        tried += [({**START, "texts": name}, EXPONENTS[2:3]) for name in list(TEXTS)[:-1]]
    if "kernel" in parts:
        for key, values in (("width", WIDTHS), ("share", SHARES), ("ridge", RIDGES)):
            tried += [({**whole, key: value}, EXPONENTS[2:3]) for value in values if value != START[key]]
    return tried


def main() -> None:
    """Measure one change at a time around the recipe's setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    whole, split = Recipe.load("best").inputs.supervision()
    assert whole.seen_features is not None
    far = np.random.default_rng(0).choice(whole.graph.index.rows(split.unseen), DISTRACTORS, replace=False)
    print("| texts | width | share | ridge | equalise | spread | Hit@1 among 30 | Hit@5 with 5,000 unseen |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for table, exponents in settings(options.parts):
        found: dict[tuple[float, float], list[tuple[float, float]]] = {}
        for hidden in folds(whole, options.folds, options.repeats):
            kept = whole.without(hidden)
            semantics = kept.semantics.select_parts(TEXTS[table["texts"]])
            given = Supervision(kept.graph, semantics, kept.seen_bank, kept.seen_features)
            kernel = {name + "s": [table[name]] for name in START}
            method = KernelRegression(**kernel, decays=[0.8], repeats=1)
            rows = bank_rows(method.fit(given).synthesize(given.graph.index.ids), "kernel_regression")
            competing = rows[torch.from_numpy(np.concatenate([given.graph.index.rows(hidden), far]))]
            for equalise, spread in exponents:
                combined = Combination.fit([rows], given, equalise).rows([competing], [1.0], spread)
                values = measure(given, whole.seen_features, combined, hidden)
                found.setdefault((equalise, spread), []).append(values)
        for (equalise, spread), values in found.items():
            start = f"| {table['texts']} | {table['width']} | {table['share']} | {table['ridge']} |"
            (few, many), error = np.mean(values, axis=0), differences(values, next(iter(found.values())))
            print(f"{start} {equalise} | {spread} | {few:.1f} | {many:.1f}{error} |", flush=True)


def differences(values: list[tuple[float, float]], first: list[tuple[float, float]]) -> str:
    """Write how far Hit@5 is from that of the first row of a table, with its standard error over folds."""
    if values is first:
        return ""
    each = np.array(values)[:, 1] - np.array(first)[:, 1]
    return f" ({each.mean():+.1f} ± {each.std(ddof=1) / np.sqrt(len(each)):.1f})"


if __name__ == "__main__":
    main()

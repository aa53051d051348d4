#!/usr/bin/env python3
"""Choose the defaults of kgzsl/transduction on held-out seen classes, and print what was found.

Images of seen classes from the development sets play the unlabelled ones; the classes are scored by the rows that the
method predicted while they were hidden. Images of unseen classes are left out before anything is computed.

**The rule.** A setting is worth the mean gain in accuracy over all games: Caltech-101's 31 seen classes and both halves
of them, the grocery set's 11, and all 45 with the seen birds and both halves, each whole and with skewed class
frequencies. Options are changed one at a time in the order below; the present value stays where the best is not 0.2
above it.

Found, mean gain in points, kernel regression: prototypes 14.0, self-training 14.4, propagation 6.6, balanced -0.5 (its
gains with equal frequencies are lost with skewed ones). Clustering from several beginnings (pulls 0, 0.5, 1 by
temperatures 0.25, 0.5) and taking the mean: 12.4, against 13.3 from pull 0 alone.

Command: KGZSL_ASSETS=... scripts/choose_transducers.py RUN [NAME...]   (RUN: kgzsl train kernel, then kgzsl calibrate)
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reproduction.transduction_games import TableScorer, games, hit

from kgzsl.features import FeatureSet
from kgzsl.run_folder import RunFolder
from kgzsl.transduction import TRANSDUCERS

OFFERED: dict[str, dict[str, Sequence[Any]]] = {
    "prototypes": {
        "pull": (0.0, 0.5, 1.0),
        "temperature": (0.15, 0.25, 0.5),
        "kappa": (10.0, 14.0, 20.0),
        "anchor": (0.1, 0.3, 0.6),
        "prior_pull": (0.01, 0.1, 0.3, 1.0),
    },
    "self-training": {
        "pull": (0.0, 0.5, 1.0),
        "temperature": (0.25, 0.5, 1.0),
        "kappa": (7.0, 10.0, 20.0),
        "anchor": (0.1, 0.3, 1.0),
        "prior_pull": (0.1, 1.0, 10.0),
        "first": (0.1, 0.3, 0.6),
        "last": (0.7, 0.9, 1.0),
    },
    "balanced": {
        "pull": (0.0, 0.5, 1.0),
        "temperature": (0.25, 0.5, 1.0),
        "prior_pull": (0.1, 0.3, 1.0, 3.0, 10.0),
    },
    "propagation": {
        "pull": (0.0, 0.5, 1.0),
        "temperature": (0.15, 0.25, 0.5),
        "neighbours": (5, 10, 20),
        "share": (0.8, 0.9, 0.97),
        "power": (1.0, 3.0, 6.0),
    },
}
MARGIN, DIMS = 0.2, 128
SKEWED = {"caltech": 1, "grocery": 3, "all": 1}


def main() -> None:
    """Choose and print."""
    features = Path(os.environ["KGZSL_ASSETS"]) / "features"
    played = list(games(RunFolder(Path(sys.argv[1])), features, DIMS, SKEWED))
    before = [hit(scorer, images) for scorer, images in played]
    print("inductive", [round(one, 1) for one in before], flush=True)
    for name in sys.argv[2:] or TRANSDUCERS:
        choose(name, played, before)


def choose(name: str, played: Sequence[tuple[TableScorer, FeatureSet]], before: Sequence[float]) -> None:
    """Change one option after the other."""
    chosen: dict[str, Any] = {}
    present = TRANSDUCERS[name]()
    for option, values in OFFERED[name].items():
        found = {value: worth(name, {**chosen, option: value}, played, before) for value in values}
        own = getattr(present, option)
        if own not in found:
            found[own] = worth(name, chosen, played, before)
        best = max(found, key=lambda value: found[value])
        chosen[option] = best if found[best] > found[own] + MARGIN else own
        print(name, option, {value: round(one, 2) for value, one in found.items()}, "->", chosen[option], flush=True)


def worth(
    name: str,
    options: Mapping[str, Any],
    played: Sequence[tuple[TableScorer, FeatureSet]],
    before: Sequence[float],
) -> float:
    """Return the mean gain over the games."""
    transducer = TRANSDUCERS[name](**options)
    after = [hit(transducer.adapt(scorer, images), images) for scorer, images in played]
    return sum(after) / len(after) - sum(before) / len(before)


if __name__ == "__main__":
    main()

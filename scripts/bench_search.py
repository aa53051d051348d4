"""Search as somebody types: milliseconds among all nouns, bare and over HTTP.

Usage: python scripts/bench_search.py RUN [--count 2000]

Beginnings of 1 to 6 letters of lemmas drawn at random, seed 0; CPU and wall time, one thread.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from fastapi.testclient import TestClient

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.graph import load_graph
from kgzsl.serve import make_app

LIMIT = 12


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    nouns = load_graph("wordnet-nouns")
    typed = beginnings([text.label for text in nouns.texts], options.count)
    app = make_app(ZeroShotClassifier.load(options.run))
    client, service = TestClient(app), app.state.service
    service.search("entity", LIMIT)  # all names are read once, when a service starts
    ways: dict[str, Callable[[str], object]] = {
        "bare": lambda text: service.search(text, LIMIT),
        "HTTP": lambda text: client.get("/api/classes", params={"query": text, "limit": LIMIT}),
    }
    found = {name: measured(search, typed) for name, search in ways.items()}
    if options.json:
        print(json.dumps({"nouns": nouns.num_classes, "searches": len(typed), "ms": found}))
        return
    for name, clocks in found.items():
        shown = "; ".join(
            f"{clock} median {ms['median']:.2f}, p99 {ms['p99']:.2f}, most {ms['most']:.2f} ms"
            for clock, ms in clocks.items()
        )
        print(f"{name}: {shown} among {nouns.num_classes:,} nouns, {len(typed):,} searches")


def beginnings(labels: list[str], count: int) -> list[str]:
    """Return beginnings of names, none of them blank."""
    draw = random.Random(0)
    return [draw.choice(labels)[: draw.randint(1, 6)].strip() for _ in range(count)]


def measured(search: Callable[[str], object], typed: list[str]) -> dict[str, dict[str, float]]:
    """Return median, p99 and most of the milliseconds of the searches, by the processor's clock and the wall's."""
    taken = np.empty((len(typed), 2))
    for row, text in enumerate(typed):
        wall, cpu = time.perf_counter(), time.process_time()
        search(text)
        taken[row] = time.process_time() - cpu, time.perf_counter() - wall
    names = ("median", "p99", "most")
    found = (1000 * np.quantile(column, [0.5, 0.99, 1]) for column in taken.T)
    return {clock: dict(zip(names, map(float, ms))) for clock, ms in zip(("CPU", "wall"), found)}


if __name__ == "__main__":
    main()

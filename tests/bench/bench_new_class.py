"""Milliseconds that a class costs which was in no training graph, beyond the text encoder.

Run it: ``python tests/bench/bench_new_class.py runs/dgp``. Synsets that the run lacks are drawn at random and asked for
one by one, each with the missing ancestors it brings along; an encoder that gives random vectors stands in for the
text encoder, and definitions are left out. The median must be under 20 ms. What is loaded once (all WordNet nouns, the
stored rows) is shown beside it. With ``--batch 3000`` as many more are added in one batch, and the milliseconds a class
are set against those of the bare matrix products of the same shapes (kernel regression and graph networks).
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.graph import wordnet
from kgzsl.run_folder import RunFolder

once: dict[str, float] = {}


class RandomEncoder:
    """Gives any text a random direction and counts the time it takes."""

    def __init__(self, encoder_id: str, dim: int) -> None:
        self.id, self.dim, self.seconds = encoder_id, dim, 0.0

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        started = time.perf_counter()
        rows = torch.nn.functional.normalize(torch.randn(len(texts), self.dim), dim=1)
        self.seconds += time.perf_counter() - started
        return rows


@contextmanager
def counted(name: str):
    started = time.perf_counter()
    yield
    once[name] = round(1000 * (time.perf_counter() - started), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a run folder over a WordNet graph")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=0, help="add so many more in one batch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    wordnet.definitions = lambda class_ids: {}
    with counted("run"):
        run = RunFolder(options.run)
        encoder = RandomEncoder(run.semantics.encoder, run.semantics.dim)
        classifier = ZeroShotClassifier(run, encoder=encoder)
    with counted("nouns"):
        nouns = classifier.resolver.nouns
    with counted("method"):
        assert run.method is not None
    assert nouns is not None
    missing = [class_id for class_id in nouns.index if class_id not in run.graph.index]
    asked = random.Random(options.seed).sample(missing, options.count)
    with counted("first class"):
        classifier.bank_of(asked[:1])
    spent, cpu = [], []
    for class_id in asked[1:]:
        encoder.seconds, started, began = 0.0, time.perf_counter(), time.process_time()
        classifier.bank_of([class_id])
        spent.append(1000 * (time.perf_counter() - started - encoder.seconds))
        cpu.append(1000 * (time.process_time() - began))
    report = {
        "ms_per_class": {"median": round(statistics.median(spent), 1), "max": round(max(spent), 1)},
        "cpu_ms_per_class": {"median": round(statistics.median(cpu), 1), "max": round(max(cpu), 1)},
        "required_median": 20,
        "num_classes": len(spent),
        "once_ms": once,
    }
    if options.batch:
        sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))
        from reproduction.acts.adding import speed

        report["batch"] = speed(run, options.count, options.batch, options.seed)
    print(json.dumps(report, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()

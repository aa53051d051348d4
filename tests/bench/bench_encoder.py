"""Throughput of SentenceEncoder against the bare sentence-transformers model, both interleaved.

Run it: ``python tests/bench/bench_encoder.py --threads 2``. It prints texts per second of both and their ratio, which
must be at least 0.9. Sorting, the cache's shards on disk and the normalisation are counted; loading the model is not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time

import torch

from kgzsl.classes import ClassText
from kgzsl.graph import load_graph
from kgzsl.semantics import SentenceEncoder, write_class
from kgzsl.semantics.vector_cache import VectorCache


def texts(count: int) -> list[str]:
    """Texts of class length: the names of a class, then its parents' names in place of a definition."""
    graph = load_graph("imagenet21k")
    written = []
    for class_id in graph.index.ids[:: max(1, graph.num_classes // count)][:count]:
        above = sorted(graph.ancestors([class_id]))[-8:]
        description = "a kind of " + " or ".join(graph.text(ancestor).label for ancestor in above)
        written.append(write_class(ClassText(class_id, graph.text(class_id).lemmas, description)))
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--count", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    words = texts(options.count)
    encoder = SentenceEncoder(device="cpu")
    model = encoder._model
    encoder.id  # noqa: B018  (the weights are hashed once, before the clock starts)
    spent: dict[str, list[tuple[float, float]]] = {"bare": [], "ours": []}
    for number in range(options.rounds):
        for kind in ("bare", "ours") if number % 2 == 0 else ("ours", "bare"):
            with tempfile.TemporaryDirectory() as folder:
                encoder.__dict__["_cache"] = VectorCache(encoder.id, folder)
                wall, cpu = time.perf_counter(), time.process_time()
                if kind == "bare":
                    model.encode(words, batch_size=32, normalize_embeddings=True, show_progress_bar=False)
                else:
                    encoder.encode(words)
                spent[kind].append((time.perf_counter() - wall, time.process_time() - cpu))
    ratios = [
        statistics.median(bare[clock] / ours[clock] for bare, ours in zip(spent["bare"], spent["ours"]))
        for clock in (0, 1)
    ]
    rates = {kind: round(len(words) / statistics.median(wall for wall, _ in times), 1) for kind, times in spent.items()}
    report = {
        "texts_per_second": rates,
        "ratio": round(ratios[0], 3),
        "ratio_cpu": round(ratios[1], 3),
        "required": 0.9,
    }
    print(json.dumps(report, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()

"""Compare an epoch of DGP as kgzsl trains it with the plain full-graph formula.

Usage: python scripts/bench_training.py [--rounds 3] [--epochs 5] [--graph published|imagenet21k] [--json]

Both sides run in processes of their own, in turn, with the same type (float32) and number of threads, on the published
graph (32,324 nodes). CPU seconds are those of the epochs alone; memory is the peak above what the process held before.
The semantic vectors and target classifiers are random: time does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SEMANTIC_DIM, FEATURE_DIM, HIDDEN = 384, 1280, 2048


def peak_mb() -> float:
    """Return the peak resident memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one_side(side: str, graph_name: str, epochs: int, threads: int) -> dict[str, float]:
    """Run one side in this process: a warm-up epoch, then the measured ones."""
    import torch
    from torch.nn import functional

    from kgzsl.graph.adjacency import from_ancestors, from_descendants
    from kgzsl.graph.build import induce
    from kgzsl.graph.storage import load_graph, load_split_list

    def published_graph():
        return induce(load_graph("wordnet-nouns"), "published")

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    graph = load_graph("imagenet21k") if graph_name == "imagenet21k" else published_graph()
    rows = torch.from_numpy(graph.index.rows(load_split_list("imagenet21k", "ilsvrc2012-seen")))
    semantics = functional.normalize(torch.randn(graph.num_classes, SEMANTIC_DIM), dim=1)
    target = functional.normalize(torch.randn(len(rows), FEATURE_DIM + 1), dim=1)
    flows = (from_descendants(graph), from_ancestors(graph))
    before = peak_mb()
    epoch = make_epoch(side, semantics, rows, target, flows)
    epoch()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(epochs):
        epoch()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu": cpu / epochs, "wall": wall / epochs, "memory_mb": peak_mb() - before}


def make_epoch(side: str, semantics, rows, target, flows):
    """Return the function that runs one epoch of a side."""
    if side == "plain":
        sys.path.insert(0, str(ROOT / "tests" / "bench"))
        from plain_dgp import plain_epoch

        return plain_epoch(semantics, rows, target, flows)
    import torch

    from kgzsl.propagation import DGP, PropagationPlan
    from kgzsl.training import WeightRegression

    propagator = DGP(SEMANTIC_DIM, FEATURE_DIM, HIDDEN)
    generator = torch.Generator().manual_seed(0)
    propagator.reset(generator)
    plan = PropagationPlan.to_rows(flows, rows.numpy())
    inputs, target = semantics[plan.inputs], target[torch.argsort(rows)]
    optimiser = torch.optim.Adam(propagator.parameters(), lr=1e-3, weight_decay=5e-4, fused=True)

    def epoch() -> None:
        optimiser.zero_grad(set_to_none=True)
        predicted = propagator(inputs, plan, propagator.draw_masks(plan, generator))
        WeightRegression().loss(predicted, target).backward()
        optimiser.step()

    return epoch


def compare(rounds: int, epochs: int, graph: str, threads: int) -> dict[str, object]:
    """Run both sides in turn and return the medians and their ratios."""
    results: dict[str, list[dict[str, float]]] = {"plain": [], "kgzsl": []}
    for _ in range(rounds):
        for side, number in (("plain", max(1, epochs // 5)), ("kgzsl", epochs)):
            command = [sys.executable, __file__, "--side", side, "--graph", graph, "--epochs", str(number)]
            done = subprocess.run([*command, "--threads", str(threads)], check=True, capture_output=True, text=True)
            results[side].append(json.loads(done.stdout))
    median = {side: {k: statistics.median(r[k] for r in runs) for k in runs[0]} for side, runs in results.items()}
    ratios = {key: median["plain"][key] / median["kgzsl"][key] for key in ("cpu", "wall", "memory_mb")}
    return {"graph": graph, "threads": threads, "rounds": rounds, **median, "ratio": ratios}


def main() -> None:
    """Parse the command line and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--graph", choices=("published", "imagenet21k"), default="published")
    parser.add_argument("--side", choices=("plain", "kgzsl"), help="run one side in this process")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.side:
        print(json.dumps(one_side(options.side, options.graph, options.epochs, options.threads)))
        return
    result = compare(options.rounds, options.epochs, options.graph, options.threads)
    if options.json:
        print(json.dumps(result))
        return
    for side in ("plain", "kgzsl"):
        values = result[side]
        print(f"{side:6s} {values['cpu']:8.2f} CPU s {values['wall']:8.2f} s {values['memory_mb']:8.0f} MB an epoch")
    ratio = result["ratio"]
    print(f"ratio  {ratio['cpu']:8.1f}       {ratio['wall']:8.1f}   {ratio['memory_mb']:8.1f}")


if __name__ == "__main__":
    main()

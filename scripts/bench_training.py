"""Compare an epoch of DGP as kgzsl trains it with its floor, the bare dense products, and with the plain formula.

Usage: python scripts/bench_training.py [--rounds 3] [--epochs 10] [--threads 2] [--graph imagenet21k] [--json]

All sides use float32 and the same number of threads, on the published graph (32,324 nodes). The floor is the six dense
products of the epoch (two forward, four backward, 24 GFLOP) and nothing else: once by ``torch.mm``, once by oneDNN
(`kgzsl.runtime.product`). It runs in the process of kgzsl, epoch and floor by turns; the plain full-graph formula runs
in a process of its own. CPU seconds are those of the quickest epoch; memory is the peak above what the process held
before. The semantic vectors and target classifiers are random: time does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

ROOT = Path(__file__).resolve().parents[1]
SEMANTIC_DIM, FEATURE_DIM, HIDDEN = 384, 1280, 2048


def peak_mb() -> float:
    """Return the peak resident memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one_side(side: str, graph_name: str, epochs: int, threads: int) -> dict[str, float]:
    """Run one side in this process, that of kgzsl after two epochs to warm up, by turns with the floor."""
    import torch
    from torch.nn import functional

    from kgzsl.graph.adjacency import from_ancestors, from_descendants
    from kgzsl.graph.build import induce
    from kgzsl.graph.storage import load_graph, load_split_list
    from kgzsl.runtime import product

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    graph = (
        load_graph("imagenet21k") if graph_name == "imagenet21k" else induce(load_graph("wordnet-nouns"), "published")
    )
    rows = torch.from_numpy(graph.index.rows(load_split_list("imagenet21k", "ilsvrc2012-seen")))
    semantics = functional.normalize(torch.randn(graph.num_classes, SEMANTIC_DIM), dim=1)
    target = functional.normalize(torch.randn(len(rows), FEATURE_DIM + 1), dim=1)
    flows = (from_descendants(graph), from_ancestors(graph))
    before = peak_mb()
    epoch = make_epoch(side, semantics, rows, target, flows)
    if side == "plain":
        return {**quickest({"": epoch}, epochs), "memory_mb": peak_mb() - before}
    epoch()
    epoch()
    memory = peak_mb() - before
    factors = dense_products(rows.numpy(), flows)
    floors = {
        "floor_": lambda: [torch.mm(a, b) for a, b in factors],
        "floor_onednn_": lambda: [product(a, b) for a, b in factors],
    }
    for floor in floors.values():
        floor()
    return {**quickest({"": epoch, **floors}, epochs), "memory_mb": memory}


def quickest(jobs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Run the jobs by turns and return CPU and wall seconds of the quickest run of each, under its name's prefix."""
    best: dict[str, float] = {}
    for _ in range(repeats):
        for name, job in jobs.items():
            cpu, wall = time.process_time(), time.perf_counter()
            job()
            found = {f"{name}cpu": time.process_time() - cpu, f"{name}wall": time.perf_counter() - wall}
            best |= {key: min(value, best.get(key, value)) for key, value in found.items()}
    return best


def dense_products(rows, flows) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return the factors of the six products of an epoch, laid out as the epoch has them."""
    import torch

    from kgzsl.propagation import PropagationPlan

    _, hidden_rows, out_rows = (len(kept) for kept in PropagationPlan.to_rows(flows, rows).rows)
    factors = []
    for count, wide_in, wide_out in ((hidden_rows, SEMANTIC_DIM, HIDDEN), (out_rows, HIDDEN, FEATURE_DIM + 1)):
        x, weight, dy = torch.randn(count, wide_in), torch.randn(wide_in, wide_out), torch.randn(count, wide_out)
        factors += [(x, weight), (x.t(), dy), (dy, weight.t())]
    return factors


def make_epoch(side: str, semantics, rows, target, flows):
    """Return the function that runs one epoch of a side."""
    if side == "plain":
        sys.path.insert(0, str(ROOT / "tests" / "bench"))
        from plain_dgp import plain_epoch

        return plain_epoch(semantics, rows, target, flows)
    import torch

    from kgzsl.propagation import DGP, PropagationPlan
    from kgzsl.training import Problem, Step, WeightRegression
    from kgzsl.training.step import make_optimiser

    propagator = DGP(SEMANTIC_DIM, FEATURE_DIM, HIDDEN)
    generator = torch.Generator().manual_seed(0)
    propagator.reset(generator)
    plan = PropagationPlan.to_rows(flows, rows.numpy())
    inputs, target = semantics[plan.inputs], target[torch.argsort(rows)]
    optimiser = make_optimiser(propagator, learning_rate=1e-3, weight_decay=5e-4)

    problem = Problem(plan, inputs, target)
    return Step(propagator, WeightRegression(), problem, optimiser, generator)


def compare(rounds: int, epochs: int, graph: str, threads: int) -> dict[str, object]:
    """Run both sides in turn and return the quickest of each and their ratios."""
    results: dict[str, list[dict[str, float]]] = {"plain": [], "kgzsl": []}
    for _ in range(rounds):
        for side, number in (("plain", max(1, epochs // 10)), ("kgzsl", epochs)):
            command = [sys.executable, __file__, "--side", side, "--graph", graph, "--epochs", str(number)]
            done = subprocess.run([*command, "--threads", str(threads)], check=True, capture_output=True, text=True)
            results[side].append(json.loads(done.stdout))
    best = {side: {key: min(run[key] for run in runs) for key in runs[0]} for side, runs in results.items()}
    return {"graph": graph, "threads": threads, "rounds": rounds, **best, "ratio": ratios(best["plain"], best["kgzsl"])}


def ratios(plain: dict[str, float], own: dict[str, float]) -> dict[str, float]:
    """Return how many times kgzsl's epoch goes into the plain one, and each floor into kgzsl's."""
    over = {key: plain[key] / own[key] for key in ("cpu", "wall", "memory_mb")}
    floors = ("floor_cpu", "floor_wall", "floor_onednn_cpu", "floor_onednn_wall")
    return over | {f"over_{key}": own[key.rsplit("_")[-1]] / own[key] for key in floors}


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
    plain, own, ratio = result["plain"], result["kgzsl"], result["ratio"]
    for name, values in (("plain formula", plain), ("kgzsl", own)):
        print(f"{name:22s} {values['cpu']:8.3f} CPU s {values['wall']:8.3f} s {values['memory_mb']:8.0f} MB")
    for name, prefix in (("floor, torch.mm", "floor_"), ("floor, oneDNN", "floor_onednn_")):
        print(f"{name:22s} {own[prefix + 'cpu']:8.3f} CPU s {own[prefix + 'wall']:8.3f} s")
    print(f"plain / kgzsl          {ratio['cpu']:8.1f}       {ratio['wall']:8.1f}   {ratio['memory_mb']:8.1f}")
    for name, key in (("kgzsl / floor, torch.mm", "over_floor_"), ("kgzsl / floor, oneDNN", "over_floor_onednn_")):
        print(f"{name:22s} {ratio[key + 'cpu']:8.2f}       {ratio[key + 'wall']:8.2f}")


if __name__ == "__main__":
    main()

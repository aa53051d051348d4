"""Measure what one of several processes computes and holds that share the classes of a weight regression.

Usage: python scripts/bench_shares.py [--shares 1 2 4 8] [--networks dgp sgcn] [--classes 100000 1000000] [--random]
           [--run-rows 60000] [--json]

The worlds: the shipped ImageNet-21K graph with its 1000 seen classes, and synthetic taxonomies
(`kgzsl.graph.synthetic`) of which a tenth of the classes, drawn from a seed, are seen. Networks have 2048 hidden
units, 384-d inputs and 1280-d classifiers. The classes are cut as `kgzsl train --processes` cuts them (--random: as
they were drawn). Told are the rows that a process can see, those of the process that sees most, and the products of
its epoch. Its part is also run here, alone, in a process of its own: CPU seconds of its quickest epoch, and memory
above what it held with graph and arrows; where it has more hidden rows than --run-rows it is not run. What travels
between processes an epoch is the gradient of the parameters.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from kgzsl.graph.adjacency import Adjacency, find_adjacency
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.storage import load_graph, load_split_list
from kgzsl.graph.synthetic import synthetic_taxonomy
from kgzsl.propagation import PROPAGATORS, PropagationPlan, Propagator
from kgzsl.training import Problem, Share, Step, WeightRegression, cut_classes
from kgzsl.training.step import make_optimiser
from kgzsl.types import Array, Int

SEMANTIC, HIDDEN, DIM = 384, 2048, 1280
PRODUCTS = 3
"""Dense products of a layer an epoch: one forward, two backward."""
EPOCHS, ENOUGH = 8, 4.0
"""How many epochs are timed, and the seconds after which no other begins."""
FORK = multiprocessing.get_context("fork")
"""A child has graph and arrows of its parent without asking for memory."""
SEEN_PART = 10
Record = dict[str, Any]


def make_network(name: str) -> Propagator:
    """Return a network as wide as the published one."""
    network = PROPAGATORS[name](SEMANTIC, DIM, hidden=HIDDEN if name == "dgp" else (HIDDEN,))
    network.reset(torch.Generator().manual_seed(0))
    return network


def look(network: Propagator, stack: Sequence[Adjacency], rows: Int[Array, "R"]) -> Record:
    """Count the rows and arrows that some classes can see, and the dense products of an epoch over them."""
    visible = PropagationPlan.visible(stack, rows).rows
    arrows, gflop = [], 0.0
    for layer, adjacency, read, computed in zip(network.layers, stack, visible, visible[1:]):
        wanted = np.zeros(adjacency.num_nodes, dtype=bool)
        wanted[computed] = True
        arrows.append(int(wanted[adjacency.targets].sum()))
        counts = SimpleNamespace(num_arrows=arrows[-1], num_rows=len(computed), num_inputs=len(read))
        multiplied = len(computed if layer.gathers_first(counts) else read)
        gflop += PRODUCTS * 2e-9 * multiplied * layer.in_dim * layer.out_dim
    return {"rows": list(map(len, visible)), "arrows": arrows, "gflop": gflop}


def run_part(
    name: str, stack: Sequence[Adjacency], rows: Int[Array, "R"], everything: Int[Array, "_"], told: Any
) -> None:
    """Send CPU seconds and memory of an epoch over some of the classes; in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    network = make_network(name)
    plan = PropagationPlan.to_rows(stack, rows)
    share = Share.of(plan, PropagationPlan.visible(stack, everything)) if len(rows) < len(everything) else None
    draw = torch.Generator().manual_seed(0)
    inputs = torch.nn.functional.normalize(torch.randn(len(plan.inputs), SEMANTIC, generator=draw), dim=1)
    target = torch.nn.functional.normalize(torch.randn(len(rows), DIM + 1, generator=draw), dim=1)
    problem = Problem(plan, inputs, target, share=share)
    step = Step(network, WeightRegression(), problem, make_optimiser(network, 1e-3, 5e-4), draw)
    step()
    seconds = []
    while len(seconds) < EPOCHS and sum(seconds) < ENOUGH:
        started = time.process_time()
        step()
        seconds.append(time.process_time() - started)
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    told.send({"cpu_seconds": min(seconds), "memory_mb": memory})


def measure(graph: ClassGraph, seen: Int[Array, "R"], options: argparse.Namespace) -> Record:
    """Measure each network and number of processes on one graph."""
    found: Record = {}
    for name in options.networks:
        network = make_network(name)
        stack = [find_adjacency(flow)(graph) for flow in network.adjacencies]
        parameters = sum(parameter.numel() for parameter in network.parameters())
        lines = []
        for number in options.shares:
            parts = np.array_split(seen, number) if options.random else cut_classes(graph, seen, number)
            looked = [look(network, stack, part) for part in parts]
            most = max(range(number), key=lambda place: sum(looked[place]["rows"][1:]))
            line = {"processes": number, **looked[most]}
            if line["rows"][1] <= options.run_rows:
                here, there = FORK.Pipe()
                child = FORK.Process(target=run_part, args=(name, stack, parts[most], seen, there))
                child.start()
                there.close()
                line |= here.recv()
                child.join()
            lines.append(line)
            print(graph.name, name, json.dumps(line), file=sys.stderr, flush=True)
        found[name] = {"sent_mb": 4e-6 * parameters, "lines": lines}
    return found


def measure_all(options: argparse.Namespace) -> Record:
    """Measure all worlds."""
    graph = load_graph("imagenet21k")
    seen = graph.index.rows(load_split_list("imagenet21k", "ilsvrc2012-seen"))
    worlds = {f"ImageNet-21K, {len(seen):,} of {graph.num_classes:,} classes seen": measure(graph, seen, options)}
    for count in options.classes:
        drawn = np.random.default_rng(0).permutation(count)[: count // SEEN_PART]
        told = f"a synthetic taxonomy, {len(drawn):,} of {count:,} classes seen"
        worlds[told] = measure(synthetic_taxonomy(count), drawn, options)
    return {"hidden": HIDDEN, "worlds": worlds}


def table(found: Record) -> str:
    """Return a Markdown table, a line a number of processes."""
    names = ("network", "processes", "rows seen: inputs", "hidden", "classes", "GFLOP an epoch", "CPU s", "memory")
    head = f"| {' | '.join(names)} | of one process's GFLOP, CPU s, memory |"
    parts = []
    for told, networks in found["worlds"].items():
        lines = [f"**{told[0].upper()}{told[1:]}**", "", head, "|---|" + "---:|" * (head.count("|") - 2)]
        for name, world in networks.items():
            whole = world["lines"][0]
            for line in world["lines"]:
                rows = " | ".join(f"{count:,}" for count in line["rows"])
                keys = [key for key in ("gflop", "cpu_seconds", "memory_mb") if key in line and key in whole]
                shares = ", ".join(f"{100 * line[key] / whole[key]:.0f} %" for key in keys)
                ran = "cpu_seconds" in line
                cost = f"{line['cpu_seconds']:.3g} | {line['memory_mb']:,.0f} MB" if ran else "not run | "
                lines.append(
                    f"| {name} | {line['processes']} | {rows} | {round(line['gflop'], 1):,g} | {cost} | {shares} |"
                )
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shares", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--networks", nargs="+", choices=("dgp", "sgcn"), default=["dgp", "sgcn"])
    parser.add_argument("--classes", type=int, nargs="*", default=[100_000, 1_000_000], help="of synthetic taxonomies")
    parser.add_argument("--run-rows", type=int, default=60_000, help="hidden rows of the largest part that is run")
    parser.add_argument("--random", action="store_true", help="do not cut along the hierarchy")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = measure_all(options)
    print(json.dumps(found, indent=1) if options.json else table(found))


if __name__ == "__main__":
    main()

"""Measure accuracy against seconds of training: closed form, a constant learning rate, one cycle of a larger rate.

Usage: python scripts/bench_accuracy.py --out FILE.json [--png FILE.png] [--network dgp] [--hidden 2048] [--epochs 3000]
           [--parts closed_form one_cycle constant] [--seed 0] [--peak 0.01] [--threads 1] [--json]

Inputs are those of ``kgzsl train dgp``: shipped graph and semantics, the classifiers of MobileNetV2 (needs KGZSL_ASSETS
or the hub). 200 of the 1000 seen classes are held out; only they are measured, among each other: the share of their
pictures (one a class, shipped) that the predicted classifier of the right class scores best, and the same and the mean
reciprocal rank with the true classifiers in the place of pictures. Seconds are CPU seconds of the epochs.

The rule, written down before: the peak of one cycle is that of 0.001, 0.003 and 0.01 with the best reciprocal rank at
60 epochs, on another draw of held-out classes (seed 1); the figures are of other draws. Every figure is written as soon
as it is there, and the same command goes on from what the file holds; remove it to measure anew. All of it takes about
half an hour.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.features import FeatureSet
from kgzsl.graph.adjacency import Adjacency, find_adjacency
from kgzsl.methods import KernelRegression
from kgzsl.propagation import PROPAGATORS, PropagationPlan, Propagator
from kgzsl.recipe import Recipe
from kgzsl.runtime import shipped_path
from kgzsl.splits import Split
from kgzsl.supervision import Supervision
from kgzsl.training import Problem, Settings, Step, WeightRegression, compare_classifiers
from kgzsl.training.step import make_optimiser

MARKS = (10, 30, 100, 300, 1000, 3000)
PEAKS, TRIAL_EPOCHS, TRIAL_SEED = (0.001, 0.003, 0.01), 60, 1
PARTS = ("closed_form", "one_cycle", "constant")
Record = dict[str, Any]


@dataclass(frozen=True)
class World:
    """Seen classes, some of them held out, and one picture of each of those."""

    supervision: Supervision
    split: Split
    pictures: FeatureSet

    @classmethod
    def of(cls, supervision: Supervision, split: Split, seed: int) -> World:
        """Hold out a fifth of the seen classes."""
        held = split.hold_out(0.2, seed)
        pictures = FeatureSet.load(shipped_path("graphs", "sample/seen.safetensors")).of_classes(held.held_out)
        return cls(supervision, held, pictures)

    def measure(self, predicted: torch.Tensor) -> Record:
        """Compare the predicted rows of the held-out classes, in order, with their pictures and true rows."""
        ids = self.split.held_out
        scores = self.pictures.features.float() @ predicted[:, :-1].T + predicted[:, -1]
        right = [ids[place] == own for place, own in zip(scores.argmax(dim=1), self.pictures.class_ids())]
        found = compare_classifiers(predicted, rows_of(self.supervision.seen_bank, ids))
        return {"pictures_hit1": float(np.mean(right)), "hit1": found["hit1"], "rank": found["reciprocal_rank"]}


def rows_of(bank: ClassifierBank, ids: tuple[str, ...]) -> torch.Tensor:
    """Return [W, b] of some classes, rows of length one."""
    chosen = bank.select(ids).normalised("joint")
    return torch.cat([chosen.weights.float(), chosen.biases.float()[:, None]], dim=1)


def closed_form(world: World) -> Record:
    """Fit the kernel regression, its hyper-parameters chosen on the fitted classes."""
    started = time.process_time()
    fitted = KernelRegression().fit(world.supervision.without(world.split.held_out))
    rows = rows_of(fitted.synthesize(world.split.held_out), world.split.held_out)
    return {"seconds": time.process_time() - started, **world.measure(rows)}


class Training:
    """A network over the classes of a world that are not held out."""

    def __init__(self, world: World, name: str, hidden: int) -> None:
        supervision = world.supervision
        self.world = world
        width = hidden if name == "dgp" else (hidden,)
        make = PROPAGATORS[name]
        self.network: Propagator = make(supervision.semantics.dim, supervision.seen_bank.dim, hidden=width)
        flows = [find_adjacency(flow)(supervision.graph) for flow in self.network.adjacencies]
        self.fitted, self.held = (self.problem(flows, ids) for ids in (world.split.fitted, world.split.held_out))

    def problem(self, flows: list[Adjacency], ids: tuple[str, ...]) -> Problem:
        """Return the rows of some classes to compute, and their true classifiers."""
        index = self.world.supervision.graph.index
        plan = PropagationPlan.to_rows(flows, index.rows(ids))
        target = rows_of(self.world.supervision.seen_bank, tuple(index[row] for row in plan.outputs))
        return Problem(plan, self.world.supervision.semantics.vectors[plan.inputs].float(), target)

    def measure(self) -> Record:
        """Measure the network as it is, without dropout."""
        with torch.no_grad():
            rows = self.network(self.held.inputs, self.held.plan)
        index, order = self.world.supervision.graph.index, self.held.plan.outputs
        place = {index[row]: number for number, row in enumerate(order)}
        return self.world.measure(rows[[place[one] for one in self.world.split.held_out]])

    def run(self, settings: Settings, keep) -> Record:
        """Train anew, hand what was measured at each mark to ``keep`` and return the last of it."""
        self.network.reset(torch.Generator().manual_seed(settings.seed))
        optimiser = make_optimiser(self.network, settings.learning_rate, settings.weight_decay)
        generator = torch.Generator().manual_seed(settings.seed)
        step = Step(self.network, WeightRegression(), self.fitted, optimiser, generator)
        seconds, record = 0.0, {}
        for epoch in range(1, settings.epochs + 1):
            optimiser.param_groups[0]["lr"].fill_(settings.rate(epoch))
            started = time.process_time()
            step()
            seconds += time.process_time() - started
            if epoch == settings.epochs or (settings.schedule == "constant" and epoch in MARKS):
                record = {"epochs": epoch, "seconds": seconds, **self.measure()}
                keep(record)
        return record


def run_all(options: argparse.Namespace) -> None:
    """Measure one part after the other and write the file after each figure."""
    supervision, split = Recipe.load(options.network).inputs.supervision()
    world = World.of(supervision, split, options.seed)
    found: dict = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    asked = {"network": options.network, "hidden": options.hidden, "threads": options.threads, "seed": options.seed}
    if other := [name for name, value in asked.items() if found.get(name, value) != value]:
        raise SystemExit(f"{options.out} holds figures of another {', '.join(other)}; name another file, or remove it.")
    found |= asked
    found |= {"peak": options.peak} if options.peak else {}

    options.out.parent.mkdir(parents=True, exist_ok=True)

    def keep(kind: str, record: Record) -> None:
        found[kind] = [*found.get(kind, []), record]
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        tell({"kind": kind, **record})

    if "closed_form" in options.parts and "closed_form" not in found:
        keep("closed_form", closed_form(world))
    training = Training(world, options.network, options.hidden)
    if "one_cycle" in options.parts:
        if "peak" not in found:
            found |= choose_peak(Training(World.of(supervision, split, TRIAL_SEED), options.network, options.hidden))
        there = {record["epochs"] for record in found.get("one_cycle", [])}
        for epochs in (mark for mark in MARKS if mark <= options.epochs and mark not in there):
            settings = Settings(epochs=epochs, learning_rate=found["peak"], schedule="one_cycle")
            training.run(settings, lambda record: keep("one_cycle", record))
    if "constant" in options.parts and found.get("constant", [{"epochs": 0}])[-1]["epochs"] < options.epochs:
        found.pop("constant", None)
        training.run(Settings(epochs=options.epochs), lambda record: keep("constant", record))


def tell(record: Record) -> None:
    """Say what was measured, beside what the command prints."""
    print(json.dumps(record), flush=True, file=sys.stderr)


def choose_peak(trial: Training) -> dict:
    """Return the rank of each peak on other held-out classes, and the best peak."""
    cycles = [Settings(epochs=TRIAL_EPOCHS, learning_rate=peak, schedule="one_cycle") for peak in PEAKS]
    trials = [[one.learning_rate, trial.run(one, tell)["rank"]] for one in cycles]
    return {"trials": trials, "peak": max(trials, key=lambda pair: pair[1])[0]}


def draw(found: dict, path: Path) -> None:
    """Draw reciprocal rank and hits of pictures against seconds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, (key, title) in zip(axes, (("rank", "reciprocal rank"), ("pictures_hit1", "Hit@1 of pictures"))):
        (closed,) = found["closed_form"]
        axis.plot(closed["seconds"], closed[key], "k*", markersize=10, label="closed form")
        for kind, label in (("constant", "rate 0.001"), ("one_cycle", f"one cycle to {found['peak']}")):
            axis.plot([r["seconds"] for r in found[kind]], [r[key] for r in found[kind]], "o-", label=label)
            for record in found[kind]:
                axis.annotate(f"{record['epochs']:.0f}", (record["seconds"], record[key]), fontsize=7)
        axis.set(xscale="log", xlabel="CPU seconds (epochs at the points)", title=f"{title}, 200 held-out classes")
        axis.legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Parse the command line, measure, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, required=True, help="JSON file; what it holds is drawn where --draw is given"
    )
    parser.add_argument("--png", type=Path)
    parser.add_argument("--draw", action="store_true", help="draw what --out holds already and measure nothing")
    parser.add_argument("--network", choices=("dgp", "sgcn"), default="dgp")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the draw of held-out classes; not 1, which chose the peak"
    )
    parser.add_argument("--peak", type=float, help="do not choose the peak again")
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--epochs", type=int, default=3000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print what --out holds at the end")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if not options.draw:
        run_all(options)
    if options.json:
        print(options.out.read_text(encoding="utf-8"))
    if options.png:
        draw(json.loads(options.out.read_text(encoding="utf-8")), options.png)


if __name__ == "__main__":
    main()

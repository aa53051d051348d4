"""Measure queries, scoring and propagation against their floor: the bare matrix product of the same shapes.

Usage: python scripts/bench.py [ITEM...] [--run RUN] [--rounds 3] [--json]
Items: machine hops start query scoring precision memory propagation kernel; by default all. RUN is a run folder over a
WordNet graph with a bank; without one the items that need it (start, precision) are left out and the others use random
rows.

Both sides run in this process by turns, in CPU seconds of one thread, and the quickest of the rounds counts: other
programs on the machine can only add to it. The floor in float32 is the quicker of torch's product, oneDNN's, and
oneDNN's in blocks. Random rows are as good as real ones: time does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.evaluation.ranking import best_in_blocks
from kgzsl.features import FeatureFile, FeatureSet
from kgzsl.kernels import GaussianProcess, MixedKernel
from kgzsl.prepared_query import PreparedQuery
from kgzsl.quantisation import expand, quantise
from kgzsl.runtime import product
from kgzsl.scoring import Caution

ROOT = Path(__file__).resolve().parents[1]
CLASSES, DIM, IMAGES, SEMANTIC, HIDDEN, SEEN = 21_842, 1280, 1024, 384, 2048, 1000
DGP_FLOWS = ("from_descendants", "from_ancestors")
SAMPLE = ROOT / "graphs" / "sample" / "unseen.safetensors"
Row = dict[str, object]


def random_bank(classes: int = CLASSES) -> ClassifierBank:
    """Return a bank of random rows of length one."""
    rows = torch.nn.functional.normalize(torch.randn(classes, DIM), dim=1)
    return ClassifierBank(ClassIndex(tuple(f"c{row}" for row in range(classes))), rows, torch.zeros(classes), "random")


def random_images(count: int) -> FeatureSet:
    """Return features as a network with ReLU gives them."""
    return FeatureSet(torch.randn(count, DIM).relu(), torch.full((count,), -1), ClassIndex(()), "random")


def quickest(sides: dict[str, Callable[[], object]], rounds: int, inner: int = 1) -> dict[str, float]:
    """Return the CPU seconds of each side, the sides by turns, after one round that is not counted."""
    found = dict.fromkeys(sides, float("inf"))
    for number in range(rounds + 1):
        for name, run in sides.items():
            started = time.process_time()
            for _ in range(inner):
                run()
            if number:
                found[name] = min(found[name], (time.process_time() - started) / inner)
    return found


def row(what: str, ours: float, floor: float, floor_of: str, goal: str) -> Row:
    """Return a line of the table: milliseconds of both sides and the share of the floor's rate."""
    measured = {"ms": round(1000 * ours, 2), "floor_ms": round(1000 * floor, 2), "share": round(floor / ours, 2)}
    return {"what": what, **measured, "floor": floor_of, "goal": goal}


def bare_product(images: torch.Tensor, weights: torch.Tensor, rounds: int) -> float:
    """Return the CPU seconds of ``images @ weights.T`` by the quickest way there is, the result in place already."""
    space = torch.empty(len(images), len(weights))

    def blocks() -> None:
        for first in range(0, len(images), 2048):
            product(images[first : first + 2048], weights.T)

    sides = {
        "torch": lambda: torch.mm(images, weights.T, out=space),
        "oneDNN": lambda: product(images, weights.T),
        "blocks": blocks,
    }
    return min(quickest(sides, rounds).values())


def machine(run: Path | None, rounds: int) -> list[Row]:
    """Measure what the machine can do: products and copies."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    long, copy = torch.randn(1 << 26), torch.empty(1 << 26)  # 256 MB each
    whole, sums = torch.randn(CLASSES, DIM), torch.empty(CLASSES)
    vector = torch.randn(DIM)
    sides = {
        "torch.mm": lambda: torch.mm(a, b),
        "oneDNN": lambda: product(a, b),
        "double": lambda: torch.mm(a.double(), b.double()),
        "copy": lambda: copy.copy_(long),
        "read": lambda: torch.mv(whole, vector, out=sums),
    }
    found = quickest(sides, rounds)
    work = {"torch.mm": 2 * 2048**3, "oneDNN": 2 * 2048**3, "double": 2 * 2048**3}
    rows: list[Row] = [
        {"what": f"product, {name}", "rate": round(work[name] / found[name] / 1e9, 1), "unit": "GFLOP/s of one thread"}
        for name in work
    ]
    rows.append({"what": "copy of 256 MB", "rate": round(2 * 4 * (1 << 26) / found["copy"] / 1e9, 1), "unit": "GB/s"})
    size = whole.numel() * 4 / found["read"] / 1e9
    rows.append({"what": "21,842 rows read for one product", "rate": round(size, 1), "unit": "GB/s"})
    return rows


def hops(run: Path | None, rounds: int) -> list[Row]:
    """Measure reading a graph, its hop sets and the adjacencies of DGP, beside a sort of as many numbers."""
    from kgzsl.graph.adjacency import find_adjacencies
    from kgzsl.graph.hops import ancestor_hops
    from kgzsl.graph.storage import load_graph

    rows: list[Row] = []
    for name in ("imagenet21k", "wordnet-nouns"):
        graph = load_graph(name)
        keys = np.random.default_rng(0).integers(0, graph.num_classes**2, len(ancestor_hops(graph)))
        sides = {
            "reading": lambda name=name: load_graph(name),
            "hop sets": lambda graph=graph: ancestor_hops(graph),
            "both adjacencies of DGP": lambda graph=graph: find_adjacencies(DGP_FLOWS, graph),
            "floor": lambda keys=keys: np.argsort(keys),
        }
        found = quickest(sides, rounds)
        for side in list(sides)[:3]:
            what = f"{side}, {graph.num_classes:,} classes"
            rows.append(row(what, found[side], found["floor"], f"sorting {len(keys):,} pairs", "seconds"))
    return rows


def start(run: Path, rounds: int) -> list[Row]:
    """Measure whole programs: the CPU seconds of a child process."""
    kgzsl = [sys.executable, "-m", "kgzsl"]
    asked = ["--features", str(SAMPLE), "--rows", "0:1", "--classes", "okapi", "zebra"]
    programs = {
        "predict": [*kgzsl, "predict", "--run", str(run), *asked],
        "help": [*kgzsl, "--help"],
        "torch": [sys.executable, "-c", "import torch"],
        "python": [sys.executable, "-c", "pass"],
    }
    found = dict.fromkeys(programs, float("inf"))
    with tempfile.TemporaryDirectory() as compiled:  # as an installed package: compiled once
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for number in range(rounds + 1):
            for name, program in programs.items():
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                subprocess.run(program, check=True, capture_output=True, env=environment)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                found[name] = min(found[name], spent) if number else found[name]
    return [
        row("start of kgzsl predict --features", found["predict"], found["torch"], "import torch", "2500 ms"),
        row("kgzsl --help", found["help"], found["python"], "bare Python", "300 ms"),
    ]


def query(run: Path | None, rounds: int) -> list[Row]:
    """Measure one image against all classes, asked for again and again."""
    bank, images = random_bank(), random_images(1)
    prepared = PreparedQuery(bank.index.ids, bank, Caution())
    sides = {
        "ours": lambda: list(prepared.ranked(images, 5)),
        "floor": lambda: torch.addmm(bank.biases, images.features, bank.weights.T),
    }
    found = quickest(sides, rounds, 20)
    rows = [row("one image, 21,842 classes", found["ours"], found["floor"], "product in float32", "2 ms")]
    return rows + ([] if run is None else [whole_query(run, found["floor"], rounds)])


def whole_query(run: Path, floor: float, rounds: int) -> Row:
    """Measure the whole way from a feature to predictions with paths, of the run as it is."""
    from kgzsl.classifier import ZeroShotClassifier

    classifier = ZeroShotClassifier.load(run)
    images = FeatureSet.load(SAMPLE).rows(torch.tensor([0]))
    found = quickest({"ours": lambda: classifier.predict(images)}, rounds, 20)
    said = "with probabilities" if "probabilities" in classifier.run.scoring else "not calibrated"
    what = f"classifier.predict, {len(classifier.split_classes('all')):,} classes, {said}"
    return row(what, found["ours"], floor, "product in float32", "2 ms")


def scoring(run: Path | None, rounds: int) -> list[Row]:
    """Measure the best five of all classes for many images."""
    bank, images = random_bank(), random_images(IMAGES)
    half = replace(bank, weights=bank.weights.half(), biases=bank.biases.half())
    sides = {
        "float32": lambda: list(best_in_blocks(bank, images, 5)),
        "half": lambda: list(best_in_blocks(half, images, 5)),
    }
    found, floor = quickest(sides, rounds), bare_product(images.features, bank.weights, rounds)
    told = {"float32": f"best 5 of 21,842 classes, {IMAGES:,} images", "half": "the same, rows in half precision"}
    return [row(told[side], found[side], floor, "product in float32", "0.8 of its rate") for side in sides]


def precision(run: Path, rounds: int) -> list[Row]:
    """Measure what is lost when the rows of a bank are kept in fewer bits."""
    from kgzsl.run_folder import RunFolder

    bank, images = RunFolder(run).bank, FeatureSet.load(SAMPLE)
    exact = bank.score(images)
    spread = float(exact.std(dim=1).mean())
    kept = {"half": bank.weights.half().float(), "int8": expand(*quantise(bank.weights))}
    rows: list[Row] = []
    for name, weights in kept.items():
        scores = torch.addmm(bank.biases, images.features.to(weights), weights.T)
        same = {k: (scores.topk(k).indices == exact.topk(k).indices).all(dim=1).float().mean() for k in (1, 5)}
        worst = float((scores - exact).abs().max()) / spread
        told = {"same_best": round(float(same[1]), 4), "same_best_five_in_order": round(float(same[5]), 4)}
        rows.append({"what": f"rows kept in {name}", **told, "largest_error_in_spreads": round(worst, 5)})
    return rows


def anonymous_mb() -> float:
    """Return the memory of this process that is not of a file, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def memory(run: Path | None, rounds: int) -> list[Row]:
    """Measure the memory of ranking files of different length, row block by row block."""
    bank, rows = random_bank(1000), list[Row]()
    with tempfile.TemporaryDirectory() as folder:
        for count in (8_192, 32_768, 131_072):
            path = Path(folder) / "features.safetensors"
            random_images(count).save(path)
            before, most = anonymous_mb(), 0.0
            for block in FeatureFile(path).blocks():
                for _ in best_in_blocks(bank, block, 5):
                    most = max(most, anonymous_mb() - before)
            size = round(path.stat().st_size / 2**20)
            rows.append({"what": f"{count:,} images of a file", "memory_mb": round(most), "file_mb": size})
    return rows


def propagation(run: Path | None, rounds: int) -> list[Row]:
    """Measure all rows of a DGP, in blocks and at once."""
    from kgzsl.graph.adjacency import find_adjacencies
    from kgzsl.graph.storage import load_graph
    from kgzsl.propagation import DGP, states_in_blocks

    network = DGP(SEMANTIC, DIM, hidden=HIDDEN).eval()
    network.reset(torch.Generator().manual_seed(0))
    rows: list[Row] = []
    for name in ("imagenet21k", "wordnet-nouns"):
        graph = load_graph(name)
        found_by_name = find_adjacencies(network.inference_adjacencies, graph)
        adjacencies = [found_by_name[one] for one in network.inference_adjacencies]
        vectors = torch.randn(graph.num_classes, SEMANTIC)
        hidden = torch.randn(graph.num_classes, HIDDEN)
        first, second = (layer.weight.detach() for layer in network.layers)
        floor = sum(bare_product(x, w.T, rounds) for x, w in ((vectors, first), (hidden, second)))
        sides: dict[str, Callable[[], object]] = {}
        for at_once in (512, 4096):
            sides[f"{at_once:,}"] = lambda v=vectors, a=adjacencies, n=at_once: states_in_blocks(network, v, a, n)
        found = quickest(sides, rounds)
        for side in sides:
            what = f"DGP, {graph.num_classes:,} classes, {side} rows at once"
            rows.append(row(what, found[side], floor, "both products", "0.7 of their rate"))
    return rows


def kernel(run: Path | None, rounds: int) -> list[Row]:
    """Measure the prediction of all classes by kernel regression in single precision, and in double."""
    from kgzsl.graph.hops import ancestor_hops
    from kgzsl.graph.storage import load_graph, load_split_list
    from kgzsl.kernels import AncestorKernel, SemanticKernel
    from kgzsl.semantics import SemanticEmbedding

    rows: list[Row] = []
    for name in ("imagenet21k", "wordnet-nouns"):
        graph = load_graph(name)
        vectors = torch.nn.functional.normalize(torch.randn(graph.num_classes, SEMANTIC), dim=1)
        semantics = SemanticEmbedding(graph.index, vectors, "random")
        seen = graph.index.rows(load_split_list("imagenet21k", "ilsvrc2012-seen"))
        parts = (SemanticKernel(semantics, seen, 0.3), AncestorKernel(graph, seen, 0.85, hops=ancestor_hops(graph)))
        mixed = MixedKernel(parts, (0.5, 0.5))
        process = GaussianProcess.fit(mixed.to_seen(seen), torch.randn(SEEN, DIM + 1).double(), 0.15)
        single = MixedKernel([part.to(torch.float32) for part in parts], (0.5, 0.5))
        sides: dict[str, Callable[[], object]] = {}
        for name_of, kernel_of in (("float32", single), ("float64", mixed)):
            sides[name_of] = partial(predict_all, kernel_of, process, graph.num_classes)
            sides[f"floor in {name_of}"] = partial(both_products, getattr(torch, name_of), graph.num_classes)
        found = quickest(sides, rounds)
        for precision_of in ("float32", "float64"):
            what = f"kernel regression in {precision_of}, {graph.num_classes:,} classes, 4,096 rows at once"
            floor = found[f"floor in {precision_of}"]
            rows.append(row(what, found[precision_of], floor, f"both products in {precision_of}", "0.7 of their rate"))
    return rows


def predict_all(kernel: MixedKernel, process: GaussianProcess, count: int) -> None:
    """Predict the rows of all classes, 4,096 at a time."""
    for first in range(0, count, 4096):
        process.predict(kernel.to_seen(np.arange(first, min(first + 4096, count))))


def both_products(precision: torch.dtype, count: int) -> None:
    """Multiply what cosines and predictions multiply, 4,096 rows at a time."""
    vectors, seen = torch.ones(4096, SEMANTIC, dtype=precision), torch.ones(SEMANTIC, SEEN, dtype=precision)
    likeness, dual = torch.ones(4096, SEEN, dtype=precision), torch.ones(SEEN, DIM + 1, dtype=precision)
    for first in range(0, count, 4096):
        rows = min(4096, count - first)
        product(vectors[:rows], seen)
        product(likeness[:rows], dual)


ITEMS = {one.__name__: one for one in (machine, hops, start, query, scoring, precision, memory, propagation, kernel)}
NEED_RUN = ("start", "precision")


def table(rows: Iterable[Row]) -> str:
    """Return Markdown tables, a new one where the columns change."""
    lines, columns = list[str](), list[str]()
    for one in rows:
        if list(one) != columns:
            columns = list(one)
            lines += ["", "| " + " | ".join(columns).replace("_", " ") + " |", "|---" * len(columns) + "|"]
        lines.append("| " + " | ".join(map(str, one.values())) + " |")
    return "\n".join(lines[1:])


def main() -> None:
    """Measure what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("items", nargs="*", metavar="ITEM", help=", ".join(ITEMS))
    parser.add_argument("--run", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if strange := [name for name in options.items if name not in ITEMS]:
        parser.error(f"no item is called {strange[0]!r}; choose of {', '.join(ITEMS)}")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    names = [name for name in options.items or ITEMS if options.run is not None or name not in NEED_RUN]
    found = [one for name in names for one in ITEMS[name](options.run, options.rounds)]
    print(json.dumps(found, indent=2) if options.json else table(found))


if __name__ == "__main__":
    main()

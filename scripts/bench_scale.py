"""Build, propagate and ask synthetic taxonomies of growing size, and draw how the costs grow.

Usage: python scripts/bench_scale.py [--classes 10000 100000 1000000] [--threads 1] [--json] [--plot FILE]

A taxonomy like WordNet's nouns (`kgzsl.graph.synthetic`) with random semantic vectors (384-d) goes through DGP with
2048 hidden units and 1280-d classifiers, as wide as the published one. Each size has two processes of its own. The
first builds graph and hop sets and propagates to all classes, a block of rows at a time, into files in half precision.
The second opens the classifiers and asks for the best five of one feature, and for a class that was not there. Seconds
are CPU seconds. Memory is the most that a process held at a time, the pages of files that it looked at among them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

SIZES = (10_000, 100_000, 1_000_000)
SEMANTIC, HIDDEN, DIM = 384, 2048, 1280
AT_ONCE = 4096


class Clock:
    """CPU seconds and memory of each step of this process."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step."""
        started = time.process_time()
        yield
        self.seconds[name] = time.process_time() - started

    def quickest(self, name: str, run: Callable[[], object], times: int) -> None:
        """Keep the quickest of several times."""
        found = []
        for _ in range(times):
            started = time.process_time()
            run()
            found.append(time.process_time() - started)
        self.seconds[name] = min(found)


def peak_mb() -> float:
    """Return the most memory that this process held at a time, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def network() -> Any:
    """Return the network, drawn from a seed."""
    import torch

    from kgzsl.propagation import DGP

    drawn = DGP(SEMANTIC, DIM, hidden=HIDDEN).eval()
    drawn.reset(torch.Generator().manual_seed(0))
    return drawn


def draw_vectors(count: int, path: Path) -> Any:
    """Write random vectors of length one in half precision, a block at a time, and return them as a map of the file."""
    import torch

    generator = torch.Generator().manual_seed(1)
    with path.open("wb") as file:
        for first in range(0, count, AT_ONCE):
            rows = torch.randn(min(AT_ONCE, count - first), SEMANTIC, generator=generator)
            torch.nn.functional.normalize(rows, dim=1).half().numpy().tofile(file)
    return rows_of(path, SEMANTIC)


def rows_of(path: Path, width: int) -> Any:
    """Return the rows of a file in half precision."""
    import torch

    return torch.from_numpy(np.memmap(path, dtype=np.float16, mode="c").reshape(-1, width))


def make(count: int, folder: Path) -> dict[str, Any]:
    """Build the taxonomy and propagate; leave the rows of both layers in the folder."""
    from kgzsl.graph.adjacency import find_adjacencies
    from kgzsl.graph.storage import save_graph
    from kgzsl.graph.synthetic import synthetic_taxonomy
    from kgzsl.propagation import in_files, states_in_blocks

    dgp, clock = network(), Clock()
    start_mb = peak_mb()
    with clock.step("graph"):
        graph = synthetic_taxonomy(count)
    with clock.step("hop sets"):
        by_name = find_adjacencies(dgp.inference_adjacencies, graph)
        adjacencies = [by_name[name] for name in dgp.inference_adjacencies]
    vectors = draw_vectors(count, folder / "vectors.f16")
    with clock.step("propagation"):
        states_in_blocks(dgp, vectors, adjacencies, AT_ONCE, keep=in_files(folder))
    arrows, made_mb = len(adjacencies[0].values), peak_mb()
    with clock.step("writing the graph"):
        save_graph(graph, folder / "graph")
    steps = {name: round(seconds, 4) for name, seconds in clock.seconds.items()}
    return {"seconds": steps, "peak_mb": round(made_mb), "start_mb": round(start_mb), "arrows": arrows}


def ask(count: int, folder: Path) -> dict[str, Any]:
    """Open the graph and the classifiers; rank one feature, and add a class."""
    import torch

    from kgzsl.bank import ClassifierBank
    from kgzsl.classes import ClassIndex
    from kgzsl.features import FeatureSet
    from kgzsl.graph.storage import load_graph
    from kgzsl.prepared_query import PreparedQuery
    from kgzsl.scoring import Caution

    clock = Clock()
    with clock.step("reading the graph"):
        graph = load_graph(folder / "graph")
    rows = rows_of(folder / "layer-1.f16", DIM + 1)
    with clock.step("opening the classifiers"):
        bank = ClassifierBank(graph.index, rows[:, :-1], rows[:, -1], "random", "joint")
    image = FeatureSet(torch.rand(1, DIM), torch.tensor([-1]), ClassIndex(()), "random")
    query = PreparedQuery(bank.index.ids, bank, Caution())
    with clock.step("first question"):
        first = list(query.ranked(image, 5))
    with clock.step("second question"):  # codes the rows
        list(query.ranked(image, 5))
    clock.quickest("a question", lambda: list(query.ranked(image, 5)), 5)
    assert first[0][2].tolist() == next(query.ranked(image, 5))[2].tolist()
    add_class(clock, graph, folder)
    steps = {name: round(seconds, 4) for name, seconds in clock.seconds.items()}
    return {"seconds": steps, "peak_mb": round(peak_mb())}


def add_class(clock: Clock, graph: Any, folder: Path) -> None:
    """Time the classifier of a class that the graph lacks, from the rows that are there."""
    import torch

    from kgzsl.classes import ClassIndex, ClassText
    from kgzsl.graph.adjacency import degrees
    from kgzsl.graph.extension import extension_with_parents
    from kgzsl.methods.graph_regression import GraphRegression, _Fitted
    from kgzsl.semantics import SemanticEmbedding

    vectors = rows_of(folder / "vectors.f16", SEMANTIC)
    semantics = SemanticEmbedding(graph.index, vectors, "random")
    states = [rows_of(folder / "layer-0.f16", HIDDEN), rows_of(folder / "layer-1.f16", DIM + 1)]
    method = GraphRegression("dgp", network_options={"hidden": HIDDEN})
    method._fitted = _Fitted(network(), graph, semantics, "random", states, degrees(graph))
    parents = (graph.index[graph.num_classes - 1],)  # one of the deepest
    extension = extension_with_parents(graph, "new", parents, ClassText("new"))
    own = SemanticEmbedding(ClassIndex(("new",)), torch.nn.functional.normalize(torch.randn(1, SEMANTIC)), "random")
    clock.quickest("a new class", lambda: method.synthesize_new([extension], own), 5)


def measure(sizes: Sequence[int], threads: int) -> dict[str, Any]:
    """Measure each size in processes of its own."""
    found: dict[str, Any] = {}
    for count in sizes:
        with tempfile.TemporaryDirectory() as folder:
            sides = {}
            for side in ("make", "ask"):
                words = [sys.executable, __file__, "--side", side, "--classes", str(count), "--folder", folder]
                done = subprocess.run([*words, "--threads", str(threads)], capture_output=True, text=True, check=False)
                if done.returncode:
                    sys.exit(f"{side} of {count:,} classes failed: {done.stderr[-2000:]}")
                sides[side] = json.loads(done.stdout)
            sides["file_mb"] = {
                path.name: round(path.stat().st_size / 2**20) for path in sorted(Path(folder).glob("*.f16"))
            }
            found[str(count)] = sides
    return {"threads": threads, "semantic": SEMANTIC, "hidden": HIDDEN, "dim": DIM, "sizes": found}


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw seconds and memory against the number of classes, both axes in powers of ten."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sizes = sorted(map(int, found["sizes"]))
    shown = ("propagation", "hop sets", "graph", "a question", "a new class")
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name in shown:
        both = [{**found["sizes"][str(size)][side]["seconds"]} for size in sizes for side in ("make", "ask")]
        left.loglog(sizes, [one[name] for one in both if name in one], marker="o", label=name)
    base = found["sizes"][str(sizes[0])]["make"]["seconds"]["propagation"]
    left.loglog(sizes, [base * size / sizes[0] for size in sizes], "k:", linewidth=1, label="linear")
    for side, label in (("make", "building and propagating"), ("ask", "asking")):
        right.loglog(sizes, [found["sizes"][str(size)][side]["peak_mb"] for size in sizes], marker="o", label=label)
    right.axhline(8192, color="k", linestyle=":", linewidth=1, label="8 GB")
    left.set(xlabel="classes", ylabel="CPU seconds")
    right.set(xlabel="classes", ylabel="most memory, MB")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def table(found: dict[str, Any]) -> str:
    """Return a Markdown table, a column a size."""
    sizes = sorted(map(int, found["sizes"]))
    lines = ["| | " + " | ".join(f"{size:,} classes" for size in sizes) + " |", "|---" + "|---:" * len(sizes) + "|"]

    def line(what: str, cells: list[str]) -> None:
        lines.append(f"| {what} | " + " | ".join(cells) + " |")

    rows = [found["sizes"][str(size)] for size in sizes]
    line("arrows to ancestors and themselves, a class", [f"{r['make']['arrows'] / s:.1f}" for r, s in zip(rows, sizes)])
    for side in ("make", "ask"):
        for name in rows[0][side]["seconds"]:
            line(f"{name}, CPU s", [told(row[side]["seconds"][name]) for row in rows])
    line("most memory while building and propagating", [f"{row['make']['peak_mb']:,} MB" for row in rows])
    line("most memory while asking", [f"{row['ask']['peak_mb']:,} MB" for row in rows])
    line("files", [f"{sum(row['file_mb'].values()):,} MB" for row in rows])
    return "\n".join(lines)


def told(seconds: float) -> str:
    """Return seconds with three digits."""
    return f"{seconds:.0f}" if seconds >= 100 else f"{seconds:.3g}"


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--plot", type=Path, help="where to draw the figure")
    parser.add_argument("--side", choices=("make", "ask"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        import torch

        torch.set_num_threads(options.threads)
        side = make if options.side == "make" else ask
        print(json.dumps(side(options.classes[0], options.folder)))
        return
    found = measure(options.classes, options.threads)
    if options.plot:
        draw(found, options.plot)
    print(json.dumps(found, indent=2) if options.json else table(found))


if __name__ == "__main__":
    main()

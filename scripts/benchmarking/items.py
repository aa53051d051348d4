"""What is measured: a command an item, each of which measures its floor in the same run and prints JSON."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

__all__ = ["ITEMS", "Item", "Places", "kept", "measure"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Item:
    """A benchmark.

    Args:
        words: of its command, with RUN, CALIBRATED, PICTURES and FOLDER for what `Places` names.
        output: what its figures are: ``printed`` as JSON, or its own CPU ``seconds``.
        minutes: after which it is given up.
    """

    words: tuple[str, ...]
    output: str = "printed"
    minutes: float = 4


def _bench(*words: str) -> Item:
    return Item(("scripts/bench.py", *words, "--json"))


ITEMS: dict[str, Item] = {
    "machine": _bench("machine"),
    "training-1": Item(
        ("scripts/bench_training.py", "--rounds", "1", "--epochs", "10", "--threads", "1", "--json"), minutes=8
    ),
    "training": Item(
        ("scripts/bench_training.py", "--rounds", "1", "--epochs", "10", "--threads", "2", "--json"), minutes=8
    ),
    "accuracy": Item(
        (
            *("scripts/bench_accuracy.py", "--out", "runs/bench/accuracy-full.json"),  # goes on from what it holds
            *("--png", "docs/images/accuracy-seconds.png", "--json"),
        ),
        minutes=90,
    ),
    "start": _bench("start", "--run", "RUN"),
    "query": _bench("query", "--run", "RUN"),
    "calibrated": _bench("query", "--run", "CALIBRATED"),
    "scoring": _bench("scoring"),
    "precision": _bench("precision", "--run", "RUN"),
    "memory": _bench("memory", "--rounds", "1"),
    "propagation": replace(_bench("propagation", "--rounds", "1"), minutes=10),
    "kernel": _bench("kernel", "--rounds", "1"),
    "hops": _bench("hops"),
    "graphs": Item(("scripts/build_graph.py", "--out", "FOLDER"), output="seconds"),
    "search": Item(("scripts/bench_search.py", "RUN", "--json")),
    "new-class": Item(("tests/bench/bench_new_class.py", "RUN", "--threads", "1")),
    "encoder": Item(("tests/bench/bench_encoder.py", "--threads", "2", "--count", "512", "--rounds", "3")),
    "extract": Item(("tests/bench/bench_extract.py", "--threads", "2", "--count", "128", "--rounds", "2")),
    "serve": Item(
        ("scripts/bench_serve.py", "RUN", "PICTURES", "--seconds", "10", "--requests", "10000", "--json"), minutes=12
    ),
    "bulk": Item(("scripts/bench_bulk.py", "RUN", "--rows", "4096", "--rounds", "5", "--json"), minutes=10),
    "shares": Item(("scripts/bench_shares.py", "--json"), minutes=40),
    "scale": Item(("scripts/bench_scale.py", "--json", "--plot", "docs/images/scale.png"), minutes=10),
}


@dataclass(frozen=True, slots=True)
class Places:
    """Where items find what they need; None where it is not there.

    Args:
        run: a kernel run over the ImageNet-21K graph that is not calibrated.
        calibrated: one that is.
        pictures: a folder of pictures.
        folder: scratch space.
    """

    run: Path | None
    calibrated: Path | None
    pictures: Path | None
    folder: Path

    def put_into(self, words: tuple[str, ...]) -> list[str]:
        """Return the words of a command with the places in it; LookupError where one is not there."""
        named: dict[str, Path | None] = {
            "RUN": self.run,
            "CALIBRATED": self.calibrated,
            "PICTURES": self.pictures,
            "FOLDER": self.folder,
        }
        for word in words:
            if word in named and named[word] is None:
                raise LookupError(f"there is no {word}; name one with --{word.lower()}")
        return [str(named.get(word, word)) for word in words]


def measure(name: str, places: Places, runs: Path) -> str:
    """Measure an item and keep what it found; return why it could not be measured, or nothing."""
    item = ITEMS[name]
    with tempfile.TemporaryDirectory() as folder:
        try:
            words = Places(places.run, places.calibrated, places.pictures, Path(folder) / "new").put_into(item.words)
        except LookupError as error:
            return str(error)
        before, started = _children(), time.perf_counter()
        try:
            done = subprocess.run(
                [sys.executable, *words],
                capture_output=True,
                text=True,
                check=False,
                cwd=ROOT,
                timeout=60 * item.minutes,
            )
        except subprocess.TimeoutExpired:
            return f"given up after {item.minutes} minutes"
        seconds = time.perf_counter() - started
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["no message"])[-1]
    try:
        found = {"cpu": _children() - before, "wall": seconds} if item.output == "seconds" else json.loads(done.stdout)
    except json.JSONDecodeError:
        return f"it gave no JSON: {done.stdout[:200]!r}"
    told = "python " + " ".join(item.words)
    write(runs / f"{name}.json", {"command": told, "machine": machine(), "seconds": round(seconds, 1), "found": found})
    return ""


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def machine() -> dict[str, Any]:
    """Describe the machine, and how busy it was."""
    import torch

    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "torch": torch.__version__,
        "load": round(os.getloadavg()[0], 1),
    }


def write(path: Path, value: object) -> None:
    """Write JSON whole or not at all."""
    from kgzsl.runtime import write_json

    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, value)


def kept(runs: Path) -> Mapping[str, Any]:
    """Return what was measured and kept, item by item."""
    paths = {name: runs / f"{name}.json" for name in ITEMS}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path.is_file()}

#!/usr/bin/env python
"""Measure work in bulk: one process against two workers on a Ray of this machine, on the same rows by turns.

Usage: python scripts/bench_bulk.py RUN [--rows 8192] [--block 256] [--rounds 2] [--json]

RUN is a run folder; rows are random features in Parquet, all classes of the run compete. Each process computes with one
thread. Rows a second are counted while every worker is at work, a block that reaches over an end of that time by its
share. CPU milliseconds a row are those that workers report of their blocks; beside them what the engine used over a
whole job: the process of the command, and the processes of Ray that are no workers. Do not change the code meanwhile:
workers import it when they start. Memory is that of the Ray worker that held most, over a quarter and over all rows.
Needs pip install 'kgzsl[ray]' psutil.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from kgzsl.bulk import BlockDone, Workers, predict_in_bulk
from kgzsl.bulk.engine import joined
from kgzsl.classifier import ZeroShotClassifier

SIDES = {"plain": Workers(), "ray": Workers(2)}


def main() -> None:
    """Run both sides by turns and print what was measured."""
    options = read_options()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    found = measure(options)
    print(json.dumps(found, indent=2) if options.json else told(found))


def read_options() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--rows", type=int, default=8192)
    parser.add_argument("--block", type=int, default=256, help="rows a file of results")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return the best of the rounds of each side, what a Ray costs to start, and whether the rows are the same."""
    classifier = ZeroShotClassifier.load(options.run)
    candidates, dim = classifier.split_classes("all"), classifier.run.bank.dim
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sources = {
            rows: write_rows(folder / f"{rows}.parquet", rows, dim) for rows in (options.rows // 4, options.rows)
        }
        started = time.perf_counter()
        with joined(SIDES["ray"]):
            start = time.perf_counter() - started
            runs: dict[str, list[dict[str, Any]]] = {name: [] for name in SIDES}
            for number in range(options.rounds):
                for name, workers in SIDES.items():
                    for rows, source in sources.items():
                        out = folder / f"{name}-{rows}-{number}"
                        runs[name].append(one_run(options, source, out, candidates, workers))
        tables = [pq.read_table(folder / f"{name}-{options.rows}-0").sort_by("id") for name in SIDES]
        is_same = all(same(*(table.column(name) for table in tables)) for name in ("id", "classes", "error"))
    sides = {name: best(found, options.rows) for name, found in runs.items()}
    facts = {"classes": len(candidates), "rows": options.rows, "block": options.block, "same_rows": is_same}
    ratios = {
        "throughput": round(sides["ray"]["rows_a_second"] / sides["plain"]["rows_a_second"], 2),
        "cpu_of_blocks": round(sides["ray"]["cpu_ms_a_row"] / sides["plain"]["cpu_ms_a_row"], 2),
    }
    return {**facts, "ray_start_seconds": round(start, 1), **sides, "ratio": ratios}


def same(first: Any, second: Any) -> bool:
    """Say whether two columns are equal."""
    return bool(first.equals(second))


def write_rows(path: Path, rows: int, dim: int) -> Path:
    """Write random features, as a network with ReLU gives them, in groups of 1,024 rows."""
    values = np.maximum(np.random.default_rng(rows).standard_normal((rows, dim), dtype=np.float32), 0)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), dim)
    pq.write_table(pa.table({"id": np.arange(rows), "features": vectors}), path, row_group_size=1024)
    return path


def one_run(
    options: argparse.Namespace, source: Path, out: Path, candidates: tuple[str, ...], workers: Workers
) -> dict[str, Any]:
    """Return what one job measured; see the top of this file."""
    done: list[BlockDone] = []
    before = engine_cpu(set())
    report = predict_in_bulk(
        options.run, source, out, candidates, workers=workers, block_rows=options.block, on_block=done.append
    )
    pids = {one.pid for one in done}
    after = engine_cpu(pids)
    engine = sum(seconds - before.get(pid, seconds) for pid, seconds in after.items())
    block_cpu = sum(one.cpu_seconds for one in done)
    return {
        "rows": report.rows,
        "workers": len(pids),
        "rows_a_second": rate(done),
        "cpu_ms_a_row": 1000 * block_cpu / report.rows,
        "engine_cpu_seconds": engine if workers.count else None,
        "megabytes": report.megabytes,
    }


def rate(done: Sequence[BlockDone]) -> float:
    """Return the rows a second between the start of the last worker's first block and the end of the first to stop."""
    pids = {one.pid for one in done}
    spans = [[(one.ended - one.seconds, one.ended) for one in done if one.pid == pid] for pid in pids]
    began = max(min(start for start, _ in span) for span in spans)
    ended = min(max(end for _, end in span) for span in spans)
    if ended <= began:
        return float("nan")
    shares = (one.rows * overlap(one, began, ended) / one.seconds for one in done)
    return sum(shares) / (ended - began)


def overlap(block: BlockDone, began: float, ended: float) -> float:
    """Return how many seconds of a block lie between two times."""
    return max(0.0, min(block.ended, ended) - max(block.ended - block.seconds, began))


def engine_cpu(workers: set[int]) -> dict[int, float]:
    """Return the CPU seconds so far of this process and of those below it that are no workers of Ray."""
    own = psutil.Process()
    found = {}
    for process in (own, *own.children(recursive=True)):
        try:
            if process.pid not in workers and "ray::" not in process.name():
                times = process.cpu_times()
                found[process.pid] = times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return found


def best(found: list[dict[str, Any]], rows: int) -> dict[str, Any]:
    """Return the rounds over all rows, and the memory over a quarter of them beside it."""
    whole = [one for one in found if one["rows"] == rows]
    part = [one for one in found if one["rows"] != rows]
    told = {
        "workers": min(one["workers"] for one in whole),
        "rows_a_second": round(max(one["rows_a_second"] for one in whole), 1),
        "cpu_ms_a_row": round(min(one["cpu_ms_a_row"] for one in whole), 3),
        "engine_cpu_seconds": least(whole, "engine_cpu_seconds"),
        "engine_cpu_seconds_of_a_quarter": least(part, "engine_cpu_seconds"),
        "cpu_ms_of_rounds": [round(one["cpu_ms_a_row"], 3) for one in whole],
        "rows_a_second_of_rounds": [round(one["rows_a_second"], 1) for one in whole],
    }
    if any(
        one["workers"] > 1 for one in whole
    ):  # this process has done other jobs before, which its most memory tells of
        told["megabytes"] = max(one["megabytes"] for one in whole)
        told["megabytes_of_a_quarter"] = max(one["megabytes"] for one in part)
    return {name: value for name, value in told.items() if value is not None}


def least(found: list[dict[str, Any]], name: str) -> float | None:
    """Return the least of the rounds, None where nothing was measured."""
    values = [one[name] for one in found if one[name] is not None]
    return round(min(values), 2) if values else None


def told(found: dict[str, Any]) -> str:
    """Return what was measured in lines."""
    lines = [f"{found['rows']:,} rows, {found['classes']:,} classes, {found['block']} rows a block"]
    for name in SIDES:
        side = found[name]
        lines.append(f"{name}: {side['rows_a_second']} rows/s, {side['cpu_ms_a_row']} CPU ms a row")
    ratio = found["ratio"]
    lines.append(
        f"two workers: {ratio['throughput']} of the throughput, {ratio['cpu_of_blocks']} of the CPU time of blocks, "
        f"and {found['ray']['engine_cpu_seconds']} CPU seconds of a job beside them"
    )
    lines.append(f"a worker: {found['ray']['megabytes']} MB, {found['ray']['megabytes_of_a_quarter']} over a quarter")
    lines.append(f"the same rows: {found['same_rows']}; Ray started in {found['ray_start_seconds']} s")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

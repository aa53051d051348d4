"""Throughput of feature extraction against the bare network, by torch and by onnxruntime, all four interleaved.

Run it: ``KGZSL_ASSETS=... python tests/bench/bench_extract.py --threads 2``. Bare is the network alone on pixels that
are decoded beforehand, the same batches in the same memory layout; ours reads pictures from disk, decodes,
preprocesses, runs the network, writes a shard a batch and the feature file. It prints pictures per second, and for
each engine the ratio of ours to bare, which must be at least 0.85 with torch; loading the model is not counted.
``ratio_cpu`` compares processor seconds, which other work on the machine disturbs less. ``quicker`` says how many times
quicker onnxruntime is than torch.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import torch

from kgzsl.runtime import asset_path
from kgzsl.vision import ENGINES, extract_features, list_images, load_backbone
from kgzsl.vision.extract import batches_of_pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, default=asset_path("images", "caltech101-dev"))
    parser.add_argument("--backbone", default="google/mobilenet_v2_1.0_224")
    parser.add_argument("--engine", choices=[*ENGINES, "both"], default="both")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--count", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    engines = list(ENGINES) if options.engine == "both" else [options.engine]
    backbones = {engine: load_backbone(options.backbone, engine=engine) for engine in engines}
    every = list_images(options.images)
    images = every[:: max(1, len(every) // options.count)][: options.count]
    first = backbones[engines[0]]
    decoded = [pixels for _, pixels, _ in batches_of_pixels(images, first, batch_size=32) if pixels is not None]
    sides = [(engine, kind) for engine in engines for kind in ("bare", "ours")]
    spent: dict[tuple[str, str], list[tuple[float, float]]] = {side: [] for side in sides}
    for number in range(options.rounds + 1):
        for engine, kind in sides if number % 2 == 0 else reversed(sides):
            backbone = backbones[engine]
            with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
                wall, cpu = time.perf_counter(), time.process_time()
                if kind == "bare":
                    for pixels in decoded:
                        backbone.module(pixels) if backbone.engine is None else backbone.engine(pixels)
                else:
                    extract_features(images, backbone, Path(folder, "out.safetensors"), workers=options.workers)
                if number > 0:  # the first round warms up
                    spent[engine, kind].append((time.perf_counter() - wall, time.process_time() - cpu))
    print(json.dumps(report(spent, engines, len(images)), indent=2))  # noqa: T201


def report(
    spent: dict[tuple[str, str], list[tuple[float, float]]], engines: list[str], count: int
) -> dict[str, object]:
    def ratios(one: tuple[str, str], other: tuple[str, str]) -> tuple[float, ...]:
        pairs = list(zip(spent[one], spent[other]))
        return tuple(round(statistics.median(a[clock] / b[clock] for a, b in pairs), 3) for clock in (0, 1))

    found: dict[str, object] = {"pictures": count, "required": 0.85}
    for engine in engines:
        walls, cpus = ({kind: [t[c] for t in spent[engine, kind]] for kind in ("bare", "ours")} for c in (0, 1))
        wall, cpu = ratios((engine, "bare"), (engine, "ours"))
        found[engine] = {
            "images_per_second": {kind: round(count / statistics.median(one), 1) for kind, one in walls.items()},
            "cpu_ms_per_image": {kind: round(1e3 * statistics.median(one) / count, 2) for kind, one in cpus.items()},
            "ratio": wall,
            "ratio_cpu": cpu,
        }
    if len(engines) > 1:
        sides = {kind: ratios((engines[0], kind), (engines[1], kind)) for kind in ("bare", "ours")}
        found["quicker"] = {kind: {"seconds": wall, "cpu": cpu} for kind, (wall, cpu) in sides.items()}
    return found


if __name__ == "__main__":
    main()

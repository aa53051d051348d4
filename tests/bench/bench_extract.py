"""Throughput of feature extraction against the bare forward pass of the same classifier, both interleaved.

Run it: ``KGZSL_ASSETS=... python tests/bench/bench_extract.py --threads 2``. Bare is the classifier alone on pixels
that are decoded beforehand, the same batches in the same memory layout; ours reads pictures from disk, decodes,
preprocesses, runs the classifier, writes a shard a batch and the feature file. It prints pictures per second of both,
and the ratio, which must be at least 0.85; loading the model is not counted. ``ratio_cpu`` compares processor seconds,
which other work on the machine disturbs less.
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
from kgzsl.vision import extract_features, list_images, load_backbone
from kgzsl.vision.extract import batches_of_pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, default=asset_path("images", "caltech101-dev"))
    parser.add_argument("--backbone", default="google/mobilenet_v2_1.0_224")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--count", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    backbone = load_backbone(options.backbone)
    every = list_images(options.images)
    images = every[:: max(1, len(every) // options.count)][: options.count]
    decoded = [pixels for _, pixels, _ in batches_of_pixels(images, backbone, batch_size=32) if pixels is not None]
    spent: dict[str, list[tuple[float, float]]] = {"bare": [], "ours": []}
    for number in range(options.rounds + 1):
        for kind in ("bare", "ours") if number % 2 == 0 else ("ours", "bare"):
            with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
                wall, cpu = time.perf_counter(), time.process_time()
                if kind == "bare":
                    for pixels in decoded:
                        backbone.module(pixels)
                else:
                    extract_features(images, backbone, Path(folder, "out.safetensors"), workers=options.workers)
                if number > 0:  # the first round warms up
                    spent[kind].append((time.perf_counter() - wall, time.process_time() - cpu))
    ratios = [
        statistics.median(bare[clock] / ours[clock] for bare, ours in zip(spent["bare"], spent["ours"]))
        for clock in (0, 1)
    ]
    rates = {
        kind: round(len(images) / statistics.median(wall for wall, _ in times), 1) for kind, times in spent.items()
    }
    report = {
        "images_per_second": rates,
        "cpu_ms_per_image": {
            kind: round(1e3 * statistics.median(cpu for _, cpu in times) / len(images), 2)
            for kind, times in spent.items()
        },
        "ratio": round(ratios[0], 3),
        "ratio_cpu": round(ratios[1], 3),
        "required": 0.85,
    }
    print(json.dumps(report, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()

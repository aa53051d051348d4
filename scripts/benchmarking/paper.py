"""What the measured costs come to at sizes that were not measured, and where each part breaks: docs/scale.md."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarking.blocks import table

__all__ = ["SCALE_BLOCKS", "TEMPLATE"]

TEMPLATE = Path(__file__).with_name("scale.md")
SIZES = (1_000_000, 10_000_000, 100_000_000)
PICTURES = 1_000_000_000
MANY_CLASSES = 10_000_000
CHILDREN = 4.9
"""A taxonomy becomes one step deeper, and a class gets one ancestor more, each time it is so many times as large."""
GPU_FLOPS = 4e14
"""Half-precision products a second of one data-centre GPU, in round figures of data sheets and not measured here."""
SCANNED = 1e-3
"""Share of the classes that an approximate index looks at; usual for inverted lists, not measured here."""
HEADER_LIMIT = 100_000_000
"""Bytes to which safetensors holds the header of a file, where a bank's class ids stand."""


def growth(kept: Mapping[str, Any]) -> str:
    """Return the measured sizes."""
    from bench_scale import table as measured

    return measured(kept["scale"]["found"])


def shares(kept: Mapping[str, Any]) -> str:
    """Return what a process computes of a training that several share."""
    from bench_shares import table as shared

    return f"`{kept['shares']['command']}`\n\n{shared(kept['shares']['found'])}"


def classes(kept: Mapping[str, Any]) -> str:
    """Return the largest measured size carried on to more classes."""
    found = kept["scale"]["found"]
    largest = max(map(int, found["sizes"]))
    one = found["sizes"][str(largest)]
    wide = {"semantic": found["semantic"], "hidden": found["hidden"], "row": found["dim"] + 1}
    make, ask, start = one["make"], one["ask"]["seconds"], one["make"]["start_mb"]
    arrows = make["arrows"] / largest

    def arrows_at(size: int) -> float:
        return size * (arrows + math.log(size / largest) / math.log(CHILDREN))

    def by_class(seconds: float) -> list[str]:
        return [duration(seconds * size / largest) for size in SIZES]

    lines: list[list[object]] = [
        ["arrows", *(f"{arrows_at(size):.3g}" for size in SIZES)],
        ["graph", *by_class(make["seconds"]["graph"])],
        ["hop sets", *(duration(make["seconds"]["hop sets"] * arrows_at(s) / make["arrows"]) for s in SIZES)],
        ["propagation to all classes", *by_class(make["seconds"]["propagation"])],
        ["first question (codes made at the second)", *by_class(ask["first question"] + ask["second question"])],
        ["a question, all rows looked at", *by_class(ask["a question"])],
        ["a new class", *(duration(ask["a new class"]) for _ in SIZES)],
        ["files of vectors, hidden rows, classifiers", *(size_of(2 * sum(wide.values()) * size) for size in SIZES)],
        ["int8 codes of the classifiers", *(size_of(found["dim"] * size) for size in SIZES)],
        ["memory of ids, graph and arrows", *(size_of(_anonymous(one, start) * size / largest) for size in SIZES)],
    ]
    return table(["one core", *(f"{size:,} classes" for size in SIZES)], lines)


def _anonymous(one: Mapping[str, Any], start: float) -> float:
    """Return the bytes that a size took beside the interpreter, its libraries and the rows it read from files."""
    return max(0.0, one["make"]["peak_mb"] - start - one["file_mb"]["layer-0.f16"]) * 2**20


def pictures(kept: Mapping[str, Any]) -> str:
    """Return what a billion pictures among ten million classes come to."""
    extract, found = kept["extract"]["found"], kept["scale"]["found"]
    rates = {row["what"]: row["rate"] for row in kept["machine"]["found"]}
    flops = 2.0 * found["dim"] * PICTURES * MANY_CLASSES
    rate = max(rates["product, torch.mm"], rates["product, oneDNN"]) * 1e9
    torch_ms, onnx_ms = (extract[name]["cpu_ms_per_image"]["ours"] for name in ("torch", "onnxruntime"))
    scanned = flops * SCANNED
    lines = [
        ["decode, preprocess and compute features (torch)", years(torch_ms / 1000 * PICTURES)],
        ["the same with onnxruntime", years(onnx_ms / 1000 * PICTURES)],
        ["features kept in half precision", size_of(2 * found["dim"] * PICTURES)],
        [f"score all {MANY_CLASSES:,} classes, one core", years(flops / rate)],
        ["the same on one GPU at 400 TFLOP/s", duration(flops / GPU_FLOPS)],
        ["the same with an index that looks at a thousandth of the classes, one core", years(scanned / rate)],
        ["best five of each picture (ids and scores)", size_of(5 * 8 * PICTURES)],
    ]
    return table(["a billion pictures", "cost"], lines)


def header(kept: Mapping[str, Any]) -> str:
    """Return where the header of a bank's file ends."""
    bytes_a_class = len('\\"n02391049\\", ')
    return (
        f"An id such as n02391049 takes {bytes_a_class} bytes of a bank's header, which safetensors ends at "
        f"{HEADER_LIMIT:,}: about {HEADER_LIMIT / bytes_a_class / 1e6:.0f} million classes a file."
    )


def duration(seconds: float) -> str:
    """Return seconds in a unit that suits them."""
    for unit, size in (("d", 86_400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if seconds >= 2 * size or unit == "s":
            break
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds / size:.3g} {unit}"


def years(seconds: float) -> str:
    """Return the core time, in days and on a thousand cores too where it is long."""
    core_days = seconds / 86_400
    told = f"{core_days:,.0f}" if core_days >= 10 else f"{core_days:.2g}"
    return f"{told} core days ({duration(seconds / 1000)} on 1,000 cores)"


def size_of(count: float) -> str:
    """Return bytes in a unit that suits them."""
    unit, size = next(((u, s) for u, s in (("TB", 1e12), ("GB", 1e9)) if count >= s), ("MB", 1e6))
    return f"{count / size:.3g} {unit}"


SCALE_BLOCKS = {"growth": growth, "shares": shares, "classes": classes, "pictures": pictures, "header": header}
NEEDS = {
    "growth": ("scale",),
    "shares": ("shares",),
    "classes": ("scale",),
    "pictures": ("scale", "extract", "machine"),
    "header": (),
}
"""The items that each block is made of."""

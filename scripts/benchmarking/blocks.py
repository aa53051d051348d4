"""The tables of docs/performance.md, a function a block: what an item found, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

__all__ = ["BLOCKS"]

Found = Any


def table(head: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table, its first column of words."""
    rows = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(rows + ["| " + " | ".join(map(str, line)) + " |" for line in lines])


def against_floor(found: Sequence[Mapping[str, Any]]) -> str:
    """Return rows of scripts/bench.py: ours, the floor, and the share of the floor's rate."""
    head = ["what", "ms", "floor, ms", "share of its rate", "floor", "wanted"]
    return table(head, [[one[key] for key in ("what", "ms", "floor_ms", "share", "floor", "goal")] for one in found])


def plain_rows(found: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as they are, their keys as the head."""
    return table([key.replace("_", " ") for key in found[0]], [list(one.values()) for one in found])


def training(found: Found) -> str:
    """Return the epoch beside the plain formula and the floor."""
    lines = []
    for name, side in (("plain formula", found["plain"]), ("kgzsl", found["kgzsl"])):
        lines.append([name, f"{side['cpu']:.3f}", f"{side['wall']:.3f}", f"{side['memory_mb']:.0f} MB"])
    own, ratio = found["kgzsl"], found["ratio"]
    for name, key in (("floor: dense products by torch.mm", "floor"), ("floor: by oneDNN", "floor_onednn")):
        if f"{key}_cpu" in own:
            lines.append([name, f"{own[f'{key}_cpu']:.3f}", f"{own[f'{key}_wall']:.3f}", ""])
    lines.append(["plain / kgzsl", *(f"{ratio[key]:.1f}" for key in ("cpu", "wall", "memory_mb"))])
    for name, key in (("kgzsl / floor by torch.mm", "over_floor"), ("kgzsl / floor by oneDNN", "over_floor_onednn")):
        if f"{key}_cpu" in ratio:
            lines.append([name, f"{ratio[f'{key}_cpu']:.2f}", f"{ratio[f'{key}_wall']:.2f}", ""])
    return table(
        [
            f"an epoch, {found['threads']} thread{'s' * (found['threads'] > 1)}",
            "CPU s",
            "s",
            "memory above the process",
        ],
        lines,
    )


def accuracy(found: Found) -> str:
    """Return rank and hits of held-out classes by kind of training and epochs."""
    lines = [["closed form (kernel regression)", "", *_record(found["closed_form"][0])]]
    for kind, label in (("constant", "rate 0.001"), ("one_cycle", f"one cycle to {found['peak']}")):
        lines += [[label, f"{one['epochs']:.0f}", *_record(one)] for one in found[kind]]
    text = table(["training", "epochs", "CPU s", "reciprocal rank", "Hit@1 of pictures, %"], lines)
    trials = ", ".join(f"{peak:g}: {rank:.3f}" for peak, rank in found.get("trials", ()))
    return text + (f"\n\nPeaks of one cycle on another draw, reciprocal rank at 60 epochs: {trials}." if trials else "")


def _record(one: Mapping[str, float]) -> list[str]:
    return [f"{one['seconds']:.1f}", f"{one['rank']:.3f}", f"{100 * one['pictures_hit1']:.1f}"]


def search(found: Found) -> str:
    """Return what a search takes."""
    head = ["", "CPU ms, median", "p99", "most", "ms, median", "p99", "most"]
    lines = []
    for name, told in (("bare", "by itself"), ("HTTP", "over HTTP, the client's time included")):
        clocks = found["ms"][name]
        lines.append(
            [told, *(f"{clocks[clock][key]:.1f}" for clock in ("CPU", "wall") for key in ("median", "p99", "most"))]
        )
    return (
        table(head, lines)
        + f"\n\n{found['searches']:,} beginnings of names among {found['nouns']:,} nouns; wanted: 10 ms."
    )


def extract(found: Found) -> str:
    """Return extraction by both engines."""
    lines = []
    for engine in ("torch", "onnxruntime"):
        if engine in found:
            one = found[engine]
            rates, cpu = one["images_per_second"], one["cpu_ms_per_image"]
            cells = [rates["bare"], rates["ours"], cpu["bare"], cpu["ours"], one["ratio"], one["ratio_cpu"]]
            lines.append([engine, *cells])
    head = ["engine", "bare, pictures/s", "ours", "bare, CPU ms a picture", "ours", "share", "share, CPU"]
    text = table(head, lines)
    if quicker := found.get("quicker"):
        bare, ours = quicker["bare"]["cpu"], quicker["ours"]["cpu"]
        text += (
            f"\n\nIn CPU time onnxruntime is {bare} times as quick as torch bare, {ours} times over a whole extraction."
        )
    return text


def encoder(found: Found) -> str:
    """Return the text encoder beside the bare model."""
    rates = found["texts_per_second"]
    line = [rates["bare"], rates["ours"], found["ratio"], found["ratio_cpu"], found["required"]]
    return table(["", "bare, texts/s", "ours", "share", "share, CPU", "wanted"], [["text encoder", *line]])


def new_class(found: Found) -> str:
    """Return what a class costs that was in no graph."""
    told, cpu = found["ms_per_class"], found["cpu_ms_per_class"]
    once = ", ".join(f"{name} {ms} ms" for name, ms in found["once_ms"].items())
    cells = [cpu["median"], told["median"], told["max"], found["num_classes"], found["required_median"]]
    head = ["", "CPU ms, median", "ms, median", "ms, most", "classes", "wanted"]
    return table(head, [["a class that was in no graph", *cells]]) + f"\n\nLoaded once: {once}."


def graphs(found: Found) -> str:
    """Return what building the shipped graphs costs."""
    return table(
        ["", "CPU s", "s"], [["both shipped graphs, from WordNet", f"{found['cpu']:.1f}", f"{found['wall']:.1f}"]]
    )


def serve(found: Found) -> str:
    """Return the service under load."""
    lines = [["bare model", f"{found['bare_pictures_a_second']:.1f} pictures a second"]]
    for kind, told in (("pictures", "a picture a request"), ("samples", "features of a sample")):
        one = found[kind]
        times = f"p50 {one['p50_ms']:.0f} ms, p99 {one['p99_ms']:.0f} ms, {one['failures']} failures"
        lines.append([f"service, {told}", f"{one['requests_a_second']:.1f} requests a second, {times}"])
    lines.append(["service with pictures against the bare model", f"{found['share_of_bare']:.2f} of its throughput"])
    memory = found["memory_mb"]
    told = " MB, ".join(
        (
            f"at first {memory['at first']:.0f}",
            f"after 20 seconds {memory.get('after 20 seconds', memory['after all']):.0f}",
            f"after {memory['requests']:,} requests {memory['after all']:.0f} MB",
        )
    )
    return table(["what", "measured"], [*lines, ["memory of the service", told]])


def scale(found: Found) -> str:
    """Return the growth of synthetic taxonomies."""
    from bench_scale import table as growth

    return growth(found)


def flat(found: Found) -> str:
    """Return any figures as name and value, nested names joined by dots."""
    return table(["what", "measured"], _pairs(found, ""))


def _pairs(found: Found, name: str) -> list[list[object]]:
    if isinstance(found, Mapping):
        return [pair for key, value in found.items() for pair in _pairs(value, f"{name}.{key}".strip("."))]
    if isinstance(found, list):
        found = ", ".join(map(str, found))
    return [[name.replace("_", " "), f"{found:.4g}" if isinstance(found, float) else found]]


BLOCKS: dict[str, Callable[[Found], str]] = {
    "machine": plain_rows,
    "training": training,
    "training-1": training,
    "accuracy": accuracy,
    "search": search,
    "start": against_floor,
    "query": against_floor,
    "calibrated": lambda found: against_floor(found[1:]),
    "scoring": against_floor,
    "precision": plain_rows,
    "memory": plain_rows,
    "propagation": against_floor,
    "kernel": against_floor,
    "hops": against_floor,
    "graphs": graphs,
    "new-class": new_class,
    "encoder": encoder,
    "extract": extract,
    "serve": serve,
    "bulk": flat,
    "scale": scale,
}

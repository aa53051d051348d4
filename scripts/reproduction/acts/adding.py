"""Adding classes: where descriptions lead, and how long a class takes by itself and in a batch."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgzsl.additions import ClassRequest, DescriptionPlacer, Placement
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.graph import wordnet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.hops import tree_distances
from kgzsl.run_folder import RunFolder
from kgzsl.runtime import shipped_path
from kgzsl.semantics import SemanticEmbedding

SEED, LEAVES = 1, 500
NAMES = "imagenet21k/embeddings-lemmas.safetensors"
ALONE, BATCH = 40, 3000


def measure(run: Path, assets: Path) -> dict[str, Any]:
    """Measure a run; its folder is not written to."""
    folder = RunFolder(run)
    return {"placing": placing(folder), "speed": speed(folder, ALONE, BATCH)}


def placing(run: RunFolder, seed: int = SEED, count: int = LEAVES) -> dict[str, Any]:
    """Hide leaves of the graph, and place each by its own words among the rest."""
    graph = run.graph
    persons = graph.marked("person")
    leaves = [one for one in graph.index if not graph.children(one) and one not in persons]
    hidden = sorted(random.Random(seed).sample(leaves, count))
    gone = frozenset(hidden)
    rest = graph.subgraph([one for one in graph.index if one not in gone])
    placer = DescriptionPlacer(rest, run.semantics.select(rest.index.ids))
    described = placer.place(run.semantics.select(hidden))
    bare = placer.place(SemanticEmbedding.load(shipped_path("graphs", NAMES)).select(hidden))
    nearest = [place.nearest[0].class_id for place in described]
    return {
        "classes": count,
        "seed": seed,
        "nearest_itself": _compared(graph, rest, hidden, nearest),
        **{f"voted{name}": one for name, one in _by_doubt(graph, rest, hidden, described).items()},
        **{f"by_name{name}": one for name, one in _by_doubt(graph, rest, hidden, bare).items()},
    }


def _by_doubt(
    graph: ClassGraph, rest: ClassGraph, hidden: Sequence[str], places: Sequence[Placement]
) -> dict[str, dict[str, float]]:
    """Compare all places with the true ones, and those that are called doubtful by themselves."""
    doubtful = [place.is_doubtful for place in places]
    asked = {"": [True] * len(places), "_doubtful": doubtful, "_sure": [not one for one in doubtful]}
    found = {}
    for name, chosen in asked.items():
        kept = [(one, place.parent) for one, place, is_in in zip(hidden, places, chosen) if is_in]
        share = {"share": round(100 * len(kept) / len(places), 1)}
        found[name] = share | _compared(graph, rest, [one for one, _ in kept], [parent for _, parent in kept])
    return found


def _compared(graph: ClassGraph, rest: ClassGraph, hidden: Sequence[str], found: Sequence[str]) -> dict[str, float]:
    """Compare parents that were found with the true ones."""
    true = [graph.parents(one) for one in hidden]
    ids = sorted({above for parents in true for above in parents})
    distances = tree_distances(rest, rest.index.rows(ids))
    at = {class_id: row for row, class_id in enumerate(ids)}
    columns = rest.index.rows(found)
    steps = np.array(
        [min(int(distances[at[above], column]) for above in parents) for parents, column in zip(true, columns)]
    )
    grand = [{one for above in parents for one in graph.parents(above)} for parents in true]
    return {
        "mean_distance": round(float(steps.mean()), 2),
        "parent": round(100 * float((steps == 0).mean()), 1),
        "grandparent": round(100 * float(np.mean([one in above for one, above in zip(found, grand)])), 1),
        "within_2": round(100 * float((steps <= 2).mean()), 1),
    }


class RandomEncoder:
    """Gives any text a random direction and counts the processor's time it takes."""

    def __init__(self, encoder_id: str, dim: int) -> None:
        self.id, self.dim, self.seconds = encoder_id, dim, 0.0

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Return a row a text."""
        started = time.process_time()
        rows = torch.nn.functional.normalize(torch.randn(len(texts), self.dim), dim=1)
        self.seconds += time.process_time() - started
        return rows


def speed(run: RunFolder, alone: int, batch: int, seed: int = 0) -> dict[str, Any]:
    """Add nouns that the run lacks, one by one and in one batch; times are those beyond the text encoder."""
    threads, define = torch.get_num_threads(), wordnet.definitions
    torch.set_num_threads(1)
    wordnet.definitions = lambda class_ids: {}
    try:
        parts = len(run.semantics.parts())
        encoder = RandomEncoder(run.semantics.encoder, run.semantics.dim // parts)
        first = ZeroShotClassifier(run, encoder=encoder)
        nouns = first.resolver.nouns
        assert nouns is not None and run.method is not None
        missing = [one for one in nouns.index if one not in run.graph.index]
        asked = random.Random(seed).sample(missing, alone + 1 + batch)
        _added(first, encoder, asked[:1])  # what is loaded once
        single = sorted(_added(first, encoder, [one]) for one in asked[1 : alone + 1])
        whole = _added(first, encoder, asked[alone + 1 :])
        products = _products(run, batch)
    finally:
        torch.set_num_threads(threads)
        wordnet.definitions = define
    return {
        "alone_ms": round(1000 * single[len(single) // 2], 2),
        "alone_most_ms": round(1000 * single[-1], 2),
        "batch": batch,
        "batch_ms": round(1000 * whole / batch, 2),
        "products_ms": round(1000 * products / batch, 2),
        "batch_to_products": round(whole / products, 2),
    }


def _added(classifier: ZeroShotClassifier, encoder: RandomEncoder, class_ids: Sequence[str]) -> float:
    """Return how long it takes to add classes, in seconds of the processor, without the encoder's."""
    encoder.seconds, started = 0.0, time.process_time()
    classifier.added.add([ClassRequest(one) for one in class_ids], by="measurement")
    return time.process_time() - started - encoder.seconds


def _products(run: RunFolder, batch: int) -> float:
    """Return the seconds of the bare matrix products of a batch: the shapes of what the method multiplies."""
    shapes = product_shapes(run, batch)
    seconds = 0.0
    for rows, inner, columns, dtype in shapes:
        one, other = torch.randn(rows, inner, dtype=dtype), torch.randn(inner, columns, dtype=dtype)
        started = time.process_time()
        one @ other
        seconds += time.process_time() - started
    return seconds


def product_shapes(run: RunFolder, batch: int) -> list[tuple[int, int, int, torch.dtype]]:
    """Return (rows, inner, columns, type) of the dense products that a method needs for so many new classes."""
    fitted, seen, width = run.method._fitted, len(run.split.seen), run.bank.dim + 1  # type: ignore[union-attr]
    if hasattr(fitted, "process"):
        parts = [(batch, part.shape[1], seen, torch.float64) for part in run.semantics.parts().values()]
        return [*parts, (batch, seen, width, torch.float64)]
    layers = [(layer.in_dim, layer.out_dim) for layer in fitted.propagator.layers]
    return [(batch, inner, columns, torch.float32) for inner, columns in layers]


def block(found: dict[str, Any]) -> str:
    """Return what the page says."""
    placed, fast = found["placing"], found["speed"]
    ways = {
        "by description: the 10 nearest vote": "voted",
        "of these, called doubtful": "voted_doubtful",
        "of these, the others": "voted_sure",
        "by description: beneath the nearest class itself": "nearest_itself",
        "by the name alone": "by_name",
        "of these, called doubtful ": "by_name_doubtful",
        "of these, the others ": "by_name_sure",
    }
    rows = "\n".join(_row(label, placed[name]) for label, name in ways.items())
    return f"""### Adding classes

{placed["classes"]} leaves of the graph, drawn with seed {placed["seed"]} (persons left out), were hidden and placed \
by the vectors of their own names and definitions, or of their names alone, among the classes left. The rule of \
votes was chosen on 500 drawn with seed 0, that of doubt (fewer than 3 of the 10 vote for the place, or the nearest \
class has a cosine below 0.5) on 1,500 of that seed.

| placed | % of all | true parent % | grandparent % | within 2 steps of it % | mean steps from it |
|---|---|---|---|---|---|
{rows}

Nouns that the run lacks, each with the ancestors it brings along, on one core, beyond the text encoder: \
{fast["alone_ms"]:.1f} ms a class one by one (median; {fast["alone_most_ms"]:.1f} ms at most), \
{fast["batch_ms"]:.2f} ms a class in a batch of {fast["batch"]:,}. The bare matrix products of the batch take \
{fast["products_ms"]:.2f} ms a class, so that the batch takes {fast["batch_to_products"]:.1f} times as long.
"""


def _row(label: str, one: dict[str, float]) -> str:
    shares = " | ".join(f"{one[name]:.1f}" for name in ("parent", "grandparent", "within_2"))
    return f"| {label.strip()} | {one.get('share', 100):.0f} | {shares} | {one['mean_distance']:.2f} |"

"""Where the classes of a neighbourhood stand on a page: in layers, parents above, labels side by side.

After Sugiyama, Tagawa, Toda: Methods for visual understanding of hierarchical system structures, IEEE Transactions on
Systems, Man, and Cybernetics 1981: layers by longest way, places in a layer by the mean place of the neighbours, lines
that cross a layer hold a place in it.
"""

from __future__ import annotations

import random
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from kgzsl.explain.neighbourhood import Neighbourhood
from kgzsl.types import ClassId

__all__ = ["Box", "Page", "page_of"]

CHARACTER, LINE, MARGIN = 0.083, 0.165, 0.11
"""Inches: the width of a character, the height of a line, the space around a label."""
GAP, LAYER_GAP, CROSSING = 0.16, 0.42, 0.12
"""Inches between boxes, between layers, and for a line that crosses a layer."""
WIDEST = 15
"""Characters of a line of a label."""
SORTING, EVENING, STARTS = 10, 24, 6
"""Sweeps that may change the order of a layer, sweeps that may not, and orders that are tried to begin with."""

Key = tuple[ClassId, ClassId, int] | ClassId


@dataclass(frozen=True, slots=True)
class Box:
    """A label on the page, in inches from its lower left corner; x and y are the middle."""

    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top."""
        return self.x - self.width / 2, self.x + self.width / 2, self.y - self.height / 2, self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Page:
    """Boxes by class, the points that each line goes through from child to parent, and the size in inches."""

    boxes: Mapping[ClassId, Box]
    lines: Mapping[tuple[ClassId, ClassId], tuple[tuple[float, float], ...]]
    width: float
    height: float


def page_of(neighbourhood: Neighbourhood) -> Page:
    """Lay a neighbourhood out; no two labels overlap."""
    labels = {node.class_id: _label(node.name, node.share) for node in neighbourhood.nodes}
    depth = _depths(neighbourhood)
    chains = {(link.child, link.parent): _chain(link.child, link.parent, depth) for link in neighbourhood.links}
    layers = _layers(depth, chains)
    near = _neighbours(chains)
    widths = {
        key: (max(map(len, labels[key])) * CHARACTER + 2 * MARGIN) if isinstance(key, str) else CROSSING
        for layer in layers
        for key in layer
    }
    places = _places(layers, near, widths)
    heights = [
        max(len(labels[key]) if isinstance(key, str) else 1 for key in layer) * LINE + 2 * MARGIN for layer in layers
    ]
    levels = _levels(heights)
    boxes = {
        one: Box(places[one], levels[depth[one]], widths[one], len(lines) * LINE + 2 * MARGIN, lines)
        for one, lines in labels.items()
    }
    lines = {ends: _points(chain, places, levels, depth, boxes) for ends, chain in chains.items()}
    width = max(box.edges[1] for box in boxes.values()) + GAP
    return Page(boxes, lines, width, levels[0] + heights[0] / 2 + GAP)


def _label(name: str, share: float | None) -> tuple[str, ...]:
    lines = textwrap.wrap(name, WIDEST, break_long_words=False) or [name]
    return (*lines, *([f"{100 * share:+.1f} %"] if share is not None else []))


def _depths(neighbourhood: Neighbourhood) -> dict[ClassId, int]:
    """Return the layer of each class: below all its parents, and as near to its highest child as that allows."""
    depth = dict[ClassId, int]()
    for node in neighbourhood.nodes:  # parents first
        above = [depth[link.parent] for link in neighbourhood.links if link.child == node.class_id]
        depth[node.class_id] = 1 + max(above, default=-1)
    for node in reversed(neighbourhood.nodes):
        below = [depth[link.child] for link in neighbourhood.links if link.parent == node.class_id]
        depth[node.class_id] = min(below) - 1 if below else depth[node.class_id]
    return depth


def _chain(child: ClassId, parent: ClassId, depth: Mapping[ClassId, int]) -> tuple[Key, ...]:
    """Return both ends with a place in each layer between."""
    return (child, *((child, parent, at) for at in range(depth[child] - 1, depth[parent], -1)), parent)


def _layers(depth: Mapping[ClassId, int], chains: Mapping[tuple[ClassId, ClassId], tuple[Key, ...]]) -> list[list[Key]]:
    layers: list[list[Key]] = [[] for _ in range(1 + max(depth.values()))]
    for one, at in depth.items():
        layers[at].append(one)
    for chain in chains.values():
        for key in chain[1:-1]:
            assert not isinstance(key, str)
            layers[key[2]].append(key)
    return layers


def _neighbours(chains: Mapping[tuple[ClassId, ClassId], tuple[Key, ...]]) -> dict[Key, list[Key]]:
    near = dict[Key, list[Key]]()
    for chain in chains.values():
        for one, other in pairwise(chain):
            near.setdefault(one, []).append(other)
            near.setdefault(other, []).append(one)
    return near


def _places(
    layers: Sequence[Sequence[Key]], near: Mapping[Key, Sequence[Key]], widths: Mapping[Key, float]
) -> dict[Key, float]:
    """Return the middle of each place, from left to right in each layer without overlap.

    Several orders are tried to begin with, and the one is taken that ends with the fewest crossings.
    """
    tried = list[tuple[int, float, dict[Key, float]]]()
    for start in range(STARTS):
        draw = random.Random(start)
        shuffled = [draw.sample(layer, len(layer)) if start else list(layer) for layer in layers]
        places = _swept(shuffled, near, widths)
        lines = [(places[one], places[two]) for one in near for two in near[one]]
        tried.append((_crossings(layers, near, places), round(sum(abs(a - b) for a, b in lines), 6), places))
    _, _, places = min(tried, key=lambda one: one[:2])
    least = min(places[key] - widths[key] / 2 for layer in layers for key in layer)
    return {key: place - least + GAP for key, place in places.items()}


def _swept(layers: list[list[Key]], near: Mapping[Key, Sequence[Key]], widths: Mapping[Key, float]) -> dict[Key, float]:
    """Put every place at the mean of its neighbours, layer by layer, up and down."""
    places = dict[Key, float]()
    for layer in layers:
        places |= _side_by_side([(float(number), key) for number, key in enumerate(layer)], widths)
    for sweep in range(SORTING + EVENING):
        for layer in layers if sweep % 2 else layers[::-1]:
            wished = [(_mean([places[other] for other in near.get(key, ())] or [places[key]]), key) for key in layer]
            if sweep < SORTING:
                wished.sort(key=lambda pair: (pair[0], str(pair[1])))
                layer[:] = [key for _, key in wished]
            places |= _side_by_side(wished, widths)
    return places


def _crossings(layers: Sequence[Sequence[Key]], near: Mapping[Key, Sequence[Key]], places: Mapping[Key, float]) -> int:
    """Return how many pairs of lines between neighbouring layers cross."""
    number = 0
    for upper, lower in pairwise(layers):
        below = set(lower)
        lines = [(places[one], places[two]) for one in upper for two in near.get(one, ()) if two in below]
        number += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(lines, 2))
    return number


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _side_by_side(wished: Sequence[tuple[float, Key]], widths: Mapping[Key, float]) -> dict[Key, float]:
    """Return places in the order given, as near to those wished for as the widths allow (least squares).

    Neighbours that would overlap are joined into a block that stands at the mean of what its members wish for.
    """
    blocks = list[list[float]]()  # number of members, sum of their wishes for the block's first place
    offsets, offset, before = list[float](), 0.0, 0.0
    for wish, key in wished:
        offset += (before + widths[key]) / 2 + GAP if offsets else 0.0
        before = widths[key]
        offsets.append(offset)
        blocks.append([1.0, wish - offset])
        while len(blocks) > 1 and blocks[-2][1] / blocks[-2][0] >= blocks[-1][1] / blocks[-1][0]:
            count, total = blocks.pop()
            blocks[-1] = [blocks[-1][0] + count, blocks[-1][1] + total]
    firsts = [total / count for count, total in blocks for _ in range(int(count))]
    return {key: first + at for (_, key), first, at in zip(wished, firsts, offsets)}


def _levels(heights: Sequence[float]) -> list[float]:
    """Return the middle height of each layer, the last at the bottom."""
    levels, top = list[float](), GAP
    for height in reversed(heights):
        levels.append(top + height / 2)
        top += height + LAYER_GAP
    return levels[::-1]


def _points(
    chain: Sequence[Key],
    places: Mapping[Key, float],
    levels: Sequence[float],
    depth: Mapping[ClassId, int],
    boxes: Mapping[ClassId, Box],
) -> tuple[tuple[float, float], ...]:
    child, parent = chain[0], chain[-1]
    assert isinstance(child, str) and isinstance(parent, str)
    between = [(places[key], levels[key[2]]) for key in chain[1:-1] if not isinstance(key, str)]
    return ((places[child], boxes[child].edges[3]), *between, (places[parent], boxes[parent].edges[2]))

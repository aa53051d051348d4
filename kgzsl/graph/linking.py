"""Link classes that are alike, and classes to their attributes; the hierarchy stays as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from kgzsl.classes import ClassText
from kgzsl.errors import GraphError, InputFileError
from kgzsl.graph.class_graph import ClassGraph, NewClass
from kgzsl.graph.links import ATTRIBUTE, ATTRIBUTE_MARK, SIMILAR, Links
from kgzsl.types import ClassIds, Float, Int, Tensor

__all__ = ["attribute_id", "with_attributes", "with_similar"]

ROWS_AT_ONCE = 1024


def with_similar(graph: ClassGraph, vectors: Float[Tensor, "C S"], neighbours: int) -> ClassGraph:
    """Link each class to the K others whose semantic vectors have the highest cosine with its own.

    Attributes are left out. Two classes are linked where either is among the nearest of the other.

    Args:
        graph: the class graph.
        vectors: (C, S), of its classes in row order.
        neighbours: K.

    Raises:
        InputFileError: K is below 1, or there are not as many vectors as classes.
    """
    if neighbours < 1:
        raise InputFileError(f"The number of similar classes is 1 at least, found {neighbours}.")
    if len(vectors) != graph.num_classes:
        raise InputFileError(f"Graph {graph.name!r} has {graph.num_classes} classes, but {len(vectors)} vectors came.")
    attributes = graph.marked(ATTRIBUTE_MARK)
    rows = torch.tensor([row for row, class_id in enumerate(graph.index) if class_id not in attributes])
    units = torch.nn.functional.normalize(vectors[rows].float(), dim=1)
    count = min(neighbours, len(rows) - 1)
    found: list[Int[np.ndarray, "L 2"]] = []
    for start in range(0, len(rows) if count else 0, ROWS_AT_ONCE):
        likeness = units[start : start + ROWS_AT_ONCE] @ units.T
        own = torch.arange(len(likeness))
        likeness[own, own + start] = -torch.inf
        nearest = rows[likeness.topk(count, dim=1).indices]
        first = rows[own + start, None].expand_as(nearest)
        found.append(torch.stack([first.flatten(), nearest.flatten()], dim=1).numpy())
    ends = np.concatenate(found) if found else np.zeros((0, 2), dtype=np.int64)
    return replace(graph, links=graph.links + Links.of(SIMILAR, ends))


def attribute_id(name: str) -> str:
    """Return the class id of an attribute.

    Example:
        >>> attribute_id("has bill shape::curved (up)")
        'attribute:has-bill-shape-curved-up'
    """
    return "attribute:" + (re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-") or "unnamed")


def with_attributes(
    graph: ClassGraph, class_ids: ClassIds, names: Sequence[str], strengths: Float[Tensor, "N A"], per_class: int = 20
) -> ClassGraph:
    """Append attributes as nodes, and link each class to those that mark it out most.

    An attribute marks a class out by how far its strength is above the attribute's mean over classes, in standard
    deviations; one that is not above its mean is not linked. Attributes stand outside the hierarchy, behind the
    classes, and carry the mark ``attribute``: they are no candidates.

    Args:
        graph: the class graph.
        class_ids: N classes of it.
        names: of the A attributes.
        strengths: (N, A).
        per_class: the most attributes that a class is linked to.

    Raises:
        UnknownClassError: a class is not in the graph.
        GraphError: two attributes have one id, or the graph has one of them already.
        InputFileError: there is not a strength for each class and attribute, or ``per_class`` is below 1.
    """
    if tuple(strengths.shape) != (len(class_ids), len(names)):
        raise InputFileError(
            f"{len(class_ids)} classes and {len(names)} attributes need as many strengths, found "
            f"{tuple(strengths.shape)}."
        )
    if per_class < 1:
        raise InputFileError(f"per_class is 1 at least, found {per_class}.")
    ids = [attribute_id(name) for name in names]
    if len(set(ids)) < len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        raise GraphError(f"Two attributes have the id {twice!r}; give each a name of its own.")
    nodes = [NewClass(one, (), ClassText(name.replace("::", " ").replace("_", " "))) for one, name in zip(ids, names)]
    grown = graph.extend(nodes, {ATTRIBUTE_MARK: ids})
    values = strengths.double()
    above = (values - values.mean(dim=0)) / values.std(dim=0, correction=0).clamp(min=1e-12)
    best = above.topk(min(per_class, len(names)), dim=1)
    rows = torch.from_numpy(graph.index.rows(class_ids))[:, None].expand_as(best.indices)
    kept = best.values > 0
    ends = torch.stack([rows[kept], graph.num_classes + best.indices[kept]], dim=1)
    return replace(grown, links=grown.links + Links.of(ATTRIBUTE, ends.numpy()))

"""A class graph with links beside its hierarchy, and the vectors of what joined it.

Every choice by itself or together: ``similar`` links each class to so many others with near semantic vectors;
``attributes``, a table as `kgzsl.semantics.attributes` reads it, makes each attribute a node and links classes to the
``per_class`` attributes that mark them out most. An attribute's vector is the mean direction of those of its classes,
whatever the semantics are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError, RecipeError
from kgzsl.graph import with_attributes, with_similar
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.semantics import SemanticEmbedding
from kgzsl.semantics.attributes import attribute_names, read_attributes
from kgzsl.types import PathLike

__all__ = ["LinkChoice"]


@dataclass(frozen=True, slots=True)
class LinkChoice:
    """Which links a graph gets.

    Args:
        similar: how many similar classes each class is linked to; 0 for none.
        attributes: a table of attributes, or a folder; None for none.
        per_class: the most attributes that a class is linked to.

    Raises:
        RecipeError: a number is out of range.
    """

    similar: int = 0
    attributes: PathLike | None = None
    per_class: int = 20

    def __post_init__(self) -> None:
        for name, least in (("similar", 0), ("per_class", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise RecipeError(f"[graph] {name} is a whole number from {least}, found {value!r}.")

    def apply(self, graph: ClassGraph, semantics: SemanticEmbedding) -> tuple[ClassGraph, SemanticEmbedding]:
        """Return the graph with its links, and the vectors of its classes and attributes.

        Raises:
            InputFileError: no class of the table is in the graph, or it is no table of attributes.
            GraphError: two attributes have one name.
        """
        if self.similar:
            graph = with_similar(graph, semantics.vectors, self.similar)
        if self.attributes is None:
            return graph, semantics
        table = read_attributes(self.attributes, missing="mean")
        held = [class_id for class_id in table.index if class_id in graph.index]
        if not held:
            raise InputFileError(
                f"None of the {len(table.index)} classes of {self.attributes} is in graph {graph.name!r}; its first "
                "column holds class ids of the graph."
            )
        strengths = table.select(held).vectors
        grown = with_attributes(graph, tuple(held), attribute_names(self.attributes), strengths, self.per_class)
        return grown, _with_attribute_vectors(grown, semantics)


def _with_attribute_vectors(graph: ClassGraph, semantics: SemanticEmbedding) -> SemanticEmbedding:
    """Append the vector of each attribute: the mean direction of its classes, times the mean length of a vector."""
    known = len(semantics.index)
    classes, attributes = torch.from_numpy(graph.links.ends[graph.links.ends[:, 1] >= known]).T
    units = torch.nn.functional.normalize(semantics.vectors, dim=1)
    sums = torch.zeros(graph.num_classes - known, semantics.dim, dtype=units.dtype)
    sums.index_add_(0, attributes - known, units[classes])
    number = torch.bincount(attributes - known, minlength=len(sums)).clamp(min=1)
    length = semantics.vectors.norm(dim=1).mean()
    index = ClassIndex(graph.index.ids[known:], "the attributes")
    return semantics.concat(replace(semantics, index=index, vectors=length * sums / number[:, None]))

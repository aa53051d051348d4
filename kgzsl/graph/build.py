"""Build graph folders: the two that kgzsl ships, and any induced one.

Every folder says in ``graph.toml`` which command built it, from which WordNet and which lists. Equal input gives equal
bytes: nothing depends on time, place or set order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.induce import INDUCTIONS
from kgzsl.graph.storage import load_split_list, save_graph, split_names
from kgzsl.registry import choose
from kgzsl.runtime import sha256_text, tensor_metadata
from kgzsl.types import ClassId, PathLike

__all__ = ["EMBEDDINGS", "IMAGENET", "NOUNS", "build_shipped", "embeddings_fit", "induce"]

NOUNS = "wordnet-nouns"
IMAGENET = "imagenet21k"
EMBEDDINGS = "embeddings.safetensors"
IMAGENET_LISTS = ("ilsvrc2012-seen", "all")
STRUCTURE_LIST = "imagenet-structure"


def imagenet_lists(induction: str) -> tuple[str, ...]:
    """Return the names of the shipped lists that an induction of ImageNet's classes takes."""
    return (STRUCTURE_LIST, *IMAGENET_LISTS) if induction == "published" else IMAGENET_LISTS


def induce(
    full: ClassGraph,
    induction: str,
    classes: Mapping[str, Sequence[ClassId]] | None = None,
    *,
    name: str | None = None,
    command: str = "kgzsl graph build",
) -> ClassGraph:
    """Return an induced graph that records how it was made.

    Args:
        full: the graph to take it from.
        induction: ``closed``, ``contracted``, ``published`` or ``full``, see `kgzsl.graph.induce`.
        classes: list name to class ids; without it ImageNet's 21,842, for ``published`` with its structure list.
        name: of the new graph.
        command: what was called, for the record.

    Raises:
        UnknownVariantError: no induction is called so.
        UnknownClassError: a listed class is not in the full graph.
    """
    function = choose(INDUCTIONS, induction, "induction")
    if induction == "full":
        return function(full, (), name)
    lists = classes or {part: load_split_list(IMAGENET, part) for part in imagenet_lists(induction)}
    wanted = list(dict.fromkeys(class_id for ids in lists.values() for class_id in ids))
    graph = function(full, wanted, name)
    kept = {key: value for key, value in full.provenance.items() if key in ("wordnet", "definitions")}
    made = {
        "induce": induction,
        "command": command,
        "source": full.name,
        "lists": ", ".join(lists),
        "lists_sha256": sha256_text("".join(f"{class_id}\n" for class_id in wanted)),
    }
    return replace(graph, provenance=kept | made)


def build_shipped(full: ClassGraph, out: PathLike) -> dict[str, ClassGraph]:
    """Write ``wordnet-nouns`` and ``imagenet21k`` below a folder; embeddings that stand there are left alone.

    Args:
        full: the graph of all nouns, see `kgzsl.graph.wordnet.noun_graph`.
        out: the folder that holds both.

    Returns:
        Both graphs by name, with the texts of ``full``.

    Raises:
        StorageError: a write failed.
    """
    imagenet = induce(full, "closed", name=IMAGENET)
    splits = {name: load_split_list(IMAGENET, name) for name in split_names(IMAGENET)}
    save_graph(full, Path(out) / NOUNS)
    save_graph(imagenet, Path(out) / IMAGENET, splits)
    return {NOUNS: full, IMAGENET: imagenet}


def embeddings_fit(graph: ClassGraph, folder: PathLike) -> bool | None:
    """Tell whether the embeddings in a graph's folder are of its classes; None where there are none."""
    path = Path(folder) / EMBEDDINGS
    if not path.is_file():
        return None
    return tuple(json.loads(tensor_metadata(path).get("classes", "[]"))) == graph.index.ids

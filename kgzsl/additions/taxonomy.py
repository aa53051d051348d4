"""Classes to add from a whole taxonomy: a graph, or a file or folder that kgzsl reads as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kgzsl.additions.overlay import Overlay
from kgzsl.additions.requests import ClassRequest
from kgzsl.errors import AdditionError
from kgzsl.graph import load_graph
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.taxonomy_file import read_taxonomy
from kgzsl.types import ClassId, PathLike

__all__ = ["open_taxonomy", "taxonomy_requests"]

SHOWN = 5


def open_taxonomy(taxonomy: ClassGraph | PathLike) -> ClassGraph:
    """Return a graph as it is, or read the file or folder that holds one.

    Raises:
        InputFileError, MissingResourceError, CorruptFileError, GraphError: it cannot be read as a taxonomy.
    """
    if isinstance(taxonomy, ClassGraph):
        return taxonomy
    return read_taxonomy(taxonomy) if Path(taxonomy).is_file() else load_graph(taxonomy)


def taxonomy_requests(graph: ClassGraph, overlay: Overlay, under: Sequence[str] = ()) -> list[ClassRequest]:
    """Return requests for all classes of a taxonomy that are not known yet.

    A class whose id, or whose name where it is a synset's (``instrument.n.01``), is known already is taken for that
    class: the taxonomy hangs on it.

    Args:
        graph: the taxonomy.
        overlay: all classes that there are.
        under: what its roots are kinds of; without it a root is placed by its description.

    Raises:
        AdditionError: every class of it is known, it is of another WordNet version, or a root has neither a place nor
            a description.
    """
    if graph.wordnet_version not in (None, overlay.graph.wordnet_version):
        raise AdditionError(
            f"Graph {graph.name!r} is of WordNet {graph.wordnet_version}, the run of {overlay.graph.wordnet_version}; "
            "class ids of different versions mean different things."
        )
    anchors = _anchors(graph, overlay)
    requests = [
        ClassRequest(
            graph.text(class_id).name,
            tuple(anchors.get(above, above) for above in graph.parents(class_id)) or tuple(under),
            graph.text(class_id).definition,
            class_id,
            graph.text(class_id).lemmas,
            tuple(mark for mark, ids in sorted(graph.marks.items()) if class_id in ids),
        )
        for class_id in graph.index
        if class_id not in anchors
    ]
    if not requests:
        raise AdditionError(f"All {graph.num_classes} classes of {graph.name!r} are known already; nothing was added.")
    if rootless := [one.name for one in requests if not one.parents and one.description is None]:
        more = f" and {len(rootless) - SHOWN} more" if len(rootless) > SHOWN else ""
        raise AdditionError(
            f"Nothing tells where the roots of {graph.name!r} belong: {', '.join(map(repr, rootless[:SHOWN]))}{more}. "
            "Say what they are kinds of (--under CLASS, under=[...]), or describe them."
        )
    return requests


def _anchors(graph: ClassGraph, overlay: Overlay) -> dict[ClassId, ClassId]:
    """Return the classes of a taxonomy that are known, and which they are."""
    synsets = {text.name: class_id for class_id, text in zip(overlay.graph.index, overlay.graph.texts)}
    nouns = overlay.find_nouns()
    if nouns is not None:
        synsets |= {text.name: class_id for class_id, text in zip(nouns.index, nouns.texts) if text.name not in synsets}
    found: dict[ClassId, ClassId] = {}
    for class_id, text in zip(graph.index, graph.texts):
        if class_id in overlay:
            found[class_id] = class_id
        elif (named := synsets.get(class_id) or synsets.get(text.name)) is not None and "." in overlay.text(named).name:
            found[class_id] = named
    return found

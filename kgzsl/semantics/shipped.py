"""Embeddings stored beside a graph, so that ordinary use needs neither WordNet nor a text encoder."""

from __future__ import annotations

from pathlib import Path

from kgzsl.errors import MissingResourceError
from kgzsl.runtime import shipped_path
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.types import PathLike

__all__ = ["EMBEDDINGS_FILE", "has_shipped", "load_shipped"]

EMBEDDINGS_FILE = "embeddings.safetensors"


def _folder(graph: PathLike) -> Path:
    return Path(graph) if Path(graph).is_dir() else shipped_path("graphs", str(graph))


def has_shipped(graph: PathLike) -> bool:
    """Say whether embeddings stand beside a graph; MissingResourceError where there is no such graph."""
    return (_folder(graph) / EMBEDDINGS_FILE).is_file()


def load_shipped(graph: PathLike) -> SemanticEmbedding:
    """Read the embeddings that stand beside a graph.

    Args:
        graph: its folder, or the name of a graph that kgzsl ships (``imagenet21k``).

    Raises:
        MissingResourceError: there is no such graph, or it has no embeddings.
        CorruptFileError: the file is damaged.
    """
    path = _folder(graph) / EMBEDDINGS_FILE
    if not path.is_file():
        raise MissingResourceError(
            f"Graph {str(graph)!r} has no {EMBEDDINGS_FILE}; make it with: kgzsl embed --graph {graph} --out {path}"
        )
    return SemanticEmbedding.load(path)

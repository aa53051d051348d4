"""Embeddings stored beside a graph, so that ordinary use needs neither WordNet nor a text encoder.

``embeddings.safetensors`` holds the vectors of the default text form; ``embeddings-*.safetensors`` those of others.
"""

from __future__ import annotations

from pathlib import Path

from kgzsl.errors import MissingResourceError
from kgzsl.runtime import shipped_path, tensor_metadata
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.semantics.text_form import DEFAULT_TEXT_FORM, parts_of, single_forms
from kgzsl.types import PathLike

__all__ = ["EMBEDDINGS_FILE", "has_shipped", "load_shipped", "shipped_embeddings", "shipped_forms"]

EMBEDDINGS_FILE = "embeddings.safetensors"
FURTHER_FILES = "embeddings-*.safetensors"


def _folder(graph: PathLike) -> Path:
    return Path(graph) if Path(graph).is_dir() else shipped_path("graphs", str(graph))


def _files(graph: PathLike) -> list[Path]:
    folder = _folder(graph)
    return [path for path in (folder / EMBEDDINGS_FILE, *sorted(folder.glob(FURTHER_FILES))) if path.is_file()]


def has_shipped(graph: PathLike) -> bool:
    """Say whether embeddings stand beside a graph; MissingResourceError where there is no such graph."""
    return bool(_files(graph))


def shipped_forms(graph: PathLike) -> dict[str, str]:
    """Return the text form of each file of embeddings beside a graph, by the file's name.

    Example:
        >>> shipped_forms("imagenet21k")["embeddings-lemmas.safetensors"]
        'lemmas'
    """
    return {path.name: tensor_metadata(path).get("text_form", "") for path in _files(graph)}


def load_shipped(graph: PathLike) -> SemanticEmbedding:
    """Read the embeddings of the default text form that stand beside a graph.

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


def shipped_embeddings(graph: PathLike, text_form: str = DEFAULT_TEXT_FORM) -> list[SemanticEmbedding]:
    """Read those embeddings beside a graph that hold a part or a form of a text form; others are not opened.

    Raises:
        MissingResourceError: there is no such graph.
        CorruptFileError: a file is damaged.
    """
    wanted = {*parts_of(text_form), *single_forms(text_form)}
    held = shipped_forms(graph)
    return [SemanticEmbedding.load(path) for path in _files(graph) if not wanted.isdisjoint(parts_of(held[path.name]))]

"""The run folder: a trained classifier, whole and movable, as files.

| file                                       | holds                                                          |
|--------------------------------------------|----------------------------------------------------------------|
| ``manifest.json``                          | versions, command, seed, sha256 of inputs, backbone and encoder |
| ``graph/``                                 | the class graph, with ``splits/seen.txt`` and ``splits/unseen.txt`` |
| ``semantics.safetensors``                  | the vectors of the graph's classes, as the network saw them     |
| ``model.safetensors``, ``states.safetensors`` | the method's parameters, and what a new row needs            |
| ``bank.safetensors``                       | the synthesized classifiers of every class of the graph         |
| ``seen_bank.safetensors``                  | the classifiers of the seen classes, as given                   |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kgzsl import __version__
from kgzsl.bank import ClassifierBank
from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.storage import load_graph, load_split_list, save_graph
from kgzsl.methods import METHODS, InductiveMethod
from kgzsl.registry import choose
from kgzsl.runtime import read_json, write_json
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.splits import Split
from kgzsl.types import PathLike

__all__ = ["RunFolder", "write_run"]

FORMAT = 1
MANIFEST, GRAPH, SEMANTICS = "manifest.json", "graph", "semantics.safetensors"
BANK, SEEN_BANK = "bank.safetensors", "seen_bank.safetensors"


@dataclass(frozen=True)
class RunFolder:
    """A run folder that is read piece by piece, when a piece is first needed.

    Args:
        path: the folder.

    Raises:
        InputFileError: it is no run folder.
        CorruptFileError: its manifest is damaged, or of another format.
    """

    path: Path

    def __post_init__(self) -> None:
        missing = [name for name in (MANIFEST, BANK, SEEN_BANK, GRAPH) if not (self.path / name).exists()]
        if missing:
            raise InputFileError(
                f"{self.path} is no run folder: it lacks {', '.join(missing)}. Make one with kgzsl train."
            )
        found = self.manifest.get("format") if isinstance(self.manifest, dict) else None
        if found != FORMAT:
            raise CorruptFileError(f"{self.path} has format {found!r}, this kgzsl reads {FORMAT}; train it again.")

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What is recorded of the run."""
        content: dict[str, Any] = read_json(self.path / MANIFEST)
        return content

    @cached_property
    def graph(self) -> ClassGraph:
        """The class graph of the run."""
        return load_graph(self.path / GRAPH)

    @cached_property
    def split(self) -> Split:
        """The seen and unseen classes of the run."""
        folder = self.path / GRAPH
        split = Split(load_split_list(folder, "seen"), load_split_list(folder, "unseen"))
        split.check(self.graph)
        return split

    @cached_property
    def semantics(self) -> SemanticEmbedding:
        """The vectors of the graph's classes."""
        return SemanticEmbedding.load(self.path / SEMANTICS)

    @cached_property
    def bank(self) -> ClassifierBank:
        """The synthesized classifiers."""
        return ClassifierBank.load(self.path / BANK)

    @cached_property
    def seen_bank(self) -> ClassifierBank:
        """The classifiers of the seen classes as given, not normalised."""
        return ClassifierBank.load(self.path / SEEN_BANK)

    @cached_property
    def method(self) -> InductiveMethod | None:
        """The fitted method, or None where it cannot place classes that its graph lacks."""
        variant = choose(METHODS, str(self.manifest["method"]), "method")
        load = getattr(variant, "load", None)
        return None if load is None else load(self.path, self.graph, self.semantics, self.bank)


def write_run(
    path: PathLike,
    *,
    graph: ClassGraph,
    split: Split,
    semantics: SemanticEmbedding,
    seen_bank: ClassifierBank,
    bank: ClassifierBank,
    method: object,
    manifest: Mapping[str, Any],
) -> RunFolder:
    """Write a run folder; the manifest comes last, so that a folder without one is not taken for whole.

    Raises:
        StorageError: a write failed.
    """
    folder = Path(path)
    save_graph(graph, folder / GRAPH, {"seen": split.seen, "unseen": split.unseen})
    semantics.save(folder / SEMANTICS)
    seen_bank.save(folder / SEEN_BANK)
    bank.save(folder / BANK)
    if isinstance(method, InductiveMethod):
        method.save(folder)
    encoder = {"encoder": semantics.encoder, "text_form": semantics.text_form}
    facts = {"format": FORMAT, "kgzsl": __version__, "backbone": bank.backbone, **encoder}
    write_json(folder / MANIFEST, {**facts, **manifest})
    return RunFolder(folder)

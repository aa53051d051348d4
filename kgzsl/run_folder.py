"""The run folder: a trained classifier, whole and movable, as files.

| file                                          | holds                                                             |
|-----------------------------------------------|-------------------------------------------------------------------|
| ``manifest.json``                             | versions, command, parameters, sha256 of inputs, backbone, encoder |
| ``recipe.toml``, ``metrics.jsonl``            | the recipe as resolved, and what was measured while training       |
| ``graph/``                                    | the class graph, with ``splits/seen.txt`` and ``splits/unseen.txt`` |
| ``semantics.safetensors``                     | the vectors of the graph's classes, as the network saw them        |
| ``model.safetensors``, ``states.safetensors`` | the method's parameters, and what a new row needs                 |
| ``bank.safetensors``                          | the synthesized classifiers of every class of the graph            |
| ``scorer.safetensors``                        | in its place: a scorer that is no bank, its kind in the metadata   |
| ``seen_bank.safetensors``                     | the classifiers of the seen classes, as given                      |
| ``hidden.safetensors``                        | the seen classes as predicted while they were hidden, once needed  |
| ``scoring.json``                              | what ``kgzsl calibrate`` fitted on them: a section each            |
| ``report.json``                               | what ``kgzsl evaluate --json`` printed, where it was put there     |
| ``expectation.safetensors``                   | images of seen classes, from which that forecasts                  |
| ``few_images.safetensors``                    | what a synthesized classifier is worth in pictures                 |
| ``members/``                                  | the models of an ensemble's members                                |
| ``additions/``                                | classes added, removed, renamed or updated after the training      |

The manifest is written last: a folder without one holds an unfinished training.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kgzsl import __version__
from kgzsl.bank import ClassifierBank, StoredScorer
from kgzsl.errors import CorruptFileError, InputFileError, KgzslError, StorageError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.storage import load_graph, load_split_list, save_graph
from kgzsl.methods import METHODS, SCORERS, InductiveMethod
from kgzsl.registry import choose
from kgzsl.runtime import read_json, tensor_metadata, write_json
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.splits import Split
from kgzsl.types import PathLike

__all__ = [
    "ADDITIONS",
    "EXPECTATION",
    "FEW_IMAGES",
    "HIDDEN",
    "MANIFEST",
    "SCORING",
    "RunFolder",
    "copy_run",
    "holds_run",
    "is_run_of",
    "replace_run",
    "strange_files",
    "write_run",
]

FORMAT = 1
MANIFEST, GRAPH, SEMANTICS = "manifest.json", "graph", "semantics.safetensors"
BANK, SCORER, SEEN_BANK = "bank.safetensors", "scorer.safetensors", "seen_bank.safetensors"
HIDDEN, SCORING, REPORT = "hidden.safetensors", "scoring.json", "report.json"
EXPECTATION, FEW_IMAGES = "expectation.safetensors", "few_images.safetensors"
MEMBERS, ADDITIONS = "members", "additions"
PIECES = (
    *(SEMANTICS, BANK, SCORER, SEEN_BANK, HIDDEN, SCORING, EXPECTATION, FEW_IMAGES),
    *("model.safetensors", "states.safetensors", "start.safetensors", "recipe.toml", "metrics.jsonl", REPORT),
)
OWN_FILES = {MANIFEST, GRAPH, MEMBERS, ADDITIONS, *PIECES, "checkpoint.safetensors", ".new"}


@dataclass(frozen=True)
class RunFolder:
    """A run folder that is read piece by piece, when a piece is first needed.

    Args:
        path: the folder.

    Raises:
        InputFileError: it is no run folder, or its training has not ended.
        CorruptFileError: its manifest is damaged, or of another format. The pieces raise it where they are damaged or
            do not belong together.
    """

    path: Path

    def __post_init__(self) -> None:
        scorer = SCORER if (self.path / SCORER).exists() else BANK
        missing = [name for name in (MANIFEST, scorer, SEEN_BANK, GRAPH) if not (self.path / name).exists()]
        if missing and not holds_run(self.path) and any((self.path / name).exists() for name in PIECES):
            raise InputFileError(
                f"{self.path} holds a training that has not ended (no {MANIFEST}); give the kgzsl train command again "
                "to finish it."
            )
        if missing:
            raise InputFileError(
                f"{self.path} is no run folder: it lacks {', '.join(missing)}. Make one with kgzsl train."
            )
        found = self.manifest.get("format") if isinstance(self.manifest, dict) else None
        if found is None:
            raise CorruptFileError(
                f"{self.path / MANIFEST} is damaged: it does not say its format; copy the run again from where it is "
                "whole, or train it again."
            )
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
        semantics = SemanticEmbedding.load(self.path / SEMANTICS)
        self._check_classes(SEMANTICS, semantics.index.ids, self.graph.index.ids)
        return semantics

    @cached_property
    def scorer(self) -> StoredScorer:
        """What scores every class of the graph: a bank, or one of the other `SCORERS`."""
        scorer, name = _load_scorer(self.path)
        self._check_classes(name, scorer.index.ids, self.graph.index.ids)
        return scorer

    @property
    def bank(self) -> ClassifierBank:
        """The synthesized classifiers of every class of the graph.

        Raises:
            InputFileError: the run's method makes no linear classifiers.
        """
        if not isinstance(self.scorer, ClassifierBank):
            name = self.manifest.get("method")
            raise InputFileError(
                f"{self.path} holds no bank of linear classifiers: its method, {name}, scores in another way. Use "
                "run.scorer, or train a method that makes a bank."
            )
        return self.scorer

    @cached_property
    def seen_bank(self) -> ClassifierBank:
        """The classifiers of the seen classes as given, not normalised."""
        bank = ClassifierBank.load(self.path / SEEN_BANK)
        self._check_classes(SEEN_BANK, bank.index.ids, self.split.seen)
        return bank

    @property
    def hidden_bank(self) -> ClassifierBank | None:
        """The classifiers of the seen classes, each as predicted while it was hidden; None where that was not done."""
        if not (self.path / HIDDEN).exists():
            return None
        bank = ClassifierBank.load(self.path / HIDDEN)
        self._check_classes(HIDDEN, bank.index.ids, self.split.seen)
        return bank

    @property
    def scoring(self) -> dict[str, Any]:
        """What ``kgzsl calibrate`` fitted, section by section; empty where it did not run."""
        path = self.path / SCORING
        content = read_json(path) if path.exists() else {}
        if not isinstance(content, dict):
            raise CorruptFileError(f"{path} holds no calibration; remove it and run kgzsl calibrate {self.path}.")
        return content

    @property
    def scoring_version(self) -> int:
        """A number that is another one after each ``kgzsl calibrate``; 0 where it did not run."""
        path = self.path / SCORING
        return path.stat().st_mtime_ns if path.exists() else 0

    def _check_classes(self, name: str, found: tuple[str, ...], expected: tuple[str, ...]) -> None:
        if found != expected:
            raise CorruptFileError(
                f"{self.path / name} holds {len(found):,} classes that are not the {len(expected):,} of the run's "
                "graph; it belongs to another run. Copy the run folder as a whole, or train again."
            )

    @cached_property
    def method(self) -> InductiveMethod | None:
        """The fitted method, or None where it cannot place classes that its graph lacks.

        Raises:
            CorruptFileError, InputFileError: a file of it is damaged or missing.
            UnknownVariantError: this kgzsl has no such method.
        """
        variant = choose(METHODS, str(self.manifest.get("method")), "method")
        load = getattr(variant, "load", None)
        return None if load is None else load(self.path, self.graph, self.semantics, self.scorer)


def _load_scorer(folder: Path) -> tuple[StoredScorer, str]:
    """Return the scorer of a run folder, and the name of its file."""
    if not (folder / SCORER).exists():
        return ClassifierBank.load(folder / BANK), BANK
    load = choose(SCORERS, str(tensor_metadata(folder / SCORER).get("kind")), "scorer")
    return load(folder / SCORER), SCORER


def holds_run(path: PathLike) -> bool:
    """Say whether a folder holds a training that has ended."""
    return (Path(path) / MANIFEST).is_file()


def strange_files(path: PathLike) -> tuple[str, ...]:
    """Name what stands in a folder that no training has put there; nothing where there is no folder."""
    if not Path(path).is_dir():
        return () if not Path(path).exists() else (Path(path).name,)
    return tuple(sorted(p.name for p in Path(path).iterdir() if p.name not in OWN_FILES and p.suffix != ".tmp"))


def is_run_of(path: PathLike, facts: Mapping[str, Any]) -> bool:
    """Say whether a folder holds a whole run of this kgzsl whose manifest records these facts."""
    if not holds_run(path):
        return False
    try:
        manifest = RunFolder(Path(path)).manifest
    except KgzslError:
        return False
    expected = {"kgzsl": __version__, **facts}
    return all(manifest.get(name) == value for name, value in expected.items())


def write_run(
    path: PathLike,
    *,
    graph: ClassGraph,
    split: Split,
    semantics: SemanticEmbedding,
    seen_bank: ClassifierBank,
    scorer: StoredScorer,
    method: object,
    manifest: Mapping[str, Any],
) -> RunFolder:
    """Write a run folder; the manifest comes last, so that a folder without one is not taken for whole.

    Args:
        path: the folder.
        graph, split, semantics, seen_bank: what was learned from.
        scorer: a bank of every class of the graph, or one of the other `SCORERS`.
        method: the fitted method; it saves itself where it can place further classes.
        manifest: what is recorded beside the format and the version of kgzsl.

    Raises:
        StorageError: a write failed.
    """
    folder = Path(path)
    (folder / MANIFEST).unlink(missing_ok=True)
    save_graph(graph, folder / GRAPH, {"seen": split.seen, "unseen": split.unseen})
    semantics.save(folder / SEMANTICS)
    seen_bank.save(folder / SEEN_BANK)
    (folder / (SCORER if isinstance(scorer, ClassifierBank) else BANK)).unlink(missing_ok=True)
    scorer.save(folder / (BANK if isinstance(scorer, ClassifierBank) else SCORER))
    if isinstance(method, InductiveMethod):
        method.save(folder)
    write_json(folder / MANIFEST, {"format": FORMAT, "kgzsl": __version__, **manifest})
    return RunFolder(folder)


def replace_run(path: PathLike, staged: PathLike) -> None:
    """Put a finished run that lies in a folder below in the place of the run of ``path``.

    Nothing is written, files are renamed only: a full disk cannot stop it half-way. While it runs the folder has no
    manifest, so that a mixture of both is never taken for a run.

    Raises:
        StorageError: a file could not be removed or renamed.
    """
    folder, fresh = Path(path), Path(staged)
    try:
        (folder / MANIFEST).unlink(missing_ok=True)
        for name in PIECES:
            (folder / name).unlink(missing_ok=True)
        for name in (GRAPH, MEMBERS, ADDITIONS):
            if (folder / name).is_dir():
                shutil.rmtree(folder / name)
        for piece in sorted(fresh.iterdir(), key=lambda piece: piece.name == MANIFEST):  # the manifest last
            piece.replace(folder / piece.name)
        fresh.rmdir()
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"Could not move {fresh} into {folder}: {reason}. Free the folder and give the same command again."
        ) from error


def copy_run(run: PathLike, folder: PathLike) -> None:
    """Copy a finished run without its additions and without what a training keeps for itself.

    Args:
        run: the run folder.
        folder: where to; it must not be there yet, or be empty.

    Raises:
        InputFileError: the folder holds something.
        StorageError: a file could not be copied; nothing is left behind.
    """
    source, target = Path(run), Path(folder)
    check_free(target)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name in (GRAPH, MEMBERS):
            if (source / name).is_dir():
                shutil.copytree(source / name, target / name)
        for name in (*PIECES, MANIFEST):  # the manifest last
            if (source / name).is_file():
                shutil.copyfile(source / name, target / name)
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        raise StorageError(f"Could not copy {source} to {target}: {error.strerror or error}.") from error


def check_free(folder: PathLike) -> None:
    """Refuse a place that holds something with an InputFileError."""
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputFileError(f"{target} holds something already; name a folder that is not there yet.")

"""What becomes of the rows of a block: answers of a run, or features of a backbone.

A task is what is asked, small enough to be handed to every worker; `open` loads what answers it, once a worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from kgzsl.bulk.parquet import BACKBONE
from kgzsl.bulk.places import arrow
from kgzsl.bulk.sources import Rows, Source
from kgzsl.bulk.vectors import list_column, with_gaps
from kgzsl.classes import ClassIndex
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import InputFileError
from kgzsl.features import NO_CLASS, FeatureSet
from kgzsl.prepared_query import PreparedQuery
from kgzsl.run_folder import RunFolder
from kgzsl.runtime import choose_device, sha256_file, sha256_text
from kgzsl.scoring import Caution
from kgzsl.types import ClassId, Tensor

if TYPE_CHECKING:
    from kgzsl.vision import Backbone

__all__ = ["Answerer", "ExtractTask", "PredictTask", "Task"]

DTYPES = {"float16": np.float16, "float32": np.float32}
FOLDERS, ENDINGS = {"graph", "members", "additions"}, {".safetensors", ".json"}
"""What a run folder holds that answers can depend on."""
FREE = {"report.json", "expectation.safetensors", "checkpoint.safetensors"}
"""Files among them that no answer depends on."""


class Answerer(Protocol):
    """Whatever makes a table of the rows of a source, loaded once a worker."""

    @property
    def backbone(self) -> Backbone:
        """What turns pictures into features."""
        ...

    def answer(self, rows: Rows) -> Any:
        """Return a pyarrow table with a row for each of them."""
        ...


class Task(Protocol):
    """What is asked of every row."""

    def check(self, source: Source) -> None:
        """Refuse a source that it cannot be asked of."""
        ...

    def record(self) -> dict[str, Any]:
        """Return what tells it from another task, for the record of the output."""
        ...

    def open(self, device: str) -> Answerer:
        """Load what answers it."""
        ...


@dataclass(frozen=True, slots=True)
class PredictTask:
    """Rank classes for every row.

    Args:
        run: the run folder; every worker reads it under this path.
        class_ids: the candidates.
        top: how many classes a row, at most.
        refuse: refuse rows that seem to be of no candidate, at the cost of this share of those that are of one.
        backbone: a folder or id of the run's backbone, where the run's own name does not find it.
        encoder: the text encoder for candidates that the run lacks; by default the one it names.
    """

    run: Path
    class_ids: tuple[ClassId, ...]
    top: int = 5
    refuse: float | None = None
    backbone: str | None = None
    encoder: str | None = None

    def check(self, source: Source) -> None:
        """Refuse features of another backbone, or of another width.

        Raises:
            BackboneMismatchError: they are.
            InputFileError: there is no candidate, or fewer than one class a row is wanted.
        """
        if not self.class_ids or self.top < 1:
            raise InputFileError(
                f"Name at least one candidate and one answer a row; found {len(self.class_ids)}, {self.top}."
            )
        scorer = RunFolder(self.run).scorer
        if not source.has_pictures and source.dim is not None:
            scorer.check_backbone(_feature_set(torch.zeros(0, source.dim), source.backbone or scorer.backbone))

    def record(self) -> dict[str, Any]:
        """Return what tells it from another task."""
        candidates = {"candidates": len(self.class_ids), "candidates_sha256": sha256_text("\n".join(self.class_ids))}
        return {
            "task": "predict",
            "run_sha256": run_digest(self.run),
            **candidates,
            "top": self.top,
            "refuse": self.refuse,
        }

    def open(self, device: str) -> Predictor:
        """Load the run and prepare the question."""
        return Predictor(self, device)


class Predictor:
    """A run that is asked the same question again and again; see `PredictTask`."""

    def __init__(self, task: PredictTask, device: str) -> None:
        encoder = None
        if task.encoder is not None:
            from kgzsl.semantics import open_encoder

            encoder = open_encoder(task.encoder)
        self.task, self._device = task, device
        self.classifier = ZeroShotClassifier.load(task.run, encoder=encoder)
        run, ids = self.classifier.run, task.class_ids
        graph, seen = self.classifier.graph_with(ids), run.split.seen
        shown = self.classifier.scorer
        caution = Caution.of(run.scoring, graph, ids, shown, seen, reject=task.refuse, run=str(run.path))
        self.query = PreparedQuery(ids, self.classifier.scorer_of(ids), caution)
        pa = arrow()
        self._ids = pa.array(ids)
        self._names = pa.array([self.classifier.text(class_id).label for class_id in ids])

    @property
    def backbone(self) -> Backbone:
        """The run's backbone, loaded when the first picture comes."""
        if not self.classifier.has_backbone:
            from kgzsl.vision import load_backbone

            name = self.task.backbone or self.classifier.scorer.backbone
            self.classifier.use_backbone(load_backbone(name, device=choose_device(self._device)))
        return self.classifier.backbone

    def answer(self, rows: Rows) -> Any:
        """Return id, classes, names, scores, probabilities, is_unknown and error of each row."""
        pa = arrow()
        columns, scores, probabilities, unknown = self._ranked(rows.features)
        width = max(1, min(self.task.top, len(self.task.class_ids)))
        flat = pa.array(columns.flatten().numpy())
        found = {
            "classes": list_column(self._ids.take(flat), width),
            "names": list_column(self._names.take(flat), width),
            "scores": list_column(pa.array(scores.flatten().numpy().astype(np.float32)), width),
            "probabilities": _or_nothing(probabilities, pa.list_(pa.float32())),
            "is_unknown": _or_nothing(unknown, pa.bool_()),
        }
        return _table(rows, found)

    def _ranked(self, features: Tensor) -> tuple[Tensor, Tensor, list[Any], list[Any]]:
        width = min(self.task.top, len(self.task.class_ids))
        columns, scores = [torch.zeros(0, width, dtype=torch.int64)], [torch.zeros(0, width)]
        probabilities, unknown = list[Any](), list[Any]()
        images = _feature_set(features, self.classifier.scorer.backbone)
        for _, values, chosen, judged in self.query.ranked(images, self.task.top) if len(images) else ():
            columns.append(chosen)
            scores.append(values)
            probabilities += [None if one.probabilities[0] is None else one.probabilities for one in judged]
            unknown += [one.is_unknown for one in judged]
        return torch.cat(columns), torch.cat(scores), probabilities, unknown


@dataclass(frozen=True, slots=True)
class ExtractTask:
    """Extract the features of every picture.

    Args:
        name: folder or hub id of the backbone; every worker reads it under this path.
        backbone_id: id that the features carry instead of the recorded one.
        dtype: of the stored features, ``float16`` or ``float32``.
    """

    name: str
    backbone_id: str | None = None
    dtype: str = "float16"

    def check(self, source: Source) -> None:
        """Refuse a source without pictures, and an unknown type, with an InputFileError."""
        if self.dtype not in DTYPES:
            raise InputFileError(f"Features are stored as {' or '.join(DTYPES)}, not {self.dtype!r}.")
        if not source.has_pictures:
            raise InputFileError(f"{source.place} holds features; give pictures, in a folder or in Parquet.")

    def record(self) -> dict[str, Any]:
        """Return what tells it from another task."""
        from kgzsl.vision import find_backbone

        folder = find_backbone(self.name)
        files = [] if folder is None else sorted(folder.glob("*.safetensors")) + sorted(folder.glob("*.json"))
        digest = sha256_text("\n".join(sha256_file(file) for file in files)) if files else None
        told = {"backbone": self.backbone_id or (None if folder else self.name), "backbone_sha256": digest}
        return {"task": "extract", **told, "dtype": self.dtype}

    def open(self, device: str) -> Extractor:
        """Load the backbone."""
        return Extractor(self, device)


class Extractor:
    """A backbone whose features are wanted; see `ExtractTask`."""

    def __init__(self, task: ExtractTask, device: str) -> None:
        from kgzsl.vision import load_backbone

        self.task = task
        self.backbone = load_backbone(task.name, backbone_id=task.backbone_id, device=choose_device(device))

    def answer(self, rows: Rows) -> Any:
        """Return id, features and error of each row; the schema names the backbone."""
        pa = arrow()
        values = pa.array(rows.features.numpy().astype(DTYPES[self.task.dtype]).ravel())
        table = _table(rows, {"features": list_column(values, self.backbone.dim)})
        return table.replace_schema_metadata({BACKBONE: self.backbone.id})


def run_digest(run: Path) -> str:
    """Return the sha256 of the files of a run folder that answers depend on."""
    held = [file.relative_to(run) for file in run.rglob("*") if file.is_file()]
    names = sorted(file.as_posix() for file in held if file.parts[0] in FOLDERS or file.suffix in ENDINGS)
    return sha256_text("\n".join(f"{name}\t{sha256_file(run / name)}" for name in names if name not in FREE))


def _feature_set(features: Tensor, backbone: str) -> FeatureSet:
    labels = torch.full((len(features),), NO_CLASS, dtype=torch.int64)
    return FeatureSet(features, labels, ClassIndex((), "a source"), backbone)


def _or_nothing(values: list[Any], kind: Any) -> Any:
    pa = arrow()
    return pa.array([None if one is None else (list(one) if isinstance(one, tuple) else one) for one in values], kind)


def _table(rows: Rows, found: dict[str, Any]) -> Any:
    """Put what was found for some rows beside the ids of all, and the reasons of the others."""
    pa = arrow()
    count = len(rows.ids)
    reasons = dict(rows.errors)
    columns = {name: with_gaps(values, rows.kept, count) for name, values in found.items()}
    errors = pa.array([reasons.get(row) for row in range(count)], pa.string())
    return pa.table({"id": rows.ids, **columns, "error": errors})

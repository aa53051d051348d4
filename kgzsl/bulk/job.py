"""A job in bulk: what is left of a source is done, and then it is checked that all of it is there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kgzsl.bulk.engine import BlockDone, BlockWorker, Workers, run_blocks
from kgzsl.bulk.output import OutputFolder, PartFacts
from kgzsl.bulk.sources import Source, open_source
from kgzsl.bulk.tasks import ExtractTask, PredictTask, Task
from kgzsl.errors import InputFileError
from kgzsl.runtime import progress
from kgzsl.types import ClassIds, PathLike

__all__ = ["BulkReport", "extract_in_bulk", "predict_in_bulk"]

FORMAT = 1
BLOCK, BATCH = {True: 1024, False: 65_536}, {True: 32, False: 4096}
"""Rows of a block and of a batch, of pictures and of features."""

OnBlock = Callable[[BlockDone], None]


@dataclass(frozen=True, slots=True)
class BulkReport:
    """What a job did.

    Args:
        out: the folder of results.
        rows: how many rows it holds.
        errors: how many of them have an error instead of an answer.
        blocks: how many files.
        resumed: how many of them an earlier run had finished.
        seconds: taken by this run.
        megabytes: the most memory that one worker held; 0 where there was nothing left to do.
    """

    out: str
    rows: int
    errors: int
    blocks: int
    resumed: int
    seconds: float
    megabytes: int

    def to_json(self) -> dict[str, Any]:
        """Return what programs read: plain types only."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}


def predict_in_bulk(
    run: PathLike,
    source: PathLike | Source,
    out: PathLike,
    class_ids: ClassIds,
    *,
    top: int = 5,
    refuse: float | None = None,
    backbone: str | None = None,
    encoder: str | None = None,
    workers: Workers | None = None,
    block_rows: int | None = None,
    on_block: OnBlock | None = None,
) -> BulkReport:
    """Rank classes for every row of a source, into a folder of Parquet files.

    A file has the columns ``id``, ``classes``, ``names``, ``scores``, ``probabilities`` (null where the run was not
    calibrated), ``is_unknown`` (null where nothing is refused) and ``error`` (null where there is an answer). A
    command that was stopped goes on when it is given again.

    Args:
        run: the run folder.
        source: pictures, Parquet or a feature file; see `kgzsl.bulk.open_source`.
        out: a new folder, or one that an earlier run of the same job began.
        class_ids: the candidates.
        top: how many classes a row, at most.
        refuse: refuse rows that seem to be of no candidate, at the cost of this share of those that are of one.
        backbone: a folder or id of the run's backbone, where the run's own name does not find it.
        encoder: the text encoder for candidates that the run lacks.
        workers: who does the work; by default this process.
        block_rows: rows a file; by default 1,024 pictures or 65,536 features.
        on_block: is told of each finished block.

    Raises:
        InputFileError: the source or the folder is not what is expected, or a block could not be done.
        BackboneMismatchError: the features are of another backbone.
        MissingDependencyError: pyarrow, or with workers Ray, is not installed.
    """
    from kgzsl.run_folder import RunFolder
    from kgzsl.scoring.caution import check_asked

    folder = Path(run).absolute()
    check_asked(RunFolder(folder).scoring, refuse, None, str(run))
    task = PredictTask(folder, tuple(class_ids), top, refuse, backbone, encoder)
    return _run(task, source, out, workers or Workers(), block_rows, on_block)


def extract_in_bulk(
    backbone: str,
    source: PathLike | Source,
    out: PathLike,
    *,
    backbone_id: str | None = None,
    dtype: str = "float16",
    workers: Workers | None = None,
    block_rows: int | None = None,
    on_block: OnBlock | None = None,
) -> BulkReport:
    """Extract the features of every picture of a source, into a folder of Parquet files.

    A file has the columns ``id``, ``features`` (null where the picture cannot be read) and ``error``; its schema names
    the backbone, and `predict_in_bulk` reads it.

    Args:
        backbone: folder or hub id.
        source: pictures, or Parquet with a column of them; see `kgzsl.bulk.open_source`.
        out: a new folder, or one that an earlier run of the same job began.
        backbone_id: id that the features carry instead of the recorded one.
        dtype: ``float16`` or ``float32``.
        workers: who does the work; by default this process.
        block_rows: rows a file; by default 1,024.
        on_block: is told of each finished block.

    Raises:
        InputFileError, BackboneError, MissingDependencyError: as `predict_in_bulk`, or the backbone cannot be loaded.
    """
    from kgzsl.vision import find_backbone

    folder = find_backbone(backbone)
    name = backbone if folder is None else str(folder.absolute())
    task = ExtractTask(name, backbone_id, dtype)
    return _run(task, source, out, workers or Workers(), block_rows, on_block)


def _run(
    task: Task,
    source: PathLike | Source,
    out: PathLike,
    workers: Workers,
    block_rows: int | None,
    on_block: OnBlock | None,
) -> BulkReport:
    started = time.perf_counter()
    opened = open_source(source) if isinstance(source, str | os.PathLike) else source
    task.check(opened)
    rows, batch = _sizes(opened, block_rows, workers)
    made_from = {"format": FORMAT, "kgzsl": _version(), **task.record(), "source": opened.record()}
    folder = OutputFolder.open(out, {**made_from, "block_rows": rows})
    blocks = opened.blocks(rows)
    finished = folder.finished()
    todo = [block for block in blocks if block.number not in finished]
    parts = [folder.facts(block.number) for block in blocks if block.number in finished]
    make = partial(BlockWorker, task, opened, folder, batch, workers.cpus, workers.device)
    peak = 0
    with progress("rows", sum(block.num_rows for block in blocks)) as advance:
        advance(sum(part.rows for part in parts))
        for done in run_blocks(todo, make, workers, f"kgzsl {task.record()['task']}"):
            parts.append(PartFacts(done.number, done.rows, done.errors))
            peak = max(peak, done.megabytes)
            advance(done.rows)
            if on_block is not None:
                on_block(done)
    folder.finish(parts, sum(block.num_rows for block in blocks))
    errors, count = sum(part.errors for part in parts), sum(part.rows for part in parts)
    seconds = time.perf_counter() - started
    return BulkReport(str(folder.place), count, errors, len(blocks), len(blocks) - len(todo), seconds, peak)


def _sizes(source: Source, block_rows: int | None, workers: Workers) -> tuple[int, int]:
    rows = BLOCK[source.has_pictures] if block_rows is None else block_rows
    if rows < 1:
        raise InputFileError(f"A block has at least one row, found {rows}.")
    return rows, min(rows, workers.batch or BATCH[source.has_pictures])


def _version() -> str:
    from kgzsl import __version__

    return __version__

"""The blocks of a source, worked on one after the other in this process, or by the workers of a Ray cluster.

Ray Data hands each block to a pool of actors and replaces those that die, with their blocks. What travels is small: a
block is the names of what to read, what comes back is a line. So little waits: at most `IN_FLIGHT` blocks a worker,
and within a worker the batch in work and those decoded ahead of it.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch

from kgzsl.bulk.decoding import features_of
from kgzsl.bulk.output import OutputFolder
from kgzsl.bulk.places import arrow
from kgzsl.bulk.sources import Block, PictureRows, Rows, Source
from kgzsl.bulk.tasks import Answerer, Task
from kgzsl.errors import InputFileError, KgzslError, MissingDependencyError

__all__ = ["BlockDone", "BlockError", "BlockWorker", "Workers", "run_blocks"]

IN_FLIGHT = 2
"""Blocks that are handed to a worker: the one in work and the next."""
ATTEMPTS = 5
"""How many workers may die over one block; Ray by itself would go on for ever."""
OBJECT_STORE = 128 * 2**20
"""Bytes of a Ray that is started here; only names and lines travel."""
MEGABYTE = 1024
"""In the kilobytes that the system counts."""


class BlockError(KgzslError, RuntimeError):
    """A block that could not be done, or whose workers died again and again."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Who does the work.

    Args:
        count: workers on Ray; 0 works in this process, without Ray.
        address: of a Ray cluster, as ``auto`` or ``host:6379``; by default the one this process is joined to, else the
            one that RAY_ADDRESS names, else one that is started here.
        cpus: cores of a worker, for decoding and for the network.
        gpus: graphics cards of a worker; a part of one is shared.
        device: ``auto``, ``cpu``, ``cuda``.
        batch: rows that are read, or pictures that go through the network, together.

    Raises:
        InputFileError: a number is out of range.
    """

    count: int = 0
    address: str | None = None
    cpus: int = 1
    gpus: float = 0.0
    device: str = "auto"
    batch: int | None = None

    def __post_init__(self) -> None:
        if self.count < 0 or self.cpus < 1 or self.gpus < 0 or (self.batch is not None and self.batch < 1):
            raise InputFileError(f"Workers need counts of at least 1 (--workers 0 is this process), found {self}.")
        if self.address is not None and self.count == 0:
            raise InputFileError(f"Say how many workers the cluster at {self.address} shall run, with --workers.")


@dataclass(frozen=True, slots=True)
class BlockDone:
    """What a worker says of a finished block.

    Args:
        number: of the block.
        rows: how many rows it has.
        errors: how many of them have an error instead of an answer.
        pid: the worker's process.
        megabytes: the most memory that process has held.
        seconds: reading, answering, writing.
        cpu_seconds: of all threads of that process meanwhile.
        ended: when, in seconds since 1970 by the clock of its machine.
        failure: why it could not be done; its file is not there then.
    """

    number: int
    rows: int
    errors: int
    pid: int
    megabytes: int
    seconds: float
    cpu_seconds: float
    ended: float
    failure: str | None = None


class BlockWorker:
    """Reads a block, answers its rows and writes its file.

    Args:
        task: what is asked.
        source: what is read.
        out: where answers go.
        batch: rows that are read together.
        threads: how many decode.
        device: of the backbone.
    """

    def __init__(self, task: Task, source: Source, out: OutputFolder, batch: int, threads: int, device: str) -> None:
        self.source, self.out, self.batch, self.threads = source, out, batch, threads
        self._answerer: Answerer = task.open(device)

    def run(self, block: Block) -> BlockDone:
        """Do a block; done again it gives the same file."""
        started, used = time.perf_counter(), time.process_time()
        tables = [self._answerer.answer(rows) for rows in self._rows(block)]
        facts = self.out.write(block.number, arrow().concat_tables(tables))
        spent = time.perf_counter() - started, time.process_time() - used, time.time()
        return BlockDone(block.number, facts.rows, facts.errors, os.getpid(), _peak_megabytes(), *spent)

    def _rows(self, block: Block) -> Iterator[Rows]:
        read = self.source.read(block, self.batch)
        if not self.source.has_pictures:
            yield from (rows for rows in read if isinstance(rows, Rows))
            return
        pictures = (rows for rows in read if isinstance(rows, PictureRows))
        yield from features_of(pictures, self._answerer.backbone, self.threads)


class RayWorker:
    """A `BlockWorker` as Ray Data wants it: columns in, columns out; an error of ours comes back as a line."""

    def __init__(self, make: Callable[[], BlockWorker], threads: int, attempts: Any) -> None:
        torch.set_num_threads(threads)
        self._make, self._attempts = make, attempts
        self._worker: BlockWorker | None = None

    def __call__(self, columns: dict[str, Any]) -> dict[str, list[str]]:
        """Do the blocks of some rows."""
        return {"done": [json.dumps(asdict(self._run(_block(text)))) for text in columns["block"]]}

    def _run(self, block: Block) -> BlockDone:
        import ray

        try:
            if ray.get(self._attempts.begin.remote(block.number)) > ATTEMPTS:
                raise BlockError(f"{ATTEMPTS} workers died over it; look at their memory, and at what it holds.")
            self._worker = self._worker or self._make()
            return self._worker.run(block)
        except KgzslError as error:
            return BlockDone(block.number, 0, 0, os.getpid(), _peak_megabytes(), 0.0, 0.0, time.time(), str(error))


class Attempts:
    """How often each block was begun, kept beside the workers, for they may die."""

    def __init__(self) -> None:
        self._begun: Counter[int] = Counter()

    def begin(self, number: int) -> int:
        """Note that a block is begun; return how often it was."""
        self._begun[number] += 1
        return self._begun[number]


def run_blocks(
    blocks: Sequence[Block], make: Callable[[], BlockWorker], workers: Workers, job: str
) -> Iterator[BlockDone]:
    """Yield what became of each block, as they are finished.

    Args:
        blocks: what there is to do.
        make: makes a worker, in the process where it works.
        workers: who does it.
        job: its name on Ray's pages.

    Raises:
        BlockError: a block could not be done; what was finished is kept.
        InputFileError: Ray cannot be reached.
        MissingDependencyError: Ray is wanted and not installed.
    """
    with closing(_here(blocks, make) if workers.count == 0 else _on_ray(blocks, make, workers, job)) as done:
        for one in done:
            if one.failure is not None:
                raise BlockError(f"Block {one.number} could not be done, what was finished is kept: {one.failure}")
            yield one


def _here(blocks: Sequence[Block], make: Callable[[], BlockWorker]) -> Generator[BlockDone]:
    if blocks:
        worker = make()
        yield from (worker.run(block) for block in blocks)


def _on_ray(
    blocks: Sequence[Block], make: Callable[[], BlockWorker], workers: Workers, job: str
) -> Generator[BlockDone]:
    if not blocks:
        return
    with joined(workers):
        import ray.data
        from ray.exceptions import RayError

        attempts = ray.remote(num_cpus=0)(Attempts).remote()
        data = ray.data.from_items([{"block": _text(block)} for block in blocks], override_num_blocks=len(blocks))
        data.set_name(job)
        done = data.map_batches(
            RayWorker,
            fn_constructor_args=(make, workers.cpus, attempts),
            batch_size=1,
            num_cpus=workers.cpus,
            num_gpus=workers.gpus or None,
            compute=ray.data.ActorPoolStrategy(size=workers.count, max_tasks_in_flight_per_actor=IN_FLIGHT),
        )
        try:
            for row in done.iter_rows():
                yield BlockDone(**json.loads(row["done"]))
        except RayError as error:
            reason = str(error).strip().partition("\n")[0]
            raise BlockError(
                f"Ray failed ({reason}); what was finished is kept. Give the command again to go on."
            ) from error


@contextmanager
def joined(workers: Workers) -> Iterator[None]:
    """Join a Ray cluster, or start one of this machine and stop it at the end; one that was joined stays as it is.

    Raises:
        InputFileError: it cannot be reached or started, or a Ray of this machine has not the graphics cards.
        MissingDependencyError: Ray is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingDependencyError(
            "Workers need Ray: pip install 'kgzsl[ray]'. With --workers 0 the work is done in this process."
        ) from error
    own = not ray.is_initialized()
    if own:
        _start(workers)
    context, log = ray.data.DataContext.get_current(), logging.getLogger("ray.data")
    before = context.enable_progress_bars, log.level
    context.enable_progress_bars = False
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        context.enable_progress_bars, _ = before
        log.setLevel(before[1])
        if own:
            ray.shutdown()


def _start(workers: Workers) -> None:
    import ray

    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # else it writes on the terminal what it writes to its log
    address = workers.address or os.environ.get("RAY_ADDRESS")
    alone = {"num_cpus": workers.count * workers.cpus, "include_dashboard": False, "object_store_memory": OBJECT_STORE}
    options: dict[str, Any] = {"address": address} if address else alone
    try:
        ray.init(**options, logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise InputFileError(f"Ray could not be reached or started: {str(error).strip()}") from error
    cards = ray.cluster_resources().get("GPU", 0)
    if not address and workers.gpus * workers.count > cards:
        ray.shutdown()
        raise InputFileError(
            f"{workers.count} workers need {workers.gpus:g} graphics cards each; this machine has {cards:g}."
        )


def _text(block: Block) -> str:
    return json.dumps([block.number, block.parts])


def _block(text: str) -> Block:
    number, parts = json.loads(text)
    return Block(number, tuple((str(name), *numbers) for name, *numbers in parts))


def _peak_megabytes() -> int:
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (MEGABYTE if sys.platform != "darwin" else MEGABYTE**2)

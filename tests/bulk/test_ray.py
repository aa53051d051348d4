"""Two workers on Ray give the rows of one process, also where one is killed, and where the command itself is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow.parquet as pq
import pytest

from kgzsl.bulk import BlockDone, Workers, open_source, predict_in_bulk
from kgzsl.bulk.engine import BlockError, BlockWorker, run_blocks
from kgzsl.bulk.output import OutputFolder, PartFacts
from kgzsl.bulk.sources import Block
from kgzsl.bulk.tasks import PredictTask

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")]

BLOCK = 5
ROWS = 600
TWO = Workers(2)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, many) -> Path:
    path = tmp_path_factory.mktemp("bulk") / "features.safetensors"
    many(ROWS).save(path)
    return path


@pytest.fixture(scope="module")
def plain(toy_run: Path, source: Path, candidates: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("plain") / "out"
    predict_in_bulk(toy_run, source, out, candidates, block_rows=BLOCK)
    return out


def assert_same_rows(found: Path, expected: Path) -> None:
    """Equal to the bit once they are sorted by id: none is lost, none stands there twice."""
    tables = [pq.read_table(folder).sort_by("id") for folder in (found, expected)]
    assert tables[1].num_rows == ROWS
    assert tables[0].equals(tables[1])


def test_a_killed_worker_is_replaced_and_no_row_lost(
    toy_run: Path, source: Path, plain: Path, candidates: tuple[str, ...], tmp_path: Path, ray_address: str
) -> None:
    seen: list[BlockDone] = []

    def kill_the_first(done: BlockDone) -> None:
        if not seen:
            os.kill(done.pid, signal.SIGKILL)
        seen.append(done)

    report = predict_in_bulk(
        toy_run, source, tmp_path / "out", candidates, workers=TWO, block_rows=BLOCK, on_block=kill_the_first
    )
    assert (report.rows, report.errors, report.blocks, report.resumed) == (ROWS, 0, ROWS // BLOCK, 0)
    assert sorted(done.number for done in seen) == list(range(ROWS // BLOCK))
    victim, workers = seen[0].pid, {done.pid for done in seen}
    assert os.getpid() not in workers
    assert len(workers) == 3, "the two that began, and the one in the place of the killed"
    assert sum(done.pid == victim for done in seen) < ROWS // BLOCK
    assert_same_rows(tmp_path / "out", plain)


def test_a_killed_command_goes_on_where_it_was(
    toy_run: Path, source: Path, plain: Path, candidates: tuple[str, ...], tmp_path: Path, ray_address: str
) -> None:
    out = tmp_path / "out"
    words = ["predict", toy_run, source, "--out", out, "--block", BLOCK, "--workers", 2, "--address", ray_address]
    command = [sys.executable, "-m", "kgzsl", "bulk", *map(str, words), "--classes", *candidates]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while len(list(out.glob("part-*"))) < 3:
            assert driver.poll() is None, "it was quicker than the test; give it more rows"
            time.sleep(0.005)
    finally:
        driver.kill()
        driver.wait()
    kept = {path: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert 3 <= len(kept) < ROWS // BLOCK and not (out / "_done.json").exists()
    report = predict_in_bulk(toy_run, source, out, candidates, workers=TWO, block_rows=BLOCK)
    assert report.resumed >= len(kept)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert_same_rows(out, plain)


def test_a_slow_disk_holds_the_workers_back(
    toy_run: Path, source: Path, candidates: tuple[str, ...], tmp_path: Path, ray_address: str
) -> None:
    log, features = tmp_path / "log", open_source(source)
    task = PredictTask(toy_run, candidates, 1, None, None, None)
    out = OutputFolder.open(tmp_path / "out", {})

    class Noted:  # what it stands for, with a line in the log for the rows that are read and not yet written
        has_pictures = False

        def note(self, rows: int) -> None:
            with log.open("a", buffering=1, encoding="utf-8") as file:
                file.write(f"{os.getpid()} {rows}\n")

        def read(self, block: Block, rows: int) -> Iterator[Any]:
            for part in features.read(block, rows):
                self.note(len(part.kept))
                yield part

        def write(self, number: int, table: Any) -> PartFacts:
            time.sleep(0.05)
            facts = out.write(number, table)
            self.note(-facts.rows)
            return facts

    def make() -> BlockWorker:
        return BlockWorker(task, cast(Any, Noted()), cast(Any, Noted()), 2, 1, "cpu")

    blocks = features.blocks(20)
    done = list(run_blocks(blocks, make, TWO, "slow"))
    assert sorted(one.number for one in done) == list(range(ROWS // 20))
    lines = [tuple(map(int, line.split())) for line in log.read_text(encoding="utf-8").splitlines()]
    assert sum(rows for _, rows in lines if rows > 0) == ROWS
    assert np.cumsum([rows for _, rows in lines]).max() > 20, "both were at work at a time"
    workers = {pid for pid, _ in lines}
    assert len(workers) == 2
    for worker in workers:
        held = np.cumsum([rows for pid, rows in lines if pid == worker])
        assert held.max() == 20 and held[-1] == 0, "it read a block before the one before was written"


def test_what_a_worker_cannot_do_is_told(
    toy_run: Path, candidates: tuple[str, ...], tmp_path: Path, many, ray_address: str
) -> None:
    path = tmp_path / "features.safetensors"
    many(20).save(path)

    def spoil(done: BlockDone) -> None:
        path.unlink(missing_ok=True)

    with pytest.raises(BlockError, match=r"Block \d+ could not be done, what was finished is kept: Could not read"):
        predict_in_bulk(toy_run, path, tmp_path / "out", candidates, workers=TWO, block_rows=1, on_block=spoil)
    assert (tmp_path / "out" / "part-00000000.parquet").exists()

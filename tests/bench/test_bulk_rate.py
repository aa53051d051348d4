"""The rate of workers is counted while all of them are at work, blocks at its ends by their share."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="needs pip install 'kgzsl[ray]'")
from kgzsl.bulk import BlockDone

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench_bulk.py"


def done(pid: int, start: float, end: float, rows: int = 10) -> BlockDone:
    return BlockDone(0, rows, 0, pid, 1, end - start, 0.0, end)


def test_only_the_time_of_all_workers_counts() -> None:
    spec = importlib.util.spec_from_file_location("bench_bulk", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    first = [done(1, 0, 2), done(1, 2, 4), done(1, 4, 6)]
    late = [done(2, 3, 5), done(2, 5, 9)]
    # both are at work from 3 to 6: half of 2..4, all of 4..6, all of 3..5, a quarter of 5..9
    assert module.rate(first + late) == pytest.approx((5 + 10 + 10 + 2.5) / 3)
    assert module.rate(first) == pytest.approx(5)

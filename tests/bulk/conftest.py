"""Sources over the toy world, and one Ray with two workers for all tests."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from kgzsl.classes import ClassIndex
from kgzsl.features import FeatureSet
from kgzsl.toy import toy_split

pytest.importorskip("pyarrow", reason="needs pip install 'kgzsl[ray]'")


def many_features(count: int, seed: int = 0) -> FeatureSet:
    """Features of the toy backbone without classes."""
    rows = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))
    labels = torch.full((count,), -1)
    paths = tuple(f"{row:04d}.png" for row in range(count))
    return FeatureSet(rows, labels, ClassIndex((), "nothing"), "toy", paths)


@pytest.fixture(scope="session")
def many() -> Callable[[int], FeatureSet]:
    """A function that makes so many features of the toy backbone."""
    return many_features


@pytest.fixture
def features(tmp_path: Path) -> Path:
    """A feature file of 23 rows."""
    many_features(23).save(tmp_path / "features.safetensors")
    return tmp_path / "features.safetensors"


@pytest.fixture(scope="session")
def candidates() -> tuple[str, ...]:
    split = toy_split()
    return (*split.unseen, *split.seen)


@pytest.fixture(scope="session")
def ray_address() -> Iterator[str]:
    """The address of a Ray with two cores, which stops with the session."""
    os.environ.setdefault("RAY_worker_niceness", "0")  # else workers wait for whatever runs beside the tests
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray: Any = pytest.importorskip("ray", reason="needs pip install 'kgzsl[ray]'")
        importlib.import_module("ray.data")  # warns of its own settings
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=100 * 2**20,
            log_to_driver=False,
            logging_level="ERROR",
        )
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()

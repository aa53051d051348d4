from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from kgzsl.semantics.vector_cache import VectorCache


def test_a_vector_is_found_by_encoder_and_text(tmp_path: Path) -> None:
    VectorCache("one@1", tmp_path).add(["a", "b"], torch.tensor([[1.0, 2], [3, 4]]))
    found = VectorCache("one@1", tmp_path).find(["b", "c", "a"])
    assert {text: vector.tolist() for text, vector in found.items()} == {"a": [1, 2], "b": [3, 4]}
    assert VectorCache("two@2", tmp_path).find(["a", "b"]) == {}


def test_what_another_process_adds_is_found(tmp_path: Path) -> None:
    first, second = VectorCache("one@1", tmp_path), VectorCache("one@1", tmp_path)
    assert first.find(["a"]) == {}
    second.add(["a"], torch.tensor([[1.0]]))
    assert first.find(["a"])["a"].tolist() == [1]


@pytest.mark.parametrize("content", [b"", b"not safetensors", b"\xff" * 64])
def test_a_damaged_shard_counts_as_absent(tmp_path: Path, content: bytes) -> None:
    cache = VectorCache("one@1", tmp_path)
    cache.add(["a"], torch.tensor([[1.0]]))
    (shard,) = cache.folder.iterdir()
    shard.write_bytes(content)
    assert cache.find(["a"]) == {}
    assert VectorCache("one@1", tmp_path).find(["a"]) == {}


def test_a_shard_that_is_gone_counts_as_absent(tmp_path: Path) -> None:
    cache = VectorCache("one@1", tmp_path)
    cache.add(["a"], torch.tensor([[1.0]]))
    next(cache.folder.iterdir()).unlink()
    assert cache.find(["a"]) == {}


def test_a_folder_that_cannot_be_written_costs_the_cache_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    cache = VectorCache("one@1", tmp_path / "file")
    with caplog.at_level(logging.WARNING):
        cache.add(["a"], torch.tensor([[1.0]]))
    assert "Vectors are not cached" in caplog.text
    assert cache.find(["a"]) == {}

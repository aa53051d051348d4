"""Finished batches on disk: a folder of shards beside a manifest that says what they were made from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.runtime import load_tensors, read_json, save_tensors, write_json
from kgzsl.types import Float, Int, Tensor

__all__ = ["Shard", "Shards"]

MANIFEST = "manifest.json"
OURS = re.compile(r"\d{8}\.safetensors|manifest\.json|\.(\d{8}\.safetensors|manifest\.json)\..*\.tmp")


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """One finished batch.

    Args:
        features: (N, D), the pictures of the batch that could be read.
        rows: (N,), their places in the list of all pictures.
        skipped: name and reason of those that could not.
    """

    features: Float[Tensor, "N D"]
    rows: Int[Tensor, "N"]
    skipped: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Shards:
    """A folder of shards; see `open`."""

    folder: Path

    @classmethod
    def open(cls, folder: Path, manifest: Mapping[str, Any]) -> Shards:
        """Begin a folder of shards, or go on with one of the same manifest.

        Raises:
            InputFileError: the folder holds something else; the message says what differs.
        """
        path = folder / MANIFEST
        if path.is_file():
            found = read_json(path)
            differing = [key for key in manifest if not isinstance(found, dict) or found.get(key) != manifest[key]]
            if differing:
                raise InputFileError(
                    f"{folder} holds the work of another extraction (other {', '.join(differing)}); "
                    "repeat that one's command to finish it, remove the folder, or write elsewhere."
                )
        elif folder.exists() and any(not OURS.fullmatch(entry.name) for entry in folder.iterdir()):
            raise InputFileError(f"{folder} holds files that are no shards; move them away or write elsewhere.")
        else:
            write_json(path, dict(manifest))
        return cls(folder)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:08d}.safetensors"

    def finished(self, count: int) -> range:
        """Return the numbers of the batches, out of ``count``, that are finished without a gap."""
        done = 0
        while done < count and self._path(done).is_file():
            done += 1
        return range(done)

    def write(self, number: int, shard: Shard) -> None:
        """Write a shard whole or not at all; StorageError where that fails."""
        tensors = {"features": shard.features, "rows": shard.rows}
        save_tensors(self._path(number), tensors, {"skipped": json.dumps(shard.skipped, ensure_ascii=False)})

    def read_all(self) -> Iterator[Shard]:
        """Yield the shards in order.

        Raises:
            CorruptFileError: one is damaged; the message names it.
        """
        number = 0
        while (path := self._path(number)).is_file():
            tensors, metadata = load_tensors(path)
            if not {"features", "rows"} <= tensors.keys() or "skipped" not in metadata:
                raise CorruptFileError(f"{path} is no shard of an extraction; remove it and run the command again.")
            skipped = tuple((name, reason) for name, reason in json.loads(metadata["skipped"]))
            yield Shard(tensors["features"], tensors["rows"], skipped)
            number += 1

    def remove(self) -> None:
        """Remove the files that were made here, and the folder where nothing else is in it."""
        for entry in sorted(self.folder.iterdir()):
            if OURS.fullmatch(entry.name):
                entry.unlink()
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

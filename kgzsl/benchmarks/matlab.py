"""MATLAB files of others, read with every promise about them checked: they come from the web."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.types import Array, PathLike

__all__ = ["MatlabFile"]

HDF5 = b"\x89HDF\r\n\x1a\n"
MOST_NUMBERS = 1_000_000_000
"""Numbers in one array (8 GB as float64); the largest published one, the features of AwA2, has 76 million."""

CELLS = "cell"


@dataclass(frozen=True, slots=True)
class MatlabFile:
    """The arrays of a MATLAB file of version 7 or older, by name; shapes are known before anything is read.

    Args:
        path: the file.
        shapes: name to the shape it is declared with.
        kinds: name to MATLAB's class of it, such as ``double`` or ``cell``.
    """

    path: Path
    shapes: Mapping[str, tuple[int, ...]]
    kinds: Mapping[str, str]

    @classmethod
    def open(cls, path: PathLike) -> MatlabFile:
        """Read the names and shapes in a file.

        Raises:
            InputFileError: there is no such file, it is no MATLAB file, or one of version 7.3.
            CorruptFileError: it is truncated or damaged.
        """
        file = Path(path)
        _check_version(file)
        from scipy.io import whosmat

        found = _guarded(file, lambda: whosmat(str(file)))
        shapes = {name: tuple(int(side) for side in shape) for name, shape, _ in found}
        return cls(file, shapes, {name: str(kind) for name, _, kind in found})

    def __contains__(self, name: object) -> bool:
        return name in self.shapes

    def matrix(self, name: str) -> Array:
        """Return a matrix of finite numbers, two-dimensional, as float64 or as float32 where it is stored so.

        Raises:
            InputFileError: there is none of that name, it is none of numbers, or too large.
            CorruptFileError: the file is damaged.
        """
        values = np.asarray(self._load(name))
        if values.ndim != 2 or values.dtype.kind not in "uif" or values.size == 0:
            raise InputFileError(f"{self.path}: {name} is no matrix of numbers, found {self._describe(name)}.")
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0].tolist()
            raise InputFileError(f"{self.path}: {name}({row + 1}, {column + 1}) is not finite; mend or leave it out.")
        kept: Array = values if values.dtype == np.float32 else values.astype(np.float64)
        return kept

    def numbers(self, name: str, most: int, what: str) -> Array:
        """Return a list of whole numbers from 1 to ``most`` as rows from 0, (K,) int64.

        Args:
            name: the array, a row or a column.
            most: the greatest that is allowed.
            what: what there are so many of, for messages.

        Raises:
            InputFileError: it is no such list, or a number is out of range.
        """
        values = self.matrix(name)
        if 1 not in values.shape:
            raise InputFileError(f"{self.path}: {name} is no list of numbers, found {self._describe(name)}.")
        listed = values.ravel()
        bad = (listed < 1) | (listed > most) | (listed != np.floor(listed))
        if bad.any():
            found = listed[bad][0]
            raise InputFileError(
                f"{self.path}: {name} holds {found:g}; expected whole numbers from 1 to {most:,}, the number of {what}."
            )
        return listed.astype(np.int64) - 1

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of a cell array.

        Raises:
            InputFileError: there is no such array, or a cell holds no text.
        """
        cells = self._load(name)
        if self.kinds[name] != CELLS or np.asarray(cells).dtype != object:
            raise InputFileError(f"{self.path}: {name} is no cell array of texts, found {self._describe(name)}.")
        texts = []
        for number, cell in enumerate(np.asarray(cells).ravel(), start=1):
            content = np.asarray(cell)
            if content.dtype.kind != "U" or content.size != 1 or not str(content.ravel()[0]).strip():
                raise InputFileError(f"{self.path}: cell {number} of {name} holds no text; expected a name in each.")
            texts.append(str(content.ravel()[0]).strip())
        return tuple(texts)

    def _load(self, name: str) -> Any:
        if name not in self.shapes:
            held = ", ".join(self.shapes) or "nothing"
            raise InputFileError(f"{self.path} holds no {name!r}; it holds {held}. Is it the right file?")
        if math.prod(self.shapes[name]) > MOST_NUMBERS:
            raise InputFileError(
                f"{self.path}: {name} says it is {self._describe(name)}; more than {MOST_NUMBERS:,} are not read."
            )
        from scipy.io import loadmat

        return _guarded(self.path, lambda: loadmat(str(self.path), variable_names=[name])[name])

    def _describe(self, name: str) -> str:
        return f"{' x '.join(map(str, self.shapes[name]))} of {self.kinds[name]}"


def _check_version(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(520)
    except OSError as error:
        raise InputFileError(f"Could not read {path}: {error.strerror or error}. Check the path.") from error
    if HDF5 in (head[:8], head[512:]):
        raise InputFileError(
            f"{path} is of MATLAB's version 7.3 (HDF5), which is not read here. Save it again in MATLAB with "
            "save(..., '-v7'), or read it with h5py and write it with scipy.io.savemat."
        )
    if len(head) < 128 or not head.startswith(b"MATLAB 5.0"):
        raise InputFileError(f"{path} is no MATLAB file of version 5 to 7; give the .mat file as it is distributed.")


def _guarded(path: Path, read: Any) -> Any:
    try:
        return read()
    except Exception as error:  # a damaged file makes the reader fail in a dozen ways, memory among them
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise CorruptFileError(f"{path} is damaged ({reason}); download it again.") from error

"""Files that are whole or absent: written under a temporary name, then renamed; read with errors that help.

Nothing here, or anywhere in kgzsl, is pickled. Safetensors headers are put in a fixed order, so that equal
content is equal bytes.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from kgzsl.errors import CorruptFileError, InputFileError, StorageError
from kgzsl.types import PathLike

__all__ = [
    "load_tensors",
    "open_tensors",
    "read_json",
    "read_lines",
    "read_toml",
    "save_tensors",
    "sha256_file",
    "sha256_text",
    "tensor_metadata",
    "write_json",
    "write_text",
    "writing",
]

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def writing(path: PathLike) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place when the block ends well.

    Raises:
        StorageError: the write failed; what stood at ``path`` is untouched.
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        os.close(descriptor)
        temporary = Path(name)
        temporary.chmod(0o666 & ~_umask())
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    except StorageError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        advice = "free space or choose another place" if error.errno in FULL else "choose another place"
        message = f"Could not write {target}: {reason}. Nothing was changed; {advice}."
        raise StorageError(message) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: PathLike, text: str) -> None:
    """Write a text file whole or not at all."""
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: PathLike, value: object) -> None:
    """Write indented JSON with a final newline, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_bytes(path: PathLike) -> bytes:
    """Read a file; a missing one is an InputFileError."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputFileError(f"Could not read {path}: {error.strerror or error}. Check the path.") from error


def read_text(path: PathLike) -> str:
    """Read a UTF-8 text; another encoding is an InputFileError."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputFileError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from error


def read_lines(path: PathLike) -> list[str]:
    """Read a list file: one entry a line, blank lines and lines that begin with ``#`` left out."""
    lines = (line.strip() for line in read_text(path).splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def read_json(path: PathLike) -> Any:
    """Read JSON.

    Raises:
        InputFileError: the file is missing.
        CorruptFileError: it is not JSON; the message gives the line.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise CorruptFileError(f"{path} is not JSON: {error.msg} in line {error.lineno}.") from error


def read_toml(path: PathLike) -> dict[str, Any]:
    """Read TOML.

    Raises:
        InputFileError: the file is missing.
        CorruptFileError: it is not TOML; the message gives the line.
    """
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise CorruptFileError(f"{path} is not TOML: {error}.") from error


def sha256_file(path: PathLike) -> str:
    """Return the sha256 of a file's bytes as 64 hex digits."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputFileError(f"Could not read {path}: {error.strerror or error}. Check the path.") from error


def sha256_text(text: str) -> str:
    """Return the sha256 of a text's UTF-8 bytes as 64 hex digits."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def save_tensors(path: PathLike, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file whole or not at all; equal content gives equal bytes.

    Args:
        path: where.
        tensors: name to tensor, any device.
        metadata: strings stored in the header.

    Raises:
        StorageError: the write failed.
    """
    from safetensors.torch import save

    data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, dict(metadata))
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    if metadata:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    encoded = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    encoded += b" " * (-len(encoded) % 8)
    with writing(path) as temporary, temporary.open("wb") as file:
        file.write(len(encoded).to_bytes(8, "little"))
        file.write(encoded)
        file.write(memoryview(data)[8 + size :])


@contextmanager
def open_tensors(path: PathLike) -> Iterator[Any]:
    """Open a safetensors file, whose tensors can then be read in part; errors as `load_tensors`."""
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        found = "it is a folder" if Path(path).is_dir() else "no such file"
        raise InputFileError(f"Could not read {path}: {found}. Check the path.")
    if not os.access(path, os.R_OK):  # which safetensors calls a file that is not there
        raise InputFileError(f"Could not read {path}: Permission denied. Check who may read it.")
    try:
        with safe_open(str(path), framework="pt") as file:
            yield file
    except SafetensorError as error:
        message = f"{path} is not a whole safetensors file ({error}). Write or download it again."
        raise CorruptFileError(message) from error


def load_tensors(path: PathLike) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file.

    Returns:
        Its tensors by name (on the CPU) and its metadata.

    Raises:
        InputFileError: the file is missing.
        CorruptFileError: it is truncated or no safetensors file.
    """
    with open_tensors(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118


def tensor_metadata(path: PathLike) -> dict[str, str]:
    """Read the metadata of a safetensors file without its tensors; errors as `load_tensors`."""
    with open_tensors(path) as file:
        return dict(file.metadata() or {})

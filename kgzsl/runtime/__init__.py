"""Room 1, what the machine gives: device choice, matrix products, progress bars, atomic files, where data live.

In: paths, names. Out: devices, bars, files that are either whole or absent.
"""

from kgzsl.runtime.device import choose_device
from kgzsl.runtime.files import (
    load_tensors,
    read_json,
    read_lines,
    read_toml,
    save_tensors,
    sha256_file,
    sha256_text,
    tensor_metadata,
    write_json,
    write_text,
    writing,
)
from kgzsl.runtime.home import asset_path, cache_home, shipped_path
from kgzsl.runtime.product import product
from kgzsl.runtime.progress import progress
from kgzsl.runtime.toml import toml_text

__all__ = [
    "asset_path",
    "cache_home",
    "choose_device",
    "load_tensors",
    "product",
    "progress",
    "read_json",
    "read_lines",
    "read_toml",
    "save_tensors",
    "sha256_file",
    "sha256_text",
    "shipped_path",
    "tensor_metadata",
    "toml_text",
    "write_json",
    "write_text",
    "writing",
]

from __future__ import annotations

import errno
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from kgzsl.errors import CorruptFileError, InputFileError, StorageError
from kgzsl.runtime import (
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
from kgzsl.runtime.files import read_text


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


EMPTY_SHA = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_written_file_is_whole_and_leaves_nothing_beside_it(tmp_path):
    write_text(tmp_path / "new" / "a.txt", "okapi\r\nzebra\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"okapi\r\nzebra\n"
    assert names_in(tmp_path / "new") == ["a.txt"]


def test_a_block_that_fails_changes_nothing(tmp_path):
    write_text(tmp_path / "a.txt", "before")
    with pytest.raises(ZeroDivisionError), writing(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        _ = 1 / 0
    assert (tmp_path / "a.txt").read_text() == "before"
    assert names_in(tmp_path) == ["a.txt"]


def test_a_full_disk_is_a_storage_error_and_keeps_the_old_file(tmp_path, monkeypatch):
    write_text(tmp_path / "a.txt", "before")

    def full(*_args, **_keywords):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageError, match=r"Could not write .*a\.txt: No space left on device\. Nothing was changed"):
        write_text(tmp_path / "a.txt", "after")
    assert (tmp_path / "a.txt").read_text() == "before"
    assert names_in(tmp_path) == ["a.txt"]


def test_a_disk_that_fills_while_it_is_flushed(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        save_tensors(tmp_path / "t.safetensors", {"a": torch.zeros(3)}, {})
    assert names_in(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process's file size the POSIX way")
def test_a_write_that_the_system_cuts_short_is_a_storage_error(tmp_path):
    code = (
        "import resource, signal, sys, torch\n"
        "from kgzsl.errors import StorageError\n"
        "from kgzsl.runtime import save_tensors\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        "    save_tensors(sys.argv[1], {'a': torch.zeros(10_000)}, {})\n"
        "except StorageError as error:\n"
        "    print(error)\n"
    )
    write_text(tmp_path / "t.safetensors", "before")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "t.safetensors")], capture_output=True, text=True, check=True
    )
    assert "Could not write" in done.stdout
    assert "File too large" in done.stdout
    assert (tmp_path / "t.safetensors").read_text() == "before"
    assert names_in(tmp_path) == ["t.safetensors"]


def test_a_path_below_a_file_is_a_storage_error(tmp_path):
    write_text(tmp_path / "a", "a file")
    with pytest.raises(StorageError, match="Could not write"):
        write_text(tmp_path / "a" / "b.txt", "x")


def test_permissions_are_those_of_an_ordinary_file(tmp_path):
    write_text(tmp_path / "a.txt", "x")
    (tmp_path / "b.txt").write_text("x")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_lists_leave_out_blank_lines_and_comments(tmp_path):
    write_text(tmp_path / "l.txt", "# zoo\nokapi\n\n  zebra \n")
    assert read_lines(tmp_path / "l.txt") == ["okapi", "zebra"]


def test_json_round_trip_and_its_errors(tmp_path):
    write_json(tmp_path / "a.json", {"name": "Bär", "rows": [1, 2]})
    assert read_json(tmp_path / "a.json") == {"name": "Bär", "rows": [1, 2]}
    write_text(tmp_path / "b.json", '{\n"a": }')
    with pytest.raises(CorruptFileError, match=r"b\.json is not JSON: .* in line 2"):
        read_json(tmp_path / "b.json")


def test_toml_and_its_errors(tmp_path):
    write_text(tmp_path / "a.toml", "a = 1\n")
    assert read_toml(tmp_path / "a.toml") == {"a": 1}
    write_text(tmp_path / "b.toml", "a = \n")
    with pytest.raises(CorruptFileError, match=r"b\.toml is not TOML: .*line 1"):
        read_toml(tmp_path / "b.toml")


@pytest.mark.parametrize("read", [read_text, read_json, read_toml, read_lines, sha256_file, load_tensors])
def test_a_missing_file_is_named(tmp_path, read):
    with pytest.raises(InputFileError, match=r"Could not read .*nowhere.*: .*[Nn]o such file.*\. Check the path"):
        read(tmp_path / "nowhere")


def test_text_of_another_encoding_is_named(tmp_path):
    (tmp_path / "l.txt").write_bytes(b"B\xe4r")
    with pytest.raises(InputFileError, match=r"is not UTF-8 text \(byte 1\); save it as UTF-8"):
        read_text(tmp_path / "l.txt")


def test_sha256(tmp_path):
    write_text(tmp_path / "a", "")
    assert sha256_file(tmp_path / "a") == sha256_text("") == EMPTY_SHA


def test_tensors_round_trip_with_their_metadata(tmp_path):
    tensors = {"b": torch.arange(6).reshape(2, 3), "a": torch.tensor([0.5], dtype=torch.float16)}
    save_tensors(tmp_path / "t.safetensors", tensors, {"z": "1", "name": "Bär"})
    again, metadata = load_tensors(tmp_path / "t.safetensors")
    assert again.keys() == tensors.keys()
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)
    assert again["a"].dtype == torch.float16
    assert metadata == tensor_metadata(tmp_path / "t.safetensors") == {"z": "1", "name": "Bär"}


def test_equal_tensors_are_equal_bytes(tmp_path):
    for name in ("x", "y"):
        metadata = {key: key for key in ("e", "d", "c", "b", "a")}
        metadata = metadata if name == "x" else dict(reversed(metadata.items()))
        save_tensors(tmp_path / name, {"w": torch.ones(2)}, metadata)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_tensors_that_are_a_view_are_saved(tmp_path):
    save_tensors(tmp_path / "t", {"w": torch.arange(6.0).reshape(2, 3).T}, {})
    assert load_tensors(tmp_path / "t")[0]["w"].tolist() == [[0, 3], [1, 4], [2, 5]]


@pytest.mark.parametrize("damage", ["cut", "pickle", "empty"])
def test_a_damaged_tensor_file_is_corrupt(tmp_path, damage):
    path = tmp_path / "t.safetensors"
    save_tensors(path, {"w": torch.ones(100)}, {})
    contents = {"cut": path.read_bytes()[:-10], "pickle": pickle.dumps({"w": 1}), "empty": b""}
    path.write_bytes(contents[damage])
    with pytest.raises(CorruptFileError, match=r"is not a whole safetensors file .* Write or download it again"):
        load_tensors(path)


def test_no_time_or_path_is_in_a_tensor_file(tmp_path):
    save_tensors(tmp_path / "t", {"w": torch.ones(1)}, {"a": "b"})
    data = (tmp_path / "t").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert header == {"__metadata__": {"a": "b"}, "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_tensors(tmp_path / "a.safetensors", {"a": torch.zeros(1)}, {})
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # who runs the tests may read everything
    for read in (load_tensors, tensor_metadata):
        with pytest.raises(InputFileError, match=r"a\.safetensors: Permission denied\. Check who may read it"):
            read(tmp_path / "a.safetensors")

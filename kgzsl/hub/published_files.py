"""Which files of a run folder are shared, and how paths of the machine that made them are kept out."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from kgzsl.additions.state import AdditionsState
from kgzsl.additions.storage import LOCK, AdditionsFolder
from kgzsl.errors import InputFileError, StorageError
from kgzsl.run_folder import ADDITIONS, EXPECTATION, MANIFEST, PIECES, RunFolder
from kgzsl.runtime import write_text
from kgzsl.runtime.files import read_text
from kgzsl.types import PathLike

__all__ = ["PUBLISHED", "copy_published", "publish_run", "without_local_paths"]

PUBLISHED = (
    *(MANIFEST, *(piece for piece in PIECES if piece != EXPECTATION)),
    *("graph/graph.toml", "graph/classes.tsv", "graph/edges.tsv", "graph/splits/*.txt"),
    *("members/*/model.safetensors", "members/*/states.safetensors", "members/*/metrics.jsonl"),
    *("additions/additions.json", "additions/*.safetensors"),
)
"""Names of the files that are written into a shared folder, and fetched from one.

What forecasts are made from stays at home: it holds feature rows of single examples, which are not ours to share.
"""

WITH_PATHS = (MANIFEST, "recipe.toml", "report.json")
"""Files that may name where something lay on the machine of their maker; all others are copied to the byte."""

LOCAL_PATH = re.compile(
    r"(?<![\w.~/-])"  # not in the middle of a name, such as google/mobilenet, or of an address, https://
    r"(?:~?/(?!/)|[A-Za-z]:\\{1,2})"  # from the root, from home, from a drive
    r"(?:[^\s'\",;\]]*[/\\])?"
    r"([^\s'\",;\]/\\]+)"
)
QUOTED_PATH = re.compile(r"([\"'])(?:~?/(?!/)|[A-Za-z]:\\{1,2})(?:[^\"'\n]*[/\\])?([^\"'\n/\\]+)[/\\]?\1")


def without_local_paths(text: str) -> str:
    """Put the last part of every absolute path in its place: where a file lay is nobody else's business.

    Example:
        >>> without_local_paths("kgzsl train demo.toml --set graph.name=/home/me/graphs/demo")
        'kgzsl train demo.toml --set graph.name=demo'
        >>> without_local_paths("google/mobilenet_v2 of https://example.org")
        'google/mobilenet_v2 of https://example.org'
    """
    whole = QUOTED_PATH.sub(lambda found: f"{found[1]}{found[2]}{found[1]}", text)
    return LOCAL_PATH.sub(lambda found: found[1], whole)


def publish_run(run: PathLike, folder: PathLike, additions: AdditionsState) -> Path:
    """Copy what is shared of a run folder; texts lose the paths of this machine, all else is copied to the byte.

    Args:
        run: a whole run folder.
        folder: where to put it; made where it is not there, and otherwise empty but for a model card.
        additions: what the run was changed to since, whether that was saved or not.

    Returns:
        The folder.

    Raises:
        InputFileError, CorruptFileError: ``run`` is no whole run folder, or ``folder`` holds other things.
        StorageError: the folder cannot be written.
    """
    source = RunFolder(Path(run)).path
    target = copy_published(source, folder, [pattern for pattern in PUBLISHED if not pattern.startswith(ADDITIONS)])
    for name in WITH_PATHS:
        if (target / name).is_file():
            text = read_text(target / name)
            cleaned = _clean_json(text) if name.endswith(".json") else without_local_paths(text)
            write_text(target / name, cleaned)
    if additions.changes:  # they name the manifest by its sha256, so they are written anew and last
        changes = tuple(replace(change, how=_cleaned(change.how)) for change in additions.changes)
        AdditionsFolder(target).save(replace(additions, changes=changes), 0)
        (target / ADDITIONS / LOCK).unlink(missing_ok=True)
    return target


def copy_published(source: Path, folder: PathLike, patterns: Sequence[str] = PUBLISHED) -> Path:
    """Copy the files of a run folder that are shared, as they are, the manifest last.

    Raises:
        InputFileError: ``folder`` holds something that is no model card.
        StorageError: it cannot be written.
    """
    target = Path(folder)
    strange = sorted(path.name for path in target.iterdir() if path.name != "README.md") if target.is_dir() else []
    if strange:
        raise InputFileError(f"{target} is not empty ({', '.join(strange[:3])}); name a new folder to share from.")
    files = sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file())
    files = [name for name in files if any(fnmatch(name.as_posix(), pattern) for pattern in patterns)]
    try:
        for name in sorted(files, key=lambda name: name.as_posix() == MANIFEST):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target / name)
    except OSError as error:
        for name in files:
            (target / name).unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise StorageError(f"Could not write {target}: {reason}. Free space, or name another folder.") from error
    return target


def _clean_json(text: str) -> str:
    """Clean the strings of a JSON text, which may hold quotes themselves."""
    return json.dumps(_cleaned(json.loads(text)), indent=2, ensure_ascii=False) + "\n"


def _cleaned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _cleaned(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    return without_local_paths(value) if isinstance(value, str) else value

"""Additions as files in the run folder, whole or not at all.

| file                             | holds                                                              |
|----------------------------------|--------------------------------------------------------------------|
| ``additions.json``               | format, revision, the log, and the names and sha256 of the others  |
| ``vectors-<digest>.safetensors`` | the semantic vectors of the added classes                          |
| ``scorer-<digest>.safetensors``  | their classifiers, or what scores them                             |
| ``rows-<digest>.safetensors``    | the classifiers that one update put in the place of others         |
| ``pictures-<digest>.safetensors`` | what is kept of the pictures that they come from                  |

Files are named by their content and never changed. ``additions.json`` is replaced last: until then the old state
stands, and after it the new one. What it no longer names is removed afterwards.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kgzsl import __version__
from kgzsl.additions.change import Change
from kgzsl.additions.state import AdditionsState
from kgzsl.bank import ClassifierBank, StoredScorer
from kgzsl.errors import CorruptFileError, InputFileError, KgzslError, StorageError
from kgzsl.few_images import load_pictures, save_pictures
from kgzsl.methods import SCORERS
from kgzsl.registry import choose
from kgzsl.run_folder import ADDITIONS, MANIFEST, check_free, copy_run
from kgzsl.runtime import read_json, sha256_file, tensor_metadata, write_json
from kgzsl.semantics import SemanticEmbedding

__all__ = ["AdditionsFolder", "Stored", "save_whole"]

FORMAT = 1
LOG, LOCK = "additions.json", ".lock"
VECTORS, SCORER, ROWS, PICTURES = "vectors", "scorer", "rows", "pictures"
KINDS = (VECTORS, SCORER, ROWS, PICTURES)
ENDING, DIGITS = ".safetensors", 16
LOCK_SECONDS = 30


@dataclass(frozen=True)
class Stored:
    """What a folder holds.

    Args:
        state: the log and what belongs to it.
        revision: how often it was written, 0 where it never was.
    """

    state: AdditionsState
    revision: int


class AdditionsFolder:
    """The additions of a run folder.

    Args:
        run: the run folder.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self.path = run / ADDITIONS

    def revision(self) -> int:
        """Return how often the additions were written; errors as `load`."""
        return int(self._log()["revision"]) if (self.path / LOG).exists() else 0

    def load(self) -> Stored:
        """Read the state; an empty one where nothing was added.

        Raises:
            CorruptFileError: a file is damaged or missing, or belongs to another run.
        """
        if not (self.path / LOG).exists():
            return Stored(AdditionsState(), 0)
        log = self._log()
        try:
            return self._read(log)
        except InputFileError:  # somebody saved in between, and what was named is gone
            again = self._log()
            if again["revision"] == log["revision"]:
                raise self._damaged("a file that it names is missing") from None
            return self._read(again)

    def _log(self) -> dict[str, Any]:
        try:
            log = read_json(self.path / LOG)
        except KgzslError as error:
            raise self._damaged(str(error).rstrip(".")) from error
        if not isinstance(log, dict) or not isinstance(log.get("revision"), int):
            raise self._damaged("it holds no log")
        if log.get("format") != FORMAT:
            raise CorruptFileError(
                f"{self.path / LOG} has format {log.get('format')!r}, this kgzsl reads {FORMAT}; use the kgzsl that "
                f"wrote it, or remove the folder {self.path} to go on without the additions."
            )
        if log.get("run") != sha256_file(self.run / MANIFEST):
            raise CorruptFileError(
                f"{self.path} belongs to another run than {self.run}; copy run folders as a whole, or remove "
                f"{self.path} to go on without the additions."
            )
        return log

    def _read(self, log: Mapping[str, Any]) -> Stored:
        try:
            changes = tuple(Change.from_json(one) for one in log["changes"])
            files = log["files"]
            vectors = self._checked(files[VECTORS], SemanticEmbedding.load) if files.get(VECTORS) else None
            scorer = self._checked(files[SCORER], _load_scorer) if files.get(SCORER) else None
            updates = {int(one): self._checked(name, ClassifierBank.load) for one, name in files[ROWS].items()}
            pictures = {int(one): self._checked(name, load_pictures) for one, name in files.get(PICTURES, {}).items()}
        except InputFileError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._damaged(str(error).rstrip(".") or type(error).__name__) from error
        state = AdditionsState(changes, vectors, scorer, updates, pictures)
        self._check_whole(state)
        return Stored(state, int(log["revision"]))

    def _check_whole(self, state: AdditionsState) -> None:
        """Check that every class that the log adds or updates has its rows."""
        ids = {one.class_id for change in state.changes for one in change.added}
        for held in (state.vectors, state.scorer):
            if ids != (set(held.index.ids) if held is not None else set()):
                raise self._damaged("its files hold other classes than its log names")
        updated = {change.number: set(change.class_ids) for change in state.changes if change.verb == "update"}
        if updated != {number: set(bank.index.ids) for number, bank in state.updates.items()}:
            raise self._damaged("its files hold other updates than its log names")

    def _checked(self, named: Mapping[str, str], load: Callable[[Path], Any]) -> Any:
        path = self.path / Path(named["name"]).name
        if sha256_file(path) != named["sha256"]:
            raise ValueError(f"{path.name} is not what was written (another sha256)")
        return load(path)

    def _damaged(self, reason: str) -> CorruptFileError:
        return CorruptFileError(
            f"{self.path} is damaged: {reason}. Put the folder back from a copy, or remove it to go on without the "
            "additions."
        )

    def save(self, state: AdditionsState, loaded: int) -> int:
        """Write a state; until the last step the old one stands.

        Args:
            state: the log and what belongs to it.
            loaded: the revision that it was made from.

        Returns:
            The new revision.

        Raises:
            StorageError: a write failed, somebody else is writing, or has written since; what stood there is untouched.
        """
        with self._locked():
            if (found := self.revision()) != loaded:
                raise StorageError(
                    f"{self.path} was changed since it was loaded (revision {found}, loaded was {loaded}); load the "
                    "run again and repeat your changes. Nothing was written."
                )
            files: dict[str, Any] = {ROWS: {}, PICTURES: {}}
            if state.vectors is not None:
                files[VECTORS] = self._keep(VECTORS, state.vectors.save)
            if state.scorer is not None:
                files[SCORER] = self._keep(SCORER, state.scorer.save)
            for number, bank in state.updates.items():
                files[ROWS][str(number)] = self._keep(ROWS, bank.save)
            for number, held in state.pictures.items():
                files[PICTURES][str(number)] = self._keep(PICTURES, partial(save_pictures, pictures=held))
            content = {"format": FORMAT, "kgzsl": __version__, "revision": loaded + 1}
            content |= {"run": sha256_file(self.run / MANIFEST), "files": files}
            write_json(self.path / LOG, {**content, "changes": [change.to_json() for change in state.changes]})
            self._clean({named["name"] for named in _all(files)})
        return loaded + 1

    def _keep(self, kind: str, save: Callable[[Path], None]) -> dict[str, str]:
        """Write a file under a name that is made of its content; return that name and its sha256."""
        descriptor, name = tempfile.mkstemp(prefix=f".{kind}.", suffix=".tmp", dir=self.path)
        os.close(descriptor)
        written = Path(name)
        try:
            save(written)
            digest = sha256_file(written)
            final = self.path / f"{kind}-{digest[:DIGITS]}{ENDING}"
            written.replace(final)
        except OSError as error:
            if isinstance(error, KgzslError):
                raise
            raise StorageError(
                f"Could not write {self.path}: {error.strerror or error}. Nothing was changed."
            ) from error
        finally:
            written.unlink(missing_ok=True)
        return {"name": final.name, "sha256": digest}

    def _clean(self, named: set[str]) -> None:
        """Remove files of ours that the log no longer names, and those of writers that were killed."""
        for path in self.path.iterdir():
            is_ours = path.name.startswith(tuple(f"{kind}-" for kind in KINDS)) and path.suffix == ENDING
            is_left = path.name.startswith(".") and path.suffix == ".tmp"
            if (is_ours or is_left) and path.name not in named:
                try:
                    path.unlink(missing_ok=True)
                except OSError:
                    continue  # the next save tries again

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            self.path.mkdir(exist_ok=True)
            lock = FileLock(self.path / LOCK)
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout as error:
            raise StorageError(
                f"{self.path} is being written by another process; try again when it has ended."
            ) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise StorageError(f"Could not write {self.path}: {reason}. Nothing was changed.") from error
        try:
            yield
        finally:
            lock.release()


def _all(files: Mapping[str, Any]) -> list[dict[str, str]]:
    several = [named for kind in (ROWS, PICTURES) for named in files[kind].values()]
    return [*several, *(files[kind] for kind in (VECTORS, SCORER) if kind in files)]


def save_whole(run: Path, folder: Path, state: AdditionsState) -> None:
    """Write a copy of a run folder with a state of its additions, whole or not at all.

    Args:
        run: the run folder.
        folder: where to; it must not be there yet, or be empty.
        state: what its additions are to be.

    Raises:
        InputFileError: the folder holds something.
        StorageError: a write failed; nothing is left behind.
    """
    check_free(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    except OSError as error:
        raise StorageError(f"Could not write {folder}: {error.strerror or error}. Nothing was changed.") from error
    try:
        staged.chmod(0o777 & ~_umask())
        copy_run(run, staged)
        if state.changes:
            AdditionsFolder(staged).save(state, 0)
        if folder.is_dir():
            folder.rmdir()
        staged.replace(folder)
    except OSError as error:
        if isinstance(error, KgzslError):
            raise
        raise StorageError(f"Could not write {folder}: {error.strerror or error}. Nothing was changed.") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _load_scorer(path: Path) -> StoredScorer:
    kind = tensor_metadata(path).get("kind")
    if kind is None:
        return ClassifierBank.load(path)
    load: Callable[[Path], StoredScorer] = choose(SCORERS, kind, "scorer")
    return load(path)

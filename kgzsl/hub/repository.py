"""From a classifier to a folder or a repository, and back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from kgzsl.additions.change import ADD
from kgzsl.errors import InputFileError, KgzslError, MissingDependencyError, MissingResourceError
from kgzsl.hub.card import INSTALL, CardFacts
from kgzsl.hub.published_files import PUBLISHED, copy_published, publish_run
from kgzsl.run_folder import RunFolder
from kgzsl.types import PathLike

if TYPE_CHECKING:
    from kgzsl.classifier import ZeroShotClassifier
    from kgzsl.hub.mixin import SharedClassifier
    from kgzsl.semantics import SemanticEncoder
    from kgzsl.vision import Backbone

__all__ = ["facts_of", "fetch_run", "from_pretrained", "push_to_hub", "save_pretrained", "save_whole"]

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
MOST_LETTERS = 200


def save_pretrained(classifier: ZeroShotClassifier, folder: PathLike, **card: Any) -> Path:
    """Write what is shared of a classifier, with a model card, into a new folder.

    Args:
        classifier: what to share; the classes added to it are shared with it.
        folder: a folder that is not there or empty. A ``README.md`` in it is kept as it is.
        card: keywords of `kgzsl.hub.model_card`.

    Returns:
        The folder.

    Raises:
        MissingDependencyError: huggingface_hub is not installed.
        InputFileError: the folder holds other things.
    """
    _shared(classifier).save_pretrained(Path(folder), model_card_kwargs=card)
    return Path(folder)


def push_to_hub(
    classifier: ZeroShotClassifier,
    repo_id: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    commit_message: str = "Share a kgzsl classifier",
    **card: Any,
) -> str:
    """Make a repository of a classifier on the hub, or a new commit in it; return its address.

    Args:
        classifier: what to share.
        repo_id: ``owner/name``.
        private: whether others cannot see a repository that is made anew.
        token: by default the one that ``hf auth login`` keeps.
        commit_message: what the commit is called.
        card: keywords of `kgzsl.hub.model_card`.

    Raises:
        MissingDependencyError: huggingface_hub is not installed.
        InputFileError: the name is none of a repository.
        MissingResourceError: the hub does not take it.
    """
    _check_name(repo_id)
    shared, card = _shared(classifier), {"repo_id": repo_id, **card}
    with _one_line(f"{repo_id!r} could not be written on the hub", "Log in with hf auth login, and check the name."):
        address = shared.push_to_hub(
            repo_id,
            private=private,
            token=token,
            commit_message=commit_message,
            delete_patterns=list(PUBLISHED),  # what an earlier commit had and this one has not
            model_card_kwargs=card,
        )
    return str(address)


def from_pretrained(
    name: PathLike,
    *,
    backbone: Backbone | None = None,
    encoder: SemanticEncoder | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: PathLike | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
) -> ZeroShotClassifier:
    """Open a classifier from a folder or from the hub.

    Args:
        name: a folder, or ``owner/name`` of a repository; a folder goes first.
        backbone, encoder: as `ZeroShotClassifier.load` takes them.
        revision, token, cache_dir, local_files_only, force_download: as huggingface_hub takes them.

    Raises:
        MissingDependencyError: huggingface_hub is not installed.
        InputFileError, CorruptFileError: it holds no whole classifier.
        MissingResourceError: there is no such folder, and the hub does not give it.
    """
    if Path(name).is_dir():
        from kgzsl.classifier import ZeroShotClassifier

        return ZeroShotClassifier.load(name, backbone, encoder)
    _check_name(str(name), "no folder that is here and ")
    mixin = _mixin()
    options: dict[str, Any] = {
        "revision": revision,
        "token": token,
        "cache_dir": cache_dir,
        "backbone": backbone,
        "encoder": encoder,
    }
    options |= {"local_files_only": local_files_only, "force_download": force_download}
    with _one_line(f"{str(name)!r} is no folder here and could not be fetched from the hub", _FETCH_ADVICE):
        return mixin.from_pretrained(str(name), **options).classifier


def fetch_run(repo_id: str, folder: PathLike, *, revision: str | None = None, token: str | None = None) -> RunFolder:
    """Fetch a classifier from the hub into a run folder of one's own.

    Raises:
        MissingDependencyError: huggingface_hub is not installed.
        InputFileError: the name is none of a repository, or the folder holds other things.
        MissingResourceError: the hub does not give it.
    """
    _check_name(repo_id)
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise _missing() from error
    with _one_line(f"{repo_id!r} could not be fetched from the hub", _FETCH_ADVICE):
        found = snapshot_download(repo_id, revision=revision, token=token, allow_patterns=list(PUBLISHED))
    return RunFolder(copy_published(RunFolder(Path(found)).path, folder))


_FETCH_ADVICE = "Check the name and the network, or give the folder of a run."


def save_whole(classifier: ZeroShotClassifier, folder: Path) -> None:
    """Write the files that are shared of a classifier, with the classes that were added to it."""
    publish_run(classifier.run.path, folder, classifier.added.state)


def facts_of(classifier: ZeroShotClassifier) -> CardFacts:
    """Return what the card of a classifier tells."""
    rows, state = [], classifier.added.state
    for class_id, added in state.added.items():
        change = state.last_about(class_id, ADD)
        facts = {"class": classifier.text(class_id).name, "id": class_id}
        facts |= {"below": ", ".join(parent.name for parent in added.parents), "placed by": added.placed_by}
        facts |= {"words": added.source, "added by": change.by if change else "", "on": change.when if change else ""}
        rows.append(facts)
    removed, updated = len(state.removed), len(state.replaced)
    return CardFacts.of(classifier.run, rows, {"removed": removed, "updated with examples": updated})


def _check_name(repo_id: str, others: str = "") -> None:
    if not REPOSITORY.fullmatch(repo_id):
        raise InputFileError(
            f"{repo_id!r} is {others}no name of a repository; one is written owner/name, in letters, digits, - _ and ."
        )


def _mixin() -> type[SharedClassifier]:
    try:
        from kgzsl.hub.mixin import SharedClassifier
    except ImportError as error:
        raise _missing() from error
    return SharedClassifier


def _shared(classifier: ZeroShotClassifier) -> SharedClassifier:
    return _mixin()(classifier)


def _missing() -> MissingDependencyError:
    return MissingDependencyError(f"Sharing a classifier needs huggingface_hub: {INSTALL}.")


@contextmanager
def _one_line(what: str, advice: str) -> Iterator[None]:
    """Turn what the hub's client raises (its own errors, httpx's, OSError, ValueError) into one line."""
    try:
        yield
    except KgzslError:
        raise
    except Exception as error:
        cause = shorten((str(error).strip().splitlines() or [""])[0].rstrip("."), MOST_LETTERS, placeholder=" ...")
        raise MissingResourceError(f"{what} ({type(error).__name__}: {cause}). {advice}") from error

"""A classifier goes out and comes back the same, to the bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import InputFileError, MissingDependencyError, MissingResourceError
from kgzsl.features import FeatureSet
from kgzsl.hub import fetch_run

pytest.importorskip("huggingface_hub", reason='needs pip install "kgzsl[hub]"')

OKAPI, ZEBRA, MULE = "n02439398", "n02391049", "striped-mule"


@pytest.fixture(scope="module")
def classifier(wordnet_run: Path, stand_ins: ModuleType) -> ZeroShotClassifier:
    """A classifier with two added classes, which are not saved."""
    found = ZeroShotClassifier.load(wordnet_run, encoder=stand_ins.seeded())
    found.add_class(MULE, parents=[ZEBRA], description="a mule with the stripes of a zebra", by="me")
    found.add_class(OKAPI, by="you")
    return found


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that plays the hub: repositories are folders in it."""
    from huggingface_hub.utils import filter_repo_objects

    root = tmp_path / "hub"

    class Api:
        def __init__(self, token: str | None = None) -> None:
            self.token = token

        def create_repo(self, repo_id: str, private: bool | None, exist_ok: bool) -> SimpleNamespace:
            (root / repo_id).mkdir(parents=True, exist_ok=exist_ok)
            (root / "private.txt").write_text(str(private))
            return SimpleNamespace(repo_id=repo_id)

        def upload_folder(self, repo_id: str, folder_path: Path, **options: Any) -> str:
            held = [str(path.relative_to(root / repo_id)) for path in (root / repo_id).rglob("*") if path.is_file()]
            for name in filter_repo_objects(held, allow_patterns=options["delete_patterns"]):
                (root / repo_id / name).unlink()
            shutil.copytree(folder_path, root / repo_id, dirs_exist_ok=True)
            return f"https://hub/{repo_id}/commit/1"

    def fetch(repo_id: str, *, allow_patterns: list[str], **options: Any) -> str:
        found = tmp_path / "cache" / repo_id
        files = [path.relative_to(root / repo_id) for path in (root / repo_id).rglob("*") if path.is_file()]
        for name in filter_repo_objects(map(str, files), allow_patterns=allow_patterns):
            (found / name).parent.mkdir(parents=True, exist_ok=True)
            (found / name).symlink_to(root / repo_id / name)  # as the hub's cache has them
        return str(found)

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Api)
    monkeypatch.setattr(
        "huggingface_hub.hub_mixin.hf_hub_download", lambda repo_id, filename, **_: str(root / repo_id / filename)
    )
    monkeypatch.setattr("kgzsl.hub.mixin.snapshot_download", fetch)
    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    return root


def scores(classifier: ZeroShotClassifier, images: FeatureSet) -> torch.Tensor:
    return classifier.scorer_of((ZEBRA, MULE, OKAPI)).score(images)


def images_of(run: Path) -> FeatureSet:
    return FeatureSet.load(next(run.parent.glob("*features*.safetensors")))


def test_a_folder_gives_the_same_scores_of_added_classes_too(
    classifier: ZeroShotClassifier, stand_ins: ModuleType, wordnet_run: Path, tmp_path: Path
) -> None:
    folder = classifier.save_pretrained(tmp_path / "shared", license="mit")
    again = ZeroShotClassifier.from_pretrained(folder, encoder=stand_ins.seeded())
    images = images_of(wordnet_run)
    assert torch.equal(scores(again, images), scores(classifier, images))
    assert again.changes == classifier.changes
    card = (folder / "README.md").read_text()
    assert "license: mit" in card and "| striped-mule | striped-mule | zebra | parents |" in card
    assert "stripes of a zebra" not in card and "okapi.n.01" in card
    texts = [path.read_text() for path in folder.rglob("*") if path.suffix in (".json", ".toml", ".md")]
    assert not [text for text in texts if str(wordnet_run.parent) in text]
    with pytest.raises(InputFileError, match="is not empty"):
        classifier.save_pretrained(folder)


def test_a_repository_gives_the_same_scores(
    hub: Path, classifier: ZeroShotClassifier, stand_ins: ModuleType, wordnet_run: Path, tmp_path: Path
) -> None:
    (hub / "me/animals/additions").mkdir(parents=True)
    (hub / "me/animals/additions/vectors-of-an-earlier-commit.safetensors").write_text("old")
    assert classifier.push_to_hub("me/animals", private=True) == "https://hub/me/animals/commit/1"
    assert (hub / "private.txt").read_text() == "True"
    assert 'from_pretrained("me/animals")' in (hub / "me/animals/README.md").read_text()
    (hub / "me/animals/evil.pkl").write_text("never fetched")
    (hub / "me/animals/config.json").write_text('{"classifier": "ignored", "backbone": "ignored"}')
    again = ZeroShotClassifier.from_pretrained("me/animals", encoder=stand_ins.seeded())
    images = images_of(wordnet_run)
    assert torch.equal(scores(again, images), scores(classifier, images))
    assert not list((tmp_path / "cache").rglob("*.pkl"))
    assert not list((hub / "me/animals/additions").glob("vectors-of*"))
    with pytest.raises(TypeError, match="encodr"):
        ZeroShotClassifier.from_pretrained("me/animals", encodr=None)


def test_a_repository_becomes_a_run_folder(hub: Path, classifier: ZeroShotClassifier, tmp_path: Path) -> None:
    classifier.push_to_hub("me/animals")
    run = fetch_run("me/animals", tmp_path / "run")
    assert ZeroShotClassifier.load(run.path).changes == classifier.changes
    assert torch.equal(run.bank.weights, classifier.run.bank.weights)
    assert not any(path.is_symlink() for path in run.path.rglob("*"))


def test_what_the_hub_does_not_give_is_one_line(
    classifier: ZeroShotClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise ConnectionError("no route\nto the hub")

    monkeypatch.setattr("huggingface_hub.hub_mixin.hf_hub_download", refuse)
    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi.create_repo", refuse)
    with pytest.raises(MissingResourceError, match=r"^'no/such' is no folder .*\(ConnectionError: no route\)\. Check"):
        ZeroShotClassifier.from_pretrained("no/such")
    with pytest.raises(MissingResourceError, match=r"^'no/such' could not be written .*no route\)\. Log in"):
        classifier.push_to_hub("no/such")
    for name in ("no", "../no/such", "a/b/c"):
        with pytest.raises(InputFileError, match="is no folder that is here and no name of a repository"):
            ZeroShotClassifier.from_pretrained(name)
        with pytest.raises(InputFileError, match="is no name of a repository; one is written owner/name"):
            classifier.push_to_hub(name)


def test_a_long_cause_is_cut_between_words(classifier: ZeroShotClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise ConnectionError("no route " * 30 + "at all.")

    monkeypatch.setattr("huggingface_hub.hub_mixin.hf_hub_download", refuse)
    with pytest.raises(MissingResourceError, match=r"ConnectionError: (no route ){21}no \.\.\.\)\. Check"):
        ZeroShotClassifier.from_pretrained("no/such")


def test_without_its_package_sharing_says_what_to_install(
    classifier: ZeroShotClassifier, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "kgzsl.hub.mixin", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "kgzsl\[hub\]"'):
        classifier.save_pretrained(tmp_path / "out")

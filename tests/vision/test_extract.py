from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from kgzsl.errors import CorruptFileError, InputFileError, StorageError
from kgzsl.features import FeatureSet
from kgzsl.vision import Backbone, extract_features, list_images, load_backbone, load_image
from kgzsl.vision.preprocess import Preprocessor
from kgzsl.vision.shards import Shards

from .conftest import save_pictures

RUN = """
import sys, time
from kgzsl.vision import extract_features, list_images, load_backbone
from kgzsl.vision.backbone import Backbone
features = Backbone.features
def slowly(self, pixels):
    time.sleep(0.3)
    return features(self, pixels)
Backbone.features = slowly
extract_features(list_images(sys.argv[1]), load_backbone(sys.argv[2]), sys.argv[3], batch_size=4)
"""


@pytest.fixture(scope="module")
def backbone(tiny_folder: Path) -> Backbone:
    return load_backbone(tiny_folder)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Eighteen pictures, the sixth truncated, the last no picture."""
    paths = save_pictures(tmp_path / "pictures", 18)
    paths[10].write_bytes(paths[10].read_bytes()[:1000])  # a/010.png is the sixth by name
    paths[17].write_text("no picture")
    return tmp_path / "pictures"


def test_features_labels_and_skipped(pictures: Path, backbone: Backbone, tmp_path: Path) -> None:
    report = extract_features(list_images(pictures), backbone, tmp_path / "out.safetensors", batch_size=4)
    assert (report.num_images, report.resumed) == (16, 0)
    assert [name for name, _ in report.skipped] == ["a/010.png", "b/017.png"]
    found = FeatureSet.load(tmp_path / "out.safetensors")
    assert found.features.dtype == torch.float16 and found.backbone == backbone.id
    names = [image.name for image in list_images(pictures) if image.name not in ("a/010.png", "b/017.png")]
    assert found.paths == tuple(names)
    assert found.class_ids() == tuple(name[0] for name in names)
    expected = backbone.features(backbone.preprocess([load_image(pictures / name) for name in names]))
    torch.testing.assert_close(found.features.float(), expected, rtol=2e-3, atol=1e-3)
    lines = (tmp_path / "out.safetensors.skipped.tsv").read_text().splitlines()
    assert lines[0] == "path\treason" and lines[1].startswith("a/010.png\t") and len(lines) == 3
    assert not (tmp_path / "out.safetensors.partial").exists()


def test_killed_run_resumes_to_the_same_bytes(pictures: Path, tiny_folder: Path, tmp_path: Path) -> None:
    whole, resumed = tmp_path / "whole.safetensors", tmp_path / "resumed.safetensors"
    partial = tmp_path / "resumed.safetensors.partial"
    process = subprocess.Popen([sys.executable, "-c", RUN, str(pictures), str(tiny_folder), str(resumed)])
    deadline = time.monotonic() + 60
    while not (partial / "00000001.safetensors").is_file() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL and not resumed.exists()
    count = len(list(partial.glob("0*.safetensors")))
    assert 2 <= count < 5

    backbone = load_backbone(tiny_folder)
    seen: list[int] = []
    features = backbone.features
    backbone.features = lambda pixels: seen.append(len(pixels)) or features(pixels)  # type: ignore[assignment,func-returns-value,method-assign]
    (partial / ".00000002.safetensors.x1.tmp").write_text("half a shard")
    report = extract_features(list_images(pictures), backbone, resumed, batch_size=4)
    assert report.resumed == count and sum(seen) == 16 - (4 * count - 1)  # nothing twice
    extract_features(list_images(pictures), load_backbone(tiny_folder), whole, batch_size=4)
    assert resumed.read_bytes() == whole.read_bytes()
    sidecars = [path.with_name(path.name + ".skipped.tsv").read_bytes() for path in (whole, resumed)]
    assert sidecars[0] == sidecars[1] and not partial.exists()


def test_partial_work_of_something_else_is_refused(pictures: Path, backbone: Backbone, tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    partial = tmp_path / "out.safetensors.partial"
    images = list_images(pictures)
    Shards.open(partial, {"format": 1, "batch_size": 8})
    with pytest.raises(InputFileError, match=r"work of another extraction \(other kgzsl, images_sha256, .*batch_size"):
        extract_features(images, backbone, out, batch_size=4)
    (partial / "manifest.json").unlink()
    (partial / "mine.txt").write_text("precious")
    with pytest.raises(InputFileError, match="holds files that are no shards"):
        extract_features(images, backbone, out, batch_size=4)
    assert (partial / "mine.txt").read_text() == "precious"


def test_damaged_shard_is_named(pictures: Path, backbone: Backbone, tmp_path: Path) -> None:
    out, images = tmp_path / "out.safetensors", list_images(pictures)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureSet, "save", lambda *_: (_ for _ in ()).throw(StorageError("disk full")))
        with pytest.raises(StorageError, match="disk full"):
            extract_features(images, backbone, out, batch_size=4)
    shard = tmp_path / "out.safetensors.partial" / "00000002.safetensors"
    shard.write_bytes(shard.read_bytes()[:40])
    with pytest.raises(CorruptFileError, match=r"00000002\.safetensors is not a whole safetensors file"):
        extract_features(images, backbone, out, batch_size=4)
    shard.unlink()
    assert extract_features(images, backbone, out, batch_size=4).resumed == 2


def test_nothing_readable_is_an_error(backbone: Backbone, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("no picture")
    with pytest.raises(InputFileError, match=r"None of 1 pictures could be read; the first, x\.png: .*no picture of a"):
        extract_features(list_images(tmp_path), backbone, tmp_path / "out.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.png"]
    with pytest.raises(InputFileError, match="Nothing to extract: 0 pictures"):
        extract_features([], backbone, tmp_path / "out.safetensors")


def test_picture_that_cannot_be_preprocessed_is_skipped(
    pictures: Path, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = load_backbone(tiny_folder)
    one = backbone.preprocess.one

    def picky(image: Image.Image) -> torch.Tensor:
        if image.width == 7:
            raise ValueError("too small")
        return one(image)

    monkeypatch.setattr(Preprocessor, "one", lambda _, image: picky(image))
    Image.new("RGB", (7, 7)).save(pictures / "a" / "000.png")
    report = extract_features(list_images(pictures), backbone, tmp_path / "out.safetensors")
    assert report.skipped[0][0] == "a/000.png" and "could not be preprocessed: too small" in report.skipped[0][1]


def test_stale_list_of_skipped_pictures_goes(pictures: Path, backbone: Backbone, tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    extract_features(list_images(pictures), backbone, out)
    good = [image for image in list_images(pictures) if image.name not in ("a/010.png", "b/017.png")]
    extract_features(good, backbone, out)
    assert not (tmp_path / "out.safetensors.skipped.tsv").exists()


def test_manifest_names_what_the_shards_were_made_from(pictures: Path, backbone: Backbone, tmp_path: Path) -> None:
    from kgzsl.vision.extract import _manifest

    first = _manifest(list_images(pictures), backbone, 4, torch.float16)
    (pictures / "a" / "000.png").write_bytes(b"changed")
    again = _manifest(list_images(pictures), backbone, 4, torch.float16)
    assert [key for key in first if first[key] != again[key]] == ["images_sha256"]
    assert json.loads(json.dumps(first)) == first


def test_real_features_equal_the_stored_ones(assets: Path, tmp_path: Path) -> None:
    backbone = load_backbone("google/mobilenet_v2_1.0_224")
    images = list_images(assets / "images" / "caltech101-dev")[::60]
    extract_features(images, backbone, tmp_path / "out.safetensors")
    found = FeatureSet.load(tmp_path / "out.safetensors")
    stored = FeatureSet.load(assets / "features" / "caltech101-dev.safetensors")
    row = {f"{path.split('_')[0]}/{path.split('/')[1]}": number for number, path in enumerate(stored.paths or ())}
    expected = stored.features[[row[path] for path in found.paths or ()]]
    torch.testing.assert_close(found.features.float(), expected.float(), rtol=2e-3, atol=2e-3)
    assert found.class_ids() == tuple(image.class_id for image in images)


def test_real_pictures_are_recognised(assets: Path, tmp_path: Path) -> None:
    backbone = load_backbone("google/mobilenet_v2_1.0_224")
    images = list_images(assets / "images" / "imagenet_sample")
    extract_features(images, backbone, tmp_path / "out.safetensors")
    found = FeatureSet.load(tmp_path / "out.safetensors")
    bank = backbone.seen_bank()
    best = [bank.index[row] for row in bank.score(found).argmax(dim=1).tolist()]
    right = sum(class_id == image.name.split("_")[0] for class_id, image in zip(best, images))
    assert right >= 17  # of 20

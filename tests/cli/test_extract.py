from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kgzsl.bank import ClassifierBank
from kgzsl.features import FeatureSet


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import transformers

    folder = tmp_path_factory.mktemp("model")
    names = dict(enumerate(["zebra", "tench", "goldfish"]))
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8], depths=[1], layer_type="basic", id2label=names, num_labels=3
    )
    transformers.ResNetForImageClassification(config).save_pretrained(folder)
    record = {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(record))
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for number, class_id in enumerate(("n02391049", "n02391049", "n01440764")):
        path = tmp_path / "pictures" / class_id / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((40, 40, 3), 80 * number, dtype=np.uint8)).save(path)
    return tmp_path / "pictures"


def test_features_and_head(
    folder: Path, pictures: Path, tmp_path: Path, kgzsl: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "n01440764" / "bad.png").write_bytes(b"\x89PNG")
    (tmp_path / "labels.csv").write_text("0,n02391049\ntench,n01440764\n2,-\n")
    out, head = tmp_path / "out.safetensors", tmp_path / "head.safetensors"
    options = ["--backbone-id", "mine", "--device", "cpu", "--labels", tmp_path / "labels.csv", "--json"]
    assert kgzsl("extract", pictures, "--backbone", folder, "--out", out, "--head-out", head, *options) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["num_images"] == 3 and report["skipped"][0]["path"] == "n01440764/bad.png"
    assert report["head"] == {"out": str(head), "num_classes": 2, "linked_by": "labels.csv"}
    images, bank = FeatureSet.load(out), ClassifierBank.load(head)
    assert images.class_ids() == ("n01440764", "n02391049", "n02391049")
    assert images.backbone == bank.backbone == "mine" and bank.index.ids == ("n02391049", "n01440764")
    assert bank.score(images).shape == (3, 2)


def test_text_report_lists_what_was_skipped(
    folder: Path, pictures: Path, tmp_path: Path, kgzsl: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "bad.png").write_bytes(b"\x89PNG")
    assert kgzsl("extract", pictures, "--backbone", folder, "--out", tmp_path / "o.safetensors") == 0
    text = capsys.readouterr().out
    assert "features of 3 pictures" in text and "1 pictures could not be read" in text and "bad.png" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pictures"], "Give pictures together with --out"),
        ([], "Give pictures together with --out, or --head-out"),
        (["nowhere", "--out", "x"], "Could not read nowhere"),
        (["--head-out", "x", "--labels", "missing.csv"], "Could not read missing.csv"),
        (["--head-out", "x", "--device", "tpu9"], "No device is called 'tpu9'"),
    ],
)
def test_bad_input_is_one_line(
    folder: Path,
    words: list[str],
    message: str,
    tmp_path: Path,
    kgzsl: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert kgzsl("extract", *words, "--backbone", folder) == 2
    error = capsys.readouterr().err
    assert error.startswith("kgzsl: ") and message in error and error.count("\n") == 1


def named(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
        Image.new("RGB", (40, 40)).save(root / name / "0.png")
    return root


def test_folders_may_have_names(folder: Path, tmp_path: Path, kgzsl: Callable[..., int]) -> None:
    root = named(tmp_path / "pictures", "okapi", "Zebra", "polar bear", "crane.n.05", "n01440764_tench", "n99999999")
    out = tmp_path / "out.safetensors"
    assert kgzsl("extract", root, "--backbone", folder, "--backbone-id", "mine", "--device", "cpu", "--out", out) == 0
    images = FeatureSet.load(out)
    found = dict(zip(images.paths or (), images.class_ids(), strict=True))
    assert found == {
        "okapi/0.png": "n02439398",
        "Zebra/0.png": "n02391049",
        "polar bear/0.png": "n02134084",
        "crane.n.05/0.png": "n02012849",
        "n01440764_tench/0.png": "n01440764",
        "n99999999/0.png": "n99999999",
    }


def test_folder_names_of_no_one_class_are_told_at_once(
    tmp_path: Path, kgzsl: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    root = named(tmp_path / "pictures", "okapi", "crane", "flurble")
    assert kgzsl("extract", root, "--backbone", "no-such-model", "--out", tmp_path / "out.safetensors") == 2
    error = capsys.readouterr().err
    assert "pictures has 2 names that are no one class. 'crane' could mean" in error and "n02012849 crane.n.05" in error
    assert "No class is called 'flurble'" in error and error.count("\n") == 1
    assert error.endswith("Call the folders by class ids, or name their own taxonomy with --graph.\n")


def test_folders_named_by_an_own_taxonomy(folder: Path, tmp_path: Path, kgzsl: Callable[..., int]) -> None:
    from kgzsl.graph.custom import from_pairs
    from kgzsl.graph.storage import save_graph

    save_graph(from_pairs([("screw", "fastener"), ("crane", "fastener")]), tmp_path / "parts")
    root, out = named(tmp_path / "pictures", "screw", "crane"), tmp_path / "out.safetensors"
    words = ("--backbone", folder, "--backbone-id", "mine", "--device", "cpu", "--graph", tmp_path / "parts")
    assert kgzsl("extract", root, *words, "--out", out) == 0
    assert FeatureSet.load(out).class_ids() == ("crane", "screw")


def test_onnxruntime_gives_the_same_features(
    folder: Path, pictures: Path, tmp_path: Path, kgzsl: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxscript", reason='needs pip install "kgzsl[onnx]"')
    found = []
    for engine in ("torch", "onnxruntime"):
        out = tmp_path / f"{engine}.safetensors"
        assert kgzsl("extract", pictures, "--backbone", folder, "--engine", engine, "--out", out) == 0
        found.append(FeatureSet.load(out))
    np.testing.assert_allclose(found[1].features.float(), found[0].features.float(), atol=1e-3)
    assert found[0].backbone == found[1].backbone
    assert kgzsl("extract", pictures, "--backbone", folder, "--engine", "mkl", "--out", tmp_path / "no") == 2
    assert "onnxruntime" in capsys.readouterr().err

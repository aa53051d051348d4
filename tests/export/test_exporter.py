from __future__ import annotations

import csv
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from kgzsl.bank import ClassifierBank
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import BackboneMismatchError, InputFileError, UnknownVariantError
from kgzsl.export import FORMATS, choose_matching, enlarged_head, export_classifier
from kgzsl.export.card import LOADING
from kgzsl.vision import load_backbone


def test_a_transformers_folder_that_ranks_as_the_classifier_does(
    classifier: ZeroShotClassifier, small_world: ModuleType, tmp_path: Path
) -> None:
    new = [small_world.MULE, small_world.SAW]
    done = export_classifier(classifier, [*new, small_world.ZEBRA], tmp_path / "out", match="norm")
    written = load_backbone(tmp_path / "out")
    assert (done.head.num_old, len(done.head.rows), done.already) == (8, 10, (small_world.ZEBRA,))
    assert written.labels[8:] == ("mule", "saw") and written.labels[0] == "background"
    bank, scale = classifier.bank_of(new), choose_matching(classifier.run, 2, "norm").scale
    torch.testing.assert_close(written.weights[8:], scale * bank.weights)
    torch.testing.assert_close(written.biases[8:], scale * bank.biases)
    assert torch.equal(written.weights[:8], classifier.backbone.weights)
    Image.effect_noise((40, 36), 50).convert("RGB").save(tmp_path / "photo.png")
    images, _ = classifier.features([tmp_path / "photo.png"])
    ranked = classifier.predict(images, new, top=2)[0].predictions
    logits = written.logits(images.features)[0, 8:]
    assert [new[row] for row in logits.argsort(descending=True).tolist()] == [one.class_id for one in ranked]
    with (tmp_path / "out" / "labels.tsv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file, delimiter="\t"))
    assert table[0] == {"row": "0", "class_id": "", "name": "background", "seen": "no", "source": "head"}
    assert table[7] == {"row": "7", "class_id": small_world.ZEBRA, "name": "zebra", "seen": "yes", "source": "head"}
    assert table[9] == {"row": "9", "class_id": small_world.SAW, "name": "saw", "seen": "no", "source": "trained"}
    manifest = json.loads((tmp_path / "out" / "kgzsl-export.json").read_text())
    assert manifest["run"] == classifier.run.manifest and manifest["old_rows"] == 8
    assert set(manifest["files"]) == {path.name for path in (tmp_path / "out").iterdir()} - {"kgzsl-export.json"}
    assert "| 8 | n02390101 | mule |" in (tmp_path / "out" / "README.md").read_text()


def test_head_formats_take_the_rows_of_the_run_where_no_model_is_at_hand(
    wordnet_run: Path, small_world: ModuleType, tmp_path: Path
) -> None:
    classifier = ZeroShotClassifier.load(wordnet_run)
    done = export_classifier(classifier, [small_world.MULE], tmp_path / "head", "safetensors")
    written = load_file(tmp_path / "head" / "head.safetensors")
    own = classifier.run.seen_bank
    assert done.old_rows == "run" and torch.equal(written["weight"][:7], own.weights)
    assert [row.class_id for row in done.head.rows] == [*small_world.SEEN, small_world.MULE]
    export_classifier(classifier, [small_world.MULE], tmp_path / "labels", "labels")
    labels = json.loads((tmp_path / "labels" / "labels.json").read_text())
    assert labels[7] == {
        "row": 7, "class_id": small_world.MULE, "name": "mule", "seen": False, "source": "trained",
    }  # fmt: skip
    assert labels[0]["name"] == "zebra" and len(labels) == 8
    assert enlarged_head(classifier, [small_world.MULE]).labels == tuple(row["name"] for row in labels)


def test_rows_of_another_head_are_exported_alone(
    classifier: ZeroShotClassifier, small_world: ModuleType, tmp_path: Path
) -> None:
    bank = classifier.run.seen_bank
    classifier.run.__dict__["seen_bank"] = ClassifierBank(bank.index, 2 * bank.weights, bank.biases, bank.backbone)
    with pytest.raises(BackboneMismatchError, match=r"7 of the 7 classifiers .* are no rows of the head"):
        export_classifier(classifier, [small_world.MULE], tmp_path / "a")
    assert export_classifier(classifier, [small_world.MULE], tmp_path / "b", "labels").old_rows == "run"
    assert not (tmp_path / "a").exists()


def test_bad_requests_are_told_before_anything_is_written(
    wordnet_run: Path, small_world: ModuleType, tmp_path: Path
) -> None:
    classifier = ZeroShotClassifier.load(wordnet_run)
    with pytest.raises(UnknownVariantError, match="No export format is called 'tflite'"):
        export_classifier(classifier, [small_world.MULE], tmp_path / "out", "tflite")
    with pytest.raises(InputFileError, match="Every class asked for has a row in the head already"):
        export_classifier(classifier, [small_world.ZEBRA, small_world.HAMMER], tmp_path / "out", "labels")
    with pytest.raises(InputFileError, match="class of persons"):
        export_classifier(classifier, [small_world.GROOM], tmp_path / "out", "labels")
    classifier.run.__dict__["scorer"] = object()  # as ConSE, which is no bank
    with pytest.raises(InputFileError, match="holds no bank of linear classifiers"):
        export_classifier(classifier, [small_world.MULE], tmp_path / "out", "labels")
    assert list(tmp_path.iterdir()) == []


def test_every_format_says_how_it_is_loaded() -> None:
    assert LOADING.keys() == FORMATS.keys()
    for text in LOADING.values():
        compile(text.format(dim=3, rows=4), "card", "exec")


@pytest.mark.assets
def test_a_real_model_keeps_its_answers_and_learns_new_names(assets: Path, tmp_path: Path) -> None:
    """One tiny world cannot show it: a head of 1001 rows, two of them called crane, in torch and in onnxruntime."""
    import onnxruntime
    from transformers import pipeline

    from kgzsl.export import EnlargedHead, Matching, OldHead
    from kgzsl.export.onnx import write_onnx_model
    from kgzsl.export.transformers_folder import write_transformers_folder
    from kgzsl.vision import load_image

    backbone = load_backbone(assets / "backbones" / "mobilenet_v2_1.0_224")
    linking = backbone.linking()
    old = OldHead(backbone.weights, backbone.biases, linking.class_ids, backbone.labels, backbone.id)
    new = backbone.seen_bank().select(["n02391049"]).normalised("joint")  # a second zebra, a little longer
    new = ClassifierBank(type(new.index)(("okapi",), "new"), new.weights, new.biases, new.backbone)
    length = float(backbone.weights[linking.class_ids.index("n02391049")].norm())
    head = EnlargedHead.enlarge(old, new, [("okapi", "trained")], Matching("norm", 1.2 * length))
    assert (head.labels[135], head.labels[518]) == ("crane", "crane (n03126707)")
    write_transformers_folder(head, backbone, tmp_path)
    write_onnx_model(head, backbone, tmp_path)
    pictures = [load_image(path) for path in sorted((assets / "images" / "imagenet_sample").rglob("*.*"))[:4]]
    pixels = backbone.preprocess(pictures)
    expected = head.logits(backbone.features(pixels))
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    found = torch.from_numpy(session.run(None, {"pixel_values": pixels.contiguous().numpy()})[0])
    assert torch.equal(found.topk(5).indices, expected.topk(5).indices)
    assert (found - expected).abs().max() <= 1e-4
    answers = pipeline("image-classification", str(tmp_path), device="cpu")(pictures, top_k=5)
    ids = [[head.labels.index(one["label"]) for one in answer] for answer in answers]
    assert ids == expected.topk(5).indices.tolist()

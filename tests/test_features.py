from __future__ import annotations

import pytest
import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.features import FeatureFile, FeatureSet
from kgzsl.runtime import save_tensors

INDEX = ClassIndex(("okapi", "zebra"))


def features(**changes):
    values = {
        "features": torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
        "labels": torch.tensor([0, 1, -1]),
        "index": INDEX,
        "backbone": "toy",
        "paths": ("a.jpg", "b.jpg", "ü.jpg"),
    }
    return FeatureSet(**(values | changes))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_round_trip_through_the_file(tmp_path, dtype):
    images = features(features=torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype=dtype))
    images.save(tmp_path / "f.safetensors")
    again = FeatureSet.load(tmp_path / "f.safetensors")
    assert torch.equal(again.features, images.features)
    assert again.features.dtype == dtype
    assert again.labels.tolist() == [0, 1, -1]
    assert (again.index, again.backbone, again.paths) == (INDEX, "toy", images.paths)


def test_quantised_rows_are_off_by_half_a_scale_at_most(tmp_path):
    rows = torch.randn(20, 8, generator=torch.Generator().manual_seed(0))
    images = features(features=rows, labels=torch.zeros(20, dtype=torch.int64), paths=None)
    images.save(tmp_path / "f.safetensors", quantised=True)
    scales = rows.abs().amax(dim=1, keepdim=True) / 127
    assert ((FeatureSet.load(tmp_path / "f.safetensors").features - rows).abs() <= scales / 2 + 1e-6).all()


def test_class_ids_dim_and_length():
    assert features().class_ids() == ("okapi", "zebra", None)
    assert (features().dim, len(features())) == (2, 3)


def test_rows_by_mask_or_number():
    by_mask = features().rows(torch.tensor([True, False, True]))
    by_number = features().rows(torch.tensor([0, 2]))
    assert by_mask.paths == by_number.paths == ("a.jpg", "ü.jpg")
    assert by_mask.labels.tolist() == by_number.labels.tolist() == [0, -1]


def test_of_classes_leaves_out_images_without_a_class():
    assert features().of_classes(["okapi", "zebra", "crane"]).paths == ("a.jpg", "b.jpg")
    assert len(features().of_classes([])) == 0


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"features": torch.ones(3)}, r"Expected features \(N, D\) and labels \(N,\), found features \(3,\)"),
        ({"labels": torch.tensor([0])}, r"labels \(1,\)"),
        ({"labels": torch.tensor([0, 1, 2])}, "Labels must be rows of the 2 classes"),
        ({"labels": torch.tensor([0, 1, -2])}, "Labels must be rows of the 2 classes"),
        ({"paths": ("a.jpg",)}, "3 features but 1 paths"),
        ({"features": torch.tensor([[1.0], [float("nan")], [1.0]])}, "Feature row 1 holds a value that is not finite"),
    ],
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(InputFileError, match=message):
        features(**changes)


@pytest.mark.parametrize(
    "tensors, metadata, error, message",
    [
        ({"x": torch.ones(1)}, {}, InputFileError, "is no feature file: it lacks features, labels"),
        (
            {"features": torch.ones(1, 1), "labels": torch.zeros(1)},
            {"backbone": "b"},
            InputFileError,
            "it lacks classes",
        ),
        (
            {"features": torch.ones(1, 1, dtype=torch.int8), "labels": torch.zeros(1)},
            {"backbone": "b", "classes": "[]"},
            CorruptFileError,
            "int8 features without scales",
        ),
        (
            {"features": torch.ones(1, 1), "labels": torch.zeros(1)},
            {"backbone": "b", "classes": "[oops"},
            CorruptFileError,
            "has damaged metadata",
        ),
    ],
)
def test_a_file_that_is_no_feature_file(tmp_path, tensors, metadata, error, message):
    save_tensors(tmp_path / "f.safetensors", tensors, metadata)
    with pytest.raises(error, match=message):
        FeatureSet.load(tmp_path / "f.safetensors")


@pytest.mark.parametrize("quantised", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_blocks_of_a_file_are_the_rows_of_the_whole(tmp_path, quantised: bool, rows: int) -> None:
    features().save(tmp_path / "f.safetensors", quantised)
    whole, file = FeatureSet.load(tmp_path / "f.safetensors"), FeatureFile(tmp_path / "f.safetensors")
    blocks = list(file.blocks(rows))
    assert len(file) == len(whole) == sum(map(len, blocks))
    assert torch.equal(torch.cat([block.features for block in blocks]), whole.features)
    assert torch.equal(torch.cat([block.labels for block in blocks]), whole.labels)
    assert tuple(path for block in blocks for path in block.paths) == whole.paths == file.paths
    assert torch.equal(file.read(1, 3).features, whole.features[1:3])


def test_a_file_with_more_labels_than_features_is_refused(tmp_path) -> None:
    tensors = {"features": torch.zeros(2, 3), "labels": torch.zeros(3, dtype=torch.int64)}
    save_tensors(tmp_path / "f.safetensors", tensors, {"classes": '["a"]', "backbone": "toy"})
    with pytest.raises(InputFileError, match="labels"):
        FeatureSet.load(tmp_path / "f.safetensors")

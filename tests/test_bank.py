from __future__ import annotations

import math

import pytest
import torch

from kgzsl.bank import ClassifierBank, Scorer, normalise_rows
from kgzsl.classes import ClassIndex
from kgzsl.errors import BackboneMismatchError, CorruptFileError, GraphError, InputFileError, UnknownClassError
from kgzsl.features import FeatureSet
from kgzsl.runtime import save_tensors


def bank_of(*ids, backbone="toy", normalisation="none"):
    rows = torch.arange(2.0 * len(ids)).reshape(-1, 2)
    return ClassifierBank(ClassIndex(ids), rows, torch.arange(float(len(ids))), backbone, normalisation)


def images_of(rows, backbone="toy"):
    features = torch.tensor(rows)
    return FeatureSet(features, torch.full((len(rows),), -1), ClassIndex(()), backbone)


def test_scores_are_wx_plus_b():
    scores = bank_of("a", "b").score(images_of([[1.0, 10.0]]))
    assert scores.tolist() == [[0 * 1 + 1 * 10 + 0, 2 * 1 + 3 * 10 + 1]]


def test_half_precision_features_are_scored_in_the_banks_precision():
    images = images_of([[1.0, 10.0]])
    half = FeatureSet(images.features.half(), images.labels, images.index, "toy")
    assert bank_of("a", "b").score(half).dtype == torch.float32


def test_a_bank_is_a_scorer():
    assert isinstance(bank_of("a"), Scorer)


def test_features_of_another_backbone_or_width_are_refused():
    with pytest.raises(BackboneMismatchError, match="come from backbone 'other', the bank scores those of 'toy'"):
        bank_of("a").score(images_of([[1.0, 2.0]], "other"))
    with pytest.raises(BackboneMismatchError, match="The features are 3-d, the bank takes 2-d ones"):
        bank_of("a").score(images_of([[1.0, 2.0, 3.0]]))


def test_select_takes_rows_by_name_in_the_order_given():
    part = bank_of("a", "b", "c").select(["c", "a"])
    assert part.index.ids == ("c", "a")
    assert part.weights.tolist() == [[4, 5], [0, 1]]
    assert part.biases.tolist() == [2, 0]
    with pytest.raises(UnknownClassError, match="'d'"):
        bank_of("a").select(["d"])


def test_concat_leaves_own_rows_as_they_are():
    joined = bank_of("a", "b").concat(bank_of("c"))
    assert joined.index.ids == ("a", "b", "c")
    assert torch.equal(joined.weights[:2], bank_of("a", "b").weights)
    assert joined.weights[2].tolist() == [0, 1]
    with pytest.raises(BackboneMismatchError, match=r"Cannot join banks of 'toy' \(2-d\) and 'other' \(2-d\)"):
        bank_of("a").concat(bank_of("b", backbone="other"))
    with pytest.raises(GraphError, match="'a' stands twice"):
        bank_of("a").concat(bank_of("a"))


def test_normalised_rows_have_length_one():
    weights, biases = torch.tensor([[3.0, 4.0]]), torch.tensor([12.0])
    joint = normalise_rows(weights, biases, "joint")
    assert torch.allclose(joint[0], weights / math.sqrt(3**2 + 4**2 + 12**2))
    assert torch.allclose(joint[1], biases / 13)
    alone = normalise_rows(weights, biases, "weights")
    assert torch.allclose(alone[0], weights / 5)
    assert torch.allclose(alone[1], biases / 5)
    assert normalise_rows(weights, biases, "none")[0] is weights
    with pytest.raises(InputFileError, match="No normalisation is called 'l2'; choose one of none, joint, weights"):
        normalise_rows(weights, biases, "l2")


def test_a_row_of_zeros_stays_finite():
    bank = bank_of("a").normalised("joint")
    zero = ClassifierBank(ClassIndex(("a",)), torch.zeros(1, 2), torch.zeros(1), "toy").normalised("joint")
    assert bank.normalisation == zero.normalisation == "joint"
    assert zero.weights.tolist() == [[0, 0]]


def test_round_trip_through_the_file(tmp_path):
    bank = bank_of("a", "ü", normalisation="joint")
    bank.save(tmp_path / "bank.safetensors")
    again = ClassifierBank.load(tmp_path / "bank.safetensors")
    assert torch.equal(again.weights, bank.weights)
    assert torch.equal(again.biases, bank.biases)
    assert (again.index, again.backbone, again.normalisation) == (bank.index, "toy", "joint")


@pytest.mark.parametrize(
    "weights, biases, normalisation, message",
    [
        (torch.ones(2, 2), torch.ones(1), "none", r"A bank of 1 classes needs weights \(1, D\) and biases \(1,\)"),
        (torch.ones(1, 2), torch.ones(2), "none", r"found weights \(1, 2\) and biases \(2,\)"),
        (torch.ones(1, 2), torch.ones(1), "l2", "No normalisation is called 'l2'"),
        (torch.full((1, 2), float("inf")), torch.ones(1), "none", "must hold finite numbers"),
    ],
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_what_does_not_fit_is_refused(weights, biases, normalisation, message):
    with pytest.raises(InputFileError, match=message):
        ClassifierBank(ClassIndex(("a",)), weights, biases, "toy", normalisation)


def test_files_that_are_no_bank(tmp_path):
    save_tensors(tmp_path / "x", {"weights": torch.ones(1, 1)}, {})
    with pytest.raises(InputFileError, match="is no bank: it lacks biases"):
        ClassifierBank.load(tmp_path / "x")
    tensors = {"weights": torch.ones(1, 1), "biases": torch.ones(1)}
    save_tensors(tmp_path / "y", tensors, {"classes": '["a"]', "backbone": "b"})
    with pytest.raises(InputFileError, match="lacks normalisation"):
        ClassifierBank.load(tmp_path / "y")
    save_tensors(tmp_path / "z", tensors, {"classes": "{", "backbone": "b", "normalisation": "none"})
    with pytest.raises(CorruptFileError, match="has damaged metadata"):
        ClassifierBank.load(tmp_path / "z")

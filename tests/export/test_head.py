from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import BackboneMismatchError, InputFileError
from kgzsl.export import EnlargedHead, Matching, OldHead
from kgzsl.export.head import unique_labels
from kgzsl.run_folder import RunFolder


def old_head() -> OldHead:
    return OldHead(torch.eye(3), torch.tensor([0.0, 1.0, 2.0]), (None, "a", "b"), ("none", "crane", "b"), "toy")


def new_bank(ids: tuple[str, ...] = ("c", "d"), backbone: str = "toy", dim: int = 3) -> ClassifierBank:
    return ClassifierBank(ClassIndex(ids, "new"), torch.full((len(ids), dim), 0.1), torch.ones(len(ids)), backbone)


def test_old_rows_stay_to_the_bit_and_new_ones_are_matched_behind() -> None:
    matching = Matching("calibrated", 3.0, -0.5)
    head = EnlargedHead.enlarge(old_head(), new_bank(), [("crane", "trained"), ("d", "names")], matching)
    assert torch.equal(head.weights[:3], torch.eye(3)) and head.biases[:3].tolist() == [0.0, 1.0, 2.0]
    torch.testing.assert_close(head.weights[3:], torch.full((2, 3), 0.1 * 3))
    assert head.biases[3:].tolist() == [3.0 * 1 - 0.5] * 2
    assert [row.class_id for row in head.rows] == [None, "a", "b", "c", "d"]
    assert [row.is_seen for row in head.rows] == [False, True, True, False, False]
    assert head.labels == ("none", "crane", "b", "crane (c)", "d")
    assert [row.source for row in head.rows] == ["head"] * 3 + ["trained", "names"]
    logits = head.logits(torch.tensor([[1.0, 2.0, 3.0]]))
    torch.testing.assert_close(logits, torch.tensor([[1.0, 3.0, 5.0, 0.3 * 6 + 2.5, 0.3 * 6 + 2.5]]))


def test_rows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputFileError, match="Class 'a' has a row in the head already"):
        EnlargedHead.enlarge(old_head(), new_bank(("a",)), [("a", "")], Matching("none"))
    with pytest.raises(BackboneMismatchError, match=r"read 3-d features of 'other', the head 3-d ones of 'toy'"):
        EnlargedHead.enlarge(old_head(), new_bank(backbone="other"), [("c", ""), ("d", "")], Matching("none"))


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "a (x0)", "b (row 1)"]), st.booleans()), max_size=8))
def test_labels_become_unique_and_the_first_of_each_stays(given: list[tuple[str, bool]]) -> None:
    labels = [label for label, _ in given]
    class_ids = [f"x{row}" if has_id else None for row, (_, has_id) in enumerate(given)]
    unique = unique_labels(labels, class_ids)
    assert len(set(unique)) == len(unique) == len(labels)
    for row, (label, made) in enumerate(zip(labels, unique)):
        assert made == label if label not in labels[:row] else made.startswith(f"{label} (")


def test_rows_of_the_model_are_found_whatever_their_order(
    classifier: ZeroShotClassifier, small_world: ModuleType
) -> None:
    old = OldHead.of_backbone(classifier.backbone, classifier.run)
    assert old.class_ids == (None, *reversed(small_world.SEEN))
    assert old.labels[0] == "background" and torch.equal(old.weights, classifier.backbone.weights)
    own = OldHead.of_run(classifier.run)
    assert own.class_ids == small_world.SEEN and own.labels[0] == "zebra"
    assert torch.equal(own.weights, old.weights[1:].flip(0))


def test_a_run_that_did_not_learn_from_the_head_is_refused(
    classifier: ZeroShotClassifier, wordnet_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = classifier.backbone
    with pytest.raises(BackboneMismatchError, match=r"trained on backbone 'tiny', not 'tiny/net'"):
        OldHead.of_backbone(backbone, RunFolder(wordnet_run))
    with torch.no_grad():
        changed = backbone.head.weight.clone()
        changed[1, 0] += 1e-6
        monkeypatch.setattr(type(backbone), "weights", property(lambda _: changed))
    with pytest.raises(BackboneMismatchError, match=r"1 of the 7 classifiers .* are no rows of the head"):
        OldHead.of_backbone(backbone, classifier.run)

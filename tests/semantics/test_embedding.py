from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import CorruptFileError, InputFileError, SemanticsError
from kgzsl.semantics import SemanticEmbedding, coverage, same_encoder

THREE = SemanticEmbedding(
    ClassIndex(("a", "b", "c")), torch.tensor([[1.0, 0], [0, 1], [3, 4]]), "model@0123456789ab", "lemmas"
)


def test_select_is_by_name_in_the_order_asked() -> None:
    assert THREE.select(["c", "a"]).vectors.tolist() == [[3, 4], [1, 0]]


def test_gaps_raise_unless_told_otherwise() -> None:
    with pytest.raises(
        SemanticsError, match=r"1 of 2 classes have no semantic vector \(z, ...\); embed them with kgzsl embed"
    ):
        THREE.select(["a", "z"])
    filled = THREE.select(["z", "c"], missing="mean").vectors
    torch.testing.assert_close(filled, torch.tensor([[4 / 3, 5 / 3], [3, 4]]))


def test_another_encoder_is_refused_and_a_renamed_one_is_not() -> None:
    with pytest.raises(
        SemanticsError, match="Vectors of encoder 'model@ffffffffffff' cannot join those of 'model@0123456789ab'"
    ):
        THREE.check_encoder("model@ffffffffffff")
    THREE.check_encoder("local@0123456789ab")
    assert not same_encoder("glove", "word2vec")
    assert same_encoder("glove", "glove")


def test_concat_appends_by_name() -> None:
    other = SemanticEmbedding(ClassIndex(("d",)), torch.tensor([[5.0, 6]]), "local@0123456789ab", "lemmas")
    both = THREE.concat(other)
    assert both.index.ids == ("a", "b", "c", "d")
    assert both.vectors[3].tolist() == [5, 6]


@pytest.mark.parametrize("quantised", [False, True])
def test_save_and_load(tmp_path: Path, quantised: bool) -> None:
    path = tmp_path / "embeddings.safetensors"
    THREE.save(path, quantised=quantised)
    again = SemanticEmbedding.load(path)
    assert (again.index, again.encoder, again.text_form) == (THREE.index, THREE.encoder, THREE.text_form)
    torch.testing.assert_close(again.vectors, THREE.vectors, atol=4 / 254 if quantised else 0, rtol=0)
    assert str(tmp_path).encode() not in path.read_bytes()


def test_files_that_hold_no_embeddings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "embeddings.safetensors"
    with pytest.raises(InputFileError, match="no such file"):
        SemanticEmbedding.load(path)
    THREE.save(path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CorruptFileError, match="is not a whole safetensors file"):
        SemanticEmbedding.load(path)


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(SemanticsError, match="vector of class 'b' holds a value that is not finite"):
        SemanticEmbedding(ClassIndex(("a", "b")), torch.tensor([[1.0], [float("nan")]]), "model")


def test_coverage_counts_and_names_the_gaps() -> None:
    found = coverage(THREE, ("a", "x", "c", "y"))
    assert (found.num_classes, found.missing, found.share) == (4, ("x", "y"), 0.5)
    assert str(found) == "2 of 4 classes have a vector (50.0%)"

from __future__ import annotations

from pathlib import Path

import pytest

from kgzsl.errors import InputFileError, SemanticsError
from kgzsl.semantics import read_attributes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "classes.txt").write_text("  1\tantelope\n  2\tgrizzly+bear\n", encoding="utf-8")
    (tmp_path / "predicates.txt").write_text("1 black\n2 has tail\n3 big\n", encoding="utf-8")
    (tmp_path / "predicate-matrix-continuous.txt").write_text("-1.00 12.5 3\n39.25 1.5 -1\n", encoding="utf-8")
    (tmp_path / "predicate-matrix-binary.txt").write_text("0 1 0 \n1 0 0 \n", encoding="utf-8")
    return tmp_path


def test_a_folder_is_read_with_minus_one_as_not_known(folder: Path) -> None:
    with pytest.raises(SemanticsError, match="2 of 6 attribute values"):
        read_attributes(folder)
    found = read_attributes(folder, missing="mean")
    assert found.vectors.tolist() == [[39.25, 12.5, 3], [39.25, 1.5, 3]]
    assert found.index.ids == ("antelope", "grizzly+bear")
    assert found.encoder.startswith(f"attributes/{folder.stem}@")
    assert read_attributes(folder, missing_value=-2).vectors[0].tolist() == [-1, 12.5, 3]


def test_a_matrix_can_be_named(folder: Path) -> None:
    binary = read_attributes(folder / "predicate-matrix-binary.txt")
    assert binary.vectors.tolist() == [[0, 1, 0], [1, 0, 0]]
    assert binary.encoder != read_attributes(folder, missing="mean").encoder
    (folder / "predicate-matrix-continuous.txt").unlink()
    assert read_attributes(folder).vectors.tolist() == binary.vectors.tolist()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("predicate-matrix-continuous.txt", "1 2 3\n", r"has 1 lines, classes\.txt beside it 2"),
        ("predicate-matrix-continuous.txt", "1 2 3\n4 5\n", "line 2 has 2 numbers instead of 3"),
        ("predicate-matrix-continuous.txt", "1 2 x\n4 5 6\n", "line 1: could not convert"),
        ("predicate-matrix-continuous.txt", "1 2 nan\n4 5 6\n", "line 1 holds a value that is not finite"),
        ("classes.txt", "1 antelope\n3 bear\n", r"expected '2 NAME' in line 2, found '3 bear'"),
        ("predicates.txt", "1\n2 a\n3 b\n", r"expected '1 NAME' in line 1, found '1'"),
    ],
)
def test_damaged_files_are_refused(folder: Path, name: str, content: str, message: str) -> None:
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputFileError, match=message):
        read_attributes(folder)


def test_a_folder_without_a_matrix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"holds no attributes; expected classes\.txt, predicates\.txt and predic"):
        read_attributes(tmp_path)

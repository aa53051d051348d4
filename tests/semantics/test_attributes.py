from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kgzsl.errors import InputFileError, SemanticsError
from kgzsl.semantics import read_attributes


def table(tmp_path: Path, text: str, name: str = "attributes.tsv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_numbers_are_read_by_class_and_text_columns_left_out(tmp_path: Path) -> None:
    path = table(tmp_path, "class_id\tsplit\tblack\twhite\nzebra\tseen\t0.5\t1\nokapi\tunseen\t2\t-3e-1\n")
    found = read_attributes(path)
    assert found.index.ids == ("zebra", "okapi")
    torch.testing.assert_close(found.vectors, torch.tensor([[0.5, 1], [2, -0.3]]))
    assert found.encoder.startswith("attributes/attributes@")


def test_csv_with_quotes(tmp_path: Path) -> None:
    found = read_attributes(table(tmp_path, 'id,"size, in cm"\n"bear, polar",250\n', "a.csv"))
    assert found.index.ids == ("bear, polar",)
    assert found.vectors.tolist() == [[250]]


def test_missing_values_raise_or_take_the_mean_of_their_column(tmp_path: Path) -> None:
    path = table(tmp_path, "id\ta\tb\nx\t1\t-1\ny\t3\t5\nz\t\t7\n")
    with pytest.raises(SemanticsError, match=r"2 of 6 attribute values in .* are not known.*missing='mean'"):
        read_attributes(path, missing_value=-1)
    assert read_attributes(path, missing_value=-1, missing="mean").vectors.tolist() == [[1, 6], [3, 5], [2, 7]]
    assert read_attributes(path, missing="mean").vectors.tolist() == [[1, -1], [3, 5], [2, 7]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id\ta\nx\t1\ny\t2\nx\t3\n", "line 4: class 'x' stands in line 2 already"),
        ("id\ta\tb\nx\t1\t2\ny\t2\n", "line 3 has 2 cells instead of 3"),
        ("id\ta\nx\t1\ny\tmany\n", "line 3, column 'a': 'many' is no number"),
        ("id\ta\nx\t1\ny\tinf\n", "line 3, column 'a': 'inf' is no number"),
        ("id\ta\n\t1\n", "line 2 has no class id"),
        ("id\ta\nx\tno\n", "has no column of numbers"),
        ("id\ta\n", "holds no attributes"),
        ("", "holds no attributes"),
    ],
)
def test_bad_tables_are_refused_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputFileError, match=message):
        read_attributes(table(tmp_path, text))


def test_a_column_nobody_knows_has_no_mean(tmp_path: Path) -> None:
    path = table(tmp_path, "id\ta\tb\nx\t1\t-1\ny\t3\t-1\n")
    with pytest.raises(SemanticsError, match=r"No class .* has a value for attribute 'b'"):
        read_attributes(path, missing_value=-1, missing="mean")


@pytest.mark.assets
def test_the_birds_of_cub(assets: Path) -> None:
    found = read_attributes(assets / "attributes" / "cub.tsv")
    assert found.vectors.shape == (200, 312)
    assert float(found.select(["001.Black_footed_Albatross"]).vectors[0, 1]) == pytest.approx(2.92)

"""Sources: the same blocks always, every row once, rows that cannot be read told."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kgzsl.bulk import Block, Rows, open_source
from kgzsl.bulk.places import Place
from kgzsl.bulk.sources import PictureRows
from kgzsl.bulk.vectors import list_column, vectors_of, with_gaps
from kgzsl.errors import CorruptFileError, InputFileError
from kgzsl.features import FeatureSet


def write_vectors(path: Path, count: int, group: int, first: int = 0) -> np.ndarray:
    """Write ``count`` rows in groups; row i is (i, 2 i, 3 i) and its id i."""
    ids = np.arange(first, first + count)
    matrix = np.outer(ids, (1, 2, 3)).astype(np.float32)
    values = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": ids, "vector": values}), path, row_group_size=group)
    return matrix


def read_all(source: Any, block_rows: int, batch: int) -> tuple[list[Any], torch.Tensor]:
    """Read block by block, each by a copy of the source as workers have."""
    copy = pickle.loads(pickle.dumps(source))
    ids, parts = list[Any](), list[torch.Tensor]()
    for block in source.blocks(block_rows):
        for rows in copy.read(block, batch):
            assert isinstance(rows, Rows) and len(rows.ids) <= batch
            ids += rows.ids.to_pylist()
            parts.append(rows.features)
    return ids, torch.cat(parts)


@settings(max_examples=25)
@given(
    sizes=st.lists(st.integers(0, 30), min_size=1, max_size=4).filter(any),
    group=st.integers(1, 40),
    block=st.integers(1, 25),
    batch=st.integers(1, 9),
)
def test_parquet_gives_every_row_once_in_order(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], group: int, block: int, batch: int
) -> None:
    folder = tmp_path_factory.mktemp("parquet")
    starts = np.cumsum([0, *sizes])
    for number, size in enumerate(sizes):
        write_vectors(folder / "deep" / f"{number}.parquet", size, group, int(starts[number]))
    source = open_source(folder)
    blocks = source.blocks(block)
    assert [one.number for one in blocks] == list(range(len(blocks)))
    assert all(1 <= one.num_rows <= block for one in blocks)
    assert blocks == open_source(folder).blocks(block)
    ids, vectors = read_all(source, block, batch)
    assert ids == list(range(sum(sizes)))
    assert torch.equal(vectors, torch.arange(sum(sizes))[:, None] * torch.tensor([1.0, 2.0, 3.0]))


def test_a_feature_file_gives_its_rows_and_names(features: Path) -> None:
    source = open_source(features)
    ids, vectors = read_all(source, 10, 4)
    whole = FeatureSet.load(features)
    assert tuple(ids) == whole.paths
    assert torch.equal(vectors, whole.features)
    assert [block.num_rows for block in source.blocks(10)] == [10, 10, 3]
    assert (source.backbone, source.dim, source.has_pictures) == ("toy", 3, False)


def picture(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_pictures_of_a_folder_go_by_their_names(tmp_path: Path) -> None:
    for name in ("b/2.png", "a/1.PNG", "_DSC3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture((9, 9, 9)))
    for name in (".hidden.png", "notes.txt"):
        (tmp_path / name).write_text("no picture")
    source = open_source(tmp_path)
    assert [block.parts for block in source.blocks(2)] == [
        (("_DSC3.png", 0, 0, 1), ("a/1.PNG", 0, 0, 1)),
        (("b/2.png", 0, 0, 1),),
    ]
    rows = next(iter(source.read(source.blocks(5)[0], 5)))
    assert isinstance(rows, PictureRows)
    assert [str(place) for place in rows.pictures] == [str(tmp_path / name) for name in rows.names]


def test_a_list_names_pictures_beside_it(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(picture((9, 9, 9)))
    (tmp_path / "list.txt").write_text(f"x.png\tn02391049\ngone.png\n{tmp_path}/x.png\n")
    source = open_source(tmp_path / "list.txt")
    (rows,) = source.read(source.blocks(9)[0], 9)
    assert isinstance(rows, PictureRows)
    assert rows.ids.to_pylist() == ["x.png", "gone.png", f"{tmp_path}/x.png"]
    assert str(rows.pictures[2]) == f"{tmp_path}/x.png"


@pytest.mark.parametrize("as_struct", [False, True])
def test_pictures_in_parquet(tmp_path: Path, as_struct: bool) -> None:
    content = [picture((1, 2, 3)), None, b"no picture"]
    values = [None if one is None else {"bytes": one, "path": "x"} for one in content] if as_struct else content
    pq.write_table(pa.table({"key": ["a", "b", "c"], "image": values}), tmp_path / "p.parquet")
    source = open_source(tmp_path / "p.parquet", id_column="key")
    assert source.has_pictures
    (rows,) = source.read(source.blocks(9)[0], 9)
    assert isinstance(rows, PictureRows)
    assert rows.pictures == tuple(content)
    assert rows.names[0] == "image of key a"


def test_a_store_is_a_source_and_a_place_for_results() -> None:
    pytest.importorskip("fsspec")
    place = Place.of("fsspec+memory://bulk-test/folder")
    place.write("a/x.png", picture((5, 5, 5)))
    place.write("a/x.png", picture((6, 6, 6)))
    place.write("b.txt", b"no picture")
    source = open_source(place.address)
    (block,) = source.blocks(4)
    assert block == Block(0, (("a/x.png", 0, 0, 1),))
    (rows,) = source.read(block, 4)
    assert isinstance(rows, PictureRows) and isinstance(rows.pictures[0], Place)
    with rows.pictures[0].reading() as stream:
        assert stream.read() == picture((6, 6, 6))
    assert place.local is None


KINDS = (
    pa.list_(pa.float64()),
    pa.large_list(pa.float32()),
    pa.list_(pa.float16()),
)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_rows_that_are_no_vectors_are_told(kind: pa.DataType) -> None:
    rows = [[1.0, 2.0], None, [1.0], [float("nan"), 1.0], [3.0, 4.0], [None, 1.0], []]
    values = pa.array([None if row is None else [None if x is None else x for x in row] for row in rows], kind)
    matrix, kept, errors = vectors_of(values, 2)
    assert matrix.dtype == torch.float32
    assert matrix.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert kept.tolist() == [0, 4]
    assert errors == (
        (1, "there is no vector"),
        (2, "the vector has 1 numbers, not 2"),
        (3, "a value is not finite"),
        (5, "a value is not finite"),
        (6, "the vector has 0 numbers, not 2"),
    )


def test_a_slice_of_a_column_and_numbers_too_large() -> None:
    fixed = pa.array([[1.0, 1.0], None, [1e300, 0.0], [2.0, 2.0]], pa.list_(pa.float64(), 2))
    matrix, kept, errors = vectors_of(fixed.slice(1), 2)
    assert (matrix.tolist(), kept.tolist()) == ([[2.0, 2.0]], [2])
    assert errors == ((0, "there is no vector"), (1, "a value is not finite"))


def test_columns_with_gaps() -> None:
    lists = list_column(pa.array([1, 2, 3, 4]), 2)
    spread = with_gaps(lists, torch.tensor([0, 3]), 4)
    assert spread.to_pylist() == [[1, 2], None, None, [3, 4]]
    assert with_gaps(lists, torch.tensor([0, 1]), 2).to_pylist() == [[1, 2], [3, 4]]


def test_what_is_no_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"nothing at .*gone"):
        open_source(tmp_path / "gone")
    with pytest.raises(InputFileError, match="neither Parquet nor pictures"):
        open_source(tmp_path)
    with pytest.raises(InputFileError, match="Could not open nonsense://x"):
        open_source("nonsense://x")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(CorruptFileError, match=r"broken\.parquet cannot be read as Parquet"):
        open_source(tmp_path)
    write_vectors(tmp_path / "broken.parquet", 0, 1)
    with pytest.raises(InputFileError, match="holds no rows"):
        open_source(tmp_path)


def test_columns_are_named_where_they_cannot_be_told(tmp_path: Path) -> None:
    path = tmp_path / "two.parquet"
    pq.write_table(pa.table({"id": [1], "text": ["x"], "a": [[1.0]], "b": [[2.0, 3.0]]}), path)
    with pytest.raises(InputFileError, match="no column was named, and those that can be are a, b"):
        open_source(path)
    with pytest.raises(InputFileError, match="'text' was asked for"):
        open_source(path, column="text")
    with pytest.raises(InputFileError, match=r"no column 'key' to name its rows.*id, text, a, b"):
        open_source(path, id_column="key")
    assert open_source(path, column="b").dim == 2


def test_a_file_that_changed_is_told(tmp_path: Path) -> None:
    write_vectors(tmp_path / "x.parquet", 9, 9)
    source = open_source(tmp_path)
    write_vectors(tmp_path / "x.parquet", 5, 9)
    with pytest.raises(CorruptFileError, match="changed while it was read"):
        list(source.read(source.blocks(9)[0], 4))

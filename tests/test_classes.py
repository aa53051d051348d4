from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import CorruptFileError, GraphError, KgzslError, UnknownClassError

ids = st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=20)


@given(ids)
def test_index_is_a_bijection(names):
    index = ClassIndex(tuple(names))
    assert index.rows(names).tolist() == list(range(len(names)))
    assert [index[row] for row in range(len(index))] == list(index) == names
    assert index.rows([]).dtype == np.int64


@given(ids, ids)
def test_appended_rows_stand_behind_the_present_ones(names, more):
    new = [name for name in more if name not in names]
    index = ClassIndex(tuple(names)).appended(new)
    assert index.ids == tuple(names + new)


def test_an_unknown_class_is_named_with_suggestions_and_owner():
    index = ClassIndex(("n02439398", "n02391049"), "graph 'zoo'")
    with pytest.raises(
        UnknownClassError, match=r"Class 'n02391048' is not in graph 'zoo' \(2 classes\)\. Did you mean"
    ):
        index.rows(["n02439398", "n02391048"])
    with pytest.raises(KeyError):
        index.row("x")
    with pytest.raises(KgzslError):
        index.row("x")


def test_an_id_may_stand_once_and_must_not_be_empty():
    with pytest.raises(GraphError, match="Class 'b' stands twice in index"):
        ClassIndex(("a", "b", "c", "b"))
    with pytest.raises(GraphError, match="Row 1 of bank 'x' has an empty class id"):
        ClassIndex(("a", ""), "bank 'x'")
    with pytest.raises(GraphError, match="Class 'a' stands twice"):
        ClassIndex(("a",)).appended(["a"])


def test_indices_are_equal_by_their_ids():
    assert ClassIndex(("a", "b"), "x") == ClassIndex(("a", "b"), "y")
    assert ClassIndex(("a", "b")) != ClassIndex(("b", "a"))
    assert ClassIndex(("a",)) != ("a",)
    assert len({ClassIndex(("a", "b"), "x"), ClassIndex(("a", "b"), "y")}) == 1
    assert "a" in ClassIndex(("a",))
    assert 3 not in ClassIndex(("a",))


def test_label():
    assert ClassText("ice_bear.n.01", ("ice_bear", "polar_bear")).label == "ice bear"
    assert ClassText("part").label == "part"


def test_a_class_list_as_json_comes_back() -> None:
    index = ClassIndex(("n1", "Mücke"))
    assert index.to_json() == '["n1", "Mücke"]'
    assert ClassIndex.from_json(index.to_json(), "bank b") == index
    with pytest.raises(CorruptFileError, match="The bank b has damaged metadata"):
        ClassIndex.from_json("[", "bank b")

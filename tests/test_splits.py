from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.errors import GraphError, UnknownClassError
from kgzsl.graph.custom import from_pairs
from kgzsl.splits import Split


@pytest.mark.parametrize(
    "seen, unseen, held_out, message",
    [
        ("aa", "", "", "Class 'a' stands twice among the seen classes"),
        ("a", "bb", "", "Class 'b' stands twice among the unseen classes"),
        ("ab", "bc", "", r"1 classes are both seen and unseen \('b' first\)"),
        ("a", "b", "b", "Held-out class 'b' is not a seen class"),
    ],
)
def test_a_split_that_is_none_is_refused(seen, unseen, held_out, message):
    with pytest.raises(GraphError, match=message):
        Split(tuple(seen), tuple(unseen), tuple(held_out))


def test_fitted_are_the_seen_that_are_not_held_out():
    assert Split(("a", "b", "c"), (), ("b",)).fitted == ("a", "c")


@given(st.integers(2, 60), st.floats(0.05, 0.95), st.integers(0, 3))
def test_holding_out_is_a_share_in_order_and_depends_on_the_seed_alone(count, share, seed):
    split = Split(tuple(f"c{number:02d}" for number in range(count)))
    if not 0 < round(count * share) < count:
        with pytest.raises(GraphError, match="some must be held out and some stay"):
            split.hold_out(share, seed)
        return
    held = split.hold_out(share, seed)
    assert len(held.held_out) == round(count * share)
    assert list(held.held_out) == sorted(held.held_out)
    assert held == split.hold_out(share, seed)
    assert set(held.fitted) | set(held.held_out) == set(split.seen)


def test_seeds_differ():
    split = Split(tuple(f"c{number:02d}" for number in range(50)))
    assert split.hold_out(0.2, 0).held_out != split.hold_out(0.2, 1).held_out


def test_a_split_is_checked_against_a_graph():
    graph = from_pairs([("okapi", "animal"), ("zebra", "animal")])
    Split(("okapi",), ("zebra",)).check(graph)
    with pytest.raises(UnknownClassError, match="'oak'"):
        Split(("okapi",), ("oak",)).check(graph)

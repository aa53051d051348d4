"""Evidence in the toy world, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.expectation.evidence import EVIDENCE, FAR, Pool, evidence_of, steps_to
from kgzsl.expectation.reasons import NAMED_ONLY, Surroundings, reasons_of
from kgzsl.graph.hops import tree_distances
from kgzsl.toy import toy_graph

CANDIDATES = ("okapi", "owl", "zebra", "saw")  # zebra and saw are seen; horse, eagle and hammer are as well
SEEN = ("horse", "zebra", "eagle", "hammer", "saw")
ROWS = np.array([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6], [0.0, -1.0]])
TEXTS = np.array([[0.6, 0.8], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])


@pytest.fixture
def pool() -> Pool:
    means, is_seen = np.array([1.0, 3.0, 1.0, 3.0]), np.array([False, False, True, True])
    return Pool(TEXTS, ROWS, means, is_seen, np.array([0.9, 0.7]), np.array([0.2, 0.5]))


def found(pool: Pool, asked: list[int], candidates: list[int]) -> list[dict[str, float]]:
    graph = toy_graph()
    places = graph.index.rows(CANDIDATES)
    steps = steps_to(tree_distances(graph, places[asked]))
    columns, seen = np.array(candidates), graph.index.rows(SEEN)
    values = evidence_of(pool, np.array(asked), columns, steps[:, places[columns]], steps[:, seen])
    return [dict(zip(EVIDENCE, row)) for row in values.tolist()]


def test_every_number_by_hand(pool: Pool) -> None:
    okapi, owl = found(pool, [0, 1], [0, 1, 2, 3])
    assert okapi == pytest.approx(
        {
            "distance": 2,  # up to hoofed, down to horse or zebra
            "seen_near": np.log(1 + 3),  # horse and zebra at 2, eagle at 4; hammer and saw are 5 and more away
            "text_near": 0.9,
            "variance": 0.2,
            "row_likeness": 0.8,
            "crowding": (0 + 0.8 + 0) / 3,
            "text_likeness": 0.8,
            "siblings": np.log(1 + 1),  # zebra
            "kin": np.log(1 + 2),  # and the owl: hoofed, animal, bird
            "sibling_distance": 2,
            "candidates": np.log(4),
            "seen_competitors": np.log(1 + 2),
            "standing": -1,
        }
    )
    assert owl == pytest.approx(
        okapi
        | {
            "seen_near": np.log(1 + 5),  # eagle, hammer, saw at 2; horse and zebra at 4
            "text_near": 0.7,
            "variance": 0.5,
            "row_likeness": 0.6,
            "crowding": (0 + 0.6 - 1) / 3,
            "text_likeness": 0.6,
            "siblings": np.log(1 + 1),  # the saw, through tool
            "kin": np.log(1 + 3),
            "standing": 1,
        }
    )


def test_only_candidates_count(pool: Pool) -> None:
    (okapi,) = found(pool, [0], [3, 0])
    assert okapi["sibling_distance"] == 5 and okapi["siblings"] == okapi["kin"] == 0
    assert okapi["row_likeness"] == 0 and okapi["seen_competitors"] == pytest.approx(np.log(2))
    assert okapi["standing"] == -1 and okapi["candidates"] == pytest.approx(np.log(2))


def test_no_way_is_far() -> None:
    assert steps_to(np.array([[-1, 3, 500]])).tolist() == [[FAR, 3, FAR]]


@given(st.permutations([0, 1, 2, 3]))
def test_the_order_of_candidates_does_not_matter(order: list[int]) -> None:
    means, is_seen = np.array([1.0, 3.0, 1.5, 3.0]), np.array([False, False, True, True])
    pool = Pool(TEXTS, ROWS, means, is_seen, np.array([0.9, 0.7]), np.array([0.2, 0.5]))
    plain, other = found(pool, [0, 1], [0, 1, 2, 3]), found(pool, [0, 1], order)
    assert all(one == pytest.approx(two) for one, two in zip(plain, other))


AROUND = Surroundings(6, ("zebra", "horse", "mule", "pony"), "zebra", "horse", 120, 0, False)


def test_reasons_name_what_takes_most_and_say_it_once() -> None:
    taken = {"candidates": -0.3, "siblings": -0.9, "kin": -0.5, "distance": -0.4, "standing": -0.1}
    above = dict.fromkeys(taken, 1.0)
    assert reasons_of(taken, above, AROUND) == [
        "4 near siblings: zebra, horse, mule, ...",
        "no seen class within 4 steps",
        "120 candidates",
    ]


def test_reasons_that_contradict_their_words_are_not_told() -> None:
    taken = {"row_likeness": -1.0, "text_likeness": -0.8, "sibling_distance": -0.6}
    assert reasons_of(taken, {"row_likeness": -1, "text_likeness": 1, "sibling_distance": 2}, AROUND) == [
        "a text much like that of horse"
    ]


def test_a_class_of_names_alone_is_said_to_be_one() -> None:
    around = Surroundings(None, (), "zebra", "zebra", 2, 0, True)
    assert reasons_of({"distance": -1.0}, {"distance": 1.0}, around) == [
        "no way to a seen class in the graph",
        NAMED_ONLY,
    ]
    assert reasons_of({"siblings": -1.0}, {"siblings": 1.0}, around) == [NAMED_ONLY]

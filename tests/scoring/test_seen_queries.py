from __future__ import annotations

import numpy as np
import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.errors import InputFileError
from kgzsl.scoring import SeenQueries, spacing
from kgzsl.scoring.seen_queries import draw_sets
from kgzsl.toy import toy_bank, toy_features, toy_graph, toy_seen_features


def other_bank() -> ClassifierBank:
    bank = toy_bank()
    return ClassifierBank(bank.index, bank.weights.flip(1), bank.biases, bank.backbone)


def test_scores_are_those_of_the_hidden_and_of_the_shown_classifiers() -> None:
    images = toy_seen_features()
    queries = SeenQueries.draw(toy_bank(), other_bank(), images, toy_graph())
    assert torch.equal(queries.hidden, toy_bank().score(images).double())
    assert torch.equal(queries.shown, other_bank().score(images).double())
    assert [queries.class_ids[column] for column in queries.own.tolist()] == list(images.class_ids())


def test_sets_are_of_their_size_and_know_their_spacing() -> None:
    queries = SeenQueries.draw(toy_bank(), toy_bank(), toy_seen_features(), toy_graph())
    assert sorted(queries.sets) == [2, 5] and len(queries.sets[5]) == 1
    for size, drawn in queries.sets.items():
        for one in drawn:
            assert len(set(one.columns.tolist())) == size
            ids = [queries.class_ids[column] for column in one.columns.tolist()]
            # steps here may lead through other seen classes' ancestors, so never more than without those
            assert one.spacing <= spacing(toy_graph(), ids) + 1e-12


def test_the_same_seed_draws_the_same_and_half_of_the_sets_stand_near() -> None:
    steps = np.abs(np.subtract.outer(np.arange(40), np.arange(40)))
    one, again, other = (draw_sets(steps, 40, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert [part.columns.tolist() for part in one[5]] == [part.columns.tolist() for part in again[5]]
    assert [part.columns.tolist() for part in one[5]] != [part.columns.tolist() for part in other[5]]
    spread = [int(np.ptp(part.columns)) for part in one[5]]
    assert np.mean(spread[1::2]) < 10 < np.mean(spread[::2])


def test_answers_by_brute_force(make_queries) -> None:
    queries = make_queries()
    answers = queries.answers(3)
    scores, right, apart = [], [], []
    for candidates in queries.sets[3]:
        for image, own in enumerate(queries.own.tolist()):
            if own in candidates.columns:
                scores.append([float(queries.hidden[image, column]) for column in candidates.columns])
                right.append(candidates.columns.tolist().index(own))
                apart.append(candidates.spacing)
    assert answers.scores.tolist() == scores and answers.right.tolist() == right and answers.spacing.tolist() == apart
    assert len(queries.answers(3, limit=10).right) <= len(right) // (len(right) // 10) + 1


def test_some_images_only(make_queries) -> None:
    queries = make_queries()
    part = queries.of_images(queries.own == 0)
    assert set(part.own.tolist()) == {0} and len(part.hidden) == len(part.shown) == 20
    assert len(part.answers(2).right) == 20  # only the first set of two holds class 0


def test_no_image_of_a_seen_class_is_an_error() -> None:
    unseen = toy_features().of_classes(("okapi",))
    with pytest.raises(
        InputFileError, match="at least 2 seen classes and an image of one, found 5 classes and 0 images"
    ):
        SeenQueries.draw(toy_bank(), toy_bank(), unseen, toy_graph())

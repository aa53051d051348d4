"""The map of classifiers: branches, the rows that are compared, the choice of classes, points in their order."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from kgzsl.graph.class_graph import ClassGraph
from kgzsl.plots import chosen_classes, coloured_branches, draw_map, map_data, rows_of_map
from kgzsl.plots.classifier_map import HIDDEN, TRUE, UNSEEN
from kgzsl.run_folder import RunFolder


def test_branches_halve_the_classes(world: ClassGraph) -> None:
    leaves = ("dog", "puppy", "cat", "okapi", "hammer", "saw")
    one = coloured_branches(
        world, leaves, most=1
    )  # of six classes two are below dog, four below animal, two below tool
    assert set(one.values()) == {"other", "animal"} or set(one.values()) == {"other", "dog"}
    few = coloured_branches(world, leaves, most=2)
    assert few["hammer"] == few["saw"] and few["dog"] == few["puppy"] and few["dog"] != few["hammer"]
    assert coloured_branches(world, leaves, most=0) == dict.fromkeys(leaves, "other")
    many = coloured_branches(world, leaves, most=7)
    assert many["cat"] != many["okapi"] and max(Counter(many.values()).values()) <= 2


def test_what_is_above_a_cut_is_the_rest_of_its_branch(world: ClassGraph) -> None:
    many = coloured_branches(world, ("animal", "dog", "puppy", "cat", "okapi"), most=7)
    assert many["puppy"] == "puppy" and many["dog"] == "dog, rest"


def test_rows_are_written_in_the_directions_of_the_predicted_ones() -> None:
    random = torch.Generator().manual_seed(0)
    true, hidden, unseen = (torch.randn(count, 9, generator=random) for count in (6, 6, 3))
    found = rows_of_map(true, hidden, unseen)
    predicted = torch.cat([hidden, unseen]).double().numpy()
    predicted /= np.linalg.norm(predicted, axis=1, keepdims=True)
    predicted -= predicted.mean(axis=0)
    known = true.double().numpy() / np.linalg.norm(true.double().numpy(), axis=1, keepdims=True)
    known -= known.mean(axis=0)
    onto = np.linalg.pinv(predicted) @ predicted  # the projection on what the predicted rows span
    for rows, expected in ((found[0], known @ onto), (torch.cat(found[1:]), predicted)):
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(rows.numpy() @ rows.numpy().T, expected @ expected.T, atol=1e-9)


def test_a_true_copy_is_found_and_the_order_is_kept(wordnet_run: Path) -> None:
    run = RunFolder(wordnet_run)
    seen, unseen = chosen_classes(run, 600, 0)
    assert seen == run.split.seen
    assert unseen == tuple(one for one in run.split.unseen if one not in run.graph.marked("person"))
    bank = run.bank.select((*unseen, *run.graph.roots(), *run.graph.parents(unseen[0])))
    found = map_data(run, seen, bank, run.graph, asked=unseen[:1])
    kinds = [TRUE] * len(seen) + [UNSEEN] * len(bank.index)
    assert [point.kind for point in found.points] == kinds and found.found is None
    assert [point.class_id for point in found.points] == [*seen, *bank.index]
    assert [point.class_id for point in found.points if point.is_asked] == [unseen[0]]
    assert found == map_data(run, seen, bank, run.graph, asked=unseen[:1])  # nothing is left to chance


def test_a_choice_is_drawn_two_seen_to_one_unseen_with_what_is_asked(wordnet_run: Path) -> None:
    run = RunFolder(wordnet_run)
    person = next(one for one in run.split.unseen if one in run.graph.marked("person"))
    seen, unseen = chosen_classes(run, 3, 5, (person, "elsewhere"))
    assert len(seen) == 2 and set(seen) < set(run.split.seen)
    assert len(unseen) == 3 and person in unseen and unseen[-1] == "elsewhere"
    assert chosen_classes(run, 3, 5, (person, "elsewhere")) == (seen, unseen)


def test_a_hidden_class_with_its_own_classifier_is_found(wordnet_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder(wordnet_run)
    monkeypatch.setattr(RunFolder, "hidden_bank", run.seen_bank)
    found = map_data(run, run.split.seen, run.bank.select(run.split.unseen), run.graph)
    # the same rows about another mean: all but exactly where they were
    assert found.found == 100.0
    assert [point.kind for point in found.points].count(HIDDEN) == len(run.split.seen)
    picture = draw_map(found)
    assert sum(len(texts) for texts in picture.tips.values()) == len(found.points)
    assert list(picture.series)[:3] == [TRUE, HIDDEN, UNSEEN] and "joins" in picture.series[HIDDEN]
    assert "100 % of the 7 hidden classes" in picture.figure.axes[0].get_title(loc="left")

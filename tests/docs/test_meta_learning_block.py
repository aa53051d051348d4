"""What the page says of meta-learning: means, differences class by class, and what is asked of hidden branches."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from reproduction.acts.meta_learning import block, difference, measure_learner
from reproduction.held_out_branches import CHOOSING, FIGURES, TEST, class_figures, hold_outs, interval, row_ranks

from kgzsl.features import FeatureSet
from kgzsl.graph.custom import from_pairs
from kgzsl.runtime import shipped_path
from kgzsl.seen_bank import class_means
from kgzsl.toy import SEEN, toy_supervision

PLAIN = {"figures": [[0.0, 50, 0, 0, 10, 5], [100.0, 100, 0, 0, 30, 5]], "seeds": [[50, 75, 0, 0, 20, 5]]}
PLAIN |= {"seconds": [1.0]}
LEARNED = {"figures": [[100.0, 60, 0, 0, 10, 5], [100.0, 100, 0, 0, 50, 5]], "seeds": [[100, 80, 0, 0, 30, 5]]}
LEARNED |= {"seconds": [4.6]}


def test_means_and_differences_are_told():
    lines = block({"kernel, plain": PLAIN, "kernel, episodic": LEARNED}).split("\n")
    assert lines[0] == "### Whole branches hidden: plain and meta-training" and lines[2].startswith("2 of the 1000")
    row = next(line for line in lines if line.startswith("| kernel, plain"))
    assert row.startswith("| kernel, plain | 50.0 [0.0, 100.0] | 75.0 [50.0, 100.0] |") and row.endswith("| 1 |")
    assert lines[-1].startswith(
        "- kernel, episodic, less kernel, plain: pictures Hit@1 +50.0 [+0.0, +100.0]; pictures +5.0"
    )
    assert lines[-1].endswith("cosine +0.0 [+0.0, +0.0]; hidden rows by seed +10.0.")


def test_a_learner_is_no_better_than_itself():
    told = difference({"one": LEARNED, "other": LEARNED}, "one", "other")
    assert told.count("+0.0 [+0.0, +0.0]") == len(FIGURES)


def test_intervals_hold_the_mean():
    figures = np.random.default_rng(1).normal(size=(40, 2))
    low, high = interval(figures)
    assert (low < figures.mean(axis=0)).all() and (figures.mean(axis=0) < high).all()


def test_a_class_of_two_branches_counts_once_in_the_first():
    graph = from_pairs([("owl", "bird"), ("owl", "hunter"), ("wren", "bird"), ("fox", "hunter")])
    found = hold_outs(graph, ("fox", "owl", "wren"), (("bird",), ("hunter",)))
    assert found == [(("owl", "wren"),), (("fox",),)]


def test_no_branch_is_both_chosen_on_and_tested():
    chosen, tested = ({name for names in each for name in names} for each in (CHOOSING, TEST))
    assert not chosen & tested


def test_rows_are_ranked_by_what_they_have_beside_their_mean():
    true = torch.eye(3, dtype=torch.float64)
    predicted = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, 0, 1]], dtype=torch.float64)
    assert row_ranks(predicted, true).tolist() == [1, 3, 2]  # ties count against a class


def test_true_rows_have_cosine_100_and_images_find_their_own_means():
    images = FeatureSet.load(shipped_path("graphs", "sample") / "seen.safetensors")
    ids = images.index.ids[:6]
    bank = class_means(images.of_classes(images.index.ids[:12])).normalised("joint")
    figures = np.array(class_figures(bank.select(ids), bank, (ids[:4], ids[4:])))
    assert figures.shape == (6, len(FIGURES))
    np.testing.assert_allclose(figures[:, -1], 100, atol=1e-3)
    assert (figures[:, :5] == 100).all()


def test_a_bias_does_not_count_among_rows():
    images = FeatureSet.load(shipped_path("graphs", "sample") / "seen.safetensors")
    ids = images.index.ids[:6]
    bank = class_means(images.of_classes(ids)).normalised("weights")
    lifted = type(bank)(
        bank.index, bank.weights, bank.biases + 100 * torch.arange(6.0), bank.backbone, bank.normalisation
    )
    one, other = (np.array(class_figures(which, bank, (ids,))) for which in (bank, lifted))
    assert np.array_equal(one[:, 2:], other[:, 2:]) and not np.array_equal(one[:, :2], other[:, :2])


def test_hidden_classes_are_not_in_what_is_learned_from(monkeypatch):
    from reproduction.acts import meta_learning

    given = []

    class Watching:
        def __init__(self, seed):
            self.seed = seed

        def fit(self, supervision):
            given.append(set(supervision.seen_bank.index))
            return self

        def synthesize(self, class_ids):
            return toy_supervision().seen_bank.select(class_ids)

    monkeypatch.setattr(meta_learning, "METHODS", {"watching": Watching})
    monkeypatch.setattr(meta_learning, "class_figures", lambda bank, true, groups: [[1.0] * len(FIGURES)] * 2)
    hidden = (tuple(SEEN[:1]), tuple(SEEN[1:2]))
    found = measure_learner(toy_supervision(), [hidden], "watching", {}, seeds=(0, 1))
    assert given == [set(SEEN[2:])] * 2 and np.shape(found["figures"]) == (2, len(FIGURES))

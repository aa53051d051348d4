"""What the page says of meta-learning: means, and differences class by class."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from reproduction.acts.meta_learning import block, branch_groups, class_figures, interval

from kgzsl.features import FeatureSet
from kgzsl.graph.custom import from_pairs
from kgzsl.runtime import shipped_path
from kgzsl.seen_bank import class_means

PLAIN = {"figures": [[0.0, 0, 0, 50, 10], [100.0, 0, 0, 100, 30]], "seeds": [[50.0, 0, 0, 75, 20]], "seconds": [1.0]}
LEARNED = {
    "figures": [[100.0, 0, 0, 60, 10], [100.0, 0, 0, 100, 50]],
    "seeds": [[100.0, 0, 0, 80, 30]],
    "seconds": [4.6],
}


def test_means_and_differences_are_told():
    lines = block({"kernel, plain": PLAIN, "kernel, episodic": LEARNED}).split("\n")
    assert lines[0] == "### Whole branches hidden: plain and meta-training" and lines[2].startswith("2 of the 1000")
    row = next(line for line in lines if line.startswith("| kernel, plain"))
    assert row.startswith("| kernel, plain | 50.0 [0.0, 100.0] | 0.0 [0.0, 0.0] |") and row.endswith("| 1 |")
    assert lines[-1].startswith(
        "- kernel, episodic, less kernel, plain: own branch +50.0 [+0.0, +100.0]; all hidden +0.0"
    )
    assert lines[-1].endswith("cosine +10.0 [+0.0, +20.0]; own branch by seed +50.0.")


def test_intervals_hold_the_mean():
    figures = np.random.default_rng(1).normal(size=(40, 2))
    low, high = interval(figures)
    assert (low < figures.mean(axis=0)).all() and (figures.mean(axis=0) < high).all()


def test_a_class_of_two_branches_counts_once():
    graph = from_pairs([("owl", "bird"), ("owl", "hunter"), ("wren", "bird"), ("fox", "hunter")])
    assert branch_groups(graph, ("fox", "owl", "wren"), ("bird", "hunter")) == [("owl", "wren"), ("fox",)]


def test_true_rows_have_cosine_100_and_images_find_their_own_means():
    images = FeatureSet.load(shipped_path("graphs", "sample") / "seen.safetensors")
    ids = images.index.ids[:6]
    bank = class_means(images.of_classes(images.index.ids[:12])).normalised("joint")
    figures = np.array(class_figures(bank.select(ids), bank, [ids[:4], ids[4:]]))
    assert figures.shape == (6, 5)
    np.testing.assert_allclose(figures[:, 4], 100, atol=1e-3)
    assert (figures[:, 0] == 100).all() and (figures[:, 3] == 100).all()

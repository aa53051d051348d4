"""Episodes: what is hidden, and how far it is from what is shown."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgzsl.errors import RecipeError, UnknownVariantError
from kgzsl.graph.custom import from_pairs
from kgzsl.graph.hops import shortest_path
from kgzsl.meta_learning import STRATEGIES, EpisodeSampler
from kgzsl.meta_learning.episodes import branches_of
from kgzsl.toy import SEEN, toy_graph


def tree(parents: list[int]):
    """A tree whose class n + 1 has the parent ``parents[n] % (n + 1)``, and its leaves."""
    pairs = [(f"c{child:02}", f"c{parent % child:02}") for child, parent in enumerate(parents, start=1)]
    graph = from_pairs(pairs)
    leaves = tuple(one for one in graph.index if not graph.children(one))
    return graph, leaves


trees = st.lists(st.integers(0, 30), min_size=6, max_size=30).map(tree).filter(lambda made: len(made[1]) >= 5)


@settings(max_examples=25)
@given(made=trees, strategy=st.sampled_from(sorted(STRATEGIES)), share=st.floats(0.05, 0.6), seed=st.integers(0, 99))
def test_hidden_and_shown_are_disjoint_and_neither_is_empty(made, strategy, share, seed):
    graph, leaves = made
    sampler = EpisodeSampler(strategy, share, hops=2, seed=seed)
    for episode in islice(sampler.episodes(graph, leaves), 4):
        shown, hidden = set(episode.shown.tolist()), set(episode.hidden.tolist())
        assert shown and hidden and not shown & hidden
        assert shown | hidden <= set(range(len(leaves)))
        assert (np.diff(episode.shown) > 0).all() and (np.diff(episode.hidden) > 0).all()
        if strategy == "uniform":
            assert len(hidden) == sampler.count(len(leaves)) and len(shown) == len(leaves) - len(hidden)


@settings(max_examples=25)
@given(made=trees, seed=st.integers(0, 99))
def test_subtree_hides_whole_branches(made, seed):
    graph, leaves = made
    branches = [set(np.flatnonzero(branch).tolist()) for branch in branches_of(graph, leaves)]
    for episode in islice(EpisodeSampler("subtree", 0.3, seed=seed).episodes(graph, leaves), 4):
        hidden = set(episode.hidden.tolist())
        whole = [branch for branch in branches if branch <= hidden]
        assert set().union(*whole) == hidden
        assert len(hidden) <= max(1, round(1.5 * max(1, round(0.3 * len(leaves)))))


@settings(max_examples=25)
@given(made=trees, hops=st.integers(1, 4), seed=st.integers(0, 99))
def test_hops_keep_their_distance(made, hops, seed):
    graph, leaves = made
    try:
        episodes = list(islice(EpisodeSampler("hops", 0.2, hops=hops, seed=seed).episodes(graph, leaves), 3))
    except RecipeError:
        return  # everything is near everything
    for episode in episodes:
        shown = [leaves[row] for row in episode.shown]
        for row in episode.hidden:
            assert len(shortest_path(graph, leaves[row], shown)) - 1 >= hops


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_seed_decides_and_the_order_of_classes_does_not(strategy):
    def drawn(class_ids, seed):
        episodes = EpisodeSampler(strategy, 0.4, hops=2, seed=seed).episodes(toy_graph(), class_ids)
        return [tuple(sorted(class_ids[row] for row in one.hidden)) for one in islice(episodes, 12)]

    assert drawn(SEEN, 3) == drawn(SEEN, 3) == drawn(SEEN[::-1], 3)
    assert drawn(SEEN, 3) != drawn(SEEN, 4)


def test_branches_of_the_toy_world():
    names = sorted(SEEN)
    found = {tuple(names[row] for row in np.flatnonzero(branch)) for branch in branches_of(toy_graph(), names)}
    assert found == {*((one,) for one in SEEN), ("hammer", "saw"), ("horse", "zebra"), ("eagle", "horse", "zebra"),
                     tuple(names)}  # fmt: skip


def test_mixed_goes_by_turns():
    episodes = EpisodeSampler("mixed", 0.4, seed=1).episodes(toy_graph(), SEEN)
    branch = EpisodeSampler("subtree", 0.4, seed=1).episodes(toy_graph(), SEEN)
    assert np.array_equal(next(episodes).hidden, next(branch).hidden)


def test_what_cannot_be_is_refused():
    with pytest.raises(UnknownVariantError, match="subtree"):
        EpisodeSampler("branch")
    with pytest.raises(RecipeError, match="share is above 0"):
        EpisodeSampler(share=1.0)
    with pytest.raises(RecipeError, match="hops is a whole number"):
        EpisodeSampler("hops", hops=0)
    with pytest.raises(RecipeError, match="at least 3 classes"):
        next(EpisodeSampler().episodes(toy_graph(), ("horse", "zebra")))
    with pytest.raises(RecipeError, match="take fewer hops"):
        next(EpisodeSampler("hops", hops=99).episodes(toy_graph(), SEEN))

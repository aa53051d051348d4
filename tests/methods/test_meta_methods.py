"""Episodic, MAML and Memory as methods: what they learn, keep and refuse."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import BackboneMismatchError, CorruptFileError, NotFittedError, RecipeError, SemanticsError
from kgzsl.graph.custom import from_pairs
from kgzsl.kernels import AncestorKernel, GaussianProcess, PropagatedSemantics, SemanticKernel
from kgzsl.methods import MAML, Episodic, FitContext, Memory
from kgzsl.methods.episodic import EpisodicSetting
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.toy import SEEN, toy_bank, toy_supervision

SMALL = {"network_options": {"hidden": [8], "dropout": 0.0}, "share": 0.4}


def rows_of(bank) -> torch.Tensor:
    return torch.cat([bank.weights, bank.biases[:, None]], dim=1)


def test_episodic_is_the_regression_on_what_it_learned():
    given = toy_supervision()
    method = Episodic(episodes=8, share=0.4).fit(given)
    setting, graph, seen = method.setting, given.graph, tuple(sorted(SEEN))
    rows = graph.index.rows(seen)
    parts = (
        SemanticKernel(given.semantics, rows, setting.widths[0]),
        SemanticKernel(PropagatedSemantics(graph, given.semantics).semantics, rows, setting.widths[1]),
        AncestorKernel(graph, rows, 0.7),
    )
    among, okapi = (
        sum(share * part.to_seen(wanted) for share, part in zip(setting.shares, parts))
        for wanted in (rows, graph.index.rows(["okapi"]))
    )
    targets = rows_of(given.seen_bank.select(seen).normalised("joint")).double()
    process = GaussianProcess.fit(among, targets, setting.ridge)
    expected = process.predict(okapi) - (1 - setting.mean) * process.mean
    expected = expected / expected.norm(dim=1, keepdim=True)
    torch.testing.assert_close(rows_of(method.synthesize(["okapi"])).double(), expected, atol=1e-6, rtol=1e-6)
    assert setting != Episodic().start and sum(setting.shares) == pytest.approx(1)
    assert setting.mean != Episodic().start.mean


def test_what_was_stored_before_a_share_of_the_mean_was_learned_keeps_all_of_it():
    stored = {"widths": [0.3, 0.2], "shares": [0.4, 0.3, 0.3], "ridge": 0.1}
    assert EpisodicSetting.of(stored) == EpisodicSetting((0.3, 0.2), (0.4, 0.3, 0.3), 0.1, mean=1.0)


def test_branches_are_told_from_the_mean_by_less_of_it():
    given = toy_supervision()
    whole, none = (rows_of(Episodic(episodes=0, mean=mean).fit(given).synthesize(["okapi"])) for mean in (1.0, 1e-6))
    seen = rows_of(given.seen_bank.normalised("joint")).mean(dim=0)
    cosines = [float(torch.nn.functional.cosine_similarity(one[0], seen, dim=0)) for one in (whole, none)]
    assert cosines[0] > cosines[1]


def test_without_episodes_the_start_is_kept_and_with_two_seen_classes_too():
    given = toy_supervision()
    assert Episodic(episodes=0, ridge=0.3).fit(given).setting.ridge == 0.3
    few = given.without(("eagle", "hammer", "saw"))
    assert Episodic(episodes=5).fit(few).setting == Episodic().start
    assert Memory(episodes=5).fit(few).chosen["width"] == pytest.approx(0.1)


@pytest.mark.parametrize("make", [Episodic, Memory, lambda **keywords: MAML(**SMALL, **keywords)])
def test_each_episode_is_recorded(make, tmp_path):
    make(episodes=3).fit(toy_supervision(), FitContext(folder=tmp_path))
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["episode"] for line in lines] == [1, 2, 3]


def test_memory_reads_seen_rows_by_weights_that_sum_to_one():
    given = toy_supervision()
    method = Memory(episodes=0, width=0.05).fit(given)
    parts = method.contributions(("zebra",))
    zebra = rows_of(given.seen_bank.select(parts.seen).normalised("joint")).double()
    read = parts.weights / parts.weights.sum()
    assert parts.seen[int(read.argmax())] == "zebra"
    torch.testing.assert_close(parts.rows, zebra)
    torch.testing.assert_close(parts.whole().float(), rows_of(method.synthesize(["zebra"])))


def other_world() -> Supervision:
    """A taxonomy of its own: four plants, the classifiers of three of them given."""
    graph = from_pairs([("oak", "tree"), ("fir", "tree"), ("rose", "flower"), ("tree", "plant"), ("flower", "plant")])
    generator = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.rand(graph.num_classes, 4, generator=generator), dim=1)
    semantics = SemanticEmbedding(graph.index, vectors, "toy", "lemmas: definition")
    bank = replace(toy_bank().select(SEEN[:3]), index=ClassIndex(("oak", "fir", "rose")))
    return Supervision(graph, semantics, bank)


def test_maml_adapts_to_another_taxonomy_in_a_few_steps():
    method = MAML(**SMALL, episodes=5).fit(toy_supervision())
    before, given = rows_of(method.synthesize(["okapi"])), other_world()
    target = rows_of(given.seen_bank.normalised("joint"))
    distances = []
    for steps in (0, 1, 5):
        adapted = method.adapt(given, steps=steps)
        assert adapted.synthesize(["tree"]).index.ids == ("tree",)
        distances.append(float((rows_of(adapted.synthesize(given.seen_bank.index.ids)) - target).square().sum()))
    assert distances[0] > distances[1] > distances[2]
    assert torch.equal(rows_of(method.synthesize(["okapi"])), before)  # the method itself stays


def test_maml_adapts_alike_after_it_was_stored(tmp_path):
    given = toy_supervision()
    method = MAML(**SMALL, episodes=3).fit(given)
    method.save(tmp_path)
    again = MAML.load(tmp_path, given.graph, given.semantics, method.synthesize(given.graph.index.ids))
    one, other = (rows_of(made.adapt(other_world()).synthesize(["oak", "plant"])) for made in (method, again))
    assert torch.equal(one, other)
    (tmp_path / "start.safetensors").write_bytes((tmp_path / "states.safetensors").read_bytes())
    with pytest.raises(CorruptFileError, match="not of the network beside"):
        MAML.load(tmp_path, given.graph, given.semantics, method.synthesize(given.graph.index.ids))


def test_maml_of_all_seen_classes_is_adapt_to_them():
    given = toy_supervision()
    method = MAML(**SMALL, episodes=3).fit(given)
    assert torch.equal(rows_of(method.adapt(given).synthesize(SEEN)), rows_of(method.synthesize(SEEN)))


def test_maml_of_the_last_layer_moves_nothing_else():
    method = MAML(**SMALL, episodes=2, moved="last").fit(toy_supervision())
    start = method._start
    learned = method._require().propagator.state_dict()
    same = {name for name, tensor in learned.items() if torch.equal(tensor, start[f"propagator.{name}"])}
    assert same == {name for name in learned if name.startswith("layers.0.")}


def test_dropout_is_drawn_by_the_seed():
    options = {**SMALL, "network_options": {"hidden": [8], "dropout": 0.5}}
    one, same, other = (MAML(**options, episodes=3, seed=seed).fit(toy_supervision()).tried for seed in (1, 1, 2))
    assert one == same != other


def test_what_does_not_fit_is_refused():
    given, other = toy_supervision(), other_world()
    with pytest.raises(NotFittedError, match="call fit"):
        MAML().adapt(other)
    method = MAML(**SMALL, episodes=1).fit(given)
    with pytest.raises(SemanticsError, match="'word2vec' cannot join"):
        method.adapt(replace(other, semantics=replace(other.semantics, encoder="word2vec")))
    wide = replace(other.seen_bank, weights=torch.ones(3, 7))
    with pytest.raises(BackboneMismatchError, match="7 numbers, those of the fit 3"):
        method.adapt(replace(other, seen_bank=wide))
    with pytest.raises(RecipeError, match="steps is a whole number"):
        method.adapt(other, steps=-1)
    with pytest.raises(RecipeError, match="order is 1 or 2"):
        MAML(order=3)
    with pytest.raises(RecipeError, match="shares sum to 1"):
        Episodic(shares=(0.5, 0.3, 0.3))
    for wrong in ({"widths": (0.3,)}, {"mean": 0.0}):
        with pytest.raises(RecipeError, match="widths are two numbers"):
            Episodic(**wrong)
    with pytest.raises(RecipeError, match="width is above 0"):
        Memory(width=0)

"""What the learners compute: against plain formulas, and their gradients against differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from kgzsl.errors import RecipeError
from kgzsl.graph.adjacency import find_adjacency
from kgzsl.kernels import GaussianProcess
from kgzsl.meta_learning import (
    EpisodeSampler,
    HiddenRanking,
    InnerLoop,
    KernelLearner,
    MAMLLearner,
    MemoryLearner,
    MetaSettings,
    around_mean,
    meta_train,
    twice_differentiable,
)
from kgzsl.propagation import DGP, SGCN, PropagationPlan
from kgzsl.toy import SEEN, toy_bank, toy_graph, toy_semantics
from kgzsl.training import WeightRegression

SHOWN, HIDDEN = torch.tensor([0, 1, 3]), torch.tensor([2, 4])
ROWS = functional.normalize(toy_bank().weights, dim=1)
VECTORS = toy_semantics().select(SEEN).vectors


def kernel_learner(mean: float = 1.0) -> KernelLearner:
    fixed = torch.eye(len(SEEN)) * 0.5 + 0.5
    return KernelLearner([[VECTORS @ VECTORS.T]], [fixed], widths=[0.3], shares=[0.75, 0.25], ridge=0.2, mean=mean)


@pytest.mark.parametrize("mean", [1.0, 0.3])
def test_the_kernel_learner_is_the_gaussian_process_of_its_kernel_around_a_share_of_the_mean(mean):
    learner = kernel_learner(mean)
    cosine = (VECTORS @ VECTORS.T).double()
    kernel = 0.75 * torch.exp((cosine - 1) / 0.3) + 0.25 * (torch.eye(5).double() * 0.5 + 0.5)
    process = GaussianProcess.fit(kernel[SHOWN][:, SHOWN], ROWS[SHOWN].double(), 0.2)
    predicted = process.predict(kernel[HIDDEN][:, SHOWN]) - (1 - mean) * process.mean
    expected = functional.normalize(predicted, dim=1).float()
    torch.testing.assert_close(learner.predict(SHOWN, ROWS[SHOWN], HIDDEN), expected, atol=1e-5, rtol=1e-5)
    assert learner.widths == pytest.approx([0.3]) and learner.shares == pytest.approx([0.75, 0.25])
    assert learner.ridge == pytest.approx(0.2) and learner.mean == pytest.approx(mean)


def test_around_a_share_of_the_mean_rows_differ_as_before():
    moved = around_mean(ROWS, 0.25)
    torch.testing.assert_close(moved.mean(dim=0), 0.25 * ROWS.mean(dim=0))
    torch.testing.assert_close(moved[0] - moved[1], ROWS[0] - ROWS[1])
    torch.testing.assert_close(around_mean(ROWS, 1.0), ROWS)


def test_without_training_the_memory_is_a_kernel_smoother():
    vectors = VECTORS.numpy().astype(np.float64)
    likeness = np.exp(vectors[HIDDEN] @ vectors[SHOWN].T / 0.1)
    smoothed = likeness / likeness.sum(axis=1, keepdims=True) @ ROWS[SHOWN].numpy()
    expected = smoothed / np.linalg.norm(smoothed, axis=1, keepdims=True)
    found = MemoryLearner(VECTORS, 0.1).predict(SHOWN, ROWS[SHOWN], HIDDEN).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def maml_learner(network=SGCN, order: int = 2, dtype=torch.float64) -> MAMLLearner:
    graph = toy_graph()
    options = {"hidden": (6,)} if network is SGCN else {"hidden": 6}
    propagator = network(4, 2, **options, dropout=0.0)
    propagator.reset(torch.Generator().manual_seed(0))
    adjacencies = [find_adjacency(name)(graph) for name in propagator.adjacencies]
    plan = PropagationPlan.to_rows(adjacencies, np.sort(graph.index.rows(SEEN)))
    place = {row: number for number, row in enumerate(plan.outputs.tolist())}
    rows = torch.tensor([place[row] for row in graph.index.rows(SEEN).tolist()])
    inputs = toy_semantics().vectors[torch.from_numpy(plan.inputs)].to(dtype)
    inner = InnerLoop([name for name, _ in propagator.named_parameters()], 0.5, 2, order)
    learner = MAMLLearner(propagator, inputs, twice_differentiable(plan), rows, inner, WeightRegression().loss)
    return learner.to(dtype)


@pytest.mark.parametrize("network", [SGCN, DGP])
def test_plain_sums_are_those_of_training(network):
    learner = maml_learner(network, dtype=torch.float32)
    graph = toy_graph()
    adjacencies = [find_adjacency(name)(graph) for name in learner.propagator.adjacencies]
    plan = PropagationPlan.to_rows(adjacencies, np.sort(graph.index.rows(SEEN)))
    inputs, plain, _, _ = learner._given
    torch.testing.assert_close(learner.propagator(inputs, plain), learner.propagator(inputs, plan))


def outer(learner: MAMLLearner) -> torch.Tensor:
    rows = ROWS.double()
    return WeightRegression().loss(learner.predict(SHOWN, rows[SHOWN], HIDDEN), rows[HIDDEN])


@pytest.mark.parametrize("network", [SGCN, DGP])
def test_the_second_order_gradient_is_that_of_differences(network):
    learner = maml_learner(network)
    outer(learner).backward()
    step = 1e-5
    for name, parameter in learner.named_parameters():
        for place in [(0,) * parameter.dim(), tuple(size - 1 for size in parameter.shape)]:
            values = []
            for sign in (1, -1):
                with torch.no_grad():
                    parameter[place] += sign * step
                values.append(float(outer(learner).detach()))
                with torch.no_grad():
                    parameter[place] -= sign * step
            difference = (values[0] - values[1]) / (2 * step)
            assert float(parameter.grad[place]) == pytest.approx(difference, abs=1e-7, rel=1e-4), name


def test_the_first_order_gradient_is_taken_after_the_steps():
    learner = maml_learner(order=1)
    outer(learner).backward()
    with torch.no_grad():
        adapted = learner.adapted(SHOWN, ROWS.double()[SHOWN])
    moved = maml_learner()
    moved.propagator.load_state_dict(adapted)
    given = moved._given
    predicted = moved.propagator(given[0], given[1])[given[2]][HIDDEN]
    WeightRegression().loss(predicted, ROWS.double()[HIDDEN]).backward()
    for one, other in zip(learner.propagator.parameters(), moved.propagator.parameters()):
        torch.testing.assert_close(one.grad, other.grad)


def test_inner_steps_lower_the_loss_of_the_shown_classes():
    learner, rows = maml_learner(), ROWS.double()
    inputs, plan, order, loss = learner._given

    def shown_loss(steps: int) -> float:
        adapted = learner.adapted(SHOWN, rows[SHOWN], steps)
        found = torch.func.functional_call(learner.propagator, adapted, (inputs, plan))[order][SHOWN]
        return float(loss(found, rows[SHOWN]).detach())

    assert shown_loss(10) < shown_loss(2) < shown_loss(0)


@pytest.mark.parametrize("make", [kernel_learner, lambda: MemoryLearner(VECTORS, 0.5)])
def test_the_loop_lowers_the_loss_of_hidden_classes(make):
    sampler = EpisodeSampler("uniform", 0.4)
    loss = WeightRegression().loss
    records = meta_train(make(), ROWS, sampler.episodes(toy_graph(), SEEN), loss, MetaSettings(80, 0.02))
    assert [record["episode"] for record in records] == list(range(1, 81))
    first, last = (np.mean([record["loss"] for record in part]) for part in (records[:20], records[-20:]))
    assert last < first


def test_ranking_counts_what_the_formula_says_and_no_bias():
    generator = torch.Generator().manual_seed(0)
    predicted, target = torch.randn(3, 4, generator=generator), torch.randn(3, 4, generator=generator)
    true, rows = (
        one.numpy()[:, :3] / np.linalg.norm(one.numpy()[:, :3], axis=1, keepdims=True) for one in (target, predicted)
    )
    images = true - true.mean(axis=0)
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    scores = np.exp(images @ rows.T / 0.5)
    expected = -np.log(scores.diagonal() / scores.sum(axis=1)).mean()
    assert float(HiddenRanking(0.5).loss(predicted, target)) == pytest.approx(float(expected), rel=1e-5)
    lifted = predicted + torch.tensor([0.0, 0, 0, 9])
    assert torch.equal(HiddenRanking(0.5).loss(lifted, target), HiddenRanking(0.5).loss(predicted, target))


def test_wrong_values_are_refused():
    with pytest.raises(RecipeError, match="order is 1 or 2"):
        InnerLoop([], 0.5, 1, order=3)
    with pytest.raises(RecipeError, match="width is above 0"):
        MemoryLearner(VECTORS, 0.0)
    with pytest.raises(RecipeError, match="episodes is a whole number"):
        MetaSettings(-1)
    with pytest.raises(RecipeError, match="learning_rate is above 0"):
        MetaSettings(1, 0.0)
    broken = torch.full_like(ROWS, torch.nan)
    episodes = EpisodeSampler("uniform", 0.4).episodes(toy_graph(), SEEN)
    with pytest.raises(RecipeError, match="smaller learning_rate"):
        meta_train(MemoryLearner(VECTORS), broken, episodes, WeightRegression().loss, MetaSettings(1))

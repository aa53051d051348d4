from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from kgzsl.errors import UnknownVariantError
from kgzsl.graph.adjacency import find_adjacency
from kgzsl.propagation import DGP, PROPAGATORS, PropagationPlan
from kgzsl.toy import toy_graph, toy_semantics
from kgzsl.training import Problem, Replay, Settings, Step, WeightRegression
from kgzsl.training.schedule import one_cycle
from kgzsl.training.step import make_optimiser


def made(device: str = "cpu", dropout: float = 0.5) -> tuple[DGP, Step, torch.Generator]:
    network = DGP(4, 3, hidden=8, dropout=dropout)
    network.reset(torch.Generator().manual_seed(0))
    network.to(device)
    plan = PropagationPlan.to_rows(
        [find_adjacency(name)(toy_graph()) for name in network.adjacencies], np.array([5, 8])
    )
    target = torch.nn.functional.normalize(torch.arange(8.0).view(2, 4) - 3, dim=1)
    problem = Problem(plan, toy_semantics().vectors[plan.inputs], target).to(torch.device(device))
    generator = torch.Generator(device).manual_seed(0)
    step = Step(network, WeightRegression(), problem, make_optimiser(network, 1e-2, 5e-4), generator)
    return network, step, generator


def test_a_step_is_dropout_loss_gradient_and_adam_as_torch_has_them() -> None:
    network, step, _ = made()
    other, problem = made()[0], step.problem
    generator = torch.Generator().manual_seed(0)
    plain = torch.optim.Adam(other.parameters(), lr=1e-2, weight_decay=5e-4)
    for _ in range(4):
        plain.zero_grad()
        predicted = other(problem.inputs, problem.plan, other.draw_masks(problem.plan, generator))
        loss = (predicted - problem.target).square().sum() / 4
        loss.backward()
        plain.step()
        torch.testing.assert_close(step(), loss.detach())
    for one, two in zip(network.parameters(), other.parameters()):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=1e-5)


def test_on_the_cpu_a_replay_is_the_step() -> None:
    network, step, generator = made()
    other, plain, _ = made()
    replay = Replay(step, generator)
    assert [float(replay()) for _ in range(6)] == [float(plain()) for _ in range(6)]
    assert all(torch.equal(*pair) for pair in zip(network.parameters(), other.parameters()))


def test_only_stacks_of_graph_convolutions_are_replayed() -> None:
    hidden = {name: [8] if name in ("gcnz", "sgcn", "sage", "rgcn") else 8 for name in PROPAGATORS}
    replayable = {name for name, make in PROPAGATORS.items() if make(4, 3, hidden=hidden[name]).replayable}
    assert replayable == {"dgp", "sgcn", "gcnz"}


def test_the_rate_rises_to_its_peak_and_falls_along_a_cosine() -> None:
    settings = Settings(epochs=100, learning_rate=0.01, schedule="one_cycle")
    assert settings.rate(1) == pytest.approx(0.0004)
    assert settings.rate(6) == pytest.approx(0.01 * (0.04 + 0.96 / 2))
    assert settings.rate(11) == pytest.approx(0.01)
    assert settings.rate(100) == pytest.approx(0.01 * (0.5 + 0.5 * math.cos(math.pi * 0.89 / 0.9)))
    assert one_cycle(1.0) == pytest.approx(0.0)
    assert {Settings(learning_rate=0.01).rate(epoch) for epoch in (1, 50, 3000)} == {0.01}


def test_an_unknown_schedule_is_refused() -> None:
    with pytest.raises(UnknownVariantError, match="one_cycle"):
        Settings(schedule="one-cycles")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_recorded_step_moves_the_parameters_as_the_cpu_does() -> None:
    network, step, generator = made("cuda", dropout=0.0)
    other, plain, _ = made(dropout=0.0)
    replay = Replay(step, generator)
    losses = [float(replay()) for _ in range(20)]
    assert losses == pytest.approx([float(plain()) for _ in range(20)], rel=1e-3)
    for one, two in zip(network.parameters(), other.parameters()):
        torch.testing.assert_close(one.cpu(), two, atol=1e-4, rtol=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_recorded_step_draws_other_masks_at_each_replay() -> None:
    _, step, generator = made("cuda")
    replay = Replay(step, generator)
    masks = []
    for _ in range(6):
        replay()
        assert step._masks is not None and step._masks[1] is not None
        masks.append(step._masks[1].dense().cpu())
    assert not torch.equal(masks[-1], masks[-2])

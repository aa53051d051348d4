from __future__ import annotations

import numpy as np
import pytest
import torch

from kgzsl.errors import RecipeError
from kgzsl.graph.adjacency import find_adjacency
from kgzsl.propagation import PROPAGATORS, SGCN, PropagationPlan, Propagator
from kgzsl.toy import toy_graph, toy_semantics
from kgzsl.training import Checkpoint, Problem, Settings, Trainer, WeightRegression


def trainer(network: Propagator | None = None, **settings: object) -> tuple[Trainer, Problem]:
    graph = toy_graph()
    network = network or SGCN(4, 3, hidden=(16,), dropout=0.0)
    stack = [find_adjacency(name)(graph) for name in network.adjacencies]

    def problem(rows: list[int], validation: Problem | None = None) -> Problem:
        plan = PropagationPlan.to_rows(stack, np.array(rows))
        target = torch.nn.functional.normalize(
            torch.randn(len(rows), network.layers[-1].out_dim, generator=torch.Generator().manual_seed(0)), dim=1
        )
        return Problem(plan, toy_semantics().vectors[plan.inputs], target, validation)

    made = Trainer(network, WeightRegression(), Settings(**settings), torch.device("cpu"), Checkpoint(None, ""))  # type: ignore[arg-type]
    return made, problem([5, 8, 10], problem([6]))


def test_the_loss_falls_and_the_chosen_epoch_is_the_best_validated() -> None:
    made, problem = trainer(epochs=200, evaluate_every=20, patience=0, criterion="cosine", weight_decay=0.0)
    progress = made.run(lambda: problem, lambda: problem)
    selected = [record for record in progress.metrics if record["phase"] == "select"]
    assert selected[-1]["loss"] < selected[0]["loss"] / 2
    best = max(selected, key=lambda record: record["cosine"])
    assert progress.best_epoch == best["epoch"]
    assert progress.metrics[-1]["phase"] == "fit" and progress.metrics[-1]["epoch"] == best["epoch"]


def test_patience_stops_early() -> None:
    made, problem = trainer(epochs=5000, evaluate_every=10, patience=50, learning_rate=1e-9)
    progress = made.run(lambda: problem, lambda: problem)
    assert max(record["epoch"] for record in progress.metrics) <= progress.best_epoch + 50


def test_without_selection_all_epochs_are_fitted() -> None:
    made, problem = trainer(epochs=30)
    progress = made.run(None, lambda: problem)
    assert progress.best_epoch == progress.epoch == 30


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "at least 1"),
        ({"criterion": "loss"}, "choose one of cosine, hit1, reciprocal_rank"),
        ({"precision": "int4"}, "choose one of float32, tf32, bfloat16"),
        ({"learning_rate": -1.0}, "above 0"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Settings(**wrong)  # type: ignore[arg-type]


def test_a_loss_that_is_not_finite_stops_the_training() -> None:
    made, problem = trainer(epochs=40, evaluate_every=10)
    problem.target[0, 0] = float("nan")
    with pytest.raises(RecipeError, match="smaller learning_rate"):
        made.run(None, lambda: problem)


def test_bfloat16_products_train_too() -> None:
    made, problem = trainer(epochs=100, evaluate_every=10, precision="bfloat16", weight_decay=0.0)
    progress = made.run(None, lambda: problem)
    assert progress.metrics[-1]["loss"] < progress.metrics[0]["loss"]


@pytest.mark.parametrize("name", PROPAGATORS)
def test_every_network_goes_on_from_its_checkpoint_to_the_same_bits(name: str, tmp_path, monkeypatch) -> None:
    hidden = [8] if name in ("gcnz", "sgcn", "sage", "rgcn") else 8

    def made() -> tuple[Trainer, Problem]:
        trainer_, problem = trainer(PROPAGATORS[name](4, 3, hidden=hidden), epochs=12)
        trainer_.checkpoint = Checkpoint(tmp_path, "same", every=5)
        return trainer_, problem

    whole, problem = made()
    whole.checkpoint = Checkpoint(None, "")
    whole.run(None, lambda: problem)
    killed, problem = made()
    epoch = Trainer._epoch
    monkeypatch.setattr(
        Trainer, "_epoch", lambda self, *rest: stop() if self.progress.epoch == 7 else epoch(self, *rest)
    )
    with pytest.raises(KeyboardInterrupt):
        killed.run(None, lambda: problem)
    monkeypatch.undo()
    again, problem = made()
    assert again.run(None, lambda: problem).epoch == 12
    for key, value in whole.propagator.state_dict().items():
        assert torch.equal(value, again.propagator.state_dict()[key]), key


def stop() -> torch.Tensor:
    raise KeyboardInterrupt


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", PROPAGATORS)
def test_cuda_trains_as_the_cpu_does(name: str) -> None:
    hidden = [16] if name in ("gcnz", "sgcn", "sage", "rgcn") else 16
    options = {"hidden": hidden, **({} if name == "gcnz" else {"dropout": 0.0})}
    losses = []
    for device in ("cpu", "cuda"):
        made, problem = trainer(PROPAGATORS[name](4, 3, **options), epochs=50, evaluate_every=10)
        made.device = torch.device(device)
        losses.append([record["loss"] for record in made.run(None, lambda p=problem: p).metrics])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)

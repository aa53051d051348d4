"""Classes shared out among processes: parts add up to the whole, step by step and over a training in two processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from kgzsl.errors import RecipeError, StorageError
from kgzsl.graph.adjacency import find_adjacency
from kgzsl.graph.order import depth_first
from kgzsl.graph.synthetic import synthetic_taxonomy
from kgzsl.processes import Processes
from kgzsl.propagation import PROPAGATORS, DropoutMask, PropagationPlan
from kgzsl.recipe import Recipe
from kgzsl.run_folder import RunFolder
from kgzsl.runtime import load_tensors, save_tensors
from kgzsl.shared_training import train_together
from kgzsl.training import OBJECTIVES, Checkpoint, Problem, Share, Step, Trainer, cut_classes, share
from kgzsl.training.step import make_optimiser

GRAPH = synthetic_taxonomy(400)
SEEN = np.random.default_rng(0).permutation(np.arange(100, 400))[:31]
DIM = 6


def test_the_walk_names_each_class_once_and_what_lies_below_it_next() -> None:
    order = depth_first(GRAPH)
    assert sorted(order.tolist()) == list(range(400))
    place = np.argsort(order)
    first_parent: dict[int, int] = {}
    for row in order.tolist():
        if parents := GRAPH.parent_rows(row):
            first_parent[row] = min((one for one in parents if place[one] < place[row]), key=lambda one: place[one])
    sizes = dict.fromkeys(range(400), 1)  # classes of each subtree of the walk
    for row in reversed(order.tolist()):
        if row in first_parent:
            sizes[first_parent[row]] += sizes[row]
    for row, parent in first_parent.items():
        assert place[parent] < place[row] < place[parent] + sizes[parent], "not within the subtree of its parent"


def test_parts_are_equal_and_hold_every_class_once() -> None:
    parts = cut_classes(GRAPH, SEEN, 4)
    assert sorted(len(part) for part in parts) == [7, 8, 8, 8]
    assert sorted(np.concatenate(parts).tolist()) == sorted(SEEN.tolist())
    with pytest.raises(RecipeError, match="32 processes cannot share 31 classes; take at most 31"):
        cut_classes(GRAPH, SEEN, 32)


@pytest.mark.parametrize("flows", [["from_descendants", "from_ancestors"], ["undirected"] * 3])
def test_visible_rows_are_those_of_the_plan(flows: list[str]) -> None:
    stack = [find_adjacency(flow)(GRAPH) for flow in flows]
    planned, told = PropagationPlan.to_rows(stack, SEEN), PropagationPlan.visible(stack, SEEN)
    assert [rows.tolist() for rows in told.rows] == [rows.tolist() for rows in planned.rows]
    assert not told.aggregations


@pytest.mark.parametrize("width", [16, 5])
def test_a_mask_of_some_rows_drops_what_the_whole_one_drops(width: int) -> None:
    mask = DropoutMask.draw((30, width), 0.5, torch.Generator().manual_seed(0), torch.device("cpu"))
    rows = torch.tensor([3, 0, 29])
    part, again = mask.of_rows(rows), torch.tensor([1, 1, 2])
    assert torch.equal(part.dense(), mask.dense()[rows])
    assert mask.of_rows(again, part) is part and torch.equal(part.dense(), mask.dense()[again])
    x = torch.randn(30, width)
    assert torch.equal(part.multiply(x[again]), mask.multiply(x)[again])


def shared_step(name: str, objective: str, monkeypatch: pytest.MonkeyPatch, number: int, place: int) -> Step:
    """Return the step of one process, whose sums over processes are its own values."""
    hidden = [8] if name in ("gcnz", "sgcn", "sage", "rgcn") else 8
    network = PROPAGATORS[name](DIM, 4, hidden=hidden)
    network.reset(torch.Generator().manual_seed(0))
    stack = [find_adjacency(flow)(GRAPH) for flow in network.adjacencies]
    monkeypatch.setattr(share, "place_among_processes", lambda: (place, number))
    plan, own = share.plan_of_process(GRAPH, stack, SEEN)
    assert (own is None) == (number == 1)
    out_dim = network.layers[-1].out_dim
    vectors, target = (torch.from_numpy(np.random.default_rng(n).normal(size=(400, n))) for n in (DIM, out_dim))
    target = torch.nn.functional.normalize(target, dim=1)
    problem = Problem(plan, vectors[plan.inputs].float(), target[plan.outputs].float(), share=own)
    made = make_optimiser(network, 0.0, 0.0)
    return Step(network, OBJECTIVES[objective](), problem, made, torch.Generator().manual_seed(1))


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("name", PROPAGATORS)
def test_losses_and_gradients_of_parts_add_up_under_dropout(
    name: str, objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = shared_step(name, objective, monkeypatch, 1, 0)
    parts = [shared_step(name, objective, monkeypatch, 3, place) for place in range(3)]
    for _ in range(2):  # the second epoch draws other masks
        losses = [float(step()) for step in (alone, *parts)]
        assert sum(losses[1:]) == pytest.approx(losses[0], rel=1e-5)
        every = [list(step.propagator.parameters()) for step in (alone, *parts)]
        for whole, *own in zip(*every):
            assert torch.allclose(sum(one.grad for one in own), whole.grad, atol=1e-6)


def test_rows_of_all_stand_where_they_belong(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, rows = [find_adjacency("undirected")(GRAPH)], np.arange(100, 131)
    found = torch.zeros(31, 2)
    for part in cut_classes(GRAPH, rows, 3):
        plan = PropagationPlan.to_rows(stack, part)
        own = Share.of(plan, PropagationPlan.visible(stack, rows))
        assert own.weight == len(part) / 31
        found += own.whole(torch.from_numpy(np.stack([plan.outputs, -plan.outputs], axis=1)).float())
    assert found[:, 0].tolist() == rows.tolist() and found[:, 1].tolist() == (-rows).tolist()


SETTINGS = ("method.epochs=60", "method.evaluate_every=5", "method.patience=20", "method.held_out=0.4")


@pytest.mark.slow
def test_two_processes_of_torchrun_train_a_weight_regression_as_one(
    by_one_and_two: Callable[[Sequence[str]], None],
) -> None:
    by_one_and_two(SETTINGS)


@pytest.mark.slow
def test_what_one_process_began_two_end_as_one_would(toy_recipe: Path, tmp_path: Path, monkeypatch, same) -> None:
    pytest.importorskip("lightning_fabric", reason='needs pip install "kgzsl[finetune]"')
    settings = (*SETTINGS[:2], "method.held_out=0.0")
    one = Recipe.load(toy_recipe, settings).train(tmp_path / "one", device="cpu")
    epoch = Trainer._epoch
    monkeypatch.setattr(Checkpoint, "__init__", every_ten(Checkpoint.__init__))
    monkeypatch.setattr(
        Trainer, "_epoch", lambda self, *rest: stop() if self.progress.epoch == 25 else epoch(self, *rest)
    )
    with pytest.raises(KeyboardInterrupt):
        Recipe.load(toy_recipe, settings).train(tmp_path / "two", device="cpu")
    monkeypatch.undo()
    mark(tmp_path / "two" / "checkpoint.safetensors")
    two = train_together(toy_recipe, settings, tmp_path / "two", Processes(2, "cpu"))
    assert two is not None
    same(one, two)
    assert [line["epoch"] for line in metrics(two)] == list(range(5, 61, 5))
    assert metrics(two)[0]["marked"], "it began anew"


def every_ten(make):
    return lambda self, folder, fingerprint, every=10: make(self, folder, fingerprint, 10)


def mark(checkpoint: Path) -> None:
    tensors, metadata = load_tensors(checkpoint)
    progress = json.loads(metadata["progress"])
    assert progress["epoch"] == 20
    progress["metrics"][0]["marked"] = True
    save_tensors(checkpoint, tensors, {**metadata, "progress": json.dumps(progress)})


def metrics(run: RunFolder) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]


def stop() -> torch.Tensor:
    raise KeyboardInterrupt


def test_processes_that_found_different_checkpoints_do_not_go_on(tmp_path: Path, monkeypatch) -> None:
    from kgzsl.training import trainer

    monkeypatch.setattr(trainer, "alike_in_processes", lambda values: False)
    step = shared_step("sgcn", "weight_regression", monkeypatch, 1, 0)
    made = Trainer(
        step.propagator, step.objective, trainer.Settings(epochs=1), torch.device("cpu"), Checkpoint(tmp_path, "")
    )
    with pytest.raises(StorageError, match="All of them need the folder"):
        made.run(None, lambda: step.problem)


def test_a_method_without_a_shared_loss_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"method 'kernel_regression' is not trained so\. .* take method graph_regression"
    ):
        train_together("kernel", (), tmp_path / "run", Processes(2, "cpu"))

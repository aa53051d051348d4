"""Fine-tuning from end to end: resumed to the bit, processes to rounding, the loop against a plain one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import BackboneMismatchError, InputFileError, RecipeError
from kgzsl.fine_tuning import TuningSettings, fine_tune, frozen_head
from kgzsl.fine_tuning.loop import Tuner
from kgzsl.fine_tuning.pictures import epoch_order, hold_out, of_seen_classes, random_cut
from kgzsl.processes import Processes
from kgzsl.run_folder import RunFolder
from kgzsl.runtime import load_tensors
from kgzsl.vision import list_images, load_backbone, load_image

CPU = Processes(1, "cpu")
SETTINGS = TuningSettings(epochs=3, batch=6, learning_rate=0.02, checkpoint_every=1, crop=0.5)


def tune(world: Any, out: Path, settings: TuningSettings = SETTINGS, **options: Any) -> dict[str, Any]:
    options = {"processes": CPU, "backbone": str(world.backbone), **options}
    return fine_tune(world.run, list_images(world.pictures), out, settings=settings, **options)


def weights_of(out: Path) -> dict[str, torch.Tensor]:
    return load_tensors(out / "backbone" / "model.safetensors")[0]


@pytest.fixture(scope="module")
def tuned(tuning_world, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tuned") / "out"
    tune(tuning_world, out)
    return out


def plain_training(world: Any, settings: TuningSettings) -> tuple[dict[str, torch.Tensor], list[float]]:
    """SGD with momentum as the textbook has it, on the head's formula."""
    run, backbone = RunFolder(world.run), load_backbone(world.backbone)
    listed = of_seen_classes(list_images(world.pictures), run.seen_bank.index)
    train, _ = hold_out(listed, settings.held_out, settings.seed)
    head, module = frozen_head(run), backbone.module.requires_grad_(True)
    backbone.head.requires_grad_(False)
    with torch.no_grad():
        backbone.head.weight.copy_(head.weights)
        backbone.head.bias.copy_(head.biases)
    names = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    speed = {name: torch.zeros_like(parameter) for name, parameter in names.items()}
    losses = []
    for epoch in range(1, settings.epochs + 1):
        order, total = epoch_order(len(train), epoch, settings.seed), 0.0
        cut = random_cut(backbone.preprocess, train, epoch, settings.seed, settings.crop)
        for start in range(0, len(order), settings.batch):
            batch = [train[row] for row in order[start : start + settings.batch]]
            pixels = torch.stack([cut(image, load_image(image.path)) for image in batch])
            labels = torch.tensor([run.split.seen.index(str(image.class_id)) for image in batch])
            loss = functional.cross_entropy(module(pixel_values=pixels).logits, labels)
            gradients = torch.autograd.grad(loss, list(names.values()))
            with torch.no_grad():
                for (name, parameter), gradient in zip(names.items(), gradients):
                    speed[name] = settings.momentum * speed[name] + gradient
                    parameter -= settings.learning_rate * speed[name]
            total += float(loss.detach()) * len(batch)
        losses.append(total / len(order))
    return dict(module.state_dict()), losses


def test_the_loop_is_sgd_with_momentum_on_the_frozen_head(tuning_world, tuned: Path) -> None:
    expected, losses = plain_training(tuning_world, SETTINGS)
    found = weights_of(tuned)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.allclose(found[name].float(), tensor.float(), atol=1e-5), name
    history = json.loads((tuned / "kgzsl-export.json").read_text())["history"]
    assert [record["loss"] for record in history[1:]] == pytest.approx(losses, rel=1e-5)
    assert [record["epoch"] for record in history] == [0, 1, 2, 3]
    assert history[-1]["loss"] < history[1]["loss"]


def test_the_head_is_the_scaled_rows_of_the_run_and_stays(tuning_world, tuned: Path) -> None:
    run = RunFolder(tuning_world.run)
    rows = run.bank.select(run.split.seen)
    scale = float(run.seen_bank.weights.norm(dim=1).median() / rows.weights.norm(dim=1).median())
    written = load_backbone(tuned / "backbone")
    assert torch.allclose(written.weights, scale * rows.weights) and torch.allclose(written.biases, scale * rows.biases)
    assert written.labels == tuple(run.graph.text(class_id).label for class_id in run.split.seen)
    assert "num_batches_tracked" not in str([n for n, t in weights_of(tuned).items() if t.is_floating_point()])
    statistics = {name: t for name, t in weights_of(tuned).items() if "running" in name}
    before = load_tensors(tuning_world.backbone / "model.safetensors")[0]
    assert statistics and all(torch.equal(tensor, before[name]) for name, tensor in statistics.items())


def test_held_out_pictures_are_measured_by_the_head(tuning_world, tuned: Path) -> None:
    run, written = RunFolder(tuning_world.run), load_backbone(tuned / "backbone")
    listed = of_seen_classes(list_images(tuning_world.pictures), run.seen_bank.index)
    _, held = hold_out(listed, SETTINGS.held_out, SETTINGS.seed)
    assert len(held) == len(run.split.seen)  # one of five a class
    pixels = written.preprocess([load_image(image.path) for image in held])
    logits = written.logits(written.features(pixels)).double().numpy()
    labels = [run.split.seen.index(str(image.class_id)) for image in held]
    shifted = logits - logits.max(axis=1, keepdims=True)
    chances = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    last = json.loads((tuned / "kgzsl-export.json").read_text())["history"][-1]
    assert last["held_out_loss"] == pytest.approx(-np.log(chances[range(len(held)), labels]).mean(), rel=1e-4)
    assert last["held_out_accuracy"] == pytest.approx(100 * np.mean(logits.argmax(axis=1) == labels))


def test_a_stopped_training_ends_in_the_same_bytes(
    tuning_world, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, step = [0], Tuner._step

    def stopped(self: Tuner, *arguments: Any) -> None:
        steps[0] += 1
        if steps[0] == 6:
            raise KeyboardInterrupt
        step(self, *arguments)

    monkeypatch.setattr(Tuner, "_step", stopped)
    with pytest.raises(KeyboardInterrupt):
        tune(tuning_world, tmp_path / "out")
    assert not (tmp_path / "out").exists() and (tmp_path / "out.partial" / "checkpoint.safetensors").exists()
    with pytest.raises(InputFileError, match=r"other settings.*--restart"):
        tune(tuning_world, tmp_path / "out", TuningSettings(epochs=1))
    monkeypatch.undo()
    tune(tuning_world, tmp_path / "out")
    names = ("backbone/model.safetensors", "backbone/config.json", "run/bank.safetensors")
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (tuned / name).read_bytes(), name
    ends = [json.loads((out / "kgzsl-export.json").read_text())["history"] for out in (tmp_path / "out", tuned)]
    assert ends[0] == ends[1] and not (tmp_path / "out.partial").exists()


def test_a_finished_folder_is_left_and_another_one_refused(tuning_world, tuned: Path, caplog) -> None:
    before = (tuned / "kgzsl-export.json").stat().st_mtime_ns
    assert tune(tuning_world, tuned)["settings"]["epochs"] == 3
    assert "holds the result of this fine-tuning already; nothing was trained anew" in caplog.text
    assert (tuned / "kgzsl-export.json").stat().st_mtime_ns == before
    with pytest.raises(InputFileError, match="holds an export already"):
        tune(tuning_world, tuned, TuningSettings(epochs=1))


def test_the_run_reads_the_tuned_features_and_no_others(tuning_world, tuned: Path) -> None:
    run, old = RunFolder(tuned / "run"), RunFolder(tuning_world.run)
    written = load_backbone(tuned / "backbone")
    assert run.scorer.backbone == run.seen_bank.backbone == written.id != old.scorer.backbone
    assert torch.equal(run.bank.weights, old.bank.weights) and torch.equal(run.seen_bank.weights, written.weights)
    picture = next(tuning_world.pictures.rglob("*.png"))
    answer = ZeroShotClassifier(run, written).predict([picture], ["okapi", "owl"])[0].predictions
    expected = run.bank.select(("okapi", "owl")).logits(written.features(written.preprocess([load_image(picture)])))
    assert [one.score for one in answer] == pytest.approx(sorted(expected[0].tolist(), reverse=True), rel=1e-5)
    with pytest.raises(BackboneMismatchError, match="trained on backbone"):
        ZeroShotClassifier(run, load_backbone(tuning_world.backbone))


def test_adapters_are_few_and_merged(tuning_world, tmp_path: Path) -> None:
    pytest.importorskip("peft", reason='needs pip install "kgzsl[finetune]"')
    settings = TuningSettings(epochs=4, batch=10, learning_rate=0.1, adapters="lora", rank=2, held_out=0)
    found = tune(tuning_world, tmp_path / "out", settings)
    before = load_tensors(tuning_world.backbone / "model.safetensors")[0]
    after = weights_of(tmp_path / "out")
    assert after.keys() == before.keys()
    changed = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert {name.rsplit(".", 1)[-1] for name in changed} <= {"weight", "bias"} and changed
    for name in changed - {"classifier.1.weight", "classifier.1.bias"}:
        assert after[name].ndim == 4  # a convolution
        if after[name].shape[-1] == 1:
            rank = torch.linalg.matrix_rank((after[name] - before[name])[:, :, 0, 0], atol=1e-5)
            assert rank <= 2, name
    assert found["trained_parameters"] < sum(tensor.numel() for tensor in before.values()) / 2
    assert "held_out_loss" not in found["history"][-1] and found["history"][-1]["loss"] < found["history"][1]["loss"]


def test_a_picture_that_cannot_be_read_adds_nothing(tuning_world, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    shutil.copytree(tuning_world.pictures, pictures)
    (pictures / "zebra" / "bad.png").write_bytes(b"\x89PNG")
    settings = TuningSettings(epochs=2, batch=26, held_out=0)
    listed = list_images(pictures)
    found = fine_tune(
        tuning_world.run,
        listed,
        tmp_path / "out",
        backbone=str(tuning_world.backbone),
        settings=settings,
        processes=CPU,
    )
    assert found["unread"] == 2 and [record["pictures"] for record in found["history"][1:]] == [25, 25]


def test_refusals(tuning_world, tmp_path: Path) -> None:
    with pytest.raises(BackboneMismatchError, match="name the run's with --backbone"):
        tune(tuning_world, tmp_path / "out", backbone_id="another")
    with pytest.raises(InputFileError, match="run kgzsl calibrate"):
        tune(tuning_world, tmp_path / "out", rows="hidden")
    with pytest.raises(RecipeError, match="learning_rate is above 0"):
        TuningSettings(learning_rate=0)
    with pytest.raises(RecipeError, match="The loss is"):
        tune(tuning_world, tmp_path / "out", TuningSettings(learning_rate=1e9, epochs=30))


@pytest.mark.slow
def test_two_processes_are_one_to_rounding(tuning_world, tuned: Path, tmp_path: Path) -> None:
    found = tune(tuning_world, tmp_path / "out", processes=Processes(2, "cpu"))
    assert found["processes"] == 2
    one = json.loads((tuned / "kgzsl-export.json").read_text())["history"]
    for record, expected in zip(found["history"], one, strict=True):
        assert record.keys() == expected.keys()
        numbers = [[value for key, value in one.items() if key != "phase"] for one in (record, expected)]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-4)
    for name, tensor in weights_of(tuned).items():
        assert torch.allclose(weights_of(tmp_path / "out")[name].float(), tensor.float(), atol=1e-5), name

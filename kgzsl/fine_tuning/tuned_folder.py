"""What a fine-tuning leaves: the tuned backbone as transformers loads it, and the run that reads its features.

| file                    | holds                                                                                  |
|-------------------------|----------------------------------------------------------------------------------------|
| ``backbone/``           | config, weights and preprocessing; the head is the frozen one, its labels class names |
| ``run/``                | the run with the same predicted classifiers, now of the tuned backbone                 |
| ``kgzsl-export.json``   | settings, history, the digest of the run it was tuned to, sha256 of every file          |

Features of one backbone mean nothing to classifiers of another, so the tuned backbone has an id of its own and the run
is copied with that id. Its seen classifiers are the frozen head. What was fitted on features of the old backbone
(calibration, hidden classes, simulated pictures) is not taken along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import BackboneError
from kgzsl.export.head import EnlargedHead
from kgzsl.export.transformers_folder import PROCESSOR
from kgzsl.run_folder import EXPECTATION, FEW_IMAGES, HIDDEN, MANIFEST, SCORING, SEEN_BANK, RunFolder, copy_run
from kgzsl.runtime import load_tensors, read_json, save_tensors, sha256_text, write_json
from kgzsl.runtime.files import sha256_file, tensor_metadata
from kgzsl.semantics.model_folder import quiet_loading
from kgzsl.vision import Backbone, load_backbone
from kgzsl.vision.preprocess import probe_images

__all__ = ["BACKBONE", "RUN", "tuned_id", "write_backbone", "write_run_of"]

BACKBONE, RUN = "backbone", "run"
OF_OLD_FEATURES = (HIDDEN, SCORING, EXPECTATION, FEW_IMAGES, "report.json")
TOLERANCE = 1e-4


def tuned_id(backbone_id: str, folder: Path) -> str:
    """Return the id of a tuned backbone: that of the old one and the first digits of its weights' sha256."""
    digests = [sha256_file(path) for path in sorted(folder.glob("*.safetensors"))]
    return f"{backbone_id}-tuned-{sha256_text(''.join(digests))[:8]}"


def write_backbone(model: Any, backbone: Backbone, folder: Path) -> str:
    """Write a tuned model and its preprocessing, check them by loading the folder, and return its id.

    Raises:
        BackboneError: the folder, loaded, gives other logits.
    """
    model = model.to("cpu").eval()
    with quiet_loading():
        model.save_pretrained(folder)
    chosen = tuned_id(backbone.id, folder)
    config = read_json(folder / "config.json")
    write_json(folder / "config.json", {**config, "_name_or_path": chosen})
    write_json(folder / PROCESSOR, dict(backbone.preprocess.record))
    written = load_backbone(folder)
    pixels = written.preprocess(probe_images())
    with torch.inference_mode():
        expected = model(pixel_values=pixels.float()).logits
    found = written.logits(written.features(pixels))
    off = float((found - expected).abs().max())
    if written.id != chosen or not off <= TOLERANCE * max(1.0, float(expected.abs().max())):
        raise BackboneError(
            f"The tuned backbone, loaded again, gives logits that are off by {off:.2g}; nothing is kept."
        )
    return chosen


def write_run_of(run: RunFolder, head: EnlargedHead, backbone_id: str, folder: Path, facts: Mapping[str, Any]) -> None:
    """Copy a run without its additions, and make it one of the tuned backbone.

    Args:
        run: the run that the backbone was tuned to.
        head: the frozen head, which becomes the run's seen classifiers.
        backbone_id: id of the tuned backbone.
        folder: where to.
        facts: what its manifest says of the tuning.
    """
    copy_run(run.path, folder)
    for name in OF_OLD_FEATURES:
        (folder / name).unlink(missing_ok=True)
    old = run.seen_bank.backbone
    for path in folder.rglob("*.safetensors"):
        if tensor_metadata(path).get("backbone") == old:
            tensors, metadata = load_tensors(path)
            save_tensors(path, tensors, {**metadata, "backbone": backbone_id})
    index = ClassIndex(tuple(str(row.class_id) for row in head.rows), "the frozen head")
    bank = ClassifierBank(index, head.weights, head.biases, backbone_id)
    replace(bank.select(run.split.seen)).save(folder / SEEN_BANK)
    write_json(folder / MANIFEST, {**run.manifest, "backbone": backbone_id, "fine_tuned": dict(facts)})

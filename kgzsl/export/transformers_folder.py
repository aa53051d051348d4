"""A transformers folder with the enlarged head, as ``pipeline("image-classification", folder)`` loads it.

The architecture itself makes the larger head: the model is built from its configuration with more labels, and takes
over every tensor of the old one. What is written is then loaded as any user would load it, and compared.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch

from kgzsl.errors import BackboneError, KgzslError
from kgzsl.export.head import EnlargedHead
from kgzsl.export.state_dict import enlarged_state, head_name
from kgzsl.runtime import read_json, write_json
from kgzsl.semantics.model_folder import quiet_loading
from kgzsl.vision import Backbone, load_backbone
from kgzsl.vision.preprocess import probe_images

__all__ = ["enlarged_model", "is_transformers_model", "write_transformers_folder"]

PROCESSOR = "preprocessor_config.json"
TOLERANCE = 1e-5


def is_transformers_model(backbone: Backbone) -> bool:
    """Say whether a backbone's model is one that transformers saves and loads."""
    from transformers import PreTrainedModel

    return isinstance(backbone.module, PreTrainedModel)


def enlarged_model(head: EnlargedHead, backbone: Backbone) -> Any:
    """Return a model of transformers like the backbone's, with the enlarged head.

    Raises:
        BackboneError: it is no model of transformers, its architecture makes another head from its configuration, or
            its head has no bias and the new rows need one.
    """
    from transformers import AutoModelForImageClassification

    if not is_transformers_model(backbone):
        raise BackboneError(
            f"{backbone.id!r} is a module of its own that transformers cannot load; export it as state-dict, or its "
            "head as safetensors or onnx-head."
        )
    config = copy.deepcopy(backbone.module.config)
    config.id2label = dict(enumerate(head.labels))
    config.label2id = {label: row for row, label in enumerate(head.labels)}
    with quiet_loading():
        model = AutoModelForImageClassification.from_config(config)
    state = enlarged_state(head, backbone)
    name = head_name(backbone.module, backbone.head)
    expected = {key: tensor.shape for key, tensor in model.state_dict().items()}
    if expected != {key: tensor.shape for key, tensor in state.items()}:
        if expected.keys() == state.keys() - {f"{name}.bias"}:
            raise BackboneError(
                f"The head of {backbone.id!r} has no bias, which the new rows need; export state-dict, whose head gets "
                "one, or --match none where the rows were predicted without."
            )
        raise BackboneError(
            f"The architecture {type(model).__name__} does not make the head of {backbone.id!r} from its "
            "configuration; export state-dict instead."
        )
    model.load_state_dict(state)
    return model.eval().requires_grad_(False)


def write_transformers_folder(head: EnlargedHead, backbone: Backbone | None, folder: Path) -> None:
    """Write configuration, weights and preprocessing, and check them by loading the folder.

    Raises:
        BackboneError: see `enlarged_model`; or the folder, loaded, does not give the old logits.
    """
    assert backbone is not None
    model = enlarged_model(head, backbone)
    with quiet_loading():
        model.save_pretrained(folder)
    config = read_json(folder / "config.json")
    config.pop("_name_or_path", None)  # it is no longer the model of that name
    write_json(folder / "config.json", config)
    write_json(folder / PROCESSOR, dict(backbone.preprocess.record))
    _check(head, backbone, folder)


def _check(head: EnlargedHead, backbone: Backbone, folder: Path) -> None:
    """Load the folder, and compare weights, preprocessing and logits with the model's."""
    try:
        written = load_backbone(folder)
    except KgzslError as error:
        raise BackboneError(f"The enlarged model cannot be loaded: {error}") from error
    same_rows = torch.equal(written.weights, head.weights) and torch.equal(written.biases, head.biases)
    pixels, again = backbone.preprocess(probe_images()), written.preprocess(probe_images())
    if not same_rows or written.labels != head.labels or not torch.equal(pixels, again):
        raise BackboneError("The enlarged model was written with other rows, labels or preprocessing; nothing is kept.")
    with torch.inference_mode():
        old, new = backbone.logits(backbone.features(pixels)), written.logits(written.features(again))
    off = float((new[:, : head.num_old] - old).abs().max())
    if off > TOLERANCE * max(1.0, float(old.abs().max())):
        raise BackboneError(f"The enlarged model's old logits are off by {off:.2g}; nothing is kept.")

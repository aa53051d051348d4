"""Weights as safetensors files that ``load_state_dict`` takes; nothing is pickled.

- ``head.safetensors``: ``weight`` and ``bias`` of ``torch.nn.Linear(D, R)``.
- ``model.safetensors``: every tensor of the model under the name that it has there, the head enlarged. Give your model
  a ``torch.nn.Linear(D, R)`` in the place of its head, then load.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

from kgzsl.errors import StorageError
from kgzsl.export.head import EnlargedHead
from kgzsl.runtime import load_tensors, save_tensors
from kgzsl.types import Tensor
from kgzsl.vision import Backbone

__all__ = ["enlarged_state", "head_metadata", "head_name", "write_head", "write_state_dict"]

HEAD, MODEL = "head.safetensors", "model.safetensors"


def head_metadata(head: EnlargedHead) -> dict[str, str]:
    """Return what a file of the head says of its rows, as strings."""
    return {
        "class_ids": json.dumps([row.class_id for row in head.rows], ensure_ascii=False),
        "labels": json.dumps(head.labels, ensure_ascii=False),
        "old_rows": str(head.num_old),
        "backbone": head.backbone,
    }


def head_name(module: nn.Module, head: nn.Linear) -> str:
    """Return the dotted name of a layer within a module."""
    names: dict[int, str] = {id(layer): name for name, layer in module.named_modules()}
    return names[id(head)]


def enlarged_state(head: EnlargedHead, backbone: Backbone) -> dict[str, Tensor]:
    """Return the tensors of a model, those of its head enlarged, in the model's precision and plain layout.

    The bias is left out where the model's head has none and no row needs one.
    """
    name = head_name(backbone.module, backbone.head)
    precision = backbone.head.weight.dtype
    tensors = {
        key: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for key, tensor in backbone.module.state_dict().items()
    }
    prefix = f"{name}." if name else ""
    tensors[f"{prefix}weight"] = head.weights.to(precision)
    if has_bias(backbone) or bool(head.biases.any()):
        tensors[f"{prefix}bias"] = head.biases.to(precision)
    return tensors


def has_bias(backbone: Backbone) -> bool:
    """Say whether a model's head has a bias."""
    bias: Tensor | None = backbone.head.bias
    return bias is not None


def write_head(head: EnlargedHead, _backbone: Backbone | None, folder: Path) -> None:
    """Write ``head.safetensors`` and check that it holds the old rows to the bit."""
    _write(folder / HEAD, {"weight": head.weights, "bias": head.biases}, head)


def write_state_dict(head: EnlargedHead, backbone: Backbone | None, folder: Path) -> None:
    """Write ``model.safetensors`` and check that all but the head is unchanged, and the old rows too, to the bit."""
    assert backbone is not None
    tensors = enlarged_state(head, backbone)
    _write(folder / MODEL, tensors, head)
    written, _ = load_tensors(folder / MODEL)
    name = head_name(backbone.module, backbone.head)
    for key, tensor in backbone.module.state_dict().items():
        kept = written[key][: head.num_old] if key.rpartition(".")[0] == name else written[key]
        if not torch.equal(kept, tensor.cpu()):
            raise StorageError(f"{key} of the written model differs from the model's; nothing is exported.")


def _write(path: Path, tensors: dict[str, Tensor], head: EnlargedHead) -> None:
    save_tensors(path, tensors, head_metadata(head))
    written, _ = load_tensors(path)
    if any(not torch.equal(written[key], tensor) for key, tensor in tensors.items()):
        raise StorageError(f"{path.name} does not hold what was written into it; nothing is exported. Try again.")

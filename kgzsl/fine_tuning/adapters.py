"""What of a backbone is trained: all of it, or low-rank matrices beside its layers (LoRA, by peft).

A layer ``y = W x`` becomes ``y = W x + (alpha / r) B A x`` with ``A`` (r, in) and ``B`` (out, r) trained, ``B`` zero at
first; for a convolution A has the layer's kernel and B is 1 x 1. Layers with several groups (depthwise convolutions)
stay as they are: they hold few parameters. Afterwards ``W + (alpha / r) B A`` is put in the place of W, so that what
is written is a model like the one before, and needs no peft.

References:
    Hu et al.: LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from kgzsl.errors import BackboneError, MissingDependencyError

__all__ = ["ADAPTERS", "merge_adapters", "train_adapters", "train_everything"]

GEOMETRY = ("stride", "kernel_size", "dilation", "padding", "groups", "in_channels", "out_channels")
"""What models read off a convolution, and adapters do not hand on."""


def train_everything(model: nn.Module, head: nn.Linear, rank: int, seed: int) -> nn.Module:
    """Let every parameter be trained but the head's, and return the model."""
    model.requires_grad_(True)
    head.requires_grad_(False)
    return model


def train_adapters(model: nn.Module, head: nn.Linear, rank: int, seed: int) -> nn.Module:
    """Put adapters beside the linear layers and convolutions, and let these alone be trained.

    Args:
        model: the classifier; it is changed.
        head: its head, which gets none.
        rank: inner dimension of the adapters.
        seed: of their first values.

    Returns:
        The model, wrapped; see `merge_adapters`.

    Raises:
        BackboneError: it has no layer that could have any.
        MissingDependencyError: peft is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
        from peft.tuners.tuners_utils import BaseTunerLayer
    except ImportError as error:
        raise MissingDependencyError("Adapters need peft; install it with: pip install 'kgzsl[finetune]'") from error
    names = [name for name, layer in model.named_modules() if layer is not head and _can_be_adapted(layer)]
    if not names:
        raise BackboneError("The backbone has neither linear layers nor convolutions for adapters; train it whole.")
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by a name that is to go
        torch.manual_seed(seed)
        wrapped: Any = get_peft_model(model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=names))
    for layer in wrapped.modules():
        if isinstance(layer, BaseTunerLayer):
            base = layer.get_base_layer()
            for name in GEOMETRY:
                if hasattr(base, name) and not hasattr(layer, name):
                    setattr(layer, name, getattr(base, name))
    return wrapped  # type: ignore[no-any-return]


def _can_be_adapted(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)


def merge_adapters(model: Any) -> nn.Module:
    """Return the classifier with its adapters added to its layers; one without adapters as it is."""
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model  # type: ignore[no-any-return]


ADAPTERS: dict[str, Callable[[nn.Module, nn.Linear, int, int], nn.Module]] = {
    "none": train_everything,
    "lora": train_adapters,
}
"""The variants by the name that options use."""

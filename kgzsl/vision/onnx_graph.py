"""A network over pixels as an ONNX graph that takes a batch of any size."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kgzsl.errors import BackboneError, MissingDependencyError
from kgzsl.types import Float, Tensor

__all__ = ["OPSET", "needs_onnx", "save_graph_of", "traced"]

OPSET = 18
LARGEST = 1_800_000_000
"""Bytes of weights above which they stand in a file beside the graph: a protobuf message ends at 2 GB."""


def traced(module: nn.Module, pixels: Float[Tensor, "N 3 H W"], output: str, name: str, advice: str) -> Any:
    """Return a module as an ONNX program from ``pixel_values`` to one named output.

    Args:
        module: pixels (N, 3, H, W) to a tensor.
        pixels: an example, of two pictures at least, so that the size of the batch stays open.
        output: what the output is called.
        name: of the model, for messages.
        advice: what to do where it cannot be done, for messages.

    Raises:
        BackboneError: the module cannot be expressed in ONNX.
    """
    with _quiet():
        try:
            return torch.onnx.export(
                module,
                (pixels,),
                input_names=["pixel_values"],
                output_names=[output],
                opset_version=OPSET,
                dynamo=True,
                dynamic_shapes={"pixel_values": {0: torch.export.Dim("batch")}},
                verbose=False,
            )
        except Exception as error:  # the exporter raises of many kinds
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise BackboneError(f"{name!r} cannot be expressed in ONNX ({reason}); {advice}.") from error


def save_graph_of(program: Any, module: nn.Module, path: Path) -> None:
    """Write a program; the weights of a large module go into a file beside it."""
    size = sum(parameter.numel() * parameter.element_size() for parameter in module.parameters())
    program.save(str(path), external_data=size > LARGEST)


@contextmanager
def needs_onnx() -> Iterator[None]:
    """Turn a failing import of onnx, onnxruntime or onnxscript into an error that says what to install."""
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            "ONNX files need onnx, onnxruntime and onnxscript; install them with: pip install 'kgzsl[onnx]'"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from telling its progress and what it deems deprecated in itself."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)

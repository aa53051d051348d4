"""ONNX: the enlarged head alone, and backbone and head as one graph, checked in onnxruntime.

Both take a batch of any size. Class ids and names stand in the model's ``metadata_props``. Preprocessing is not in the
graph: ``preprocessing.json`` beside it says what turns a picture into ``pixel_values``.

| file         | input                      | output       |
|--------------|----------------------------|--------------|
| ``head.onnx``  | ``features`` (N, D) float32   | ``logits`` (N, R) |
| ``model.onnx`` | ``pixel_values`` (N, 3, H, W) | ``logits`` (N, R) |
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from kgzsl.errors import BackboneError
from kgzsl.export.head import EnlargedHead
from kgzsl.export.state_dict import head_metadata
from kgzsl.export.transformers_folder import enlarged_model
from kgzsl.runtime import write_json
from kgzsl.types import Tensor
from kgzsl.vision import Backbone
from kgzsl.vision.onnx_graph import OPSET, needs_onnx, save_graph_of, traced
from kgzsl.vision.preprocess import probe_images

__all__ = ["OPSET", "write_onnx_head", "write_onnx_model"]

IR_VERSION = 10
TOLERANCE = 1e-4


def write_onnx_head(head: EnlargedHead, _backbone: Backbone | None, folder: Path) -> None:
    """Write ``head.onnx``, one matrix product, and check its logits in onnxruntime.

    Raises:
        MissingDependencyError: onnx or onnxruntime is not installed.
        BackboneError: onnxruntime gives other logits.
    """
    with needs_onnx():
        import onnx
        import onnxruntime  # noqa: F401
        from onnx import TensorProto, helper, numpy_helper
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", head.weights.shape[1]])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(head.rows)])
    tensors = [
        numpy_helper.from_array(head.weights.numpy(), "weight"),
        numpy_helper.from_array(head.biases.numpy(), "bias"),
    ]
    product = helper.make_node("Gemm", ["features", "weight", "bias"], ["logits"], transB=1)
    graph = helper.make_graph([product], "head", [features], [logits], tensors)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="kgzsl"
    )
    helper.set_model_props(model, head_metadata(head))
    onnx.checker.check_model(model)
    onnx.save(model, str(folder / "head.onnx"))
    rows = torch.cat([head.weights[:4], head.weights.mean(dim=0, keepdim=True)])
    _check(folder / "head.onnx", rows, head.logits(rows))


class _Logits(nn.Module):
    """A classifier of transformers as a function of pixels to a tensor."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor) -> Tensor:
        logits: Tensor = self.model(pixel_values).logits
        return logits


def write_onnx_model(head: EnlargedHead, backbone: Backbone | None, folder: Path) -> None:
    """Write ``model.onnx`` and ``preprocessing.json``, and check the logits in onnxruntime.

    Raises:
        MissingDependencyError: onnx, onnxruntime or onnxscript is not installed.
        BackboneError: the model is none of transformers, cannot be expressed in ONNX, or gives other logits there.
    """
    with needs_onnx():
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    assert backbone is not None
    model = _Logits(enlarged_model(head, backbone)).eval()
    pixels = backbone.preprocess(probe_images()).float().contiguous()
    advice = "export its head alone (onnx-head), or a transformers folder"
    program = traced(model, pixels[:2], "logits", backbone.id, advice)
    program.model.metadata_props.update(head_metadata(head))
    save_graph_of(program, model, folder / "model.onnx")
    facts = {"input": "pixel_values", "shape": ["batch", *pixels.shape[1:]], "dtype": "float32", "layout": "NCHW"}
    write_json(folder / "preprocessing.json", {**facts, "steps": dict(backbone.preprocess.record)})
    with torch.inference_mode():
        expected = model(pixels)
    _check(folder / "model.onnx", pixels, expected)


def _check(path: Path, inputs: Tensor, expected: Tensor) -> None:
    """Compare the logits of onnxruntime with those of torch."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(["logits"], {session.get_inputs()[0].name: inputs.numpy()})
    off = float((torch.from_numpy(found) - expected).abs().max())
    if off > TOLERANCE * max(1.0, float(expected.abs().max())):
        raise BackboneError(f"onnxruntime gives logits that are off by {off:.2g} with {path.name}; nothing is kept.")

"""A backbone computed by onnxruntime: the same features to 1e-4, on CPUs often in a third of the time.

The network up to the head is written as an ONNX graph once, into the cache (``KGZSL_HOME``), under a digest of its
layers and weights: another model, or the same one trained on, is another graph. Each time the graph is opened its
features are compared with those of torch.
"""

from __future__ import annotations

import copy
import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from kgzsl.errors import BackboneError, InputFileError, MissingDependencyError
from kgzsl.registry import choose
from kgzsl.runtime import cache_home
from kgzsl.types import Float, Tensor
from kgzsl.vision.onnx_graph import OPSET, needs_onnx, save_graph_of, traced
from kgzsl.vision.preprocess import probe_images

if TYPE_CHECKING:
    from kgzsl.vision.backbone import Backbone

__all__ = ["ENGINES", "OnnxEngine", "with_engine"]

ENGINES = ("torch", "onnxruntime")
"""What can compute a backbone."""
TOLERANCE = 1e-4
FORMAT = 1


def with_engine(backbone: Backbone, engine: str) -> Backbone:
    """Let an engine compute the features of a backbone, and return the backbone.

    Args:
        backbone: on the CPU for ``onnxruntime``.
        engine: ``torch`` or ``onnxruntime``.

    Raises:
        UnknownVariantError: there is no such engine.
        MissingDependencyError: onnx, onnxruntime or onnxscript is not installed.
        BackboneError: the backbone is not on the CPU, cannot be expressed in ONNX, or gives other features there.
    """
    choose(dict.fromkeys(ENGINES), engine, "engine")
    backbone.engine = OnnxEngine.of(backbone) if engine == "onnxruntime" else None
    return backbone


class OnnxEngine:
    """Pixels to features in onnxruntime, on as many threads as torch uses.

    Args:
        path: the ONNX graph, ``pixel_values`` to ``features``.
    """

    name = "onnxruntime"

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingDependencyError(
                "The engine onnxruntime is not installed; install it with: pip install 'kgzsl[onnx]'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, pixels: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N D"]:
        """Return the features; safe to call from several threads."""
        (found,) = self._session.run(["features"], {"pixel_values": pixels.float().contiguous().numpy()})
        return torch.from_numpy(found)

    @classmethod
    def of(cls, backbone: Backbone) -> OnnxEngine:
        """Open the graph of a backbone from the cache, or make it; see `with_engine`."""
        if backbone.device.type != "cpu":
            raise BackboneError(
                f"The engine onnxruntime computes on the CPU, the backbone is on {backbone.device}; choose --device "
                "cpu, or the engine torch."
            )
        path = cache_home() / "onnx" / _digest(backbone.module) / "features.onnx"
        if not path.is_file():
            _write(backbone, path)
        engine = cls(path)
        engine._compare(backbone)
        return engine

    def _compare(self, backbone: Backbone) -> None:
        pixels = backbone.preprocess(probe_images()[:2]).float()
        found, expected = self(pixels), backbone.features(pixels)
        off = float((found - expected).abs().max())
        if off > TOLERANCE * max(1.0, float(expected.abs().max())):
            raise BackboneError(
                f"onnxruntime gives features of {backbone.id!r} that are off by {off:.2g}; use the engine torch."
            )


def _write(backbone: Backbone, path: Path) -> None:
    """Write the graph of everything before the head, in a folder of its own that appears whole or not at all."""
    with needs_onnx():
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    module = _UpToHead(backbone.module, backbone.head).eval()
    pixels = backbone.preprocess(probe_images()[:2]).float().contiguous()
    program = traced(module, pixels, "features", backbone.id, "use the engine torch")
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent.parent) as folder:
        made = Path(folder) / path.parent.name
        made.mkdir()
        save_graph_of(program, module, made / path.name)
        try:
            made.replace(path.parent)
        except OSError as error:
            if not path.is_file():  # another process may have been quicker
                raise InputFileError(f"The ONNX graph could not be kept in {path.parent} ({error}).") from error


class _UpToHead(nn.Module):
    """A classifier whose head passes on what it gets: what it puts out are the features."""

    def __init__(self, module: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.module = copy.deepcopy(module, {id(head): nn.Identity()})

    def forward(self, pixel_values: Tensor) -> Tensor:
        output = self.module(pixel_values)
        features: Tensor = output if isinstance(output, Tensor) else output["logits"]
        return features


def _digest(module: nn.Module) -> str:
    """Digest layers, configuration and weights of a module."""
    told = f"{FORMAT} {OPSET} {torch.__version__} {module!r} {getattr(module, 'config', '')}"
    digest = hashlib.sha256(told.encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).numpy().tobytes())
    return digest.hexdigest()[:20]

"""A backbone: an image classifier, taken apart into features and the linear head that reads them.

The head is found by rule, not by a table of architectures: it is the one ``nn.Linear`` with as many outputs as there
are labels. Features are what enters it, ``x``, caught by a forward pre-hook, so that ``logits = x W' + b`` holds for
whatever pooling or normalisation comes before; this is checked once when the backbone is made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from kgzsl.bank import ClassifierBank
from kgzsl.errors import BackboneError
from kgzsl.types import Float, PathLike, Tensor
from kgzsl.vision.labels import HeadLinking, link_labels
from kgzsl.vision.preprocess import Preprocessor, probe_images

__all__ = ["Backbone", "find_head"]


def find_head(module: nn.Module, num_labels: int) -> tuple[str, nn.Linear]:
    """Return name and layer of the one linear layer with as many outputs as labels.

    Raises:
        BackboneError: there is none, or there are several.

    Example:
        >>> find_head(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3)), num_labels=3)[0]
        '1'
    """
    linear = {name: layer for name, layer in module.named_modules() if isinstance(layer, nn.Linear)}
    heads = {name: layer for name, layer in linear.items() if layer.out_features == num_labels}
    if len(heads) == 1:
        return next(iter(heads.items()))
    if not heads:
        widths = sorted({layer.out_features for layer in linear.values()})
        found = f"its linear layers have {', '.join(map(str, widths[:8]))} outputs" if widths else "it has none"
        raise BackboneError(
            f"No linear layer of the model has {num_labels} outputs, one for each label; {found}. "
            "A backbone needs a classifier with a linear head over its labels."
        )
    raise BackboneError(
        f"The model has {len(heads)} linear layers with {num_labels} outputs ({', '.join(heads)}), so its logits come "
        "from more than one head; a backbone needs exactly one. Keep one head, or name it with "
        "Backbone.from_module(..., head=NAME) where the logits are that head's alone."
    )


class Backbone:
    """A frozen image classifier with its preprocessing: pictures in, features out, and the head as a bank.

    Args:
        module: the classifier, pixels (N, 3, H, W) to logits (N, L), or to an object with ``logits``.
        head: its linear head, a layer inside ``module``.
        preprocess: its preprocessing.
        labels: the L label texts, in head order.
        backbone_id: id that its features and banks carry.

    Raises:
        BackboneError: the features caught at the head do not give the logits.
    """

    def __init__(
        self, module: nn.Module, head: nn.Linear, preprocess: Preprocessor, labels: Sequence[str], backbone_id: str
    ) -> None:
        if not backbone_id:
            raise BackboneError("A backbone needs an id that its features and banks carry; give backbone_id.")
        if len(labels) != head.out_features:
            raise BackboneError(f"The head has {head.out_features} outputs but there are {len(labels)} labels.")
        self.id = backbone_id
        self.labels = tuple(labels)
        self.preprocess = preprocess
        self.module = module.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.head = head
        self.engine: Callable[[Tensor], Tensor] | None = None
        self._caught = threading.local()
        head.register_forward_pre_hook(self._catch)
        self._check_head()

    def __repr__(self) -> str:
        return f"Backbone({self.id!r}, {self.dim}-d, {len(self.labels)} labels, {self.device})"

    @classmethod
    def from_module(
        cls,
        module: nn.Module,
        head: str,
        preprocess: Preprocessor | Callable[[Any], Tensor],
        *,
        labels: Sequence[str],
        backbone_id: str,
    ) -> Backbone:
        """Make a backbone of your own classifier with a named linear head.

        Args:
            module: pixels (N, 3, H, W) to logits (N, L).
            head: the dotted name of its linear head, such as ``fc``.
            preprocess: one RGB PIL picture to pixels (3, H, W), float32; or a `Preprocessor`.
            labels: the L label texts, in head order.
            backbone_id: id that its features and banks carry.

        Raises:
            BackboneError: there is no such layer, it is not linear, or its input does not give the logits.
        """
        layers = dict(module.named_modules())
        layer = layers.get(head)
        if not isinstance(layer, nn.Linear):
            found = "no such layer" if layer is None else f"a {type(layer).__name__}"
            linear = [name for name, one in layers.items() if isinstance(one, nn.Linear)]
            raise BackboneError(
                f"Head {head!r} must be a linear layer, found {found}; "
                f"the linear layers are {', '.join(linear) or 'none'}."
            )
        wrapped = preprocess if isinstance(preprocess, Preprocessor) else Preprocessor(preprocess, {"kind": "own"})
        return cls(module, layer, wrapped, labels, backbone_id)

    @property
    def dim(self) -> int:
        """The feature dimension D."""
        return self.head.in_features

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.head.weight.device

    @property
    def weights(self) -> Float[Tensor, "L D"]:
        """The head's weights on the CPU, a row a label."""
        return self.head.weight.detach().float().cpu()

    @property
    def biases(self) -> Float[Tensor, "L"]:
        """The head's biases on the CPU; zero where it has none."""
        bias = self.head.bias
        return torch.zeros(self.head.out_features) if bias is None else bias.detach().float().cpu()

    def to(self, device: torch.device | str) -> Backbone:
        """Move the classifier to a device, and return the backbone."""
        self.module.to(device)
        return self

    def features(self, pixels: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N D"]:
        """Return what enters the head, on the backbone's device; safe to call from several threads.

        Where ``engine`` is set it computes them; see `kgzsl.vision.onnx_engine.with_engine`.
        """
        return self._run(pixels)[0] if self.engine is None else self.engine(pixels)

    def logits(self, features: Float[Tensor, "N D"]) -> Float[Tensor, "N L"]:
        """Return the head's logits of features, ``X W' + b``."""
        return torch.addmm(self.biases, features.float().cpu(), self.weights.T)

    def linking(self, labels: PathLike = "auto", graph: PathLike = "imagenet21k") -> HeadLinking:
        """Link the labels to classes; see `kgzsl.vision.link_labels`."""
        return link_labels(self.labels, labels, graph)

    def seen_bank(self, labels: PathLike | HeadLinking = "auto", graph: PathLike = "imagenet21k") -> ClassifierBank:
        """Return the head as the seen bank, rows in head order, not normalised.

        Args:
            labels: how the labels are linked to classes: ``auto``, ``imagenet``, a table file, or a finished linking.
            graph: the class graph that names them.

        Raises:
            AmbiguousClassError: a label could mean several classes.
            UnknownClassError: a label means none.
        """
        linking = labels if isinstance(labels, HeadLinking) else self.linking(labels, graph)
        return linking.bank(self.weights, self.biases, self.id)

    def _catch(self, _layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        if hasattr(self._caught, "rows"):
            self._caught.rows.append(inputs[0])

    def _run(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        self._caught.rows = []
        try:
            with torch.inference_mode():
                output = self.module(pixels.to(self.device, non_blocking=True, memory_format=torch.channels_last))
            rows = self._caught.rows
        finally:
            del self._caught.rows
        if len(rows) != 1:
            raise BackboneError(f"The head ran {len(rows)} times in one pass; a backbone needs a head that runs once.")
        logits = output if isinstance(output, Tensor) else _logits_of(output)
        return rows[0].clone(), logits.clone()  # clones made outside inference mode may enter autograd

    def _check_head(self) -> None:
        features, logits = self._run(self.preprocess(probe_images()[:2]).float())
        if features.ndim != 2:
            shape = tuple(features.shape)
            raise BackboneError(f"The head takes inputs of shape {shape}; a backbone needs one feature row an image.")
        expected = self.logits(features)
        logits = logits.float().cpu()
        scale = max(1.0, float(expected.abs().max()))
        if logits.shape != expected.shape or not bool(((logits - expected).abs() <= 1e-3 * scale).all()):
            raise BackboneError(
                "The model's logits are not features x weights + bias of its linear head "
                f"(off by {_distance(logits, expected)}); something follows the head, so it cannot serve as a bank."
            )


def _logits_of(output: Any) -> Tensor:
    logits = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    if not isinstance(logits, Tensor):
        raise BackboneError(f"The model returned a {type(output).__name__} without logits; a classifier is needed.")
    return logits


def _distance(logits: Tensor, expected: Tensor) -> str:
    if logits.shape != expected.shape:
        return f"shape {tuple(logits.shape)} instead of {tuple(expected.shape)}"
    return f"{float((logits - expected).abs().max()):.3g}"
